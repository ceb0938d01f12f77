//! Handles of the `metrics` facade. They belong to the recorder that is installed when they are made; without one they do nothing.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use exeat_jose::Clock;
use metrics::Label;

use super::Metric;

/// Counts events.
pub(super) struct Counter(metrics::Counter);

impl Counter {
    pub(super) fn new(metric: &Metric, labels: &[(&'static str, &str)]) -> Self {
        metrics::describe_counter!(metric.name, metric.help);
        Self(metrics::counter!(metric.name, owned(labels)))
    }

    pub(super) fn increment(&self) {
        self.0.increment(1);
    }
}

/// Counts events by a word of our own code, which is the value of a label. The words are few: each is written in the source.
pub(super) struct Counters {
    metric: &'static Metric,
    labels: Vec<Label>,
    by: &'static str,
    known: RwLock<BTreeMap<&'static str, metrics::Counter>>,
}

impl Counters {
    pub(super) fn new(
        metric: &'static Metric,
        labels: &[(&'static str, &str)],
        by: &'static str,
    ) -> Self {
        metrics::describe_counter!(metric.name, metric.help);
        Self {
            metric,
            labels: owned(labels),
            by,
            known: RwLock::default(),
        }
    }

    pub(super) fn increment(&self, word: &'static str) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = known.get(word) {
            counter.increment(1);
            return;
        }
        drop(known);
        let mut labels = self.labels.clone();
        labels.push(Label::from_static_parts(self.by, word));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known
            .entry(word)
            .or_insert_with(|| metrics::counter!(self.metric.name, labels))
            .increment(1);
    }
}

/// A number that goes up and down.
pub(super) struct Gauge(metrics::Gauge);

impl Gauge {
    pub(super) fn new(metric: &Metric, labels: &[(&'static str, &str)]) -> Self {
        metrics::describe_gauge!(metric.name, metric.help);
        let gauge = metrics::gauge!(metric.name, owned(labels));
        Self(gauge)
    }

    pub(super) fn set(&self, value: u64) {
        // Seconds since 1970 and counts: far below 2^52, where a float stops being exact.
        self.0.set(Duration::from_secs(value).as_secs_f64());
    }

    pub(super) fn up(&self) {
        self.0.increment(1.0);
    }

    pub(super) fn down(&self) {
        self.0.decrement(1.0);
    }
}

/// How long things take, in seconds.
pub(super) struct Histogram(metrics::Histogram);

impl Histogram {
    pub(super) fn new(metric: &Metric, labels: &[(&'static str, &str)]) -> Self {
        metrics::describe_histogram!(metric.name, metrics::Unit::Seconds, metric.help);
        Self(metrics::histogram!(metric.name, owned(labels)))
    }

    pub(super) fn record(&self, took: Duration) {
        self.0.record(took.as_secs_f64());
    }
}

/// When something began.
#[derive(Debug)]
pub(super) struct Started(Duration);

impl Started {
    pub(super) fn now(clock: &dyn Clock) -> Self {
        Self(clock.monotonic())
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "without the feature nobody has read it"
    )]
    pub(super) fn at(&self) -> Option<Duration> {
        Some(self.0)
    }

    pub(super) fn elapsed(&self, clock: &dyn Clock) -> Duration {
        clock.monotonic().saturating_sub(self.0)
    }
}

fn owned(labels: &[(&'static str, &str)]) -> Vec<Label> {
    labels
        .iter()
        .map(|(name, value)| Label::new(*name, (*value).to_owned()))
        .collect()
}

pub(super) const OBSERVE_EVERY: Duration = Duration::from_secs(5);
