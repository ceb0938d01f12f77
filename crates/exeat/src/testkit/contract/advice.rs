//! What a page would see, and what to change.

use exeat_cors::Blocked;
use http::StatusCode;

/// How a request ended.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// With an answer: its status and headers.
    Answer(StatusCode, http::HeaderMap),
    /// With an error of the service, in its own words.
    Failed(String),
    Panicked,
    Silent,
}

/// A listed page that gets no answer at all.
pub(super) fn no_answer(ending: &Ending) -> Option<String> {
    let (cause, advice) = match ending {
        Ending::Answer(..) => return None,
        Ending::Failed(error) => (
            format!("the service fails ({error}) and its server closes the connection"),
            "what fails stands outside the gate, which would answer: put it inside",
        ),
        Ending::Panicked => (
            "the service panics and its server closes the connection".to_owned(),
            "what panics stands outside the gate, which would answer 500: put it inside",
        ),
        Ending::Silent => (
            "no answer comes, and the page waits until its user leaves".to_owned(),
            "put a time-out inside the gate",
        ),
    };
    Some(format!(
        "the page would see a network error: {cause}; {advice}"
    ))
}

/// A listed page that may not read an answer.
pub(super) fn unreadable(status: StatusCode, blocked: &Blocked) -> String {
    let cause = match blocked {
        Blocked::NoAllowOrigin => format!("{} stands outside the gate: put it inside", who_answers(status)),
        Blocked::SeveralAllowOrigin { .. } => {
            "something outside the gate, such as a second CORS layer or a proxy, adds CORS headers too: remove it".to_owned()
        }
        _ => "another CORS layer outside the gate answers for it: remove it".to_owned(),
    };
    format!("the page would see a network error instead of {status}: {blocked}; {cause}")
}

/// A preflight that should pass.
pub(super) fn preflight_fails(status: StatusCode, blocked: &Blocked) -> String {
    let cause = match (status.as_u16(), blocked) {
        (404 | 405, _) => "the gate is not around this route: add its layer after the routes",
        (401 | 403 | 407, _) => {
            "authentication stands outside the gate, and preflights carry no credentials: put it inside"
        }
        (300..=399, _) => {
            "it is redirected, and browsers do not follow: put redirects, such as of trailing slashes, inside the gate"
        }
        (429, _) => "the rate limiter stands outside the gate and counts preflights: put it inside",
        (200..=299, Blocked::Method(_) | Blocked::Header(_)) => {
            "another CORS layer with another policy answers: remove it"
        }
        (200..=299, Blocked::SeveralAllowOrigin { .. }) => {
            "something outside the gate adds CORS headers too: remove it"
        }
        (200..=299, _) => "another CORS layer or a handler of OPTIONS answers: remove it",
        _ => "something outside the gate answers: put it inside",
    };
    format!(
        "the page would see a network error, and its request would not be sent: the preflight is answered with {status}, and {blocked}; {cause}"
    )
}

fn who_answers(status: StatusCode) -> String {
    let who = match status.as_u16() {
        300..=399 => "a redirect",
        401 | 403 | 407 => "authentication",
        404 | 405 => "the route, or what refuses it,",
        408 | 504 => "the time-out",
        413 => "the body limit",
        429 => "the rate limiter",
        502 | 503 => "load shedding or a concurrency limit",
        500 => "what catches panics and errors",
        _ => "what answers so",
    };
    who.to_owned()
}
