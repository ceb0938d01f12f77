//! What the API's own log says about each request, kept for the page: bounded, in memory, without token material.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName},
    middleware::Next,
    response::Response,
};
use exeat::Refused;
use hyper::header;
use serde::Serialize;

/// Lines kept; older ones are forgotten.
const MAX_LINES: usize = 200;
/// Characters of a header of a stranger that are kept.
const MAX_FIELD: usize = 120;

/// Marks, in a response's extensions, that the handler ran: set by the handlers themselves, so a line never guesses.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandlerRan;

/// One request as the API saw it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    /// Counts up from 1.
    number: u64,
    method: String,
    origin: Option<String>,
    status: u16,
    /// Why the gate refused, if it did.
    code: Option<&'static str>,
    handler: &'static str,
    /// `Access-Control-Allow-Origin` of the answer.
    allow_origin: Option<String>,
    /// The whole line in words.
    text: String,
}

/// A part of the log, for the page.
#[derive(Debug, Serialize)]
pub(super) struct Excerpt {
    /// Number of the newest line; 0 without any.
    latest: u64,
    lines: Vec<Line>,
}

/// The last requests of the API.
#[derive(Debug, Default)]
pub(super) struct ApiLog(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    latest: u64,
    kept: VecDeque<Line>,
}

impl ApiLog {
    /// The lines after a number, oldest first.
    pub(super) fn after(&self, number: u64) -> Excerpt {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Excerpt {
            latest: lines.latest,
            lines: lines
                .kept
                .iter()
                .filter(|line| line.number > number)
                .cloned()
                .collect(),
        }
    }

    fn add(&self, seen: Seen, response: &Response) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.latest += 1;
        let line = seen.line(lines.latest, response);
        if lines.kept.len() == MAX_LINES {
            lines.kept.pop_front();
        }
        lines.kept.push_back(line);
    }
}

/// The outermost layer of the API: writes a line for every request, whoever answered it.
pub(super) async fn record(
    State(log): State<Arc<ApiLog>>,
    request: Request,
    next: Next,
) -> Response {
    let seen = Seen::from(&request);
    let response = next.run(request).await;
    log.add(seen, &response);
    response
}

/// What a request says about itself.
struct Seen {
    method: String,
    path: String,
    origin: Option<String>,
}

impl From<&Request> for Seen {
    fn from(request: &Request) -> Self {
        Self {
            method: bounded(request.method().as_str()),
            path: bounded(request.uri().path()),
            origin: text_of(request.headers(), &header::ORIGIN),
        }
    }
}

impl Seen {
    fn line(self, number: u64, response: &Response) -> Line {
        let status = response.status().as_u16();
        let code = response
            .extensions()
            .get::<Refused>()
            .map(|refused| refused.code);
        let handler = if response.extensions().get::<HandlerRan>().is_some() {
            "run"
        } else {
            "not run"
        };
        let allow_origin = text_of(response.headers(), &header::ACCESS_CONTROL_ALLOW_ORIGIN);
        let origin = self.origin.as_deref().unwrap_or("none");
        let outcome = code.map(|code| format!(" {code}")).unwrap_or_default();
        let text = format!(
            "{} {} from {origin}: {status}{outcome}, handler {handler}",
            self.method, self.path
        );
        Line {
            number,
            method: self.method,
            origin: self.origin,
            status,
            code,
            handler,
            allow_origin,
            text,
        }
    }
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers
        .get(name)
        .map(|value| bounded(&String::from_utf8_lossy(value.as_bytes())))
}

/// Without control characters, which could forge a line, and not longer than anything honest.
fn bounded(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(MAX_FIELD)
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::StatusCode};

    use super::*;

    fn seen(origin: &str) -> Seen {
        let request = Request::get("/points")
            .header(header::ORIGIN, origin)
            .body(Body::empty())
            .unwrap();
        Seen::from(&request)
    }

    #[test]
    fn a_refusal_is_logged_with_its_code_and_the_handler_that_did_not_run() {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::FORBIDDEN;
        let line = seen("http://127.0.0.1:8702").line(7, &response);
        assert_eq!(
            line.text,
            "GET /points from http://127.0.0.1:8702: 403, handler not run"
        );
    }

    #[test]
    fn the_handler_ran_only_if_it_said_so() {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(HandlerRan);
        assert_eq!(
            seen("http://localhost:8700").line(1, &response).handler,
            "run"
        );
    }

    #[test]
    fn the_log_keeps_the_newest_lines_and_no_more_than_its_limit() {
        let log = ApiLog::default();
        let response = Response::new(Body::empty());
        for _ in 0..=MAX_LINES {
            log.add(seen("http://localhost:8700"), &response);
        }
        let all = log.after(0);
        assert_eq!(all.lines.len(), MAX_LINES);
        assert_eq!(all.lines[0].number, 2);
        assert_eq!(log.after(all.latest).lines.len(), 0);
        assert_eq!(log.after(all.latest - 1).lines.len(), 1);
    }

    #[test]
    fn a_long_origin_is_cut_at_the_limit() {
        assert_eq!(
            seen(&"o".repeat(MAX_FIELD)).origin.unwrap().len(),
            MAX_FIELD
        );
        assert_eq!(
            seen(&"o".repeat(MAX_FIELD + 1)).origin.unwrap().len(),
            MAX_FIELD
        );
    }
}
