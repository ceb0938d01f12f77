//! `RawConfig` → `Config`: every problem at once.

mod alias;
pub(super) mod audience;
mod proxies;

use std::{
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use exeat_cors::{Policy, PolicyConfig};
use exeat_jose::Algorithm;
use http::HeaderName;

use super::{
    Config, ConfigError, ConfigErrors, IssuerUrl, KeysConfig, RawConfig, RawKeys, RawSessionSource,
    span,
};
use crate::carrier::Carrier;

const DEFAULT_CARRIERS: [&str; 4] = [
    "cookie:__Host-Http-sid",
    "authorization-session",
    "header:X-Session-Id",
    "body",
];
const DEFAULT_CSRF_HEADER: &str = "X-Requested-By";
const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
const DEFAULT_ADMIN_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8081);
const DEFAULT_KEY_DIRECTORY: &str = "keys";
const DEFAULT_DATABASE: &str = "sqlite:exeat.db";
const DEFAULT_JWKS_MAX_AGE: Duration = Duration::from_mins(5);
const DEFAULT_SKEW: Duration = Duration::from_mins(1);

const JWKS_MAX_AGE: RangeInclusive<Duration> = Duration::from_secs(15)..=Duration::from_hours(24);
const SKEW: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_mins(10);
/// Headers of CORS-safelisted requests (Fetch), and one that browsers add by themselves.
const SENT_WITHOUT_PREFLIGHT: [&str; 6] = [
    "accept",
    "accept-language",
    "content-language",
    "content-type",
    "range",
    "origin",
];
/// Most bytes in an audience id, an `aud` and a tenant name.
const MAX_NAME_LEN: usize = 256;

/// Where keys and sessions are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Storage {
    Files,
    Memory,
}

pub(super) fn config(
    raw: RawConfig,
    base_dir: &Path,
    storage: Storage,
) -> Result<Config, ConfigErrors> {
    let mut problems = Problems::default();
    let issuer = issuer(raw.issuer.as_deref(), &mut problems);
    let carriers = carriers(raw.carriers, &mut problems);
    let csrf_header = csrf_header(raw.csrf_header.as_deref(), &mut problems);
    let admin_token_file = raw.admin_token_file.filter(|path| !path.is_empty());
    if admin_token_file.is_none() && storage == Storage::Files {
        problems.add(
            "admin_token_file",
            "missing: sessions arrive through the admin listener, which needs a bearer token; make one with \
             `(umask 077; openssl rand -hex 32 > admin.token)` and name its file here",
        );
    }
    let listen = address(
        "server.listen",
        raw.server.listen.as_deref(),
        DEFAULT_LISTEN,
        &mut problems,
    );
    let admin_listen = address(
        "server.admin_listen",
        raw.server.admin_listen.as_deref(),
        DEFAULT_ADMIN_LISTEN,
        &mut problems,
    );
    if listen == admin_listen && listen.port() != 0 {
        problems.add(
            "server.admin_listen",
            "is the public listener's address: sessions could be pushed by anyone who reaches it",
        );
    }
    let trusted_proxies = proxies::trusted_proxies(&raw.server, &mut problems);
    let keys = keys(&raw.keys, base_dir, &mut problems);
    let database = database(&raw.session_source, base_dir, &mut problems);
    let session_source = raw
        .session_source
        .into_iter()
        .next()
        .and_then(|source| source.id);
    let own_origin = issuer.as_ref().map(|issuer| issuer.origin.as_str());
    let audiences = audience::audiences(&raw.audience, own_origin, &keys.algs, &mut problems);
    let issuer_path = issuer.as_ref().map_or("", |issuer| issuer.path.as_str());
    let aliases = alias::aliases(&raw.alias, &raw.audience, issuer_path, &mut problems);

    match (issuer, csrf_header) {
        (Some(issuer), Some(csrf_header)) if problems.0.is_empty() => Ok(Config {
            issuer,
            carriers,
            csrf_header,
            admin_token_file: admin_token_file.map(|path| base_dir.join(path)),
            listen,
            admin_listen,
            trusted_proxies,
            aliases,
            keys,
            database,
            session_source,
            audiences,
        }),
        _ => Err(ConfigErrors(problems.0)),
    }
}

#[derive(Default)]
struct Problems(Vec<ConfigError>);

impl Problems {
    fn add(&mut self, key: impl Into<String>, problem: impl Into<String>) {
        self.0.push(ConfigError {
            key: key.into(),
            problem: problem.into(),
        });
    }
}

fn issuer(text: Option<&str>, problems: &mut Problems) -> Option<IssuerUrl> {
    let Some(text) = text else {
        problems.add(
            "issuer",
            "missing: the https URL of this service, e.g. \"https://market.example.com\"",
        );
        return None;
    };
    match issuer_url(text) {
        Ok(issuer) => Some(issuer),
        Err(problem) => {
            problems.add("issuer", problem);
            None
        }
    }
}

fn issuer_url(text: &str) -> Result<IssuerUrl, String> {
    let url = url::Url::parse(text).map_err(|why| format!("not a URL: {why}"))?;
    let on_loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err("names no host".to_owned()),
    };
    match url.scheme() {
        "https" => {}
        "http" if on_loopback => {}
        "http" => return Err("must be https; http is for loopback hosts only".to_owned()),
        _ => return Err("must be an https URL".to_owned()),
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("must have no user, query or fragment (RFC 8414 §2)".to_owned());
    }
    let path = url.path().trim_end_matches('/');
    // The router reads braces, asterisks and leading colons; under the well-known path the metadata would meet itself.
    if path.contains(['{', '}', '*', '%'])
        || path.contains("//")
        || path.contains("/:")
        || path.starts_with("/.well-known")
    {
        return Err("has a path that cannot be routed".to_owned());
    }
    let origin = url.origin().ascii_serialization();
    // Verifiers compare `iss` byte by byte, so only one spelling may be written.
    let canonical = format!("{origin}{path}");
    if text != canonical {
        return Err(format!(
            "write it as \"{canonical}\": verifiers compare it byte by byte"
        ));
    }
    Ok(IssuerUrl {
        text: canonical,
        origin,
        path: path.to_owned(),
    })
}

fn carriers(words: Option<Vec<String>>, problems: &mut Problems) -> Vec<Carrier> {
    let words = words.unwrap_or_else(|| DEFAULT_CARRIERS.map(str::to_owned).to_vec());
    if words.is_empty() {
        problems.add("carriers", "empty: no request could name its session");
    }
    let mut carriers: Vec<Carrier> = Vec::with_capacity(words.len());
    for (position, word) in words.iter().enumerate() {
        let key = format!("carriers[{position}]");
        match Carrier::parse(word) {
            Some(carrier) if carriers.contains(&carrier) => problems.add(key, "given twice"),
            Some(Carrier::Header(name)) if !pages_can_send(&name) => {
                problems.add(key, "pages cannot send this header");
            }
            Some(carrier) => carriers.push(carrier),
            None => problems.add(
                key,
                "expected cookie:<name>, authorization-session, header:<Name> or body",
            ),
        }
    }
    carriers
}

fn csrf_header(name: Option<&str>, problems: &mut Problems) -> Option<HeaderName> {
    let name = name.unwrap_or(DEFAULT_CSRF_HEADER);
    let problem = match HeaderName::from_bytes(name.as_bytes()) {
        Err(_) => "not a header name",
        Ok(name) if SENT_WITHOUT_PREFLIGHT.contains(&name.as_str()) => {
            "browsers send this header without a preflight, so it proves nothing; use X-Requested-By"
        }
        Ok(name) if !pages_can_send(&name) => "pages cannot send this header; use X-Requested-By",
        Ok(name) => return Some(name),
    };
    problems.add("csrf_header", problem);
    None
}

/// Is it a name that a preflight may allow (not `Cookie`, `Host`, `Sec-*` …)?
fn pages_can_send(name: &HeaderName) -> bool {
    Policy::try_from(PolicyConfig {
        origins: vec!["https://page.example".to_owned()],
        request_headers: vec![name.to_string()],
        ..PolicyConfig::default()
    })
    .is_ok()
}

fn address(
    key: &str,
    text: Option<&str>,
    default: SocketAddr,
    problems: &mut Problems,
) -> SocketAddr {
    text.map_or(default, |text| {
        text.parse().unwrap_or_else(|_| {
            problems.add(
                key,
                "expected address:port, e.g. \"127.0.0.1:8080\" or \"[::1]:8080\"",
            );
            default
        })
    })
}

fn duration(
    key: impl Into<String>,
    text: Option<&str>,
    default: Duration,
    range: &RangeInclusive<Duration>,
    problems: &mut Problems,
) -> Duration {
    let Some(text) = text else { return default };
    match span::parse(text) {
        Some(span) if range.contains(&span) => span,
        Some(_) => {
            problems.add(
                key,
                format!(
                    "must be {} to {}",
                    span::show(*range.start()),
                    span::show(*range.end())
                ),
            );
            default
        }
        None => {
            problems.add(
                key,
                "expected a whole number and a unit: s, m, h or d, e.g. \"5m\"",
            );
            default
        }
    }
}

/// The algorithms tokens can be signed with.
fn signing_algorithm(name: &str) -> Option<Algorithm> {
    [Algorithm::Es256, Algorithm::Rs256]
        .into_iter()
        .find(|alg| alg.name() == name)
}

fn keys(raw: &RawKeys, base_dir: &Path, problems: &mut Problems) -> KeysConfig {
    let algs = raw.algs.as_ref().map_or_else(
        || vec![Algorithm::Es256, Algorithm::Rs256],
        |names| {
            let mut algs = Vec::with_capacity(names.len());
            if names.is_empty() {
                problems.add("keys.algs", "empty: nothing could be signed");
            }
            for (position, name) in names.iter().enumerate() {
                match signing_algorithm(name) {
                    Some(alg) if algs.contains(&alg) => {
                        problems.add(format!("keys.algs[{position}]"), "given twice");
                    }
                    Some(alg) => algs.push(alg),
                    None => {
                        problems.add(format!("keys.algs[{position}]"), "expected ES256 or RS256");
                    }
                }
            }
            algs
        },
    );
    let directory = raw.directory.as_deref().unwrap_or(DEFAULT_KEY_DIRECTORY);
    if directory.is_empty() {
        problems.add("keys.directory", "empty");
    }
    KeysConfig {
        algs,
        directory: base_dir.join(directory),
        jwks_max_age: duration(
            "keys.jwks_max_age",
            raw.jwks_max_age.as_deref(),
            DEFAULT_JWKS_MAX_AGE,
            &JWKS_MAX_AGE,
            problems,
        ),
        skew: duration(
            "keys.skew",
            raw.skew.as_deref(),
            DEFAULT_SKEW,
            &SKEW,
            problems,
        ),
    }
}

fn database(sources: &[RawSessionSource], base_dir: &Path, problems: &mut Problems) -> PathBuf {
    if sources.len() > 1 {
        problems.add("session_source[1]", "only one session source can be used");
    }
    let source = sources.first();
    if let Some(source) = source {
        match source.kind.as_deref() {
            Some("pushed") => {}
            Some(_) => problems.add("session_source[0].kind", "expected \"pushed\""),
            None => problems.add("session_source[0].kind", "missing: \"pushed\""),
        }
        if source.id.as_deref().is_some_and(|id| !is_name(id)) {
            problems.add(
                "session_source[0].id",
                "must be 1 to 256 bytes without control characters",
            );
        }
    }
    let text = source
        .and_then(|source| source.database.as_deref())
        .unwrap_or(DEFAULT_DATABASE);
    match text
        .strip_prefix("sqlite:")
        .map(|file| file.strip_prefix("//").unwrap_or(file))
    {
        Some(file) if !file.is_empty() && file != ":memory:" && !file.contains('?') => {
            base_dir.join(file)
        }
        _ => {
            problems.add(
                "session_source[0].database",
                "expected sqlite:<file>, e.g. \"sqlite:exeat.db\"",
            );
            PathBuf::new()
        }
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_LEN).contains(&text.len()) && !text.chars().any(char::is_control)
}
