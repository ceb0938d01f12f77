//! Refusals as gRPC clients read them: HTTP 200 and the status in headers, "Trailers-Only"
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::forget_body;

/// Is this a gRPC call: a POST of `application/grpc`, alone or with `+codec` or parameters? gRPC-Web is HTTP to us: its clients read
/// HTTP statuses.
pub(crate) fn is_call(request: &Parts) -> bool {
    let content_type = request.headers.get(CONTENT_TYPE);
    request.method == Method::POST
        && content_type
            .and_then(|value| value.as_bytes().split_at_checked(MEDIA_TYPE.len()))
            .is_some_and(|(media_type, rest)| {
                media_type.eq_ignore_ascii_case(MEDIA_TYPE.as_bytes())
                    && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
            })
}

/// Makes a refusal one of a gRPC call; challenge, `Retry-After` and CORS headers stay and are metadata.
pub(crate) fn convert<B: From<String>>(response: &mut Response<B>, status: u8, message: &str) {
    *response.status_mut() = StatusCode::OK;
    *response.body_mut() = B::from(String::new());
    let headers = response.headers_mut();
    forget_body(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(GRPC_STATUS, u16::from(status).into());
    let message = utf8_percent_encode(message, UNSAFE_IN_MESSAGE).to_string();
    if let Ok(message) = HeaderValue::try_from(message) {
        headers.insert(GRPC_MESSAGE, message);
    }
}

/// The gRPC status that stands for an answer of the origin gate, or for a failure behind the gate.
pub(crate) const fn status_for(http: StatusCode) -> u8 {
    match http {
        StatusCode::BAD_REQUEST => 3,
        StatusCode::FORBIDDEN => 7,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        _ => 13,
    }
}

const MEDIA_TYPE: &str = "application/grpc";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// `grpc-message` keeps what is visible ASCII or a space, but for `%`; `utf8_percent_encode` itself never keeps what is not ASCII.
const UNSAFE_IN_MESSAGE: &AsciiSet = &CONTROLS.add(b'%');
