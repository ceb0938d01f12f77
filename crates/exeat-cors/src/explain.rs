//! Why the policy says what it says about a request, for people.

mod forbidden;
mod near_miss;
mod preflight;
#[cfg(test)]
mod tests;

use std::fmt;

use http::header::ORIGIN;
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;

use crate::origin::MatchedBy;
use crate::{
    Blocked, Credentials, Decision, Grant, PageRequest, Policy, Refusal, RequestKind, decide,
    loggable_origin,
};

impl Policy {
    /// Decides about a request as [`decide`](crate::decide()) does, and says why, what a browser makes of it, and what was nearly right. Of
    /// routes that are open to links it knows nothing.
    ///
    /// For tools and tests: it costs far more than [`decide`](crate::decide()), and looks at every listed origin. What is behind the policy,
    /// such as the tenant of a token, is not considered.
    ///
    /// ```
    /// use exeat_cors::{Policy, PolicyConfig};
    /// use http::{HeaderMap, HeaderValue, Method, header::ORIGIN};
    ///
    /// let config = PolicyConfig { origins: vec!["https://shop.example".into()], ..PolicyConfig::default() };
    /// let policy = Policy::try_from(config)?;
    /// let mut headers = HeaderMap::new();
    /// headers.insert(ORIGIN, HeaderValue::from_static("https://www.shop.example"));
    ///
    /// let explanation = policy.explain(&Method::GET, &headers);
    /// assert_eq!(explanation.rule, "origin_not_allowed");
    /// assert_eq!(explanation.hints[0].code, "www");
    /// println!("{explanation}");
    /// # Ok::<(), exeat_cors::PolicyErrors>(())
    /// ```
    #[must_use]
    pub fn explain(&self, method: &Method, headers: &HeaderMap) -> Explanation {
        let decision = decide(self, method, headers);
        let answer = decision.answer(self);
        let status = answer.as_ref().map(http::Response::status);
        let answered = answer.map_or_else(
            || {
                let mut headers = HeaderMap::new();
                decision.finish(self, &mut headers);
                headers
            },
            |answer| answer.into_parts().0.headers,
        );
        let (rule, meaning) = self.rule(&decision, headers);
        let mut hints = near_miss::hints(self, &decision, method, headers);
        let browser = judge(&decision, headers, status, &answered);
        if let Some(browser) = &browser {
            hints.extend(credentials_hint(self, browser));
        }
        Explanation {
            kind: kind(&decision, headers),
            rule,
            meaning,
            status: status.map(|status| status.as_u16()),
            headers: answered
                .iter()
                .map(|(name, value)| {
                    (
                        name.to_string(),
                        value.as_bytes().escape_ascii().to_string(),
                    )
                })
                .collect(),
            browser,
            hints,
        }
    }

    /// The rule that decided, by a stable name, and what it means here.
    fn rule(&self, decision: &Decision, headers: &HeaderMap) -> (&'static str, String) {
        let origin = || loggable_origin(headers).to_string();
        match decision {
            Decision::Plain if headers.get(ORIGIN).is_some_and(|it| it == "null") => (
                "null_of_no_page",
                "null, of which the browser says that no other page sent it; the answer is shared with nobody"
                    .to_owned(),
            ),
            Decision::Plain if headers.contains_key(ORIGIN) => (
                "own_origin",
                format!(
                    "{} is the API's own; the answer is shared with no other",
                    origin()
                ),
            ),
            Decision::Plain => (
                "no_origin",
                "no Origin: not a page of another origin. The answer is not shared".to_owned(),
            ),
            Decision::Cors(grant) => (self.origin_rule(headers), self.listing(grant, headers)),
            Decision::Preflight { grant, .. } => (
                "preflight_allowed",
                format!(
                    "{}, and method and headers are allowed",
                    self.listing(grant, headers)
                ),
            ),
            Decision::Refuse(refusal) => (refusal.code(), meaning(refusal, &origin())),
            Decision::Report(refusal) => (
                refusal.code(),
                format!(
                    "{}; only reported: the handler runs",
                    meaning(refusal, &origin())
                ),
            ),
        }
    }

    fn origin_rule(&self, headers: &HeaderMap) -> &'static str {
        match headers
            .get(ORIGIN)
            .and_then(|origin| self.find_origin(origin))
        {
            Some(MatchedBy::Any) => "any_origin",
            Some(MatchedBy::Subdomains) => "origin_under_wildcard",
            Some(MatchedBy::AnyPort) => "origin_with_any_port",
            Some(MatchedBy::ExtensionClass) => "extension_of_any_id",
            Some(MatchedBy::Exact) | None => "origin_listed",
        }
    }

    fn listing(&self, grant: &Grant, headers: &HeaderMap) -> String {
        if grant.origin() == "*" {
            return "this policy shares with everybody".to_owned();
        }
        let origin = loggable_origin(headers).to_string();
        match near_miss::covering(self, &origin) {
            Some(pattern) if pattern != origin => format!("{origin} is covered by {pattern}"),
            _ => format!("{origin} is listed"),
        }
    }
}

/// What [`Policy::explain`] found. With serde it is JSON; written out it is for a terminal.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// `plain`, `preflight` or `cors`, as [`RequestKind`]. A link, a form or an image of another site is `plain` if it has no `Origin`.
    pub kind: &'static str,
    /// The rule that decided: the [`Refusal::code`], or `no_origin`, `own_origin`, `null_of_no_page`, `origin_listed`, `origin_under_wildcard`, `origin_with_any_port`,
    /// `extension_of_any_id`, `any_origin` or `preflight_allowed`.
    pub rule: &'static str,
    /// What the rule means for this request.
    pub meaning: String,
    /// The status of the answer; `None` where the handler answers.
    pub status: Option<u16>,
    /// The headers of the answer, or those that the handler's answer gets.
    pub headers: Vec<(String, String)>,
    /// What a browser makes of the answer; `None` if no page of another origin asks.
    pub browser: Option<Verdicts>,
    /// What was nearly right, nearest first.
    pub hints: Vec<Hint>,
}

/// A browser's verdict by the page's credentials mode. `Ok` for a preflight: the request is sent; for any other: the page may read the answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verdicts {
    /// `credentials: "omit"`, and `"same-origin"`, the default of `fetch`.
    #[serde(serialize_with = "verdict")]
    pub omit: Result<(), Blocked>,
    /// `credentials: "include"` or `withCredentials`.
    #[serde(serialize_with = "verdict")]
    pub include: Result<(), Blocked>,
}

/// Something to look at, and why.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Hint {
    /// A stable word, such as `trailing_slash`.
    pub code: &'static str,
    /// A sentence.
    pub text: String,
}

impl Hint {
    fn new(code: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { code, text }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule     {}: {}", self.rule, self.meaning)?;
        match self.status {
            Some(status) => write!(f, "\nanswer   {status}, and the handler does not run")?,
            None if self.headers.is_empty() => write!(f, "\nanswer   the handler's")?,
            None => write!(f, "\nanswer   the handler's, with these headers")?,
        }
        for (name, value) in &self.headers {
            write!(f, "\n           {name}: {value}")?;
        }
        if let Some(Verdicts { omit, include }) = &self.browser {
            let passes = if self.kind == "preflight" {
                "sends the request"
            } else {
                "lets the page read the answer"
            };
            for (mode, verdict) in [("omit   ", omit), ("include", include)] {
                match verdict {
                    Ok(()) => write!(f, "\nbrowser  credentials {mode}: {passes}")?,
                    Err(why) => write!(f, "\nbrowser  credentials {mode}: network error; {why}")?,
                }
            }
        }
        for hint in &self.hints {
            write!(f, "\nhint     {}", hint.text)?;
        }
        Ok(())
    }
}

/// What is refused as no call may be a CORS request or not, which the decision does not tell.
fn kind(decision: &Decision, headers: &HeaderMap) -> &'static str {
    match decision.kind() {
        RequestKind::Preflight => "preflight",
        RequestKind::Cors if headers.contains_key(ORIGIN) => "cors",
        RequestKind::Plain | RequestKind::Cors => "plain",
    }
}

fn meaning(refusal: &Refusal, origin: &str) -> String {
    match refusal {
        Refusal::PreflightOrigin | Refusal::OriginNotAllowed => {
            format!("{origin:?} is not a listed origin")
        }
        Refusal::MultipleOrigin => "more than one Origin line".to_owned(),
        Refusal::OriginRequired => "no Origin, where the policy wants one of everybody".to_owned(),
        Refusal::FetchMetadata => {
            "the browser says that a page of another origin links to this, embeds it or asks without an Origin".to_owned()
        }
        Refusal::PreflightMethod => "the preflight asks for a method that is not listed".to_owned(),
        Refusal::PreflightHeaders => {
            "the preflight asks for a header that is not listed".to_owned()
        }
        Refusal::MethodNotAllowed(_) => format!("{origin} is listed, and this method is not"),
    }
}

/// A browser only judges what a page of another origin asked for.
fn judge(
    decision: &Decision,
    request: &HeaderMap,
    status: Option<StatusCode>,
    answer: &HeaderMap,
) -> Option<Verdicts> {
    let origin = request.get(ORIGIN)?;
    let by = |mode| {
        if decision.kind() != RequestKind::Preflight {
            let page = PageRequest::new(origin.clone(), Method::GET);
            return page.with_credentials(mode).check(answer);
        }
        match (PageRequest::behind_preflight(request), status) {
            (Some(page), Some(status)) => {
                page.with_credentials(mode).check_preflight(status, answer)
            }
            _ => Err(Blocked::NoAllowOrigin),
        }
    };
    (*decision != Decision::Plain).then(|| Verdicts {
        omit: by(Credentials::Omit),
        include: by(Credentials::Include),
    })
}

/// The server cannot see the page's mode and answers 200: only the browser's console says what is wrong.
fn credentials_hint(policy: &Policy, browser: &Verdicts) -> Option<Hint> {
    if browser.omit.is_err() || browser.include.is_ok() {
        return None;
    }
    let advice = if policy.credentials() == Credentials::Include {
        "the policy allows credentials for exact origins and https wildcards only"
    } else {
        "if the page needs cookies, set the policy's credentials to include"
    };
    Some(Hint::new(
        "credentials",
        format!(
            "a page that sets credentials: \"include\" (withCredentials) cannot read this, whatever the status. A bearer token does not need it: leave it out; {advice}"
        ),
    ))
}

fn verdict<S: serde::Serializer>(
    verdict: &Result<(), Blocked>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Verdict<'a> {
        allowed: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        because: Option<&'a Blocked>,
    }
    let because = verdict.as_ref().err();
    let allowed = because.is_none();
    Verdict { allowed, because }.serialize(serializer)
}
