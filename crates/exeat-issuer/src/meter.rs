//! What the issuer service counts and times: every metric of this crate is named here, and every call that moves one is a method of the
//! [`Meter`].
//!
//! Without the feature `metrics` the handles are empty types and the calls are compiled away. A label's value is a word from our own code
//! or comes from the configuration or the key directory, never from a request.
//!
//! To add a metric: a [`Metric`] below, a handle and a method in the meter, a row in `docs/operator.md`. Tests compare the table there
//! with what running processes show.

#[cfg(not(feature = "metrics"))]
mod absent;
#[cfg(feature = "metrics")]
pub(crate) mod keys;
#[cfg(feature = "metrics")]
mod recorded;

use std::{sync::Arc, time::Duration};

use exeat_jose::{Algorithm, Clock};
use http::StatusCode;

#[cfg(not(feature = "metrics"))]
use absent as chosen;
#[cfg(feature = "metrics")]
use recorded as chosen;

use chosen::{Counter, Counters, Histogram, Started};

use crate::{
    audience::Audience,
    exchange::Refused,
    session::{SessionLookup, SourceError},
};

/// What handles are made from.
#[cfg_attr(
    not(feature = "metrics"),
    expect(dead_code, reason = "nobody is told a name")
)]
struct Metric {
    name: &'static str,
    help: &'static str,
}

const ISSUED: Metric = Metric {
    name: "exeat_tokens_issued_total",
    help: "Tokens handed out.",
};
const REFUSALS: Metric = Metric {
    name: "exeat_exchange_refusals_total",
    help: "Exchanges refused, by code.",
};
const EXCHANGE_TIME: Metric = Metric {
    name: "exeat_exchange_seconds",
    help: "Time from a request for a token to its answer.",
};
const LOOKUP_TIME: Metric = Metric {
    name: "exeat_session_lookup_seconds",
    help: "Time of one session look-up.",
};
const SIGNING_TIME: Metric = Metric {
    name: "exeat_signing_seconds",
    help: "Time of one signature.",
};
const JWKS_REQUESTS: Metric = Metric {
    name: "exeat_jwks_requests_total",
    help: "Requests for the key set by status; 304 is a hit of the entity tag.",
};

/// The exchange and the key set.
pub(crate) struct Meter {
    clock: Arc<dyn Clock>,
    /// In the order of the audiences.
    issued: Vec<(String, Counter)>,
    refused: Counters,
    issue_time: Histogram,
    refusal_time: Histogram,
    lookups: [(&'static str, Histogram); 5],
    signing: Vec<(Algorithm, Histogram)>,
    jwks: Counters,
}

/// When something began that takes time.
#[must_use = "say how it ended"]
pub(crate) struct Begun(Started);

impl Meter {
    pub(crate) fn new(audiences: &[Audience], clock: Arc<dyn Clock>) -> Self {
        let issued = |audience: &Audience| {
            let labels = [("aud", &*audience.aud), ("alg", audience.alg.name())];
            (audience.id.clone(), Counter::new(&ISSUED, &labels))
        };
        let mut algs: Vec<Algorithm> = audiences.iter().map(|audience| audience.alg).collect();
        algs.sort_unstable_by_key(|alg| alg.name());
        algs.dedup();
        let time = |metric, label, word| Histogram::new(metric, &[(label, word)]);
        Self {
            clock,
            issued: audiences.iter().map(issued).collect(),
            refused: Counters::new(&REFUSALS, "code"),
            issue_time: time(&EXCHANGE_TIME, "outcome", "issued"),
            refusal_time: time(&EXCHANGE_TIME, "outcome", "refused"),
            lookups: LOOKUPS.map(|outcome| (outcome, time(&LOOKUP_TIME, "outcome", outcome))),
            signing: algs
                .into_iter()
                .map(|alg| (alg, time(&SIGNING_TIME, "alg", alg.name())))
                .collect(),
            jwks: Counters::new(&JWKS_REQUESTS, "status"),
        }
    }

    pub(crate) fn begun(&self) -> Begun {
        Begun(Started::now(&*self.clock))
    }

    /// A token is handed out for the audience of this `id`.
    pub(crate) fn issued(&self, audience: &str) {
        if let Some((_, counter)) = self.issued.iter().find(|(id, _)| id == audience) {
            counter.increment();
        }
    }

    /// A request for a token, other than a preflight, has its answer.
    pub(crate) fn exchanged(&self, result: Result<(), Refused>, begun: &Begun) {
        let time = match result {
            Ok(()) => &self.issue_time,
            Err(refused) => {
                self.refused.increment(refused.code());
                &self.refusal_time
            }
        };
        time.record(begun.0.elapsed(&*self.clock));
    }

    /// The session source has answered, or has not in time.
    pub(crate) fn looked_up(&self, answer: &Result<SessionLookup, SourceError>, begun: &Begun) {
        let outcome = match answer {
            Ok(SessionLookup::Live(_)) => "live",
            Ok(SessionLookup::Absent) => "absent",
            Ok(SessionLookup::Expired) => "expired",
            Ok(SessionLookup::Revoked) => "revoked",
            Err(_) => "unavailable",
        };
        record(&self.lookups, &outcome, begun.0.elapsed(&*self.clock));
    }

    /// A signature was made, or failed.
    pub(crate) fn signed(&self, alg: Algorithm, begun: &Begun) {
        record(&self.signing, &alg, begun.0.elapsed(&*self.clock));
    }

    /// The key set was asked for.
    pub(crate) fn jwks_answered(&self, status: StatusCode) {
        self.jwks.increment(match status {
            StatusCode::OK => "200",
            StatusCode::NO_CONTENT => "204",
            StatusCode::NOT_MODIFIED => "304",
            StatusCode::FORBIDDEN => "403",
            StatusCode::METHOD_NOT_ALLOWED => "405",
            StatusCode::SERVICE_UNAVAILABLE => "503",
            _ => "other",
        });
    }
}

const LOOKUPS: [&str; 5] = ["live", "absent", "expired", "revoked", "unavailable"];

fn record<K: PartialEq>(handles: &[(K, Histogram)], wanted: &K, took: Duration) {
    if let Some((_, histogram)) = handles.iter().find(|(key, _)| key == wanted) {
        histogram.record(took);
    }
}
