//! `PUT` and `DELETE /admin/v1/sessions`: the marketplace pushes and revokes sessions. Ids travel in bodies only.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::Response,
};
use exeat_jose::Clock as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::answer::{self, RequestId};
use crate::{
    exchange::{RETRY_AFTER, Refused, is_json},
    issuer::Service,
    session::{
        InvalidSessionId, NewSession, PutError, Revoke, SessionCredential, SourceError, WrittenId,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutBody {
    session_id: Option<WrittenId>,
    subject: String,
    name: String,
    tenant: String,
    /// Seconds from now: an absolute time would end sessions early or late by the difference of two clocks.
    expires_in: u64,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    read_only: bool,
}

#[derive(Serialize)]
struct PutAnswer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    sid: &'a str,
    expires_at: u64,
}

/// Exactly one of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteBody {
    session_id: Option<WrittenId>,
    subject: Option<String>,
}

#[derive(Serialize)]
struct DeleteAnswer {
    revoked: usize,
}

/// Why an admin request was refused: a status, a code and a sentence.
struct AdminRefusal(StatusCode, &'static str, String);

impl AdminRefusal {
    fn invalid(what: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, "invalid_request", what.into())
    }
}

impl From<Refused> for AdminRefusal {
    fn from(refused: Refused) -> Self {
        Self(refused.status(), refused.code(), refused.title().to_owned())
    }
}

impl From<InvalidSessionId> for AdminRefusal {
    fn from(why: InvalidSessionId) -> Self {
        Self(
            StatusCode::BAD_REQUEST,
            "invalid_session_id",
            why.to_string(),
        )
    }
}

impl From<PutError> for AdminRefusal {
    fn from(why: PutError) -> Self {
        match why {
            PutError::Field { .. } | PutError::Scopes => Self::invalid(why.to_string()),
            PutError::ExpiresAt => Self::invalid("expires_in must be 1 s to 400 days"),
            PutError::Source(why) => Self::from(unavailable(&why)),
            PutError::Random => Self::from(Refused::Internal),
        }
    }
}

pub(super) async fn sessions(
    State(service): State<Arc<Service>>,
    id: RequestId,
    request: Request,
) -> Response {
    let mut response =
        run(&service, request)
            .await
            .unwrap_or_else(|AdminRefusal(status, code, title)| {
                tracing::debug!(code, status = status.as_u16(), "admin request refused");
                let mut response = answer::problem(status, code, &title, &id);
                let headers = response.headers_mut();
                match status {
                    StatusCode::UNAUTHORIZED => {
                        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
                    }
                    StatusCode::METHOD_NOT_ALLOWED => {
                        headers.insert(header::ALLOW, HeaderValue::from_static("PUT, DELETE"))
                    }
                    StatusCode::SERVICE_UNAVAILABLE => {
                        headers.insert(header::RETRY_AFTER, RETRY_AFTER.as_secs().into())
                    }
                    _ => None,
                };
                response
            });
    answer::no_store(&mut response);
    response
}

async fn run(service: &Service, request: Request) -> Result<Response, AdminRefusal> {
    let (parts, body) = request.into_parts();
    authorise(service, &parts.headers)?;
    if !matches!(parts.method, Method::PUT | Method::DELETE) {
        return Err(Refused::MethodNotAllowed.into());
    }
    if !is_json(&parts.headers) {
        return Err(Refused::UnsupportedMediaType.into());
    }
    let body = answer::read_body(body).await?;
    if parts.method == Method::PUT {
        put(service, parse(&body)?).await
    } else {
        delete(service, parse(&body)?).await
    }
}

/// Exactly one `Authorization: Bearer` with the admin token. A signed token of this service is not it.
fn authorise(service: &Service, headers: &HeaderMap) -> Result<(), AdminRefusal> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let presented = match (lines.next(), lines.next()) {
        (Some(only), None) => only.as_bytes().split_at_checked("Bearer ".len()),
        _ => None,
    };
    let passes = presented.is_some_and(|(scheme, token)| {
        scheme.eq_ignore_ascii_case(b"Bearer ")
            && service
                .admin_token
                .as_ref()
                .is_some_and(|expected| expected.matches(token))
    });
    if passes {
        Ok(())
    } else {
        Err(AdminRefusal(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the admin token is missing or wrong".to_owned(),
        ))
    }
}

async fn put(service: &Service, body: PutBody) -> Result<Response, AdminRefusal> {
    let now = service.sessions.clock.now();
    let expires_at = now.saturating_add(Duration::from_secs(body.expires_in));
    let mut session = NewSession::new(body.subject, body.name, body.tenant, expires_at)
        .with_read_only(body.read_only);
    if let Some(id) = &body.session_id {
        session = session.with_id(id.parse()?);
    }
    if let Some(scopes) = body.scopes {
        session = session.with_scopes(scopes);
    }
    let put = service.sessions.put(session).await?;
    let status = if put.replaced {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    tracing::info!(sid = put.sid, replaced = put.replaced, "session pushed");
    Ok(answer::json(
        status,
        &PutAnswer {
            session_id: put.generated_id.as_ref().map(SessionCredential::expose),
            sid: &put.sid,
            expires_at: put.expires_at.as_secs(),
        },
    ))
}

async fn delete(service: &Service, body: DeleteBody) -> Result<Response, AdminRefusal> {
    let which = match (body.session_id, body.subject) {
        (Some(id), None) => Revoke::Id(id.parse()?),
        (None, Some(subject)) => Revoke::Subject(subject),
        _ => return Err(AdminRefusal::invalid("give either session_id or subject")),
    };
    let revoked = service
        .sessions
        .revoke(which)
        .await
        .map_err(|why| unavailable(&why))?;
    tracing::info!(revoked, "sessions revoked");
    Ok(answer::json(StatusCode::OK, &DeleteAnswer { revoked }))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, AdminRefusal> {
    answer::object(body)
        .ok_or_else(|| AdminRefusal::invalid("the body is not what this method takes"))
}

fn unavailable(why: &SourceError) -> Refused {
    let error: &dyn std::error::Error = why;
    tracing::warn!(error, "session source could not answer");
    Refused::SessionSourceUnavailable
}
