//! Static pages, compiled in, and the headers under which they are sent.

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    routing::get,
};
use hyper::header::{self, HeaderName, HeaderValue};

/// A file of the demo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    path: &'static str,
    media_type: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What both sites with pages need.
const DRESS: [Page; 2] = [
    Page {
        path: "/style.css",
        media_type: "text/css; charset=utf-8",
        text: include_str!("assets/style.css"),
    },
    Page {
        path: "/favicon.svg",
        media_type: "image/svg+xml",
        text: include_str!("assets/favicon.svg"),
    },
];

/// The marketplace's page and its modules.
pub(super) const MARKETPLACE: [Page; 7] = [
    Page {
        path: "/",
        media_type: HTML,
        text: include_str!("assets/index.html"),
    },
    Page {
        path: "/app.js",
        media_type: SCRIPT,
        text: include_str!("assets/app.js"),
    },
    Page {
        path: "/attacks.js",
        media_type: SCRIPT,
        text: include_str!("assets/attacks.js"),
    },
    // Built from clients/typescript, which the gate `typescript` repeats.
    Page {
        path: "/client.js",
        media_type: SCRIPT,
        text: include_str!("assets/client.js"),
    },
    Page {
        path: "/market.js",
        media_type: SCRIPT,
        text: include_str!("assets/market.js"),
    },
    Page {
        path: "/tokens.js",
        media_type: SCRIPT,
        text: include_str!("assets/tokens.js"),
    },
    Page {
        path: "/view.js",
        media_type: SCRIPT,
        text: include_str!("assets/view.js"),
    },
];

/// The hostile page.
pub(super) const HOSTILE: [Page; 2] = [
    Page {
        path: "/",
        media_type: HTML,
        text: include_str!("assets/hostile.html"),
    },
    Page {
        path: "/hostile.js",
        media_type: SCRIPT,
        text: include_str!("assets/hostile.js"),
    },
];

/// Routes for the pages of one site.
pub(super) fn router<S: Clone + Send + Sync + 'static>(pages: &'static [Page]) -> Router<S> {
    pages
        .iter()
        .chain(&DRESS)
        .fold(Router::new(), |router, page| {
            let answer = async move || {
                ([(header::CONTENT_TYPE, page.media_type)], page.text).into_response()
            };
            router.route(page.path, get(answer))
        })
}

/// Puts the headers of a careful site on every answer that does not have its own.
///
/// # Errors
/// When the policy is not a header value.
pub(super) fn with_headers(router: Router, policy: &str) -> anyhow::Result<Router> {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_str(policy)?,
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok(router.layer(from_fn(move |request: Request, next: Next| {
        let headers = headers.clone();
        async move { add_missing(next.run(request).await, headers) }
    })))
}

fn add_missing(mut response: Response, headers: [(HeaderName, HeaderValue); 4]) -> Response {
    for (name, value) in headers {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}
