//! The exchange: one pipeline behind every dialect, in a fixed order.
//!
//! ```text
//! size → method, media type → Origin in the union, Sec-Fetch-Site → carriers → CSRF     admit: headers alone
//! body, audience → Origin in the audience's list → session → tenant → scopes → claims → exp → sign     issue
//! ```

mod refused;

use std::{sync::Arc, time::Duration};

use exeat_cors::{Decision, Policy, Refusal};
use exeat_jose::{Clock, Scope, SignedToken, Typ};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use tracing::field::Empty;

pub(crate) use refused::{RETRY_AFTER, Refused};

use crate::{
    audience::{Audience, Shape},
    carrier::{self, Carrier, Presented},
    jwks::KeySnapshots,
    meter::Meter,
    mint::{self, Grant, JTI_LEN, Life, MIN_LIFE, TooLate},
    random::Random,
    scope,
    session::{
        Session, SessionCredential, SessionLookup, SessionSecrets, SessionSource, SourceError,
    },
};

/// Most bytes of a request body.
pub(crate) const MAX_BODY: usize = 16 * 1024;
/// How long a session look-up may take.
pub(crate) const LOOKUP_TIMEOUT: Duration = Duration::from_millis(800);
/// Tokens over this many bytes are warned of: some servers refuse headers of 8 KiB in all.
const WARN_TOKEN_LEN: usize = 2 * 1024;
/// Tokens over this many bytes are not handed out.
pub(crate) const MAX_TOKEN_LEN: usize = 4 * 1024;
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Everything an exchange needs.
pub(crate) struct Exchange {
    pub(crate) issuer: String,
    /// The service's own origin, from the configuration.
    pub(crate) own_origin: String,
    pub(crate) carriers: Vec<Carrier>,
    pub(crate) csrf_header: HeaderName,
    pub(crate) audiences: Vec<Audience>,
    /// CORS over the union of all audiences' origins.
    pub(crate) policy: Policy,
    pub(crate) skew: Duration,
    pub(crate) keys: KeySnapshots,
    pub(crate) secrets: Arc<SessionSecrets>,
    pub(crate) source: Arc<dyn SessionSource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) meter: Meter,
}

/// What a path lets pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Door {
    /// Index of the only audience this path mints for.
    pub(crate) audience: Option<usize>,
    pub(crate) csrf: Csrf,
}

/// What proves that a request with a session cookie was meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Csrf {
    /// The configured header.
    Header,
    /// The header, or our own Origin, or no browser at all: `AppDirect`'s client sends no header.
    WaivedForOwnOrigin,
}

/// What a dialect asks for.
#[derive(Debug, Default)]
pub(crate) struct ExchangeRequest {
    pub(crate) audience: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) ttl: Option<Duration>,
    /// The claims profile the client counts on.
    pub(crate) profile: Option<String>,
    /// The session id of the body.
    pub(crate) session: Option<Presented>,
}

/// A request whose headers passed. Only [`Exchange::admit`] makes one.
#[derive(Debug)]
pub(crate) struct Admitted {
    origin: Option<HeaderValue>,
    presented: Option<Presented>,
    door: Door,
}

/// A token and what its client should know about it.
pub(crate) struct Issued {
    pub(crate) token: SignedToken,
    pub(crate) life: Life,
    /// The audience's `id`.
    pub(crate) audience: String,
    pub(crate) scope: Option<String>,
}

impl Exchange {
    /// The CORS decision about a request. Our own origin is decided here, so that it also holds when no other is listed.
    pub(crate) fn decide(&self, method: &Method, headers: &HeaderMap) -> Decision {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (Some(only), None) if self.is_own(only) => Decision::Plain,
            _ => exeat_cors::decide(&self.policy, method, headers),
        }
    }

    /// One exchange from its first byte to its outcome, whatever the dialect: span, metric and event. Preflights are none.
    #[tracing::instrument(name = "issuer.exchange", level = "debug", skip_all, fields(outcome = Empty))]
    pub(crate) async fn observed<T>(
        &self,
        exchange: impl Future<Output = Result<T, Refused>>,
    ) -> Result<T, Refused> {
        let begun = self.meter.begun();
        let result = exchange.await;
        let outcome = result.as_ref().map(|_| ()).map_err(|refused| *refused);
        self.meter.exchanged(outcome, &begun);
        let word = outcome.map_or_else(Refused::code, |()| "issued");
        tracing::Span::current().record("outcome", word);
        if let Err(refused) = outcome {
            // Strangers can cause it, so it is not louder than debug.
            let (code, status) = (refused.code(), refused.status().as_u16());
            tracing::debug!(code, status, "exchange refused");
        }
        result
    }

    /// What headers alone decide, in order. The body's size is checked before.
    pub(crate) fn admit(
        &self,
        parts: &Parts,
        decision: &Decision,
        door: Door,
    ) -> Result<Admitted, Refused> {
        if parts.method != Method::POST {
            return Err(Refused::MethodNotAllowed);
        }
        if !is_json(&parts.headers) {
            return Err(Refused::UnsupportedMediaType);
        }
        let origin = self.admit_origin(&parts.headers, decision)?;
        let presented = carrier::from_headers(&self.carriers, &parts.headers)
            .map_err(|carrier::Ambiguous| Refused::AmbiguousSession)?;
        if presented
            .as_ref()
            .is_some_and(|presented| presented.by_cookie)
            && !self.is_meant(&parts.headers, door.csrf)
        {
            return Err(Refused::CsrfHeaderMissing);
        }
        Ok(Admitted {
            origin,
            presented,
            door,
        })
    }

    /// The rest of the pipeline, once the body is understood.
    pub(crate) async fn issue(
        &self,
        admitted: Admitted,
        request: ExchangeRequest,
    ) -> Result<Issued, Refused> {
        let Admitted {
            origin,
            presented,
            door,
        } = admitted;
        let presented = match (presented, request.session) {
            (Some(_), Some(_)) => return Err(Refused::AmbiguousSession),
            (headers, body) => headers.or(body),
        };
        let audience = self.audience(door, request.audience.as_deref())?;
        if request
            .profile
            .is_some_and(|wanted| wanted != audience.profile.name())
        {
            return Err(Refused::InvalidRequest(
                "the audience has another claims_profile",
            ));
        }
        let wanted = request
            .scope
            .as_deref()
            .map(Scope::parse)
            .transpose()
            .map_err(|_| Refused::InvalidScope)?;
        if origin.is_some_and(|origin| !audience.allows_origin(&origin)) {
            return Err(Refused::OriginNotAllowed);
        }
        let credential = presented
            .and_then(|presented| presented.credential)
            .ok_or(Refused::NoSession)?;
        let session = self.session(&credential).await?;
        if !audience.tenants.contains(&session.tenant) {
            return Err(Refused::AudienceNotAllowed);
        }
        let read_only = audience.read_only || session.read_only;
        if audience.shape == Shape::Strict && read_only {
            // The token could not say so, and the API would take writes from it.
            return Err(Refused::AudienceNotAllowed);
        }
        let scopes = grant_scopes(audience, &session, wanted, read_only)?;
        let ttl = request
            .ttl
            .map_or(audience.ttl, |ttl| ttl.min(audience.ttl));
        let grant = Grant {
            issuer: &self.issuer,
            audience,
            session: &session,
            sid: self.secrets.sid(&credential),
            scopes,
            read_only,
            ttl,
        };
        self.sign(&grant)
    }

    /// A present Origin must be our own or listed somewhere; a request that a browser says comes from elsewhere must have one.
    fn admit_origin(
        &self,
        headers: &HeaderMap,
        decision: &Decision,
    ) -> Result<Option<HeaderValue>, Refused> {
        if matches!(decision, Decision::Refuse(Refusal::MultipleOrigin)) {
            return Err(Refused::MultipleOrigin);
        }
        let origin = headers.get(header::ORIGIN);
        match (decision, origin) {
            (Decision::Cors { .. }, _) | (Decision::Plain, None) => {}
            (Decision::Plain, Some(origin)) if self.is_own(origin) => {}
            _ => return Err(Refused::OriginNotAllowed),
        }
        let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
        if origin.is_none() && sites.any(|site| site.as_bytes() != b"same-origin") {
            return Err(Refused::FetchMetadata);
        }
        Ok(origin.cloned())
    }

    fn is_own(&self, origin: &HeaderValue) -> bool {
        origin.as_bytes() == self.own_origin.as_bytes()
    }

    /// Was a request with a cookie sent on purpose, not by a page that rides on it?
    fn is_meant(&self, headers: &HeaderMap, rule: Csrf) -> bool {
        if headers
            .get(&self.csrf_header)
            .is_some_and(|value| !value.is_empty())
        {
            return true;
        }
        let own_or_no_browser = || match headers.get(header::ORIGIN) {
            Some(origin) => self.is_own(origin),
            None => !headers.contains_key(SEC_FETCH_SITE),
        };
        rule == Csrf::WaivedForOwnOrigin && own_or_no_browser()
    }

    fn audience(&self, door: Door, wanted: Option<&str>) -> Result<&Audience, Refused> {
        let found = match (door.audience, wanted) {
            (Some(bound), wanted) => self
                .audiences
                .get(bound)
                .filter(|audience| wanted.is_none_or(|wanted| wanted == audience.id)),
            (None, Some(wanted)) => self.audiences.iter().find(|audience| audience.id == wanted),
            (None, None) => None,
        };
        found.ok_or(Refused::UnknownAudience)
    }

    async fn session(&self, credential: &SessionCredential) -> Result<Session, Refused> {
        let key = self.secrets.key(credential);
        let begun = self.meter.begun();
        let lookup = self.source.lookup(&key, self.clock.now());
        let answer = tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await;
        let answer = answer.unwrap_or(Err(SourceError::Timeout));
        self.meter.looked_up(&answer, &begun);
        match answer {
            Ok(SessionLookup::Live(session)) => Ok(session),
            Ok(SessionLookup::Absent) => Err(Refused::NoSession),
            Ok(SessionLookup::Expired) => Err(Refused::SessionExpired),
            Ok(SessionLookup::Revoked) => Err(Refused::SessionRevoked),
            Err(why) => {
                let error: &dyn std::error::Error = &why;
                tracing::warn!(error, "session source could not answer");
                Err(Refused::SessionSourceUnavailable)
            }
        }
    }

    fn sign(&self, grant: &Grant<'_>) -> Result<Issued, Refused> {
        let now = self.clock.now();
        let snapshot = self.keys.current(now);
        let active = snapshot
            .active(grant.audience.alg)
            .ok_or(Refused::NoSigningKey)?;
        let key_end = active.ends_at.map(|end| end.saturating_sub(self.skew));
        let life =
            Life::clamp(grant.ttl, grant.session.expires_at, key_end, now).map_err(|late| {
                match late {
                    TooLate::Session => Refused::SessionExpired,
                    TooLate::Key => Refused::NoSigningKey,
                }
            })?;
        let mut jti = [0; JTI_LEN];
        self.random.fill(&mut jti).map_err(|_| Refused::Internal)?;
        let claims = mint::mint(grant, life, jti);
        let begun = self.meter.begun();
        let signed = active.key.sign(Typ::Jwt, &claims);
        self.meter.signed(grant.audience.alg, &begun);
        let token = signed.map_err(|why| {
            let error: &dyn std::error::Error = &why;
            tracing::error!(error, kid = %active.key.key_id(), "signing failed");
            Refused::Internal
        })?;
        let len = token.as_str().len();
        if len > MAX_TOKEN_LEN {
            tracing::error!(
                audience = grant.audience.id,
                len,
                max = MAX_TOKEN_LEN,
                "token too large, not handed out"
            );
            return Err(Refused::TokenTooLarge);
        }
        if len > WARN_TOKEN_LEN {
            tracing::warn!(
                audience = grant.audience.id,
                len,
                "token is large: servers may refuse its header"
            );
        }
        tracing::info!(audience = grant.audience.id, kid = %active.key.key_id(), sid = grant.sid, "token issued");
        self.meter.issued(&grant.audience.id);
        Ok(Issued {
            token,
            life,
            audience: grant.audience.id.clone(),
            scope: grant.scopes.to_claim(),
        })
    }
}

/// A requested lifetime in seconds; what is over the audience's is clamped later.
pub(crate) fn requested_ttl(seconds: u64) -> Result<Duration, Refused> {
    let ttl = Duration::from_secs(seconds);
    if ttl < MIN_LIFE {
        Err(Refused::InvalidRequest("ttl is at least 10 seconds"))
    } else {
        Ok(ttl)
    }
}

/// `application/json`, alone or with `charset=utf-8`, once.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (lines.next(), lines.next()) else {
        return false;
    };
    let Ok(text) = only.to_str() else {
        return false;
    };
    let (essence, parameter) = text
        .split_once(';')
        .map_or((text, None), |(essence, parameter)| {
            (essence, Some(parameter))
        });
    let charset_fits = parameter.is_none_or(|parameter| {
        let parameter = parameter.trim().to_ascii_lowercase();
        parameter == "charset=utf-8" || parameter == "charset=\"utf-8\""
    });
    essence.trim().eq_ignore_ascii_case("application/json") && charset_fits
}

/// What was asked for, of what the audience knows, of what the session has, of what a read-only token may keep.
fn grant_scopes(
    audience: &Audience,
    session: &Session,
    wanted: Option<Scope>,
    read_only: bool,
) -> Result<Scope, Refused> {
    if wanted
        .as_ref()
        .is_some_and(|wanted| wanted.iter().any(|name| !audience.scopes.contains(name)))
    {
        return Err(Refused::InvalidScope);
    }
    let asked = wanted.is_some();
    let granted = wanted
        .unwrap_or_else(|| audience.scopes.clone())
        .retain(|name| {
            session
                .scopes
                .as_ref()
                .is_none_or(|scopes| scopes.contains(name))
                && (!read_only || scope::is_read_only(name))
        });
    if asked && granted.is_empty() {
        Err(Refused::ScopeDenied)
    } else {
        Ok(granted)
    }
}
