//! Which routes pages of other sites may link to and embed, and that a token is not looked at where they may not.

use axum::{Router, routing};
use exeat::TokenMode;
use exeat_cors::{Enforcement, FetchMetadata, PolicyConfig};
use exeat_jose::SigningKey;
use tower::ServiceExt;

use crate::fixture::{App, PAGE, Seen, claims, es256, mirror, pinned, plain, sign};

const LINK: [(&str, &str); 3] = [
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
];
const IMAGE: [(&str, &str); 3] = [
    ("sec-fetch-site", "same-site"),
    ("sec-fetch-mode", "no-cors"),
    ("sec-fetch-dest", "image"),
];

async fn routes(key: &SigningKey) -> Router {
    let gate = pinned(key, |api| {
        api.with_route("/prices", TokenMode::Public)
            .with_route("/offers", TokenMode::Optional)
            .with_route("/trial", TokenMode::ReportOnly)
            .with_query_token("/events", "t")
            .with_query_token("/download", "t")
            .without_fetch_metadata("/download")
            .with_route("/mine", TokenMode::Optional)
            .with_query_token("/mine", "t")
    })
    .await;
    let guarded = Router::new()
        .route("/prices", mirror())
        .route("/offers", mirror())
        .route("/trial", mirror())
        .route("/events", mirror())
        .route("/download", mirror())
        .route("/mine", mirror())
        .route("/points", mirror())
        .layer(gate.layer());
    Router::new()
        .route("/about", routing::get(async || "about"))
        .layer(gate.cors_layer())
        .merge(guarded)
}

async fn get(app: &Router, uri: &str, headers: &[(&str, &str)]) -> Seen {
    Seen::new(app.clone().oneshot(plain(uri, headers)).await.unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn a_link_or_an_image_reaches_what_is_open_and_nothing_else() {
    let key = es256();
    let app = routes(&key).await;
    let [download, events, mine] =
        ["/download", "/events", "/mine"].map(|path| format!("{path}?t={}", sign(&key, &claims())));
    for headers in [LINK, IMAGE] {
        for open in ["/about", "/prices", "/offers", &download] {
            let seen = get(&app, open, &headers).await;
            assert_eq!(seen.status, 200, "{open}");
            assert!(!seen.headers.contains_key("access-control-allow-origin"));
        }
        for closed in [
            "/points", "/trial", &events, "/events", &mine, "/mine", "/nowhere",
        ] {
            let seen = get(&app, closed, &headers).await;
            assert_eq!(
                seen.refusal(),
                (403, "fetch_metadata".to_owned()),
                "{closed}"
            );
            assert!(!seen.headers.contains_key("www-authenticate"));
            assert_eq!(seen.header("cache-control"), "no-store");
        }
    }
    assert_eq!(
        get(&app, "/download?t=a.b.c", &LINK).await.status,
        401,
        "open to links, and still for a good token only"
    );
}

#[tokio::test(start_paused = true)]
async fn an_open_route_is_closed_to_other_origins_all_the_same() {
    let key = es256();
    let app = routes(&key).await;
    for open in ["/about", "/prices", "/offers", "/download"] {
        let mut headers = IMAGE.to_vec();
        headers.push(("origin", "https://evil.example"));
        let seen = get(&app, open, &headers).await;
        assert_eq!(seen.status, 403, "{open}");
        assert_eq!(seen.problem()["code"], "origin_not_allowed", "{open}");
    }
}

#[tokio::test(start_paused = true)]
async fn opening_a_route_opens_no_other_and_changes_nothing_else() {
    let key = es256();
    let gate = pinned(&key, |api| {
        api.without_fetch_metadata("/files")
            .with_query_token("/files", "t")
            .with_query_token("/files/{id}", "t")
            .with_route("/files", TokenMode::ReportOnly)
            .with_token_cookie("t")
    })
    .await;
    let app = Router::new()
        .route("/files", mirror())
        .route("/files/{id}", mirror())
        .layer(gate.layer());
    let token = sign(&key, &claims());
    let cookie = format!("t={token}");
    for headers in [LINK, IMAGE] {
        let seen = get(&app, &format!("/files?t={token}"), &headers).await;
        assert_eq!((seen.status, &seen.problem()["user"]), (200, &"u-1".into()));
        let below = get(&app, &format!("/files/1?t={token}"), &headers).await;
        assert_eq!(below.refusal().1, "fetch_metadata");
        // The mode of the route is kept; a cookie opens nothing from another site, as everywhere.
        let cookie = [&headers[..], &[("cookie", &*cookie)]].concat();
        let seen = get(&app, "/files", &cookie).await;
        assert_eq!((seen.status, &seen.problem()["user"]), (200, &().into()));
    }
    // As far as the browser tells: whoever is none is asked for the token alone, as is a page by fetch.
    let call = [
        ("origin", PAGE),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "cors"),
    ];
    for headers in [&[][..], &call] {
        let seen = get(&app, &format!("/files/1?t={token}"), headers).await;
        assert_eq!(seen.status, 200, "{headers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_token_is_looked_at_behind_the_gate() {
    let key = es256();
    let app = App::new(&pinned(&key, |api| api.with_token_cookie("t")).await);
    let bearer = format!("Bearer {}", sign(&key, &claims()));
    let both = [
        ("authorization", &*bearer),
        ("cookie", "t=a"),
        ("cookie", "t=b"),
    ];
    for headers in [LINK, IMAGE] {
        let headers = [&headers[..], &both].concat();
        let seen = app.send(plain("/points", &headers)).await;
        assert_eq!(seen.refusal(), (403, "fetch_metadata".to_owned()));
    }
    assert_eq!(app.runs(), 0);
    let call = [
        ("origin", PAGE),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "cors"),
        ("authorization", &*bearer),
    ];
    assert_eq!(app.send(plain("/points", &call)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_policy_may_report_it_or_not_read_it() {
    let key = es256();
    let bearer = format!("Bearer {}", sign(&key, &claims()));
    let quiet = PolicyConfig {
        fetch_metadata: FetchMetadata::Ignore,
        ..PolicyConfig::default()
    };
    let reporting = PolicyConfig {
        enforcement: Enforcement::ReportOnly,
        ..PolicyConfig::default()
    };
    for policy in [quiet, reporting] {
        let policy = PolicyConfig {
            origins: vec![PAGE.to_owned()],
            ..policy
        };
        let app = App::new(&pinned(&key, |api| api.with_policy(policy)).await);
        let headers = [&IMAGE[..], &[("authorization", &*bearer), ("origin", PAGE)]].concat();
        assert_eq!(app.send(plain("/points", &headers)).await.status, 200);
        assert_eq!(app.runs(), 1);
    }
}
