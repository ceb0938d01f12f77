//! What was nearly right: each listed origin is compared part by part with the one that came.

use http::header::ORIGIN;
use http::{HeaderMap, HeaderValue, Method};

use super::{Hint, forbidden, preflight};
use crate::{Decision, InvalidOrigin, MAX_ORIGIN_LENGTH, Origin, OriginPattern, Policy, Refusal};

pub(super) fn hints(
    policy: &Policy,
    decision: &Decision,
    method: &Method,
    headers: &HeaderMap,
) -> Vec<Hint> {
    let refusal = match decision {
        Decision::Refuse(refusal) | Decision::Report(refusal) => refusal,
        // Under `*` much is allowed that no browser asks for.
        Decision::Preflight { .. } => return preflight::of_headers(policy, headers),
        Decision::Plain | Decision::Cors(_) => return Vec::new(),
    };
    match refusal {
        Refusal::MultipleOrigin => vec![several()],
        Refusal::PreflightOrigin | Refusal::OriginNotAllowed => headers
            .get(ORIGIN)
            .map_or_else(Vec::new, |origin| of_origin(policy, origin)),
        // The headers are not looked at any more, and may be wrong as well.
        Refusal::PreflightMethod => std::iter::once(preflight::of_method(policy, headers))
            .chain(preflight::of_headers(policy, headers))
            .collect(),
        Refusal::PreflightHeaders => preflight::of_headers(policy, headers),
        Refusal::OriginRequired => vec![Hint::new(
            "require_origin",
            "servers and same-origin GETs send no Origin: let them in by require_origin: when-browser, or call from a listed origin",
        )],
        Refusal::FetchMetadata => vec![Hint::new(
            "fetch_metadata",
            "call it by fetch() from a listed origin; if other sites may link to it or embed it, let the policy ignore fetch_metadata",
        )],
        Refusal::MethodNotAllowed(_) => vec![unlisted_method(policy, method)],
    }
}

fn unlisted_method(policy: &Policy, method: &Method) -> Hint {
    let listed = preflight::methods(policy);
    let not_listed = |so: &str| {
        let said = format!("{so}the methods of this policy are {listed}");
        Hint::new("method_not_listed", said)
    };
    // With an `Origin` it is the browser's own.
    if method == Method::CONNECT {
        return not_listed("the handshake of a WebSocket over HTTP/2 needs GET; ");
    }
    forbidden::method(method.as_str().as_bytes()).unwrap_or_else(|| not_listed(""))
}

/// The listed pattern that covers this origin.
pub(super) fn covering(policy: &Policy, origin: &str) -> Option<String> {
    let origin = Origin::parse(origin).ok()?;
    policy
        .config()
        .origins
        .into_iter()
        .find(|pattern| OriginPattern::parse(pattern).is_ok_and(|pattern| pattern.matches(&origin)))
}

fn several() -> Hint {
    Hint::new(
        "multiple_origins",
        "browsers send one Origin: a proxy or a client library adds another. Let it pass the browser's on",
    )
}

fn of_origin(policy: &Policy, value: &HeaderValue) -> Vec<Hint> {
    let text = match value.to_str() {
        Ok(text) if text.len() <= MAX_ORIGIN_LENGTH => text,
        _ => {
            return vec![Hint::new(
                "not_an_origin",
                "no browser sends this: too long, or not ASCII",
            )];
        }
    };
    if text == "null" {
        return vec![Hint::new(
            "null",
            "null is a sandboxed frame without allow-same-origin, a file: or data: page, or a request that was redirected across origins; it cannot be listed, since anybody can send it",
        )];
    }
    if text.contains([',', ' ']) {
        return vec![several()];
    }
    let mut hints = Vec::new();
    let mut canonical = text.to_owned();
    if let Err(reason) = Origin::parse(text) {
        let loosened = Loose::read(text).map(|loose| loose.written());
        match loosened.filter(|loosened| Origin::parse(loosened).is_ok()) {
            Some(loosened) => {
                hints.push(Hint::new(
                    code_of(reason),
                    format!(
                        "{text:?} is not what a browser sends: {reason}; did you mean {loosened}?"
                    ),
                ));
                canonical = loosened;
            }
            None => {
                return vec![Hint::new(
                    code_of(reason),
                    format!("{text:?} is no origin: {reason}"),
                )];
            }
        }
    }
    if covering(policy, &canonical).is_none() {
        hints.extend(nearest(policy, &canonical));
    }
    hints
}

/// The differences to the nearest listed origin, if any is near.
fn nearest(policy: &Policy, origin: &str) -> Vec<Hint> {
    let Some(sent) = Loose::read(origin) else {
        return Vec::new();
    };
    if let Some(hint) = of_extension(policy, &sent) {
        return vec![hint];
    }
    let patterns = policy.config().origins;
    let near = patterns.iter().filter_map(|pattern| {
        let differences = differences(&sent, pattern, &Loose::read(pattern)?)?;
        (differences.len() <= MAX_DIFFERENCES).then_some(differences)
    });
    near.min_by_key(Vec::len).unwrap_or_else(|| {
        vec![Hint::new(
            "not_listed",
            format!("no listed origin is like it; if {origin} is yours, list it exactly so"),
        )]
    })
}

fn differences(sent: &Loose, pattern: &str, listed: &Loose) -> Option<Vec<Hint>> {
    let origin = sent.written();
    let mut found = Vec::new();
    if !listed.covers_host(&sent.host) {
        found.push(host_difference(sent, pattern, listed)?);
    }
    if sent.scheme != listed.scheme {
        found.push(Hint::new(
            "scheme",
            format!(
                "{pattern} is listed: {} and {} are different origins",
                sent.scheme, listed.scheme
            ),
        ));
    }
    if listed.port.as_deref() != Some("*") && sent.port != listed.port {
        let named = |port: &Option<String>| {
            port.as_ref()
                .map_or("the default port".to_owned(), |port| format!("port {port}"))
        };
        found.push(Hint::new(
            "port",
            format!(
                "{pattern} is listed, with {}; {origin} has {}",
                named(&listed.port),
                named(&sent.port)
            ),
        ));
    }
    Some(found)
}

fn host_difference(sent: &Loose, pattern: &str, listed: &Loose) -> Option<Hint> {
    let (host, wanted, origin) = (&sent.host, &listed.host, sent.written());
    if let Some(apex) = wanted.strip_prefix("*.") {
        return (host == apex).then(|| {
            Hint::new(
                "apex",
                format!("{pattern} does not cover {apex} itself: list {origin} as well"),
            )
        });
    }
    if LOOPBACK.contains(&host.as_str()) && LOOPBACK.contains(&wanted.as_str()) {
        return Some(Hint::new(
            "loopback",
            format!("{pattern} is listed: to browsers {host} and {wanted} are different origins"),
        ));
    }
    let is_below = |name: &str, parent: &str| {
        name.strip_suffix(parent)
            .is_some_and(|labels| labels.ends_with('.'))
    };
    if host.strip_prefix("www.") == Some(wanted) || wanted.strip_prefix("www.") == Some(host) {
        return Some(Hint::new(
            "www",
            format!("{pattern} is listed: www. makes another origin; list {origin} as well"),
        ));
    }
    if is_below(host, wanted) {
        return Some(Hint::new(
            "subdomain",
            format!(
                "{pattern} covers no sub-domain: list {origin}, or {}://*.{wanted} for all of them",
                sent.scheme
            ),
        ));
    }
    is_below(wanted, host).then(|| {
        Hint::new(
            "parent_domain",
            format!("{pattern} is listed and does not cover its parent: list {origin} as well"),
        )
    })
}

fn of_extension(policy: &Policy, sent: &Loose) -> Option<Hint> {
    let scheme = sent.scheme.as_str();
    if !matches!(
        scheme,
        "chrome-extension" | "moz-extension" | "safari-web-extension"
    ) {
        return None;
    }
    if scheme != "chrome-extension" {
        return Some(Hint::new(
            "extension_class",
            format!(
                "its id differs in every installation: list {scheme}://* to accept all extensions of that browser"
            ),
        ));
    }
    let listed = policy.config().origins;
    let ids: Vec<&str> = listed
        .iter()
        .filter_map(|it| it.strip_prefix("chrome-extension://"))
        .collect();
    let known = if ids.is_empty() {
        "none is".to_owned()
    } else {
        format!("{} is", ids.join(", "))
    };
    Some(Hint::new(
        "extension_id",
        format!(
            "{known} listed; an extension has another id in each store, and another when it is loaded unpacked: list {}",
            sent.written()
        ),
    ))
}

fn code_of(reason: InvalidOrigin) -> &'static str {
    match reason {
        InvalidOrigin::TrailingSlash => "trailing_slash",
        InvalidOrigin::NotBare => "path",
        InvalidOrigin::UpperCase => "upper_case",
        InvalidOrigin::DefaultPort => "default_port",
        InvalidOrigin::TrailingDot => "trailing_dot",
        InvalidOrigin::ChromeExtension => "extension_id",
        _ => "not_an_origin",
    }
}

/// An origin or a pattern in three pieces, read as a person would mean it.
struct Loose {
    scheme: String,
    host: String,
    port: Option<String>,
}

impl Loose {
    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split(['/', '?', '#', '\\']).next()?;
        let is_special =
            scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        let lower = |text: &str| text.to_ascii_lowercase();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let (scheme, host) = (lower(scheme), host.trim_end_matches('.'));
        let is_default =
            |port: &&str| matches!((scheme.as_str(), *port), ("https", "443") | ("http", "80"));
        Some(Self {
            host: if is_special {
                lower(host)
            } else {
                host.to_owned()
            },
            port: port.filter(|port| !is_default(port)).map(str::to_owned),
            scheme,
        })
    }

    fn written(&self) -> String {
        let port = self
            .port
            .as_ref()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        format!("{}://{}{port}", self.scheme, self.host)
    }

    fn covers_host(&self, host: &str) -> bool {
        match self.host.strip_prefix('*') {
            Some(suffix) => host
                .strip_suffix(suffix)
                .is_some_and(|labels| !labels.is_empty()),
            None => self.host == host,
        }
    }
}

/// Origins that differ in more are not a slip.
const MAX_DIFFERENCES: usize = 2;

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
