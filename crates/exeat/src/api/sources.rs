//! Where tokens are looked for.

use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, ORIGIN};

use super::{BuildError, ExternalApi};
use crate::token::{CookieName, Sources, TokenSubprotocol};

impl ExternalApi {
    /// One more header that may carry the token, bare or behind `Bearer `, such as AppDirect's `MP-Authorization`. Pages of
    /// allowed origins may send it: the name is added to the CORS allow-list.
    pub fn with_token_header(mut self, name: &str) -> Self {
        self.token_header = Some(name.to_owned());
        self
    }

    /// A cookie that may carry the token. It is removed from the request whatever [`Self::with_cookies`] says of the others.
    ///
    /// Browsers send cookies whoever's page asks. A token from a cookie therefore needs, for every method, an allowed `Origin` or one of
    /// [`own_origins`](exeat_cors::PolicyConfig::own_origins); without `Origin`, `Sec-Fetch-Site: same-origin`, which is not enough for
    /// a WebSocket. Otherwise the answer is 403 `csrf`. For pages of allowed origins to send it at all, the CORS policy includes
    /// credentials; origins that this cannot be said to (any port, any extension) cannot use the cookie.
    ///
    /// Name it `__Host-…`, and set it `Secure; HttpOnly; SameSite=Lax` or stricter where the pages are on the same site.
    pub fn with_token_cookie(mut self, name: &str) -> Self {
        self.token_cookie = Some(name.to_owned());
        self
    }

    /// Reads the token from `Sec-WebSocket-Protocol`, the one header of a handshake that a page can set, as Kubernetes' API server does:
    ///
    /// ```js
    /// const encoded = btoa(token).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_");
    /// new WebSocket(url, ["points.v1", "base64url.bearer.authorization." + namespace + "." + encoded]);
    /// ```
    ///
    /// `namespace` is yours to choose, such as the host of the API. The page must offer a subprotocol of the API with it (otherwise 400):
    /// the handler sees that one alone, and so cannot answer with the token.
    pub fn with_web_socket_token(mut self, namespace: &str) -> Self {
        self.web_socket_namespace = Some(namespace.to_owned());
        self
    }

    pub(super) fn sources(&self, errors: &mut Vec<BuildError>) -> Sources {
        let header = self
            .token_header
            .as_deref()
            .and_then(|name| token_header(name).map_err(|error| errors.push(error)).ok());
        let cookie = self.token_cookie.as_deref().and_then(|name| {
            let cookie = CookieName::new(name);
            if cookie.is_none() {
                errors.push(BuildError::TokenCookie {
                    name: name.to_owned(),
                });
            }
            cookie
        });
        let subprotocol = self.web_socket_namespace.as_deref().and_then(|namespace| {
            let subprotocol = TokenSubprotocol::new(namespace);
            if subprotocol.is_none() {
                errors.push(BuildError::WebSocketNamespace {
                    namespace: namespace.to_owned(),
                });
            }
            subprotocol
        });
        Sources {
            header,
            cookie,
            subprotocol,
        }
    }
}

fn token_header(given: &str) -> Result<HeaderName, BuildError> {
    let why = match HeaderName::try_from(given) {
        Ok(AUTHORIZATION) => "is read anyway",
        Ok(COOKIE | ORIGIN) => "cannot carry a token",
        Ok(name) => return Ok(name),
        Err(_) => "is not a header name",
    };
    Err(BuildError::TokenHeader {
        name: given.to_owned(),
        why,
    })
}
