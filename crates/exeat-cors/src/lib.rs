//! The server half of the Fetch CORS protocol: a validated [`Policy`], a pure [`decide()`], a tower [`CorsLayer`].
//!
//! Unlike a layer that only decorates responses, this one *enforces*: an actual request from an origin that is not listed is answered
//! without running the handler, since a preflight proves nothing about the request that follows it. `Origin` narrows who may use a token;
//! it is not authentication, because whoever is not a browser sends what they like.
//!
//! | request | answer |
//! | --- | --- |
//! | no `Origin`, or one of the API's own | handler; not shared |
//! | `Origin: null` that no other page sent, says the browser | handler; not shared |
//! | two `Origin` lines | 400 `multiple_origin` |
//! | `OPTIONS` with `Origin` and `Access-Control-Request-Method` | 204 with what is allowed, or 403 without a word |
//! | any other from a listed origin | handler; shared with that origin |
//! | any other from an origin that is not listed | 403 `origin_not_allowed` |
//! | of another site's page, but no call: a link, a form, an image, says the browser | 403 `fetch_metadata` |
//! | the handler fails or panics | 500 `internal_error` or 503 `unavailable` ([`Failures`]) |
//!
//! Duties of the neighbours: authentication must sit *behind* this layer, since preflights carry no credentials and a 401 without CORS
//! headers is unreadable to the page. No second CORS layer may sit behind it; its headers are removed. Nothing in front may answer or
//! redirect `OPTIONS`. Browsers preflight each URL separately, so `/items/1` and `/items/2` cost one each.
//!
//! ```
//! use exeat_cors::{CorsLayer, Policy, PolicyConfig};
//!
//! let policy = Policy::try_from(PolicyConfig {
//!     origins: vec!["https://shop.example".into(), "https://*.mp.example".into()],
//!     ..PolicyConfig::default()
//! })?;
//! let layer = CorsLayer::new(policy);
//! # let _ = layer;
//! # Ok::<(), exeat_cors::PolicyErrors>(())
//! ```

mod browser;
mod decide;
mod explain;
mod failure;
mod fetch_metadata;
mod layer;
mod origin;
mod policy;

pub use browser::{Blocked, PageRequest};
pub use decide::{
    Decision, Grant, MAX_LOGGED_ORIGIN, MAX_VARY_NAMES, Refusal, RequestKind, decide,
    decide_by_origin, loggable_origin,
};
pub use explain::{Explanation, Hint, Verdicts};
pub use failure::{Failure, Failures, MAX_FAILURE_MESSAGE};
pub use fetch_metadata::is_web_socket_handshake;
pub use layer::{CorsFuture, CorsLayer, CorsService};
pub use origin::{
    InvalidOrigin, MAX_HOST_LENGTH, MAX_LABEL_LENGTH, MAX_ORIGIN_LENGTH, MAX_SCHEME_LENGTH,
    MAX_SUFFIX_LABELS, Origin, OriginPattern,
};
pub use policy::{
    Credentials, Enforcement, ExtensionOrigins, FetchMetadata, MAX_EMPTY_ELEMENTS, MAX_MAX_AGE,
    MAX_METHOD_LENGTH, MAX_REQUEST_HEADER_NAMES, MAX_REQUEST_HEADERS_LENGTH, MAX_WHITE_SPACE,
    Policy, PolicyConfig, PolicyError, PolicyErrors, PolicyWarning, RequireOrigin,
};
