//! Redirects of key sets and metadata: refused, or followed within the origin.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use exeat::{FetchError, Gate, HttpGet, JwksSettings, Redirects};
use http::{Request, Response};
use serde_json::json;

use crate::fixture::{JWKS_URI, api, es256, only_issuer};

/// Answers by URL; what is not there is 404. Every answer has the same tag.
#[derive(Default)]
struct Site {
    pages: HashMap<String, Page>,
    asked: Mutex<Vec<(String, bool)>>,
}

enum Page {
    Keys(String),
    Redirect(&'static str),
}

impl Site {
    fn asked(&self) -> Vec<(String, bool)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl HttpGet for Site {
    async fn get(&self, request: Request<()>) -> Result<Response<Bytes>, FetchError> {
        let uri = request.uri().to_string();
        let conditional = request.headers().contains_key("if-none-match");
        let answer = Response::builder().header("etag", "\"1\"");
        let answer = match self.pages.get(&uri) {
            Some(Page::Keys(_)) if conditional => answer.status(304).body(Bytes::new()),
            Some(Page::Keys(body)) => answer.body(body.clone().into()),
            Some(Page::Redirect(to)) => answer
                .status(302)
                .header("location", *to)
                .body(Bytes::new()),
            None => answer.status(404).body(Bytes::new()),
        };
        self.asked.lock().unwrap().push((uri, conditional));
        Ok(answer.unwrap())
    }
}

fn site(redirects: &[(&str, &'static str)], keys: &str) -> Arc<Site> {
    let body = json!({ "keys": [es256().public_jwk()] }).to_string();
    let redirects = redirects
        .iter()
        .map(|(from, to)| (String::from(*from), Page::Redirect(to)));
    let pages = redirects.chain([(keys.to_owned(), Page::Keys(body))]);
    Arc::new(Site {
        pages: pages.collect(),
        ..Site::default()
    })
}

async fn gate(site: &Arc<Site>, redirects: Redirects) -> Gate {
    let settings = JwksSettings {
        redirects,
        ..JwksSettings::default()
    };
    api()
        .with_jwks_uri(JWKS_URI)
        .with_jwks_settings(settings)
        .with_http_client(site.clone())
        .build()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_a_failed_fetch_unless_it_is_asked_for() {
    let site = site(&[(JWKS_URI, "/v2/jwks")], "https://market.example/v2/jwks");
    let refused = gate(&site, Redirects::default()).await;
    assert!(!refused.is_ready());
    assert!(only_issuer(&refused).last_error.unwrap().contains("302"));
    assert_eq!(site.asked(), [(JWKS_URI.to_owned(), false)]);
    assert!(gate(&site, Redirects::SameOrigin).await.is_ready());
}

#[tokio::test(start_paused = true)]
async fn another_origin_is_never_asked() {
    let site = site(
        &[(JWKS_URI, "https://evil.example/jwks")],
        "https://evil.example/jwks",
    );
    let gate = gate(&site, Redirects::SameOrigin).await;
    assert!(!gate.is_ready());
    let error = only_issuer(&gate).last_error.unwrap();
    assert!(error.contains("another origin"), "{error}");
    assert_eq!(site.asked(), [(JWKS_URI.to_owned(), false)]);
}

#[tokio::test(start_paused = true)]
async fn three_redirects_are_followed_and_a_fourth_is_not() {
    const PLACES: [&str; 4] = [
        "https://market.example/1",
        "https://market.example/2",
        "https://market.example/3",
        "https://market.example/4",
    ];
    let hops = [(JWKS_URI, "/1"), (PLACES[0], "/2"), (PLACES[1], "/3")];
    let three = gate(&site(&hops, PLACES[2]), Redirects::SameOrigin).await;
    assert!(three.is_ready());
    let four = [&hops[..], &[(PLACES[2], "/4")]].concat();
    let four = gate(&site(&four, PLACES[3]), Redirects::SameOrigin).await;
    assert!(!four.is_ready());
    let error = only_issuer(&four).last_error.unwrap();
    assert!(error.contains("more than 3"), "{error}");
    let round = site(&[(JWKS_URI, "/jwks")], PLACES[0]);
    assert!(!gate(&round, Redirects::SameOrigin).await.is_ready());
    assert_eq!(round.asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_validator_goes_to_the_place_that_gave_it_and_to_no_other() {
    let moved = "https://market.example/v2/jwks";
    let site = site(&[(JWKS_URI, "/v2/jwks")], moved);
    let gate = gate(&site, Redirects::SameOrigin).await;
    site.asked();
    gate.refresh().await.unwrap();
    assert_eq!(
        site.asked(),
        [(JWKS_URI.to_owned(), false), (moved.to_owned(), true)]
    );
    assert_eq!(only_issuer(&gate).epoch, 1, "not modified");
}
