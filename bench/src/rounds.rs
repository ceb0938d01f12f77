//! Many short rounds with all cases interleaved, so that a spell of noise hits all of them alike; medians of what is left.

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use rustix::time::{ClockId, clock_gettime};

/// Something to be measured, called over and over with the next index below its length.
pub struct Case<'c> {
    name: String,
    batch: Box<dyn FnMut(u32) + 'c>,
}

impl<'c> Case<'c> {
    /// `call` gets 0, 1, 2 … up to `len`, and then 0 again.
    pub fn new<T>(
        name: impl Into<String>,
        len: usize,
        mut call: impl FnMut(usize) -> T + 'c,
    ) -> Self {
        let mut index = 0;
        Self {
            name: name.into(),
            // One dynamic call for a whole batch: the loop and what it calls are compiled together.
            batch: Box::new(move |calls| {
                for _ in 0..calls {
                    black_box(call(index));
                    index = if index + 1 < len { index + 1 } else { 0 };
                }
            }),
        }
    }

    fn time(&mut self, calls: u32) -> Duration {
        let before = thread_time();
        (self.batch)(calls);
        thread_time().saturating_sub(before)
    }

    /// How many calls fill a batch.
    fn calibrate(&mut self, batch: Duration) -> u32 {
        let mut calls = 1;
        while self.time(calls) < batch && calls < MOST_CALLS {
            calls *= 2;
        }
        calls
    }
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many batches of each case.
    pub rounds: usize,
    /// How much processor time a batch takes at least.
    pub batch: Duration,
}

impl Plan {
    /// For a table that is shown to others.
    pub const FULL: Self = Self {
        rounds: 151,
        batch: Duration::from_millis(2),
    };

    /// To see that everything runs; the figures mean little.
    pub const QUICK: Self = Self {
        rounds: 7,
        batch: Duration::from_micros(500),
    };

    /// Measures all cases, one batch of each in every round.
    #[must_use]
    pub fn run(self, mut cases: Vec<Case<'_>>) -> Samples {
        let calls: Vec<u32> = cases
            .iter_mut()
            .map(|case| case.calibrate(self.batch))
            .collect();
        let mut samples = Samples::default();
        for _ in 0..self.rounds {
            for (case, calls) in cases.iter_mut().zip(&calls) {
                let nanoseconds = case.time(*calls).as_secs_f64() * 1e9 / f64::from(*calls);
                samples
                    .0
                    .entry(case.name.clone())
                    .or_default()
                    .push(nanoseconds);
            }
        }
        samples
    }
}

/// Nanoseconds per call, one number for each round.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<String, Vec<f64>>);

impl Samples {
    /// The names of all cases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The median over the rounds.
    ///
    /// # Errors
    /// No case of this name was run.
    pub fn median(&self, name: &str) -> anyhow::Result<f64> {
        median(self.rounds_of(name)?.to_vec())
    }

    /// How many times as long as `reference`: the median of the ratios within each round.
    ///
    /// # Errors
    /// No case of one of these names was run.
    pub fn ratio(&self, name: &str, reference: &str) -> anyhow::Result<f64> {
        self.compare(name, reference, |time, reference| time / reference)
    }

    /// How much longer than `reference`: the median of the differences within each round.
    ///
    /// # Errors
    /// No case of one of these names was run.
    pub fn difference(&self, name: &str, reference: &str) -> anyhow::Result<f64> {
        self.compare(name, reference, |time, reference| time - reference)
    }

    fn compare(
        &self,
        name: &str,
        reference: &str,
        compare: fn(f64, f64) -> f64,
    ) -> anyhow::Result<f64> {
        let pairs = self.rounds_of(name)?.iter().zip(self.rounds_of(reference)?);
        median(
            pairs
                .map(|(time, reference)| compare(*time, *reference))
                .collect(),
        )
    }

    fn rounds_of(&self, name: &str) -> anyhow::Result<&[f64]> {
        let rounds = self.0.get(name);
        Ok(rounds.with_context(|| format!("{name} was not measured"))?)
    }
}

/// The middle number; of an even count the upper of the two.
///
/// # Errors
/// There is none.
pub fn median(mut numbers: Vec<f64>) -> anyhow::Result<f64> {
    ensure!(!numbers.is_empty(), "nothing was measured");
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.get(numbers.len() / 2).copied();
    middle.context("half of a length is below it")
}

/// The processor time of this thread so far: what others do on its core meanwhile is not in it.
#[must_use]
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

/// Where batches stop growing, in case the compiler finds out that a case does nothing.
const MOST_CALLS: u32 = 1 << 24;

/// Real time, to end a load.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is for measuring time"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn medians_do_not_follow_an_outlier() {
        let is = |numbers: &[f64], middle: f64| {
            let found = median(numbers.to_vec()).unwrap();
            assert!(found.total_cmp(&middle).is_eq(), "{numbers:?}: {found}");
        };
        is(&[5.0, 1.0, 900.0], 5.0);
        is(&[4.0, 1.0], 4.0);
        assert!(median(Vec::new()).is_err());
    }

    #[test]
    fn rounds_are_compared_within_themselves() {
        // The second round ran in a spell in which everything took ten times as long.
        let samples = Samples(BTreeMap::from([
            ("raw".to_owned(), vec![10.0, 100.0, 10.0]),
            ("ours".to_owned(), vec![11.0, 110.0, 11.0]),
        ]));
        assert!((samples.ratio("ours", "raw").unwrap() - 1.1).abs() < 1e-9);
        assert!((samples.difference("ours", "raw").unwrap() - 1.0).abs() < 1e-9);
        assert!(samples.ratio("ours", "theirs").is_err());
    }

    #[test]
    fn cases_take_turns_and_go_through_all_inputs() {
        let seen = RefCell::new(Vec::new());
        let note = |name: &'static str| {
            let seen = &seen;
            move |index| seen.borrow_mut().push((name, index))
        };
        let plan = Plan {
            rounds: 2,
            batch: Duration::ZERO,
        };
        let samples = plan.run(vec![
            Case::new("a", 3, note("a")),
            Case::new("b", 1, note("b")),
        ]);
        // The first call of each finds out how many calls fill a batch.
        assert_eq!(
            *seen.borrow(),
            [("a", 0), ("b", 0), ("a", 1), ("b", 0), ("a", 2), ("b", 0)]
        );
        assert_eq!(samples.names().collect::<Vec<_>>(), ["a", "b"]);
    }
}
