//! Several issuers behind one gate, routed by the exact `iss`: nothing of one may touch the tokens of another.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use exeat::exeat_jose::{AlgorithmSet, TypPolicy};
use exeat::{ExternalApi, FetchError, Gate, HealthState, HttpGet, TrustedIssuer};
use exeat_jose::{Algorithm, SigningKey, Typ};
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::fixture::{
    AUDIENCE, Answer, App, FakeIssuer, ISSUER, JWKS_URI, NOW, PAGE, TestClock, api, claims_with,
    es256, key_set, sign,
};

const PARTNER: &str = "https://partner.example";
const PARTNER_KEYS: &str = "https://partner.example/jwks";

/// The market's site and the partner's, by host.
struct Hosts {
    market: Arc<FakeIssuer>,
    partner: Arc<FakeIssuer>,
}

#[async_trait]
impl HttpGet for Hosts {
    async fn get(&self, request: Request<()>) -> Result<Response<Bytes>, FetchError> {
        match request.uri().host() {
            Some("market.example") => self.market.get(request).await,
            Some("partner.example") => self.partner.get(request).await,
            other => panic!("nobody asks {other:?}"),
        }
    }
}

/// Two issuers with a key each, and what is asked of them.
struct World {
    market: Arc<FakeIssuer>,
    partner: Arc<FakeIssuer>,
    market_key: SigningKey,
    partner_key: SigningKey,
}

impl World {
    fn new() -> Self {
        let (market_key, partner_key) = (es256(), es256());
        let (market, partner) = (
            FakeIssuer::new(&[&market_key]),
            FakeIssuer::new(&[&partner_key]),
        );
        for issuer in [&market, &partner] {
            issuer.header("cache-control", "max-age=3600");
        }
        Self {
            market,
            partner,
            market_key,
            partner_key,
        }
    }

    async fn gate_with(&self, partner: TrustedIssuer) -> Gate {
        let hosts = Hosts {
            market: Arc::clone(&self.market),
            partner: Arc::clone(&self.partner),
        };
        api()
            .with_jwks_uri(JWKS_URI)
            .with_issuer(partner)
            .with_http_client(Arc::new(hosts))
            .build()
            .await
            .unwrap()
    }

    async fn gate(&self) -> Gate {
        self.gate_with(partner()).await
    }
}

fn partner() -> TrustedIssuer {
    TrustedIssuer::new(PARTNER).with_jwks_uri(PARTNER_KEYS)
}

/// A token of this issuer that outlives the test.
fn token_of(issuer: &str, key: &SigningKey) -> String {
    token(key, &json!({ "iss": issuer }))
}

fn token(key: &SigningKey, changes: &Value) -> String {
    let mut claims = claims_with(changes);
    claims["exp"] = (NOW + 1_000_000).into();
    sign(key, &claims)
}

#[tokio::test(start_paused = true)]
async fn tokens_are_judged_with_the_keys_of_the_issuer_they_name() {
    let world = World::new();
    let gate = world.gate().await;
    let app = App::new(&gate);
    for (issuer, key) in [(ISSUER, &world.market_key), (PARTNER, &world.partner_key)] {
        let token = token_of(issuer, key);
        assert_eq!(app.with_token(&token).await.status, 200);
        let verified = gate.verifier().verify(&token).await.unwrap();
        assert_eq!(verified.issuer(), issuer);
    }
    assert_eq!((world.market.asked(), world.partner.asked()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_key_of_one_issuer_signs_for_no_other() {
    let world = World::new();
    let app = App::new(&world.gate().await);
    let forged = token_of(ISSUER, &world.partner_key);
    assert_eq!(
        app.with_token(&forged).await.readable_refusal(),
        (401, "unknown_key".to_owned())
    );

    // Not even under a kid that the other one has too.
    let kid = world.partner_key.key_id().clone();
    world
        .market
        .publish([world.market_key.public_jwk().clone().with_key_id(kid)]);
    let app = App::new(&world.gate().await);
    assert_eq!(
        app.with_token(&forged).await.readable_refusal(),
        (401, "bad_signature".to_owned())
    );
    assert_eq!(
        app.with_token(&token_of(PARTNER, &world.partner_key))
            .await
            .status,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn an_issuer_is_chosen_by_its_exact_name_or_not_at_all() {
    let world = World::new();
    let app = App::new(&world.gate().await);
    for (issuer, code) in [
        (json!("https://partner.example/"), "unknown_issuer"),
        (json!("https://PARTNER.example"), "unknown_issuer"),
        (json!("https://partner.example:443"), "unknown_issuer"),
        (json!("https://else.example"), "unknown_issuer"),
        (json!(""), "unknown_issuer"),
        (Value::Null, "missing_claim"),
        (json!(7), "bad_claim_type"),
        (json!([PARTNER]), "bad_claim_type"),
    ] {
        let seen = app
            .with_token(&token(&world.partner_key, &json!({ "iss": issuer })))
            .await;
        assert_eq!(
            seen.readable_refusal(),
            (401, code.to_owned()),
            "{issuer:?}"
        );
        assert!(
            seen.header("www-authenticate")
                .starts_with("Bearer error=\"invalid_token\"")
        );
    }
    assert_eq!((world.market.asked(), world.partner.asked()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn each_issuer_has_its_own_audience_tenants_algorithms_and_typ() {
    let world = World::new();
    let strict = || {
        partner()
            .with_audience("partners")
            .with_tenants(["P1"])
            .with_typ(TypPolicy::AccessToken)
            .with_required_claims(["client_id"])
    };
    let app = App::new(&world.gate_with(strict()).await);
    let claims = |changes: Value| {
        let mut claims = claims_with(&json!({
            "iss": PARTNER, "aud": "partners", "tenant": "P1", "client_id": "c",
        }));
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    };
    let token = |typ, changes| {
        let signed = world.partner_key.sign(typ, &claims(changes)).unwrap();
        signed.into_string()
    };
    for (typ, changes, code) in [
        (Typ::AccessToken, json!({}), ""),
        (Typ::Jwt, json!({}), "typ_mismatch"),
        (
            Typ::AccessToken,
            json!({ "aud": AUDIENCE }),
            "wrong_audience",
        ),
        (
            Typ::AccessToken,
            json!({ "tenant": "T1" }),
            "tenant_not_allowed",
        ),
        (
            Typ::AccessToken,
            json!({ "client_id": null }),
            "missing_claim",
        ),
    ] {
        let seen = app.with_token(&token(typ, changes.clone())).await;
        if code.is_empty() {
            assert_eq!(seen.status, 200);
        } else {
            assert_eq!(seen.refusal().1, code, "{changes}");
        }
    }
    // The first issuer's tokens are judged by the rules of the gate.
    assert_eq!(
        app.with_token(&token_of(ISSUER, &world.market_key))
            .await
            .status,
        200
    );

    let eddsa = strict().with_algorithms(AlgorithmSet::EMPTY.with(Algorithm::EdDsa));
    let app = App::new(&world.gate_with(eddsa).await);
    let seen = app.with_token(&token(Typ::AccessToken, json!({}))).await;
    assert_eq!(seen.refusal().1, "alg_not_allowed");
}

#[tokio::test(start_paused = true)]
async fn what_an_issuer_does_not_set_is_that_of_the_gate() {
    let world = World::new();
    let hosts = Hosts {
        market: Arc::clone(&world.market),
        partner: Arc::clone(&world.partner),
    };
    let gate = api()
        .with_jwks_uri(JWKS_URI)
        .with_tenants(["T2"])
        .with_typ(TypPolicy::AccessToken)
        .with_required_claims(["client_id"])
        .with_issuer(partner())
        .with_http_client(Arc::new(hosts))
        .build()
        .await
        .unwrap();
    let claims =
        |tenant: &str| claims_with(&json!({ "iss": PARTNER, "tenant": tenant, "client_id": "c" }));
    let token = |typ, claims: &Value| world.partner_key.sign(typ, claims).unwrap().into_string();
    let app = App::new(&gate);
    for (token, code) in [
        (token(Typ::AccessToken, &claims("T2")), ""),
        (token(Typ::AccessToken, &claims("T1")), "tenant_not_allowed"),
        (token(Typ::Jwt, &claims("T2")), "typ_mismatch"),
    ] {
        let seen = app.with_token(&token).await;
        let refused = seen.refused.map_or("", |refused| refused.code);
        assert_eq!(refused, code);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_one_issuer_is_no_concern_of_the_others() {
    let world = World::new();
    world
        .partner
        .answer(Answer::Status(StatusCode::BAD_GATEWAY));
    let gate = world.gate().await;
    let app = App::new(&gate);
    let (ours, theirs) = (
        token_of(ISSUER, &world.market_key),
        token_of(PARTNER, &world.partner_key),
    );
    assert!(
        gate.is_ready(),
        "the users of the market must not pay for it"
    );
    gate.ready().await;
    assert_eq!(app.with_token(&ours).await.status, 200);
    assert_eq!(
        app.with_token(&theirs).await.refusal(),
        (503, "keys_unavailable".to_owned())
    );
    let health = gate.health();
    assert_eq!((health.state, health.degraded), (HealthState::Cold, true));
    let each: Vec<_> = health
        .issuers
        .iter()
        .map(|issuer| (issuer.issuer.as_str(), issuer.state, issuer.degraded))
        .collect();
    assert_eq!(
        each,
        [
            (ISSUER, HealthState::Fresh, false),
            (PARTNER, HealthState::Cold, true)
        ]
    );

    world.partner.answer(Answer::Keys);
    sleep(Duration::from_mins(1)).await;
    assert_eq!(app.with_token(&theirs).await.status, 200);
    assert!(!gate.health().degraded);
}

#[tokio::test(start_paused = true)]
async fn a_gate_without_the_keys_of_any_issuer_is_not_ready() {
    let world = World::new();
    for issuer in [&world.market, &world.partner] {
        issuer.answer(Answer::Status(StatusCode::BAD_GATEWAY));
    }
    let gate = world.gate().await;
    assert!(!gate.is_ready());
    world.partner.answer(Answer::Keys);
    tokio::time::timeout(Duration::from_mins(1), gate.ready())
        .await
        .expect("ready with the first issuer that is");
    assert!(gate.is_ready());
}

#[tokio::test(start_paused = true)]
async fn random_kids_at_one_issuer_leave_the_budget_of_the_others_alone() {
    let world = World::new();
    let app = App::new(&world.gate().await);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let stranger = token_of(PARTNER, &es256());
        statuses.push(app.with_token(&stranger).await.status);
    }
    assert_eq!(statuses, [401, 401, 503, 503]);
    let rotated = es256();
    world.market.publish([rotated.public_jwk().clone()]);
    assert_eq!(
        app.with_token(&token_of(ISSUER, &rotated)).await.status,
        200
    );
    assert_eq!((world.market.asked(), world.partner.asked()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_kid_is_invalidated_everywhere_or_of_one_issuer() {
    let world = World::new();
    let kid = world.partner_key.key_id().clone();
    let same_kid = world.market_key.public_jwk().clone();
    world.market.publish([
        world.market_key.public_jwk().clone(),
        same_kid.with_key_id(kid.clone()),
    ]);
    let gate = world.gate().await;
    let held = |gate: &Gate| -> Vec<usize> {
        let denied =
            |issuer: &exeat::IssuerHealth| issuer.keys.iter().filter(|key| key.invalidated).count();
        gate.health().issuers.iter().map(denied).collect()
    };
    assert_eq!(gate.invalidate_of("https://else.example", &kid), 0);
    assert_eq!(gate.invalidate_of(PARTNER, &kid), 1);
    assert_eq!(held(&gate), [0, 1]);
    let app = App::new(&gate);
    let theirs = token_of(PARTNER, &world.partner_key);
    assert_eq!(app.with_token(&theirs).await.refusal().1, "unknown_key");
    let ours = token_of(ISSUER, &world.market_key);
    assert_eq!(app.with_token(&ours).await.status, 200);
    assert_eq!(gate.invalidate(&kid), 2);
    // By thumbprint: the same key under its other kid is the same key.
    assert_eq!(held(&gate), [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_asks_every_issuer_and_names_a_failure() {
    let world = World::new();
    let gate = world.gate().await;
    gate.refresh().await.unwrap();
    assert_eq!((world.market.asked(), world.partner.asked()), (2, 2));
    world.market.answer(Answer::Status(StatusCode::IM_A_TEAPOT));
    assert!(
        gate.refresh()
            .await
            .unwrap_err()
            .to_string()
            .contains("418")
    );
    let errors: Vec<_> = gate
        .health()
        .issuers
        .iter()
        .map(|issuer| issuer.last_error.is_some())
        .collect();
    assert_eq!(errors, [true, false]);
    assert_eq!((world.market.asked(), world.partner.asked()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_token_without_iss_is_of_the_one_issuer_that_may_leave_it_out() {
    let (first, second) = (es256(), es256());
    let gate = ExternalApi::app_direct(ISSUER, Some(AUDIENCE.to_owned()), ["*"])
        .with_static_keys(key_set(&[&first]))
        .with_issuer(TrustedIssuer::new(PARTNER).with_static_keys(key_set(&[&second])))
        .with_origin(PAGE)
        .with_clock(Arc::new(TestClock::new()))
        .build()
        .await
        .unwrap();
    let unnamed = |key: &SigningKey| sign(key, &claims_with(&json!({ "iss": null })));
    let verified = gate.verifier().verify(&unnamed(&first)).await.unwrap();
    assert_eq!(verified.issuer(), ISSUER);
    let refused = gate.verifier().verify(&unnamed(&second)).await.unwrap_err();
    assert_eq!(refused.reason(), "unknown_key");
    let named = token_of(PARTNER, &second);
    assert_eq!(
        gate.verifier().verify(&named).await.unwrap().issuer(),
        PARTNER
    );
}

fn problems(api: &ExternalApi) -> Vec<String> {
    match api.check() {
        Ok(()) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[tokio::test(start_paused = true)]
async fn every_problem_of_every_issuer_is_reported_under_its_name() {
    let bad = |issuer: &str| {
        TrustedIssuer::new(issuer)
            .with_audience("")
            .with_tenants(["*", "T1"])
            .with_algorithms(AlgorithmSet::EMPTY)
            .with_jwks_uri("http://keys.example")
    };
    let api = api()
        .with_jwks_uri(JWKS_URI)
        .with_issuer(bad(PARTNER))
        .with_issuer(TrustedIssuer::new("http://plain.example"))
        .with_issuer(TrustedIssuer::new(""))
        .with_issuer(
            partner()
                .with_static_keys(key_set(&[]))
                .with_audience("other"),
        )
        .with_issuer(TrustedIssuer::new(ISSUER));
    let found = problems(&api);
    let starts = [
        "issuers[\"https://partner.example\"].audience: is empty",
        "issuers[\"https://partner.example\"].tenants: ",
        "issuers[\"https://partner.example\"].algorithms: none",
        "issuers[\"https://partner.example\"].jwks_uri: must be https",
        "issuers[\"http://plain.example\"].issuer: must be https",
        "issuers[\"\"].issuer: is empty",
        "issuers[\"\"].issuer: not an absolute",
        "issuers: \"https://partner.example\" is there more than once",
        "issuers[\"https://partner.example\"].static_keys: given together",
        "issuers[\"https://partner.example\"].static_keys: no usable key",
        "issuers: \"https://market.example\" is there more than once",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (found, start) in found.iter().zip(starts) {
        assert!(found.starts_with(start), "{found} / {start}");
    }
    assert!(api.build().await.is_err());
    // Without an audience of the gate an added issuer needs its own.
    let unnamed = ExternalApi::app_direct(ISSUER, None, ["*"]).with_issuer(partner());
    assert_eq!(
        problems(&unnamed),
        ["issuers[\"https://partner.example\"].audience: is empty"]
    );
}

#[test]
fn sixteen_issuers_are_taken_and_seventeen_are_not() {
    let with = |others: usize| {
        let issuers = (0..others).map(|number| format!("https://{number}.example"));
        let api = ExternalApi::new(ISSUER, AUDIENCE);
        issuers.fold(api, |api, issuer| {
            api.with_issuer(TrustedIssuer::new(issuer))
        })
    };
    assert_eq!(problems(&with(15)), [""; 0]);
    assert_eq!(problems(&with(16)), ["issuers: 17, at most 16"]);
}
