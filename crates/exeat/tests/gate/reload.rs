//! The policy changes while requests are served: cases 120 and 121 of the CORS specification.

use std::collections::BTreeMap;

use axum::Router;
use axum::routing::get;
use exeat::exeat_cors::{PolicyConfig, PolicyError};
use exeat::{ExternalApi, Gate};
use futures_util::FutureExt;
use http::{Method, Request};
use tokio::sync::watch;
use tower::ServiceExt;
use tracing::Level;

use crate::fixture::{App, PAGE, Seen, bearer, claims, es256, from_page, pinned, sign};
use crate::secrecy::Log;

const OTHER: &str = "https://other.example";

fn origins(origins: &[&str]) -> PolicyConfig {
    PolicyConfig {
        origins: origins.iter().map(ToString::to_string).collect(),
        ..PolicyConfig::default()
    }
}

fn tenants<const N: usize>(map: [(&str, &str); N]) -> BTreeMap<String, Vec<String>> {
    map.map(|(tenant, origin)| (tenant.to_owned(), vec![origin.to_owned()]))
        .into()
}

async fn gate(change: impl FnOnce(ExternalApi) -> ExternalApi) -> (Gate, String) {
    let key = es256();
    (pinned(&key, change).await, sign(&key, &claims()))
}

fn from(origin: &str, token: &str) -> Request<axum::body::Body> {
    let mut request = bearer(Method::GET, token);
    let origin = origin.parse().unwrap();
    request.headers_mut().insert("origin", origin);
    request
}

#[tokio::test(start_paused = true)]
async fn a_new_policy_holds_from_the_next_request_on_in_every_layer() {
    let (gate, token) = gate(|api| api.with_token_header("MP-Authorization")).await;
    let (guarded, clone) = (App::new(&gate), App::new(&gate.clone()));
    let open = Router::new()
        .route("/points", get(async || "7"))
        .layer(gate.cors_layer());
    for (listed, gone) in [(OTHER, PAGE), (PAGE, OTHER)] {
        gate.reload_policy(origins(&[listed])).unwrap();
        assert_eq!(gate.policy().config().origins, [listed]);
        for app in [&guarded, &clone] {
            let seen = app.send(from(listed, &token)).await;
            assert_eq!(
                (seen.status, seen.header("access-control-allow-origin")),
                (200, listed)
            );
            assert_eq!(
                app.send(from(gone, &token)).await.refusal(),
                (403, "origin_not_allowed".into())
            );
        }
        for (origin, status) in [(listed, 200), (gone, 403)] {
            let response = open.clone().oneshot(from(origin, "")).await.unwrap();
            assert_eq!(response.status(), status, "{origin}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_gate_needs_of_a_policy_is_in_every_later_one() {
    let (gate, token) = gate(|api| api.with_token_header("MP-Authorization")).await;
    gate.reload_policy(origins(&[OTHER])).unwrap();
    let app = App::new(&gate);
    let preflight = [
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "mp-authorization"),
    ];
    let mut request = from_page(Method::OPTIONS, &preflight);
    request
        .headers_mut()
        .insert("origin", OTHER.parse().unwrap());
    assert_eq!(app.send(request).await.status, 204);
    let seen = app.send(from(OTHER, &token)).await;
    assert!(
        seen.header("access-control-expose-headers")
            .contains("exeat-handler")
    );
}

#[tokio::test(start_paused = true)]
async fn a_wrong_policy_changes_nothing_and_is_warned_of() {
    let (gate, token) = gate(|api| api).await;
    let app = App::new(&gate);
    let (log, _guard) = Log::start(Level::WARN);
    let errors = gate
        .reload_policy(origins(&["https://shop.example/", "null"]))
        .unwrap_err();
    assert_eq!(errors.iter().count(), 2, "all at once: {errors}");
    gate.reload_policy(PolicyConfig::default()).unwrap_err();
    assert_eq!(
        app.with_token(&token).await.status,
        200,
        "the last good one stays"
    );
    let logged = log.text();
    assert_eq!(logged.matches("WARN").count(), 2, "{logged}");
    assert!(logged.contains("origins[0]"), "{logged}");
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_is_finished_with_the_policy_that_let_it_in() {
    let (gate, token) = gate(|api| api).await;
    let (go, wait) = watch::channel(false);
    let handler = move || {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|go| *go)
                .await
                .map(|_| "42")
                .unwrap_or_default()
        }
    };
    let app = Router::new()
        .route("/points", get(handler))
        .layer(gate.layer());
    let mut under_way = Box::pin(app.clone().oneshot(bearer(Method::GET, &token)));
    assert!(under_way.as_mut().now_or_never().is_none());
    gate.reload_policy(origins(&[OTHER])).unwrap();
    go.send(true).unwrap();
    let seen = Seen::new(under_way.await.unwrap()).await;
    assert_eq!(
        (seen.status, seen.header("access-control-allow-origin")),
        (200, PAGE)
    );
    let seen = Seen::new(app.oneshot(bearer(Method::GET, &token)).await.unwrap()).await;
    assert_eq!(seen.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_removed_is_refused_at_its_next_request() {
    let (gate, token) = gate(|api| {
        api.with_policy(PolicyConfig {
            tenants: tenants([("T1", PAGE), ("T2", OTHER)]),
            ..origins(&[PAGE, OTHER])
        })
    })
    .await;
    let app = App::new(&gate);
    let preflight = from_page(Method::OPTIONS, &[("access-control-request-method", "GET")]);
    assert_eq!(app.send(preflight).await.status, 204);
    assert_eq!(app.with_token(&token).await.status, 200);
    gate.replace_tenants(tenants([("T2", OTHER)])).unwrap();
    // The browser needs no second preflight for this one.
    assert_eq!(
        app.with_token(&token).await.readable_refusal(),
        (403, "origin_tenant_mismatch".into())
    );
    gate.replace_tenants(tenants([("T1", OTHER), ("T2", PAGE)]))
        .unwrap();
    assert_eq!(app.send(from(OTHER, &token)).await.status, 200);
    assert_eq!(app.with_token(&token).await.status, 403);
    assert_eq!(
        gate.policy().config().origins,
        [PAGE, OTHER],
        "the rest stays"
    );
}

#[tokio::test(start_paused = true)]
async fn a_map_that_cannot_be_meant_leaves_the_present_one() {
    let (gate, token) = gate(|api| {
        api.with_tenants(["T1", "T2"]).with_policy(PolicyConfig {
            tenants: tenants([("T1", PAGE)]),
            ..origins(&[PAGE])
        })
    })
    .await;
    let app = App::new(&gate);
    for (wrong, key) in [
        (tenants([]), "tenants"),
        (tenants([("T3", PAGE)]), "tenants.T3"),
        (tenants([("T1", OTHER)]), "tenants.T1[0]"),
    ] {
        let errors = gate.replace_tenants(wrong).unwrap_err();
        assert_eq!(errors.iter().next().unwrap().key(), key);
        assert_eq!(app.with_token(&token).await.status, 200);
    }
    // A file that has lost its map.
    let errors = gate.reload_policy(origins(&[PAGE, OTHER])).unwrap_err();
    assert_eq!(errors.iter().next().unwrap().key(), "tenants");
    // And is wrong otherwise: all at once.
    let errors = gate.reload_policy(origins(&["null"])).unwrap_err();
    let keys: Vec<&str> = errors.iter().map(PolicyError::key).collect();
    assert_eq!(keys, ["origins[0]", "tenants"]);
    assert_eq!(app.send(from(OTHER, &token)).await.status, 403);
}
