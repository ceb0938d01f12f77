//! What the gate counts and times: every metric of this crate is named here, and every call that moves one is a method of a meter.
//!
//! Without the feature `metrics` the handles are empty types, the meters are empty with them, and the calls are compiled away.
//!
//! A label's value is a word from our own code or an issuer from the configuration, never anything that a request brings: a stranger
//! must not be able to make series. The handles are looked up when a gate is built, not for each request; only the series of a `code`
//! is made when that code first occurs.
//!
//! To add a metric: a [`Metric`] below, a handle in the meter of its subject, a method on that meter that says what has happened, a
//! row in `docs/operator.md`. Tests compare the table there with what running processes show.

#[cfg(not(feature = "metrics"))]
mod absent;
#[cfg(feature = "metrics")]
mod recorded;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use exeat_cors::Failure;
use exeat_jose::{Clock, NumericDate};

#[cfg(not(feature = "metrics"))]
use self::absent as chosen;
use self::chosen::{Counter, Counters, Gauge, Histogram, Started};
#[cfg(feature = "metrics")]
use self::recorded as chosen;
use crate::jwks::{Fetched, HealthState};
use crate::{FetchError, Rejected};

/// What the two kinds of handles are made from.
#[cfg_attr(
    not(feature = "metrics"),
    expect(dead_code, reason = "nobody is told a name")
)]
struct Metric {
    name: &'static str,
    help: &'static str,
}

const REQUESTS: Metric = Metric {
    name: "exeat_requests_total",
    help: "Requests by what the gate did with them.",
};
const REPORT_ONLY: Metric = Metric {
    name: "exeat_report_only_total",
    help: "Requests whose handler ran although enforcement would have refused them.",
};
const REFUSED_INSIDE: Metric = Metric {
    name: "exeat_refused_inside_total",
    help: "Admitted requests that were then refused behind the gate: by a required scope, an extractor or the handler.",
};
const FAILED_INSIDE: Metric = Metric {
    name: "exeat_failed_inside_total",
    help: "Admitted requests that got no response from behind the gate, and so one of the gate's own: errors, time-outs, load shed, panics.",
};
const POLICIES: Metric = Metric {
    name: "exeat_policy_replacements_total",
    help: "Attempts to replace the CORS policy at run time, by outcome; a refused one leaves the present policy in force.",
};
const GATE_TIME: Metric = Metric {
    name: "exeat_gate_seconds",
    help: "Time from a request's arrival at the gate to the gate's decision, waiting for keys included.",
};
const VERIFICATIONS: Metric = Metric {
    name: "exeat_verifications_total",
    help: "Tokens judged, by verdict.",
};
const TOKEN_CACHE: Metric = Metric {
    name: "exeat_token_cache_lookups_total",
    help: "Look-ups of whole tokens among those verified lately.",
};
const KEYS_STATE: Metric = Metric {
    name: "exeat_jwks_state",
    help: "1 for the state that the key set is in, 0 for the others.",
};
const KEYS_VALIDATED: Metric = Metric {
    name: "exeat_jwks_validated_timestamp_seconds",
    help: "When the issuer last vouched for the key set, as Unix time; 0 before that.",
};
const FETCHES: Metric = Metric {
    name: "exeat_jwks_fetches_total",
    help: "Fetches of the key set by outcome.",
};
const FETCH_TIME: Metric = Metric {
    name: "exeat_jwks_fetch_seconds",
    help: "Time of one fetch of the key set, discovery included.",
};
const MISSES_DENIED: Metric = Metric {
    name: "exeat_jwks_misses_denied_total",
    help: "Unknown key ids that were not looked up, because the budget was spent or the issuer is failing.",
};
const STALE_SERVES: Metric = Metric {
    name: "exeat_jwks_stale_serves_total",
    help: "Tokens judged with keys beyond their lifetime.",
};
const WAITING: Metric = Metric {
    name: "exeat_jwks_waiting_requests",
    help: "Requests that wait for keys now.",
};

/// The requests at a gate.
pub(crate) struct RequestMeter {
    clock: Arc<dyn Clock>,
    admitted: Counter,
    preflights: Counter,
    refused: Counters,
    reported: Counters,
    refused_inside: Counters,
    failed_inside: Counters,
    policies: Counters,
    admission_time: Histogram,
    preflight_time: Histogram,
    refusal_time: Histogram,
}

/// A request that has entered and has not been decided on.
#[derive(Debug)]
#[must_use = "say how it ended"]
pub(crate) struct Entered(Started);

impl Entered {
    /// When, by the monotonic clock; `None` if nobody wanted to know.
    pub(crate) fn at(&self) -> Option<Duration> {
        self.0.at()
    }
}

impl RequestMeter {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let count = |outcome| Counter::new(&REQUESTS, &[("outcome", outcome), ("code", NO_CODE)]);
        let time = |outcome| Histogram::new(&GATE_TIME, &[("outcome", outcome)]);
        Self {
            clock,
            admitted: count(ADMITTED),
            preflights: count(PREFLIGHT),
            refused: Counters::new(&REQUESTS, &[("outcome", REFUSED)], "code"),
            reported: Counters::new(&REPORT_ONLY, &[], "code"),
            refused_inside: Counters::new(&REFUSED_INSIDE, &[], "code"),
            failed_inside: Counters::new(&FAILED_INSIDE, &[], "cause"),
            policies: Counters::new(&POLICIES, &[], "outcome"),
            admission_time: time(ADMITTED),
            preflight_time: time(PREFLIGHT),
            refusal_time: time(REFUSED),
        }
    }

    pub(crate) fn entered(&self) -> Entered {
        Entered(Started::now(&*self.clock))
    }

    /// The handler is run.
    pub(crate) fn admitted(&self, entered: &Entered) {
        self.admitted.increment();
        self.admission_time.record(entered.0.elapsed(&*self.clock));
    }

    /// A preflight got its answer.
    pub(crate) fn preflight(&self, entered: &Entered) {
        self.preflights.increment();
        self.preflight_time.record(entered.0.elapsed(&*self.clock));
    }

    /// The handler is not run.
    pub(crate) fn refused(&self, code: &'static str, entered: &Entered) {
        self.refused.increment(code);
        self.refusal_time.record(entered.0.elapsed(&*self.clock));
    }

    /// Enforcement would have refused it. The request goes on, and ends in one of the three other ways.
    pub(crate) fn reported(&self, code: &'static str) {
        self.reported.increment(code);
    }

    /// What is behind the gate refused an admitted request in the gate's name. Not a fourth way to end: it was counted as admitted when the
    /// gate let it in, since a handler may run for hours before it answers.
    pub(crate) fn refused_inside(&self, code: &'static str) {
        self.refused_inside.increment(code);
    }

    /// What is behind the gate gave no response to an admitted request.
    pub(crate) fn failed(&self, failure: &Failure) {
        self.failed_inside.increment(match failure {
            failure if failure.is_panic() => "panic",
            failure if failure.is_temporary() => "temporary",
            _ => "error",
        });
    }

    /// Somebody gave the gate another policy, right or wrong.
    pub(crate) fn policy_replaced(&self, is_right: bool) {
        self.policies
            .increment(if is_right { "replaced" } else { REFUSED });
    }
}

impl fmt::Debug for RequestMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMeter").finish_non_exhaustive()
    }
}

/// The tokens of a verifier.
pub(crate) struct TokenMeter {
    valid: Counter,
    refused: Counters,
}

impl TokenMeter {
    pub(crate) fn new() -> Self {
        let valid = [("outcome", "valid"), ("code", NO_CODE)];
        Self {
            valid: Counter::new(&VERIFICATIONS, &valid),
            refused: Counters::new(&VERIFICATIONS, &[("outcome", REFUSED)], "code"),
        }
    }

    /// A token was judged.
    pub(crate) fn judged(&self, verdict: Result<(), &Rejected>) {
        match verdict {
            Ok(()) => self.valid.increment(),
            Err(rejected) => self.refused.increment(rejected.reason()),
        }
    }
}

/// The tokens that are kept.
pub(crate) struct TokenCacheMeter {
    hits: Counter,
    misses: Counter,
    bad_signatures: Counter,
}

impl TokenCacheMeter {
    pub(crate) fn new() -> Self {
        let count = |result| Counter::new(&TOKEN_CACHE, &[("result", result)]);
        Self {
            hits: count("hit"),
            misses: count("miss"),
            bad_signatures: count("bad_signature"),
        }
    }

    /// The token was verified before.
    pub(crate) fn hit(&self) {
        self.hits.increment();
    }

    /// The token is not known.
    pub(crate) fn miss(&self) {
        self.misses.increment();
    }

    /// The token is known for its bad signature.
    pub(crate) fn bad_signature(&self) {
        self.bad_signatures.increment();
    }
}

/// The key set of one issuer.
pub(crate) struct KeyMeter {
    states: [(HealthState, Gauge); 6],
    validated: Gauge,
    fetches: Counters,
    fetch_time: Histogram,
    misses_denied: Counter,
    stale_serves: Counter,
    waiting: Gauge,
}

impl KeyMeter {
    /// `issuer` comes from the configuration: it is a label.
    pub(crate) fn new(issuer: &str) -> Self {
        let labels = [("issuer", issuer)];
        let state = |state: HealthState| {
            let labels = [("issuer", issuer), ("state", state.name())];
            (state, Gauge::new(&KEYS_STATE, &labels))
        };
        Self {
            states: HealthState::ALL.map(state),
            validated: Gauge::new(&KEYS_VALIDATED, &labels),
            fetches: Counters::new(&FETCHES, &labels, "outcome"),
            fetch_time: Histogram::new(&FETCH_TIME, &labels),
            misses_denied: Counter::new(&MISSES_DENIED, &labels),
            stale_serves: Counter::new(&STALE_SERVES, &labels),
            waiting: Gauge::new(&WAITING, &labels),
        }
    }

    /// What the key set is now.
    pub(crate) fn observe(&self, now: HealthState) {
        for (state, gauge) in &self.states {
            gauge.set(u64::from(*state == now));
        }
    }

    /// A fetch that began at `date` has ended; the outcome in a word.
    pub(crate) fn fetched(
        &self,
        result: &Result<Fetched, FetchError>,
        date: NumericDate,
        took: Duration,
    ) -> &'static str {
        if result.is_ok() {
            self.validated.set(date.as_secs());
        }
        let outcome = fetch_outcome(result);
        self.fetches.increment(outcome);
        self.fetch_time.record(took);
        outcome
    }

    /// A key is not looked up, because nothing may be fetched now.
    pub(crate) fn miss_denied(&self) {
        self.misses_denied.increment();
    }

    /// Keys beyond their lifetime judge a token.
    pub(crate) fn stale_serve(&self) {
        self.stale_serves.increment();
    }

    /// A request waits for keys, until the end of what is returned.
    pub(crate) fn waiting(&self) -> Waiting<'_> {
        self.waiting.up();
        Waiting(&self.waiting)
    }

    /// The longest time between two calls of [`Self::observe`] while nothing is fetched: no event marks the end of a lifetime.
    pub(crate) const OBSERVE_EVERY: Duration = chosen::OBSERVE_EVERY;
}

/// A request that waits for keys; also one whose sender gave up ends.
pub(crate) struct Waiting<'m>(&'m Gauge);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.down();
    }
}

const fn fetch_outcome(result: &Result<Fetched, FetchError>) -> &'static str {
    match result {
        Ok(Fetched::Updated { .. }) => "updated",
        Ok(Fetched::NotModified { .. }) => "not_modified",
        Err(error) => match error {
            FetchError::Timeout => "timeout",
            FetchError::Transport(_) => "transport",
            FetchError::TooLarge => "too_large",
            FetchError::Status { .. } => "status",
            FetchError::Redirect { .. } => "redirect",
            FetchError::Metadata => "metadata",
            FetchError::IssuerMismatch => "issuer_mismatch",
            FetchError::InsecureUri => "insecure_uri",
            FetchError::KeySet(_) => "key_set",
            FetchError::NoUsableKey { .. } => "no_usable_key",
            FetchError::Panicked => "panicked",
        },
    }
}

const ADMITTED: &str = "admitted";
const PREFLIGHT: &str = "preflight";
const REFUSED: &str = "refused";
/// The `code` of what was not refused: Prometheus wants one set of labels for one metric.
const NO_CODE: &str = "none";
