//! How strict the token gate is, and for which routes it is less so.

use std::collections::HashMap;
#[cfg(feature = "axum")]
use std::time::Duration;

use http::Extensions;

use super::{BuildError, ExternalApi};
use crate::token::QueryParameter;

/// What the token gate does with a request whose token, or want of one, it refuses. From loose to strict.
///
/// The origin gate is not concerned; [`exeat_cors::PolicyConfig::enforcement`] is its own mode.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TokenMode {
    /// No token is looked for, and the handler runs. For single routes only ([`ExternalApi::with_route`]). A handler there that asks for
    /// a [`User`](crate::User) is a mistake and answers 500.
    Public,
    /// The handler runs without a user: whoever may come without a token may come with a bad one too. `Option<User>` is then `None`; a
    /// handler that asks for `User` answers as the gate would have, with the same status and challenge.
    Optional,
    /// As [`Self::Optional`], and what would have been refused is logged at info. For trying the gate out in front of an API that is in
    /// use.
    ReportOnly,
    /// It is refused.
    #[default]
    Required,
}

impl ExternalApi {
    /// What happens to requests whose token is refused, on every route that [`Self::with_route`] does not name. Default:
    /// [`TokenMode::Required`]. [`TokenMode::Public`] is refused here: a gate that looks for no token is [`crate::Gate::cors_layer`].
    pub fn with_token_mode(mut self, mode: TokenMode) -> Self {
        self.token_mode = mode;
        self
    }

    /// Another mode for one route, named as it stands in the router, with the paths it is nested under: axum's
    /// [`MatchedPath`](axum::extract::MatchedPath), never the path of a request. What matches no route (a fallback, or a service without
    /// axum's router) gets the strictest of all modes.
    ///
    /// A mode stricter than the gate's own holds for all that is below the route too, unless it is named itself: axum serves a mount at
    /// several routes (`/admin`, `/admin/`, `/admin/{*tail}`), and none may stay open by mistake. A looser one is for this route alone.
    ///
    /// ```
    /// use exeat::{ExternalApi, TokenMode, User};
    ///
    /// let api = ExternalApi::new("https://market.example.com", "loyalty-api")
    ///     .with_route("/prices", TokenMode::Public)
    ///     .with_route("/offers/{id}", TokenMode::Optional);
    /// assert!(api.check().is_ok());
    ///
    /// async fn offer(user: Option<User>) -> String {
    ///     user.map_or("for everybody".to_owned(), |user| format!("for {}", user.sub))
    /// }
    /// # let _: axum::Router = axum::Router::new().route("/offers/{id}", axum::routing::get(offer));
    /// ```
    #[cfg(feature = "axum")]
    pub fn with_route(mut self, path: &str, mode: TokenMode) -> Self {
        self.routes.push((path.to_owned(), Setting::Mode(mode)));
        self
    }

    /// Reads the token of this route from a query parameter too, for what can set no header, such as an `EventSource` or a link. Named as
    /// in [`Self::with_route`].
    ///
    /// Whoever has the URL has the token, so that pages of other origins may call such a route by `fetch` alone, from a listed origin. A
    /// link to it, a form or an image is 403 `fetch_metadata` unless [`Self::without_fetch_metadata`] opens the route. Browsers say what it is
    /// over `https` and to the loopback; where they do not, or the policy ignores it, the handler runs.
    ///
    /// URLs are kept in histories and logs, and so is the token: it has to be young ([`Self::with_query_token_max_age`]). The parameter is
    /// taken out of the URI that handlers see, and the answer has `Cache-Control: no-store` and `Referrer-Policy: no-referrer`; what stands
    /// before the gate, a proxy or a layer around the router, sees it all the same.
    #[cfg(feature = "axum")]
    pub fn with_query_token(mut self, path: &str, parameter: &str) -> Self {
        let setting = Setting::Query(parameter.to_owned());
        self.routes.push((path.to_owned(), setting));
        self
    }

    /// How old a token from a query may be, from `iat` to now by the gate's clock, without leeway: 1 s to 24 h. Default: 5 min.
    ///
    /// An older one is 401 `expired`, however long it lives elsewhere, so that its client fetches a new one and tries again; one without
    /// `iat` is 401 `missing_claim`. Only the beginning of a request is held against it: a stream goes on.
    ///
    /// ```
    /// let api = exeat::ExternalApi::new("https://market.example.com", "loyalty-api")
    ///     .with_query_token("/events", "access_token")
    ///     .with_query_token_max_age(std::time::Duration::from_secs(60));
    /// assert!(api.check().is_ok());
    /// ```
    #[cfg(feature = "axum")]
    pub fn with_query_token_max_age(mut self, max: Duration) -> Self {
        self.query_token_max_age = max;
        self
    }

    /// Opens this route to links and embedding from pages of other sites, whatever the policy says of
    /// [`FetchMetadata`](exeat_cors::FetchMetadata), as [`CorsLayer::without_fetch_metadata`](exeat_cors::CorsLayer::without_fetch_metadata)
    /// does for what is behind that layer. Named as in [`Self::with_route`], and for this route alone. For downloads behind a link and
    /// for images, whose token is in the query ([`Self::with_query_token`]). [`TokenMode::Public`] and [`TokenMode::Optional`] routes are
    /// open anyway, unless they read a query token.
    ///
    /// What it costs: any page that got hold of such a URL can have a browser send it, by an image or a link, and the handler runs. The
    /// page cannot read the answer, but sees whether there was one and how long it took. So let the handler change nothing, and tokens
    /// be short-lived. Requests with an `Origin` that is not listed are refused all the same.
    ///
    /// For an image to be shown, its handler has to set `Cross-Origin-Resource-Policy: cross-origin`, in place of the gate's own
    /// ([`Self::without_hardening`]).
    ///
    /// ```
    /// let api = exeat::ExternalApi::new("https://market.example.com", "loyalty-api")
    ///     .with_query_token("/statements/{id}", "access_token")
    ///     .without_fetch_metadata("/statements/{id}");
    /// assert!(api.check().is_ok());
    /// ```
    #[cfg(feature = "axum")]
    pub fn without_fetch_metadata(mut self, path: &str) -> Self {
        self.routes
            .push((path.to_owned(), Setting::WithoutFetchMetadata));
        self
    }

    /// Reports the requests of this route that the origin gate would refuse, and lets them in, unshared, as
    /// [`Enforcement::ReportOnly`](exeat_cors::Enforcement::ReportOnly) does for the whole policy. Named as in [`Self::with_route`], and for
    /// this route alone. For a route that pages of unknown origins use already.
    ///
    /// ```
    /// let api = exeat::ExternalApi::new("https://market.example.com", "loyalty-api")
    ///     .with_origin("https://market.example.com")
    ///     .with_reported_origins("/legacy/{*path}");
    /// assert!(api.check().is_ok());
    /// ```
    #[cfg(feature = "axum")]
    pub fn with_reported_origins(mut self, path: &str) -> Self {
        self.routes
            .push((path.to_owned(), Setting::ReportedOrigins));
        self
    }

    pub(super) fn rules(&self, errors: &mut Vec<BuildError>) -> Rules {
        if self.token_mode == TokenMode::Public {
            errors.push(BuildError::PublicGate);
        }
        let mut routes = HashMap::<Box<str>, Entry>::new();
        for (path, setting) in &self.routes {
            let mut wrong = |why: &str| {
                errors.push(BuildError::Route {
                    path: path.clone(),
                    why: why.to_owned(),
                });
            };
            let entry = routes.entry(path.as_str().into()).or_default();
            match setting {
                Setting::Mode(_) if entry.mode.is_some() => wrong("has two modes"),
                Setting::Mode(mode) => entry.mode = Some(*mode),
                Setting::ReportedOrigins => entry.reports_origins = true,
                Setting::WithoutFetchMetadata => entry.ignores_fetch_metadata = true,
                Setting::Query(_) if entry.query.is_some() => wrong("has two query parameters"),
                Setting::Query(name) => {
                    entry.query = QueryParameter::new(name);
                    if entry.query.is_none() {
                        wrong(
                            "has a query parameter whose name is empty or has other characters than A-Z a-z 0-9 - . _ ~",
                        );
                    }
                }
            }
        }
        for (path, entry) in &routes {
            if entry.mode == Some(TokenMode::Public) && entry.query.is_some() {
                errors.push(BuildError::Route {
                    path: path.to_string(),
                    why: "is public and reads a query parameter".to_owned(),
                });
            }
        }
        #[cfg(feature = "axum")]
        check_paths(&routes, errors);
        let strictest = routes.values().filter_map(|entry| entry.mode).max();
        let tightened = routes
            .iter()
            .filter_map(|(path, entry)| Some((path.trim_end_matches('/').into(), entry.mode?)))
            // Nothing can be mounted at the root.
            .filter(|(path, mode): &(Box<str>, _)| !path.is_empty() && *mode > self.token_mode)
            .collect();
        Rules {
            default: self.token_mode,
            strictest: strictest.map_or(self.token_mode, |mode| mode.max(self.token_mode)),
            tightened,
            routes,
        }
    }
}

/// What [`ExternalApi`] says about a route.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "routes are axum's"))]
pub(super) enum Setting {
    Mode(TokenMode),
    Query(String),
    ReportedOrigins,
    WithoutFetchMetadata,
}

/// The rule of every request.
#[derive(Debug)]
pub(crate) struct Rules {
    default: TokenMode,
    strictest: TokenMode,
    /// Routes with a stricter mode than `default`, without slashes at their ends.
    tightened: Vec<(Box<str>, TokenMode)>,
    routes: HashMap<Box<str>, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    mode: Option<TokenMode>,
    query: Option<QueryParameter>,
    reports_origins: bool,
    ignores_fetch_metadata: bool,
}

/// What holds for one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule<'g> {
    pub(super) mode: TokenMode,
    pub(super) query: Option<&'g QueryParameter>,
    /// What the origin gate would refuse is let in.
    pub(super) reports_origins: bool,
    ignores_fetch_metadata: bool,
}

impl Rule<'_> {
    /// Is this for those who cannot call, too: who follow a link, or embed an image? Nothing is lost by it where no token is needed, since
    /// there is none that a browser would add by itself ([`crate::Rejected::Csrf`]). But a URL may hold one, whoever's page it is on: there
    /// it has to be said.
    pub(super) fn is_open(&self) -> bool {
        let needs_none = matches!(self.mode, TokenMode::Public | TokenMode::Optional);
        self.ignores_fetch_metadata || (needs_none && self.query.is_none())
    }
}

impl Rules {
    /// Does any route take a token from its query?
    #[cfg(feature = "resource-metadata")]
    pub(super) fn read_queries(&self) -> bool {
        self.routes.values().any(|entry| entry.query.is_some())
    }

    /// The mode of the least guarded route.
    #[cfg(feature = "axum")]
    pub(super) fn loosest(&self) -> TokenMode {
        let modes = self.routes.values().filter_map(|entry| entry.mode);
        modes.fold(self.default, TokenMode::min)
    }

    /// Is there a route that runs what the origin gate refuses?
    #[cfg(feature = "axum")]
    pub(super) fn report_origins(&self) -> bool {
        self.routes.values().any(|entry| entry.reports_origins)
    }

    /// Found by what the router says that it has matched, which no request can write.
    pub(super) fn of(&self, extensions: &Extensions) -> Rule<'_> {
        let strictest = Rule {
            mode: self.strictest,
            query: None,
            reports_origins: false,
            ignores_fetch_metadata: false,
        };
        if self.routes.is_empty() {
            return strictest;
        }
        let Some(path) = matched_path(extensions) else {
            return strictest;
        };
        let entry = self.routes.get(path);
        Rule {
            mode: entry
                .and_then(|entry| entry.mode)
                .unwrap_or_else(|| self.unnamed(path)),
            query: entry.and_then(|entry| entry.query.as_ref()),
            reports_origins: entry.is_some_and(|entry| entry.reports_origins),
            ignores_fetch_metadata: entry.is_some_and(|entry| entry.ignores_fetch_metadata),
        }
    }

    /// What holds for a route without a mode of its own: the strictest of those that it is below.
    fn unnamed(&self, path: &str) -> TokenMode {
        let is_below = |tightened: &str| {
            path.strip_prefix(tightened)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.tightened
            .iter()
            .filter(|(tightened, _)| is_below(tightened))
            .map(|(_, mode)| *mode)
            .fold(self.default, TokenMode::max)
    }
}

#[cfg(feature = "axum")]
fn matched_path(extensions: &Extensions) -> Option<&str> {
    extensions
        .get::<axum::extract::MatchedPath>()
        .map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
fn matched_path(_: &Extensions) -> Option<&str> {
    None
}

/// Would axum take these paths, all in one router? What it does not take can never be matched.
#[cfg(feature = "axum")]
fn check_paths(routes: &HashMap<Box<str>, Entry>, errors: &mut Vec<BuildError>) {
    let mut paths: Vec<_> = routes.keys().collect();
    paths.sort_unstable();
    let mut known = matchit::Router::new();
    for path in paths {
        let of_axum_0_7 = path
            .split('/')
            .any(|segment| segment.starts_with([':', '*']));
        let why = if !path.starts_with('/') {
            "does not start with /".to_owned()
        } else if of_axum_0_7 {
            "has a parameter in the syntax of axum 0.7; it is {name} or {*name} now".to_owned()
        } else if let Err(why) = known.insert(path.as_ref(), ()) {
            why.to_string()
        } else {
            continue;
        };
        errors.push(BuildError::Route {
            path: path.to_string(),
            why,
        });
    }
}
