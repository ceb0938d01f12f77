//! Handles that hold nothing and do nothing.
#![expect(
    clippy::unused_self,
    reason = "the same calls as on handles that do something"
)]

use std::time::Duration;

use exeat_jose::Clock;

use super::Metric;

pub(super) struct Counter;

impl Counter {
    pub(super) fn new(_: &Metric, _: &[(&'static str, &str)]) -> Self {
        Self
    }

    pub(super) fn increment(&self) {}
}

pub(super) struct Counters;

impl Counters {
    pub(super) fn new(_: &'static Metric, _: &[(&'static str, &str)], _: &'static str) -> Self {
        Self
    }

    pub(super) fn increment(&self, _: &'static str) {}
}

pub(super) struct Gauge;

impl Gauge {
    pub(super) fn new(_: &Metric, _: &[(&'static str, &str)]) -> Self {
        Self
    }

    pub(super) fn set(&self, _: u64) {}

    pub(super) fn up(&self) {}

    pub(super) fn down(&self) {}
}

pub(super) struct Histogram;

impl Histogram {
    pub(super) fn new(_: &Metric, _: &[(&'static str, &str)]) -> Self {
        Self
    }

    pub(super) fn record(&self, _: Duration) {}
}

#[derive(Debug)]
pub(super) struct Started;

impl Started {
    /// The clock is not read.
    pub(super) fn now(_: &dyn Clock) -> Self {
        Self
    }

    pub(super) fn at(&self) -> Option<Duration> {
        None
    }

    pub(super) fn elapsed(&self, _: &dyn Clock) -> Duration {
        Duration::ZERO
    }
}

pub(super) const OBSERVE_EVERY: Duration = Duration::MAX;
