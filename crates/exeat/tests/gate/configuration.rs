//! Configuration mistakes: all at once, each by name.

use std::sync::Arc;
use std::time::Duration;

use exeat::exeat_cors::PolicyConfig;
use exeat::exeat_jose::{AlgorithmSet, JwkSet};
use exeat::{BuildErrors, ExternalApi, JwksSettings};

use crate::fixture::{AUDIENCE, FakeIssuer, ISSUER, JWKS_URI, PAGE, api, es256, key_set};

async fn errors(api: ExternalApi) -> Vec<String> {
    match api.with_http_client(FakeIssuer::new(&[])).build().await {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

fn names(errors: &[String]) -> Vec<&str> {
    errors
        .iter()
        .map(|error| error.split(':').next().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_mistake_is_reported_at_once() {
    let settings = JwksSettings {
        lifetime: Duration::from_secs(59),
        max_lifetime: Duration::from_hours(25),
        max_stale: Duration::from_hours(25),
        cooldown: Duration::ZERO,
        timeout: Duration::from_mins(1),
        ..JwksSettings::default()
    };
    let api = ExternalApi::new("market", "")
        .with_origin("https://shop.example/")
        .with_origin("http://SHOP.example")
        .with_tenants([""])
        .with_algorithms(AlgorithmSet::EMPTY)
        .with_leeway(Duration::from_secs(301))
        .with_token_header("authorization")
        .with_jwks_settings(settings);
    let dry: Vec<_> = match api.check() {
        Ok(()) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    };
    let errors = errors(api).await;
    assert_eq!(dry, errors, "a dry run finds the same");
    let mut names = names(&errors);
    names.dedup();
    let expected = [
        "audience",
        "tenants",
        "algorithms",
        "leeway",
        "lifetime",
        "max_lifetime",
        "max_stale",
        "cooldown",
        "timeout",
        "token_header",
        "cors",
        "issuer",
    ];
    assert_eq!(names, expected, "{errors:#?}");
    assert_eq!(
        errors
            .iter()
            .filter(|error| error.starts_with("cors"))
            .count(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn an_issuer_to_discover_from_is_an_https_url_or_on_loopback() {
    for (issuer, fits) in [
        ("https://market.example", true),
        ("https://market.example/path", true),
        ("http://127.0.0.1:8080", true),
        ("http://localhost:8080", true),
        ("http://[::1]:8080", true),
        ("http://market.example", false),
        ("http://127.0.0.1.example", false),
        ("market.example", false),
        ("ftp://market.example", false),
        ("https://user:pw@market.example", false),
        ("https://market.example/?a", false),
        ("https://market.example/#a", false),
        ("", false),
    ] {
        let errors = errors(ExternalApi::new(issuer, AUDIENCE)).await;
        assert_eq!(errors.is_empty(), fits, "{issuer}: {errors:?}");
        assert!(
            errors.iter().all(|error| error.starts_with("issuer: ")),
            "{errors:?}"
        );
    }
    assert_eq!(
        errors(ExternalApi::new("http://market.example", AUDIENCE).allow_insecure_http()).await,
        Vec::<String>::new()
    );
}

#[tokio::test(start_paused = true)]
async fn an_issuer_need_not_be_a_url_when_the_keys_are_given() {
    assert_eq!(
        errors(ExternalApi::new("bc/apps", AUDIENCE).with_jwks_uri(JWKS_URI)).await,
        Vec::<String>::new()
    );
    assert_eq!(
        names(&errors(ExternalApi::new("", AUDIENCE).with_jwks_uri(JWKS_URI)).await),
        ["issuer"]
    );
}

#[tokio::test(start_paused = true)]
async fn keys_are_not_fetched_over_plain_http_beyond_loopback() {
    for (uri, fits) in [
        ("https://market.example/jwks?v=1", true),
        ("http://localhost:1/jwks", true),
        ("http://127.1.2.3/jwks", true),
        ("http://market.example/jwks", false),
        ("http://10.0.0.1/jwks", false),
        ("jwks", false),
    ] {
        let errors = errors(api().with_jwks_uri(uri)).await;
        assert_eq!(errors.is_empty(), fits, "{uri}: {errors:?}");
        assert!(errors.iter().all(|error| error.starts_with("jwks_uri: ")));
    }
    assert_eq!(
        errors(
            api()
                .with_jwks_uri("http://market.example/jwks")
                .allow_insecure_http()
        )
        .await,
        Vec::<String>::new()
    );
}

#[tokio::test(start_paused = true)]
async fn ranges_include_their_ends() {
    let least = JwksSettings {
        lifetime: Duration::from_mins(1),
        max_lifetime: Duration::from_mins(1),
        max_stale: Duration::ZERO,
        cooldown: Duration::from_secs(1),
        timeout: Duration::from_millis(10),
        ..JwksSettings::default()
    };
    let most = JwksSettings {
        lifetime: Duration::from_hours(24),
        max_lifetime: Duration::from_hours(24),
        max_stale: Duration::from_hours(24),
        cooldown: Duration::from_mins(5),
        timeout: Duration::from_secs(30),
        ..JwksSettings::default()
    };
    for settings in [least, most] {
        let api = api()
            .with_jwks_uri(JWKS_URI)
            .with_leeway(Duration::from_mins(5))
            .with_jwks_settings(settings);
        assert_eq!(errors(api).await, Vec::<String>::new());
    }
    let longer_than_its_bound = JwksSettings {
        lifetime: Duration::from_hours(2),
        ..JwksSettings::default()
    };
    assert_eq!(
        names(
            &errors(
                api()
                    .with_jwks_uri(JWKS_URI)
                    .with_jwks_settings(longer_than_its_bound)
            )
            .await
        ),
        ["lifetime"]
    );
}

#[tokio::test(start_paused = true)]
async fn app_direct_without_tenants_does_not_start() {
    let none: [&str; 0] = [];
    assert_eq!(
        names(&errors(ExternalApi::app_direct(ISSUER, None, none)).await),
        ["tenants"]
    );
    assert_eq!(
        names(&errors(ExternalApi::app_direct(ISSUER, None, ["*", "T1"])).await),
        ["tenants"]
    );
    assert_eq!(
        errors(ExternalApi::app_direct(ISSUER, None, ["*"])).await,
        Vec::<String>::new()
    );
}

#[tokio::test(start_paused = true)]
async fn pinned_keys_are_some_and_alone() {
    let key = es256();
    assert!(api().with_static_keys(key_set(&[&key])).check().is_ok());
    assert!(
        api()
            .with_static_keys(JwkSet::from_keys([]))
            .check()
            .is_err()
    );
    let both = api()
        .with_static_keys(key_set(&[&key]))
        .with_jwks_uri(JWKS_URI);
    assert_eq!(names(&errors(both).await), ["static_keys"]);
    assert_eq!(
        names(&errors(api().with_static_keys(JwkSet::from_keys([]))).await),
        ["static_keys"]
    );
    let gate = api()
        .with_static_keys(key_set(&[&key]))
        .build()
        .await
        .unwrap();
    assert!(gate.is_ready());
    gate.refresh().await.unwrap();
    assert_eq!(
        serde_json::to_value(gate.health()).unwrap()["state"],
        "pinned"
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_header_is_a_header_that_may_carry_one() {
    for name in ["Authorization", "cookie", "origin", "a b", ""] {
        assert!(
            names(&errors(api().with_jwks_uri(JWKS_URI).with_token_header(name)).await)
                .contains(&"token_header"),
            "{name}"
        );
    }
}

#[cfg(not(feature = "reqwest"))]
#[tokio::test(start_paused = true)]
async fn a_build_without_an_http_client_asks_for_one() {
    let errors = api().with_jwks_uri(JWKS_URI).build().await.unwrap_err();
    assert!(errors.to_string().starts_with("http_client: "), "{errors}");
}

#[tokio::test(start_paused = true)]
async fn a_gate_can_be_built_and_used_on_any_thread() {
    let key = es256();
    let build = api().with_static_keys(key_set(&[&key])).build();
    let gate = tokio::spawn(build).await.unwrap().unwrap();
    let ready = tokio::spawn(async move {
        gate.ready().await;
        gate.is_ready()
    });
    assert!(ready.await.unwrap());
}

/// Compiles only if they can be returned from a `main` and sent between threads.
const _: () = {
    const fn is_error<T: std::error::Error + Send + Sync + 'static>() {}
    is_error::<BuildErrors>();
    is_error::<Arc<exeat::FetchError>>();
    is_error::<exeat::Rejected>();
};

#[tokio::test]
async fn a_main_that_returns_the_errors_prints_what_to_do() {
    let errors = ExternalApi::new(ISSUER, "")
        .with_origin("https://shop.example/")
        .with_static_keys(key_set(&[&es256()]))
        .build()
        .await
        .unwrap_err();
    let printed = format!("{errors:?}");
    assert_eq!(printed, errors.to_string());
    assert!(printed.contains("audience: is empty"), "{printed}");
    assert!(printed.contains("remove the trailing /"), "{printed}");
}

/// A gate for the tenants `served` whose policy binds `tenant` to the page.
fn bound(served: &[&str], known: &[&str], tenant: &str) -> ExternalApi {
    let page = vec![PAGE.to_owned()];
    let policy = PolicyConfig {
        origins: page.clone(),
        tenants: [(tenant.to_owned(), page)].into(),
        known_tenants: known.iter().map(ToString::to_string).collect(),
        ..PolicyConfig::default()
    };
    api()
        .with_jwks_uri(JWKS_URI)
        .with_policy(policy)
        .with_tenants(served.iter().copied())
}

#[tokio::test(start_paused = true)]
async fn origins_of_a_tenant_that_is_not_served_are_a_mistake() {
    let found = errors(bound(&["acme", "globex"], &[], "Acme")).await;
    assert_eq!(found.len(), 1, "{found:?}");
    for part in ["tenants.Acme", "acme"] {
        assert!(found[0].contains(part), "{part} in {found:?}");
    }
    assert_eq!(errors(bound(&["acme"], &[], "acme")).await, [""; 0]);
    // Any tenant is served, so any may be bound.
    assert_eq!(errors(bound(&["*"], &[], "acme")).await, [""; 0]);
    // The policy's own list stands.
    assert_eq!(
        errors(bound(&["acme"], &["acme", "globex"], "globex")).await,
        [""; 0]
    );
}
