//! The gauges of the signing keys: set from their times when somebody is about to read them, since no event marks those times.

use exeat_jose::NumericDate;

use super::Metric;
use crate::key_ring::{self, KeyState, Row};

const STATE: Metric = Metric {
    name: "exeat_key_state",
    help: "1 for the state that a signing key is in, 0 for the others.",
};
const EVENTS: Metric = Metric {
    name: "exeat_key_event_timestamp_seconds",
    help: "When something happens to a signing key, or has happened, as Unix time.",
};

pub(crate) fn observe(rows: &[&Row], now: NumericDate) {
    metrics::describe_gauge!(STATE.name, STATE.help);
    metrics::describe_gauge!(EVENTS.name, metrics::Unit::Seconds, EVENTS.help);
    for (row, is) in rows.iter().zip(key_ring::states(rows, now)) {
        let kid = row.kid.as_str();
        for state in STATES {
            let (alg, state_name) = (row.alg.name(), state.name());
            let labels = [
                ("kid", kid.to_owned()),
                ("alg", alg.to_owned()),
                ("state", state_name.to_owned()),
            ];
            metrics::gauge!(STATE.name, &labels).set(if state == is { 1.0 } else { 0.0 });
        }
        let times = &row.times;
        for (event, at) in [
            ("publish", Some(times.published_at)),
            ("sign_from", times.sign_from),
            ("sign_until", times.sign_until),
            ("remove", times.remove_at),
            ("revoke", times.revoked_at),
        ] {
            if let Some(at) = at {
                let labels = [("kid", kid.to_owned()), ("event", event.to_owned())];
                let seconds = std::time::Duration::from_secs(at.as_secs()).as_secs_f64();
                metrics::gauge!(EVENTS.name, &labels).set(seconds);
            }
        }
    }
}

const STATES: [KeyState; 5] = [
    KeyState::Active,
    KeyState::Pending,
    KeyState::Retiring,
    KeyState::Retired,
    KeyState::Revoked,
];
