//! What other implementations signed, forged and published, run through `exeat-jose`. The format is in `tests/vectors/jose/README.md`.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context as _;
use exeat_jose::{
    Algorithm, CompactJws, Expectations, InvalidToken, Jwk, NumericDate, PayloadBuf, TypPolicy,
    Verified, VerifyingKey,
};
use harness::vectors;
use serde::Deserialize;
use serde_json::{Map, Value};

mod keys;

type Members = Map<String, Value>;

/// A file of tokens: what holds for all, and the cases.
#[derive(Deserialize)]
struct TokenVectors {
    now: u64,
    expect: Members,
    cases: Vec<TokenCase>,
}

#[derive(Deserialize)]
struct TokenCase {
    name: String,
    class: String,
    jwk: Value,
    token: String,
    claims: Option<Members>,
    #[serde(default)]
    expect: Members,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Expect {
    issuer: String,
    audience: Option<String>,
    algorithms: Vec<String>,
    leeway: u64,
    typ: String,
    max_lifetime: Option<u64>,
    #[serde(default)]
    required_claims: Vec<String>,
    #[serde(default)]
    optional_issuer_and_audience: bool,
}

impl Expect {
    fn to_expectations(&self) -> anyhow::Result<Expectations> {
        let algorithms: Option<_> = self
            .algorithms
            .iter()
            .map(|name| Algorithm::from_name(name))
            .collect();
        let typ = match self.typ.as_str() {
            "access_token" => TypPolicy::AccessToken,
            "jwt_or_access_token" => TypPolicy::JwtOrAccessToken,
            other => anyhow::bail!("no such typ policy: {other}"),
        };
        let expectations = if self.optional_issuer_and_audience {
            Expectations::dangerously_with_optional_issuer_and_audience(
                self.issuer.clone(),
                self.audience.clone(),
            )
        } else {
            Expectations::new(
                self.issuer.clone(),
                self.audience.clone().context("an audience is needed")?,
            )
        };
        // The crate takes names known at compile time; a vector has a handful.
        let required: Vec<&'static str> = ["sub", "jti"]
            .into_iter()
            .filter(|name| self.required_claims.iter().any(|wanted| wanted == name))
            .collect();
        anyhow::ensure!(
            required.len() == self.required_claims.len(),
            "a required claim this runner does not know"
        );
        let expectations = expectations
            .with_algorithms(algorithms.context("an unknown algorithm")?)
            .with_typ(typ)
            .with_leeway(Duration::from_secs(self.leeway))
            .with_required_claims(&required);
        Ok(match self.max_lifetime {
            Some(seconds) => expectations.with_max_lifetime(Duration::from_secs(seconds)),
            None => expectations,
        })
    }
}

impl TokenVectors {
    fn run(&self, case: &TokenCase) -> anyhow::Result<Result<Verified<Members>, InvalidToken>> {
        let mut expect = self.expect.clone();
        expect.extend(case.expect.clone());
        let expectations =
            serde_json::from_value::<Expect>(Value::Object(expect))?.to_expectations()?;
        let jwk = Jwk::from_json(&case.jwk.to_string())?;
        let key = VerifyingKey::from_jwk(jwk, Algorithm::Rs256)?;
        Ok(verify(
            &case.token,
            &key,
            &expectations,
            NumericDate::from_secs(self.now),
        ))
    }
}

/// The whole way of a token through the crate, as a gate goes it.
fn verify(
    token: &str,
    key: &VerifyingKey,
    expectations: &Expectations,
    now: NumericDate,
) -> Result<Verified<Members>, InvalidToken> {
    let mut buf = PayloadBuf::new();
    let jws = CompactJws::parse(token)?.decode_header(expectations)?;
    let claims = jws.verify(key, &mut buf)?.decode::<Members>()?;
    expectations.check(claims, now)
}

fn accept_all(file: &str, count: usize) -> anyhow::Result<()> {
    let vectors: TokenVectors = vectors::read(file)?;
    assert_eq!(
        vectors.cases.len(),
        count,
        "{file} has lost or gained cases"
    );
    for case in &vectors.cases {
        let verified = vectors.run(case).context(case.name.clone())?;
        let verified = verified
            .map_err(|why| anyhow::anyhow!("{file}: {:?} was refused: {why}", case.name))?;
        if let Some(wanted) = &case.claims {
            let mut wanted = wanted.clone();
            // One string and an array of one mean the same (RFC 7519 §4.1.3).
            if let Some(one @ Value::String(_)) = wanted.get_mut("aud") {
                *one = Value::Array(vec![one.take()]);
            }
            assert_eq!(
                claims_of(verified),
                wanted,
                "{file}: claims of {:?}",
                case.name
            );
        }
    }
    Ok(())
}

/// Every claim as it stood in the payload, from the typed members and the caller's own.
fn claims_of(verified: Verified<Members>) -> Members {
    let claims = verified.into_claims();
    let mut all = claims.custom;
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            all.insert(name.to_owned(), value);
        }
    };
    put("iss", claims.issuer.map(Value::from));
    put("sub", claims.subject.map(Value::from));
    put("jti", claims.jwt_id.map(Value::from));
    put("exp", claims.expires_at.map(|at| at.as_secs().into()));
    put("nbf", claims.not_before.map(|at| at.as_secs().into()));
    put("iat", claims.issued_at.map(|at| at.as_secs().into()));
    let audience = claims
        .audience
        .map(|audience| audience.iter().map(str::to_owned).collect::<Vec<_>>());
    put("aud", audience.map(Value::from));
    all
}

#[test]
fn every_token_that_node_jose_signed_is_accepted_with_its_claims() -> anyhow::Result<()> {
    accept_all("jose/valid.json", 46)
}

#[test]
fn every_token_that_pyjwt_joserfc_and_authlib_signed_is_accepted_with_its_claims()
-> anyhow::Result<()> {
    accept_all("jose/valid_python.json", 28)
}

/// Runs one class of `refused.json`. The count is part of the test: an emptied class fails like a wrong verdict.
fn refuse_all(class: &str, count: usize) -> anyhow::Result<()> {
    let vectors: TokenVectors = vectors::read("jose/refused.json")?;
    let cases: Vec<_> = vectors
        .cases
        .iter()
        .filter(|case| case.class == class)
        .collect();
    assert_eq!(cases.len(), count, "{class} has lost or gained cases");
    let mut wrong = Vec::new();
    for case in cases {
        let reason = case
            .reason
            .as_deref()
            .context("a refused case names its reason")?;
        match vectors.run(case).context(case.name.clone())? {
            Ok(_) => wrong.push(format!("{}: accepted", case.name)),
            Err(why) if why.reason() != reason => {
                wrong.push(format!("{}: {}", case.name, why.reason()));
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{class}:\n{}", wrong.join("\n"));
    Ok(())
}

macro_rules! refused_classes {
    ($($test:ident: $class:literal, $count:literal;)*) => {
        const REFUSED_CLASSES: &[&str] = &[$($class),*];
        $(
            #[test]
            fn $test() -> anyhow::Result<()> {
                refuse_all($class, $count)
            }
        )*
    };
}

refused_classes! {
    what_is_not_three_segments_is_refused: "shape", 12;
    base64url_that_is_padded_or_not_canonical_is_refused: "base64url", 10;
    a_token_one_byte_over_the_limit_is_refused: "size", 3;
    a_header_one_byte_over_the_limit_is_refused: "header size", 3;
    a_header_of_one_member_too_many_is_refused: "header members", 3;
    a_header_of_the_wrong_shape_is_refused: "header", 15;
    a_header_with_a_member_twice_is_refused: "duplicate header members", 7;
    a_critical_parameter_is_refused: "crit", 7;
    a_crit_of_the_wrong_shape_is_refused: "crit of the wrong shape", 4;
    an_unencoded_payload_is_refused: "b64", 3;
    compression_and_encryption_are_refused: "zip and enc", 3;
    alg_none_is_refused_in_every_spelling: "alg none", 10;
    an_hmac_with_the_public_key_as_secret_is_refused: "HMAC with the public key as secret", 9;
    an_unknown_algorithm_is_refused: "alg unknown", 9;
    an_algorithm_that_is_not_in_the_list_is_refused: "alg not in the list", 6;
    a_header_cannot_choose_another_algorithm_than_the_keys: "alg of the header is not the key's", 7;
    an_unexpected_typ_is_refused: "typ", 10;
    a_signature_that_does_not_match_is_refused: "signature", 16;
    a_payload_that_is_not_one_json_object_is_refused: "payload", 10;
    a_payload_with_a_registered_claim_twice_is_refused: "duplicate claims", 8;
    a_token_is_refused_from_exp_plus_leeway_on: "expired", 5;
    a_token_is_refused_before_nbf_minus_leeway: "nbf", 3;
    a_token_from_the_future_is_refused: "iat", 3;
    a_lifetime_over_the_maximum_is_refused: "lifetime", 3;
    another_issuer_is_refused: "iss", 7;
    another_audience_is_refused: "aud", 9;
    a_missing_claim_is_refused: "missing claim", 6;
    a_claim_of_the_wrong_type_is_refused: "claim of the wrong type", 39;
}

#[test]
fn every_refused_class_has_a_test() -> anyhow::Result<()> {
    let vectors: TokenVectors = vectors::read("jose/refused.json")?;
    let classes: BTreeSet<_> = vectors
        .cases
        .iter()
        .map(|case| case.class.as_str())
        .collect();
    assert_eq!(classes, REFUSED_CLASSES.iter().copied().collect());
    Ok(())
}
