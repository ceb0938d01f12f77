//! The goals, one a row of the table: what must hold, what a throw-away prototype of the leanest verifier reached, and who is beside us.

mod rows;

use self::rows::{CALLS, DISTINCT, EDDSA, ES256, HEAP, REFUSED, RS256, SERVERS};
use crate::figures::Figures;

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// What is measured.
    pub what: &'static str,
    /// The figure that is ours.
    pub figure: &'static str,
    /// The most it may be.
    pub limit: f64,
    /// What it counts.
    pub unit: Unit,
    /// What the prototype reached, on another machine; ratios compare, times less so.
    pub prototype: &'static str,
    /// Rivals and their figures, in the unit of the row.
    pub rivals: &'static [(&'static str, &'static str)],
}

/// What the number of a row means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// How many times as long as something measured in the same rounds.
    Ratio,
    /// Figures in nanoseconds, shown as they are or in microseconds.
    Time,
    /// Heap allocations of one call.
    Allocations,
    /// Figures in bytes, shown in MiB.
    Memory,
    /// Instructions under valgrind.
    Instructions,
}

impl Unit {
    /// A number as people read it.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Ratio if value < 10.0 => format!("{value:.2}"),
            Self::Time if value.abs() < 1_000.0 => format!("{value:.0} ns"),
            Self::Time if value < 10_000.0 => format!("{:.2} µs", value / 1_000.0),
            Self::Time => format!("{:.1} µs", value / 1_000.0),
            Self::Ratio | Self::Allocations | Self::Instructions => format!("{value:.0}"),
            Self::Memory => format!("{:.1} MiB", value / (1024.0 * 1024.0)),
        }
    }
}

/// How a row ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Within the limit.
    Met(f64),
    /// Beyond it.
    Short(f64),
    /// Without a figure: the table is not complete.
    Missing,
}

impl Goal {
    /// Judges the figure.
    #[must_use]
    pub fn verdict(&self, figures: &Figures) -> Verdict {
        match figures.find(self.figure) {
            Some(value) if value <= self.limit => Verdict::Met(value),
            Some(value) => Verdict::Short(value),
            None => Verdict::Missing,
        }
    }
}

/// The most instructions that a request may cost before it is authenticated, from its headers to the answer that refuses it.
pub const MOST_BEFORE_AUTHENTICATION: f64 = 200_000.0;

/// All rows that are measured, in the order of the table.
pub fn all() -> impl Iterator<Item = Goal> {
    let calls = [RS256, ES256, EDDSA].into_iter().flatten().chain(CALLS);
    calls
        .chain(HEAP)
        .chain(SERVERS)
        .chain(DISTINCT.into_iter().flatten())
        .chain([REFUSED])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_limit_itself_is_met_and_more_is_short() {
        let [goal, ..] = RS256;
        let with = |value: f64| {
            let mut figures = Figures::default();
            figures.insert(goal.figure, value);
            goal.verdict(&figures)
        };
        assert_eq!(with(1.04), Verdict::Met(1.04));
        assert_eq!(with(1.041), Verdict::Short(1.041));
        assert_eq!(goal.verdict(&Figures::default()), Verdict::Missing);
    }

    #[test]
    fn no_figure_is_judged_twice() {
        let figures: Vec<_> = all().map(|goal| goal.figure).collect();
        assert_eq!(figures.iter().collect::<BTreeSet<_>>().len(), figures.len());
    }

    #[test]
    fn numbers_are_shown_in_the_unit_that_fits() {
        assert_eq!(Unit::Time.show(139.4), "139 ns");
        assert_eq!(Unit::Time.show(1_640.0), "1.64 µs");
        assert_eq!(Unit::Time.show(20_550.0), "20.6 µs");
        assert_eq!(Unit::Ratio.show(1.036), "1.04");
        assert_eq!(Unit::Memory.show(16.0 * 1024.0 * 1024.0), "16.0 MiB");
    }
}
