//! The names of the differences. Each is a statement about requests, so that a difference where it does not belong has none.

use crate::layers::{Case, LISTED, METHODS, Shared};

impl Case {
    fn is_public(&self) -> bool {
        self.policy == Shared::Public
    }

    /// One origin that both let in.
    fn is_listed(&self) -> bool {
        matches!(self.origins, [origin] if self.is_public() || LISTED.contains(origin))
    }

    fn may_use_method(&self) -> bool {
        METHODS.contains(&self.method)
    }

    /// A preflight that our layer allows.
    fn is_allowed_preflight(&self) -> bool {
        let named = self.asked_headers.iter().flat_map(|line| line.split(','));
        self.is_preflight()
            && self.is_listed()
            && self.origins != ["null"]
            && self
                .asked_method
                .is_some_and(|method| METHODS.contains(&method))
            && named
                .map(|name| name.trim().to_ascii_lowercase())
                .all(|name| HEADERS.contains(&name.as_str()))
    }
}

/// The name of a difference, or none: then it is news.
pub(crate) fn explain(case: &Case, aspect: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    if case.method == "OPTIONS" && !case.is_preflight() {
        let is_answered_there = aspect != "handler" || theirs == "false";
        return is_answered_there.then_some("every OPTIONS is a preflight");
    }
    if case.origins.len() > 1 {
        let is_refused_here = match aspect {
            "status" => ours == "400",
            "handler" => ours == "false",
            "allow-origin" => ours.is_empty(),
            _ => true,
        };
        return is_refused_here.then_some("the first of several Origins decides");
    }
    if case.is_preflight() {
        return of_preflight(case, aspect, ours, theirs);
    }
    of_request(case, aspect, ours, theirs)
}

fn of_preflight(case: &Case, aspect: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    if !case.is_allowed_preflight() {
        // What is refused has one answer here; there it is the answer to what is allowed, and the browser finds out.
        return match aspect {
            "status" if ours == "403" && theirs == "200" => Some("a refused preflight is a 200"),
            "allow-origin" | "allow-credentials" | "allow-methods" | "allow-headers"
            | "max-age"
                if ours.is_empty() =>
            {
                Some("a refused preflight says what would be allowed")
            }
            "browser-omit"
                if case.is_public() && case.origins == ["null"] && theirs == "passes" =>
            {
                Some("null is everybody too")
            }
            _ => None,
        };
    }
    match aspect {
        "status" if ours == "204" && theirs == "200" => Some("an allowed preflight is a 200"),
        "allow-methods" if METHODS.contains(&ours) && theirs == METHODS.join(",") => {
            Some("a preflight is answered with the whole lists")
        }
        "allow-headers" if theirs == HEADERS.join(",") => {
            Some("a preflight is answered with the whole lists")
        }
        _ => None,
    }
}

fn of_request(case: &Case, aspect: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    let is_stranger = !case.origins.is_empty() && !case.is_listed();
    let is_refused = is_stranger || (case.is_listed() && !case.may_use_method());
    let handler_shares = case
        .handler
        .iter()
        .any(|(name, _)| name.starts_with("access-control-"));
    let is_refusal = [("status", "403"), ("handler", "false")].contains(&(aspect, ours));
    match aspect {
        _ if is_refusal && is_stranger => Some("a stranger's request is done"),
        _ if is_refusal && is_refused => Some("a method that is not listed is done"),
        "allow-origin" | "allow-credentials" | "browser-include" if handler_shares => {
            Some("what the handler shares stays")
        }
        "allow-credentials" if ours.is_empty() && theirs == "true" => {
            Some("credentials are allowed to nobody in particular")
        }
        "expose-headers" if ours.is_empty() => Some("headers are exposed to nobody in particular"),
        "vary" if theirs.contains("access-control-request-method") => {
            Some("every answer varies by what only preflights have")
        }
        "vary-lines" => Some("Vary is added to and not merged"),
        _ => None,
    }
}

const HEADERS: [&str; 2] = ["authorization", "content-type"];
