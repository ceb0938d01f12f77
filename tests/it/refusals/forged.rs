//! The forged tokens of the JOSE vectors at the gate.

use anyhow::Context as _;
use harness::{api::Api, keys, logs::Logs, marketplace::NAME, tokens, vectors};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{
    SHOP,
    gate::{assert_refused, external_api},
};

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    class: String,
    reason: String,
    jwk: Value,
    token: String,
    expect: Option<Value>,
}

impl Case {
    /// Can it be sent to the one gate of this test, as a bearer token with one right answer?
    fn is_for_the_gate(&self, kid: &str) -> bool {
        let is_b64token = !self.token.is_empty()
            && self
                .token
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
        self.expect.is_none()
            && self.jwk.get("kid").is_some_and(|found| found == kid)
            && is_b64token
            && !self.token.trim_end_matches('=').contains('=')
    }

    /// The vectors verify under one given key; the gate looks for one of this name *and* algorithm, and finds none.
    fn reason_at_the_gate(&self) -> &str {
        if self.class == "alg of the header is not the key's" {
            "unknown_key"
        } else {
            &self.reason
        }
    }
}

#[tokio::test]
async fn every_forged_token_of_the_vectors_gets_its_challenge_and_leaves_no_trace()
-> anyhow::Result<()> {
    let logs = Logs::capture();
    let api = Api::start(external_api()?.build().await?).await?;
    let vectors: Vectors = vectors::read("jose/refused.json")?;
    let kid = keys::p256()?.key_id().to_string();
    let mut sent = 0;
    for case in vectors
        .cases
        .iter()
        .filter(|case| case.is_for_the_gate(&kid))
    {
        let what = format!("{}: {}", case.class, case.name);
        let request = api
            .request("GET")
            .header("origin", SHOP)
            .header("authorization", format!("Bearer {}", case.token));
        let answer = api.send(request).await.with_context(|| what.clone())?;
        assert_refused(
            &answer,
            StatusCode::UNAUTHORIZED,
            case.reason_at_the_gate(),
            Some("invalid_token"),
        )
        .with_context(|| what.clone())?;
        assert!(
            tokens::leaks(&answer.everything(), &[&case.token, NAME]).is_empty(),
            "{what}: the answer repeats the token"
        );
        assert!(
            tokens::leaks(&logs.text(), &[&case.token, NAME]).is_empty(),
            "{what}: the log repeats the token"
        );
        sent += 1;
    }
    assert!(sent > 120, "only {sent} vectors were sent");
    assert_eq!(api.handled(), 0, "no handler ran");
    assert_eq!(
        logs.text().matches("handler_run=false").count(),
        sent,
        "one event for each refusal"
    );
    Ok(())
}
