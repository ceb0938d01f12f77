//! What a request is answered with when the service behind a layer gives no response.

#[cfg(test)]
mod tests;

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

/// How a layer answers in place of a service that fails or panics: pages can read nothing that has no CORS headers, so a layer that adds
/// them must turn everything into a response.
///
/// An `Err` is 500 `internal_error`, or 503 `unavailable` with `Retry-After` if [`Self::with_temporary`] knows it; a panic while the
/// service is called or polled is 500. The sender learns no more than that, the log has the message.
///
/// Out of reach: what happens after the headers were sent (a body that fails while it is streamed), and every panic of a program that is
/// built with `panic = "abort"`.
#[derive(Clone)]
pub struct Failures {
    temporary: Option<Arc<Temporary>>,
    catches_panics: bool,
}

/// For how long an error lasts, if it passes by itself.
type Temporary = dyn Fn(&(dyn Error + 'static)) -> Option<Duration> + Send + Sync;

impl Failures {
    /// Says which errors pass by themselves, such as time-outs and load shedding, and how long to wait before another attempt makes
    /// sense. In place of what was said before; default: none does.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// #[derive(Debug, thiserror::Error)]
    /// #[error("no connection is free")]
    /// struct PoolExhausted;
    ///
    /// let failures = exeat_cors::Failures::default()
    ///     .with_temporary(|error| error.is::<PoolExhausted>().then_some(Duration::from_secs(2)));
    /// assert_eq!(failures.of_error(PoolExhausted).status(), 503);
    /// assert_eq!(failures.of_error("broken").status(), 500);
    /// ```
    #[must_use]
    pub fn with_temporary(
        mut self,
        retry_after: impl Fn(&(dyn Error + 'static)) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.temporary = Some(Arc::new(retry_after));
        self
    }

    /// Lets panics pass: the connection is then closed, and the page sees a network error. For programs that end with their first panic.
    #[must_use]
    pub fn without_catching_panics(mut self) -> Self {
        self.catches_panics = false;
        self
    }

    /// Runs a step of a service.
    ///
    /// # Errors
    /// It panicked. What it was working on must then be dropped, not used.
    pub fn guard<T>(&self, step: impl FnOnce() -> T) -> Result<T, Failure> {
        if self.catches_panics {
            // The caller drops what the panic may have left half done.
            catch_unwind(AssertUnwindSafe(step)).map_err(|payload| Failure::of_panic(&*payload))
        } else {
            Ok(step())
        }
    }

    /// The failure that is this error. If reading the error panics, in its text or in what [`Self::with_temporary`] asks, it is that panic.
    pub fn of_error(&self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        let read = || {
            let error = error.into();
            let temporary = self.temporary.as_ref();
            Failure {
                retry_after: temporary.and_then(|temporary| temporary(&*error)),
                is_panic: false,
                message: bounded(&error),
            }
        };
        self.guard(read).unwrap_or_else(|failure| failure)
    }
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            temporary: None,
            catches_panics: true,
        }
    }
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failures")
            .field("catches_panics", &self.catches_panics)
            .finish_non_exhaustive()
    }
}

/// A service that gave no response: made by [`Failures`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    retry_after: Option<Duration>,
    is_panic: bool,
    message: String,
}

impl Failure {
    fn of_panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&'static str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self {
            retry_after: None,
            is_panic: true,
            message: bounded(&text.unwrap_or("not a text")),
        }
    }

    /// 500 or 503.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.retry_after {
            Some(_) => StatusCode::SERVICE_UNAVAILABLE,
            None => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A stable word for logs and for the `code` of the answer's body: `internal_error` or `unavailable`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.retry_after {
            Some(_) => "unavailable",
            None => "internal_error",
        }
    }

    /// The `title` of the answer's body: all that the sender learns.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        match self.retry_after {
            Some(_) => "The service has no time for this request now",
            None => "Internal error",
        }
    }

    /// Does it pass by itself, so that another attempt makes sense?
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        self.retry_after.is_some()
    }

    /// Was it a panic?
    #[must_use]
    pub const fn is_panic(&self) -> bool {
        self.is_panic
    }

    /// The text of the error or the panic, for a log and never for an answer: at most [`MAX_FAILURE_MESSAGE`] bytes, and in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Problem details (RFC 9457 §3), without what the layers add to every response.
    #[must_use]
    pub fn answer(&self) -> Response<String> {
        let (status, code, title) = (self.status(), self.code(), self.sentence());
        // Fixed text only: nothing to escape.
        let mut answer = Response::new(format!(
            r#"{{"type":"about:blank","title":"{title}","status":{},"code":"{code}"}}"#,
            status.as_u16()
        ));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(retry_after) = self.retry_after {
            // Rounded up: a client that waits as told is not early.
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, seconds.max(1).into());
        }
        answer
    }
}

/// As much of a text as may stand in a log.
fn bounded(text: &impl fmt::Display) -> String {
    let mut line = Line(String::new());
    // The end of the room is no error.
    let _ = write!(line, "{text}");
    line.0
}

struct Line(String);

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let character = if character.is_control() {
                ' '
            } else {
                character
            };
            if self.0.len() + character.len_utf8() > MAX_FAILURE_MESSAGE {
                return Err(fmt::Error);
            }
            self.0.push(character);
        }
        Ok(())
    }
}

/// Most bytes of an error's or a panic's message in a log.
pub const MAX_FAILURE_MESSAGE: usize = 256;
