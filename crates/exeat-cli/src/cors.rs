//! `exeat cors explain`: a page's request as a browser makes it, what the policy answers, and what the page sees of that.

mod policy;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use anyhow::Context as _;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use exeat_cors::{Blocked, Explanation, Hint, PageRequest, Policy};
use serde::Serialize;

use self::policy::Source;
use crate::{
    args::{CorsCommand, ExplainArgs, Mode},
    failure::Failure,
    output,
};

/// Explains.
///
/// # Errors
/// `Refused` when the page cannot do what it wants, which is on stdout by then; `Configuration` with everything wrong with policy or arguments.
pub(crate) fn run(command: &CorsCommand) -> Result<(), Failure> {
    let CorsCommand::Explain(args) = command;
    let Source { policy, own_origin } = policy::read(args)?;
    let page = page(args).map_err(|problems| Failure::Configuration {
        source: "the arguments".to_owned(),
        problems,
    })?;
    let course = if page.is_forbidden() {
        Course::of_nothing_sent(&page)
    } else if own_origin.as_ref() == Some(&args.origin) {
        Course::within_own_origin(&page)
    } else {
        Course::of(&policy, &page, args.credentials)
    };
    let shown = if args.json {
        serde_json::to_string_pretty(&course).map_err(anyhow::Error::from)?
    } else {
        course.written(&page, args.credentials)
    };
    output::print(&shown).context("stdout cannot be written")?;
    if course.allowed {
        Ok(())
    } else {
        Err(Failure::Refused)
    }
}

fn page(args: &ExplainArgs) -> Result<PageRequest, Vec<String>> {
    let mut problems = Vec::new();
    let origin = HeaderValue::from_str(&args.origin);
    if origin.is_err() {
        problems.push(format!(
            "--origin: {:?} cannot be a header's value",
            args.origin
        ));
    }
    let method = Method::from_bytes(args.method.as_bytes());
    if method.is_err() {
        problems.push(format!("--method: {:?} is not a method", args.method));
    }
    let mut headers = Vec::new();
    for text in &args.headers {
        match named(text) {
            Ok(header) => headers.push(header),
            Err(why) => problems.push(format!("--headers: {why}")),
        }
    }
    match (origin, method) {
        (Ok(origin), Ok(method)) if problems.is_empty() => {
            let page = PageRequest::new(origin, method).with_credentials(args.credentials.into());
            Ok(headers
                .into_iter()
                .fold(page, |page, (name, value)| page.with_header(name, value)))
        }
        _ => Err(problems),
    }
}

/// `name` or, where browsers look at it, `name:value`. What most APIs are sent is not safelisted.
fn named(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    let name = HeaderName::from_bytes(name.trim().as_bytes())
        .map_err(|_| format!("{name:?} is not a header's name"))?;
    let is_looked_at = WITH_VALUE.contains(&name);
    let value = match value.trim() {
        "" if name == header::CONTENT_TYPE => "application/json",
        "" => "...",
        // It may be a token, and would be on the terminal and in its history.
        _ if !is_looked_at => {
            return Err(format!("leave the value of {name} out: it does not matter"));
        }
        value => value,
    };
    let value = HeaderValue::from_str(value)
        .map_err(|_| format!("the value of {name} cannot be a header's value"))?;
    Ok((name, value))
}

/// Whether they make a browser ask first depends on their values (<https://fetch.spec.whatwg.org/#cors-safelisted-request-header>).
const WITH_VALUE: [HeaderName; 5] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::RANGE,
];

/// What happens, in order.
#[derive(Serialize)]
struct Course {
    /// May the page do what it wants, and read the answer?
    allowed: bool,
    /// `null` if the browser asks nothing first.
    preflight: Option<Step>,
    /// `null` if the browser does not send it, and within the issuer's own origin.
    request: Option<Step>,
    /// What the page's JavaScript gets.
    javascript: String,
    hints: Vec<Hint>,
}

/// One request and what came of it.
#[derive(Serialize)]
struct Step {
    method: String,
    headers: Vec<(String, String)>,
    #[serde(flatten)]
    explanation: Explanation,
    /// Why the browser stops here, in the page's credentials mode.
    blocked: Option<Blocked>,
}

impl Course {
    fn of(policy: &Policy, page: &PageRequest, mode: Mode) -> Self {
        // Within one origin there is no CORS, and so no preflight.
        let preflight = page
            .preflight()
            .filter(|_| !policy.is_own_origin(page.origin()))
            .map(|headers| Step::new(policy, &Method::OPTIONS, &headers, mode));
        let is_sent = preflight.as_ref().is_none_or(|step| step.blocked.is_none());
        let request = is_sent.then(|| Step::new(policy, page.method(), &page.headers(), mode));
        let steps = [&preflight, &request].into_iter().flatten();
        let hints = page
            .hints()
            .into_iter()
            .chain(steps.flat_map(|step| step.explanation.hints.clone()));
        let mut seen = Vec::new();
        let hints = hints
            .filter(|hint| {
                // What would happen to another page is no news for this one.
                let is_news =
                    !seen.contains(hint) && (hint.code != "credentials" || mode == Mode::Include);
                seen.push(hint.clone());
                is_news
            })
            .collect();
        let ran = |step: &Step| step.blocked.is_none() && step.explanation.status.is_none();
        Self {
            allowed: request.as_ref().is_some_and(ran),
            javascript: seen_by_page(request.as_ref()),
            preflight,
            request,
            hints,
        }
    }

    /// The browser throws, whatever the policy.
    fn of_nothing_sent(page: &PageRequest) -> Self {
        Self {
            allowed: false,
            preflight: None,
            request: None,
            javascript: "sees fetch() throw a TypeError".to_owned(),
            hints: page.hints(),
        }
    }

    /// There is no CORS within one origin.
    fn within_own_origin(page: &PageRequest) -> Self {
        Self {
            allowed: true,
            preflight: None,
            request: None,
            javascript: "reads whatever the issuer answers: this is its own origin".to_owned(),
            hints: page.hints(),
        }
    }

    fn written(&self, page: &PageRequest, mode: Mode) -> String {
        let mut text = String::new();
        if let Some(step) = &self.preflight {
            step.write(&mut text, "The browser asks first, with a preflight:", mode);
        }
        match &self.request {
            Some(step) => {
                let title = match (&self.preflight, step.explanation.kind) {
                    (Some(_), _) => "Then it sends the request:",
                    (None, "plain") => "Within the API's own origin the browser sends the request:",
                    (None, _) => "The browser sends the request without asking first:",
                };
                step.write(&mut text, title, mode);
            }
            None if self.allowed => {}
            None => {
                let _ = writeln!(text, "The browser does not send the {}.\n", page.method());
            }
        }
        let _ = writeln!(text, "JavaScript  {}", self.javascript);
        for hint in &self.hints {
            let _ = writeln!(text, "Hint        {}: {}", hint.code, hint.text);
        }
        text.push_str(if self.allowed {
            "Result      allowed"
        } else {
            "Result      refused"
        });
        text
    }
}

impl Step {
    fn new(policy: &Policy, method: &Method, headers: &HeaderMap, mode: Mode) -> Self {
        let explanation = policy.explain(method, headers);
        let verdict = explanation.browser.as_ref().map(|browser| match mode {
            Mode::Omit => &browser.omit,
            Mode::Include => &browser.include,
        });
        Self {
            method: method.to_string(),
            headers: headers
                .iter()
                .filter(|(name, _)| !name.as_str().starts_with("sec-fetch-"))
                .map(|(name, value)| {
                    (
                        name.to_string(),
                        value.as_bytes().escape_ascii().to_string(),
                    )
                })
                .collect(),
            blocked: verdict.and_then(|verdict| verdict.clone().err()),
            explanation,
        }
    }

    fn write(&self, text: &mut String, title: &str, mode: Mode) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{title}\n  {}", self.method);
        for (name, value) in &self.headers {
            let _ = writeln!(text, "  {name}: {value}");
        }
        let Explanation {
            rule,
            meaning,
            status,
            headers,
            kind,
            ..
        } = &self.explanation;
        let _ = writeln!(text, "Rule        {rule}: {meaning}");
        let _ = match status {
            Some(status) => writeln!(text, "Answer      {status}; the handler does not run"),
            None if headers.is_empty() => writeln!(text, "Answer      the handler's"),
            None => writeln!(text, "Answer      the handler's, and"),
        };
        for (name, value) in headers {
            let _ = writeln!(text, "  {name}: {value}");
        }
        let mode = match mode {
            Mode::Omit => "without credentials",
            Mode::Include => "with credentials",
        };
        let _ = match &self.blocked {
            None if *kind == "preflight" => writeln!(text, "Browser     is content ({mode})\n"),
            None => writeln!(text, "Browser     lets the page read it ({mode})\n"),
            Some(why) => writeln!(text, "Browser     blocks it ({mode}): {why}\n"),
        };
    }
}

fn seen_by_page(request: Option<&Step>) -> String {
    let Some(step) = request.filter(|step| step.blocked.is_none()) else {
        return "sees \"TypeError: Failed to fetch\", and neither status nor body".to_owned();
    };
    let status = step
        .explanation
        .status
        .map_or("the handler's status and body".to_owned(), |status| {
            format!("status {status} and its body")
        });
    if step.explanation.kind == "plain" {
        return format!("reads {status}, and every header but Set-Cookie");
    }
    let exposed = step
        .explanation
        .headers
        .iter()
        .find(|(name, _)| name == header::ACCESS_CONTROL_EXPOSE_HEADERS.as_str());
    let exposed = exposed.map_or("none", |(_, names)| names.as_str());
    format!(
        "reads {status}; of the headers the seven safelisted ones and what is exposed: {exposed}"
    )
}
