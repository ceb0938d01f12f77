//! The hostile page: same machine, another origin, a stolen token.

use axum::Router;

use super::{Sites, pages};

/// The page and its script. Only the marketplace may frame it, because it takes a token from whoever does.
///
/// # Errors
/// When the sites make no header value.
pub(super) fn router(sites: &Sites) -> anyhow::Result<Router> {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src {api}; \
         frame-ancestors {marketplace}; base-uri 'none'; form-action 'none'",
        api = sites.api,
        marketplace = sites.marketplace,
    );
    pages::with_headers(pages::router(&pages::HOSTILE), &policy)
}
