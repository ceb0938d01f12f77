use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::MAX_BODY;

/// What goes wrong with one answer of a [`super::FakeIssuer`].
///
/// ```
/// use exeat::testkit::{FakeIssuer, Fault};
///
/// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
/// // A bad morning: then all is well again.
/// issuer.next_answers([Fault::Hang, Fault::Status(503), Fault::Garbage]);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The request is taken, and nothing ever comes back.
    Hang,
    /// The connection is reset before an answer.
    Reset,
    /// The first line comes at once, the rest only after this time. In process: the whole answer.
    SlowHeaders(Duration),
    /// The right answer, one byte each so much time.
    DrippingBody(Duration),
    /// The connection ends in the middle of the body.
    Truncated,
    /// The keys in a document larger than a gate reads.
    Huge,
    /// A few kilobytes that unfold to megabytes.
    GzipBomb,
    /// Bytes that are no JSON.
    Garbage,
    /// JSON, and every member of the wrong type.
    IllTyped,
    /// A page for people with status 200, as a captive portal or a maintenance page sends it.
    WrongType,
    /// A key set without a key.
    NoKeys,
    /// 302 to another place that has the keys.
    Redirect,
    /// This status, with an empty body. A number that is no status (100 to 999) is sent as 500.
    Status(u16),
    /// 429 with this `Retry-After`, in whole seconds.
    TooManyRequests(Duration),
    /// Status 200 with this body.
    Body(String),
}

/// An answer, and how it is delivered.
pub(super) struct Answer {
    pub(super) response: Response<Bytes>,
    pub(super) delivery: Delivery,
}

/// How an answer reaches the other side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Delivery {
    Whole,
    Never,
    Reset,
    SlowHeaders(Duration),
    DrippingBody(Duration),
    Truncated,
    /// A [`gzip_bomb`] instead of the answer, made only where it is sent.
    Unfolding,
}

impl Answer {
    pub(super) fn whole(response: Response<Bytes>) -> Self {
        Self {
            response,
            delivery: Delivery::Whole,
        }
    }
}

impl Fault {
    /// Spoils a good answer.
    pub(super) fn spoil(self, good: Response<Bytes>) -> Answer {
        let delivered = |response, delivery| Answer { response, delivery };
        match self {
            Self::Hang => delivered(good, Delivery::Never),
            Self::Reset => delivered(good, Delivery::Reset),
            Self::SlowHeaders(wait) => delivered(good, Delivery::SlowHeaders(wait)),
            Self::DrippingBody(pause) => delivered(good, Delivery::DrippingBody(pause)),
            Self::Truncated => delivered(good, Delivery::Truncated),
            Self::Huge => Answer::whole(good.map(|body| padded(&body))),
            Self::GzipBomb => delivered(good, Delivery::Unfolding),
            Self::Garbage => ok(&b"\x00\xff{\"keys\":["[..], JSON),
            Self::IllTyped => ok(r#"{"issuer":1,"jwks_uri":[],"keys":{"kty":true}}"#, JSON),
            Self::WrongType => ok("<!DOCTYPE html><title>Back soon</title>", "text/html"),
            Self::NoKeys => ok(r#"{"keys":[]}"#, JSON),
            Self::Redirect => Answer::whole(with_header(
                status(StatusCode::FOUND),
                LOCATION,
                HeaderValue::from_static("/elsewhere"),
            )),
            Self::Status(code) => Answer::whole(status(
                StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            )),
            Self::TooManyRequests(wait) => Answer::whole(with_header(
                status(StatusCode::TOO_MANY_REQUESTS),
                RETRY_AFTER,
                wait.as_secs().into(),
            )),
            Self::Body(body) => ok(body, JSON),
        }
    }
}

const JSON: &str = "application/json";

/// JSON allows any amount of space behind a document.
fn padded(body: &Bytes) -> Bytes {
    let mut padded = body.to_vec();
    padded.resize(body.len().max(MAX_BODY) + 1, b' ');
    padded.into()
}

/// Small as sent, over the limit as read.
pub(super) fn gzip_bomb() -> Response<Bytes> {
    let zeros = vec![0; 64 * MAX_BODY];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; what would be missing then is missing from a bomb.
    let _ = encoder.write_all(&zeros);
    let body = encoder.finish().unwrap_or_default();
    with_header(
        Response::new(body.into()),
        CONTENT_ENCODING,
        HeaderValue::from_static("gzip"),
    )
}

fn ok(body: impl Into<Bytes>, media_type: &'static str) -> Answer {
    Answer::whole(with_header(
        Response::new(body.into()),
        CONTENT_TYPE,
        HeaderValue::from_static(media_type),
    ))
}

fn status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

fn with_header(
    mut response: Response<Bytes>,
    name: HeaderName,
    value: HeaderValue,
) -> Response<Bytes> {
    response.headers_mut().insert(name, value);
    response
}
