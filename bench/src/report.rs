//! The table and the page around it.

use std::fmt::Write as _;

use crate::{
    figures::Figures,
    goals::{Goal, Verdict},
};

/// The table of the goals, in Markdown.
#[must_use]
pub fn table(goals: impl IntoIterator<Item = Goal>, figures: &Figures) -> String {
    let mut table = String::from(
        "| what | goal | exeat | | prototype | rivals, same run |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for goal in goals {
        let (value, verdict) = match goal.verdict(figures) {
            Verdict::Met(value) => (goal.unit.show(value), ""),
            Verdict::Short(value) => (goal.unit.show(value), "**short**"),
            Verdict::Missing => ("–".to_owned(), "**not measured**"),
        };
        let rivals: Vec<String> = goal
            .rivals
            .iter()
            .filter_map(|(name, figure)| Some((name, figures.find(figure)?)))
            .map(|(name, value)| format!("{name}: {}", goal.unit.show(value)))
            .collect();
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "| {} | ≤ {} | {value} | {verdict} | {} | {} |",
            goal.what,
            goal.unit.show(goal.limit),
            goal.prototype,
            rivals.join("; "),
        );
    }
    table
}

/// The whole page.
#[must_use]
pub fn page(table: &str, host: &str) -> String {
    format!("{HEAD}\n{table}\n{METHOD}\n## Where and with what\n\n{host}")
}

const HEAD: &str = "\
# Performance

Written by `cargo xtask bench`; not edited by hand. Absolute times hold for the machine of that run alone, so goals are ratios within one run
where they can be. The prototype was a throw-away of the leanest verifier that could be written, measured on another day.
";

const METHOD: &str = "\
## How it is measured

- Tokens are all different, 20,000 of each algorithm: one ES256 token over and over reads 7 to 10 % too fast, because branch predictors learn
  its signature. The header is `alg`, `kid` and `typ`, the claims are `iss`, `aud`, `sub`, `name`, `tenant`, `iat` and `exp`.
- The *raw check* is the signature check of aws-lc-rs alone: the key parsed once, message and signature split and decoded beforehand, over the
  same tokens. Nothing that verifies signatures with that library can be faster.
- exeat, the raw check and the Rust rivals are in one process on one core and take turns, a batch of 2 ms each, for 151 rounds. A figure is
  the median over the rounds, a ratio the median of the ratios within each round. Rivals get their faster cryptographic library.
- The time is the processor time of the thread, so that what others do on the core meanwhile is not in it.
- Node's libraries run on the same core with the same tokens just afterwards and take turns with Node's own check of a signature, by which their
  ratios divide; processor time of all its threads.
- Servers run with one thread on one core. The other core sends requests over 16 connections of the loopback that are kept alive. The figure
  is the processor time of the server per request by the scheduler's clock, less that of a bare server for the same bytes, in the same round;
  11 rounds of 0.4 s, after one that is not kept. Requests per second say more about the rest of the machine, and are not shown.
- Between requests the same signature check takes longer than in a loop that does nothing else. So what a server adds is divided by both: the
  raw check in a loop, and what a handler adds that looks for the token, checks its signature alone and believes the rest.
- The token gate is exeat without the headers that harden an answer, which no rival adds; the full `ExternalApi` has all that is shipped.
- Allocations are those of Rust's allocator, of one call after two; what C asks `malloc` for is not counted. Memory is what a gate with its
  cache as shipped holds after 10,000 RS256 tokens.
- Instructions are counted by valgrind, and the same on every run: of pure code by gungraun, held within 5 % of `bench/instructions.txt` where
  processor flags and valgrind are those of that file, and only shown elsewhere. The bound before authentication is over hand-made worst
  cases at our limits, what fuzzing has found and the tokens in `tests/vectors/tokens`, each through the whole layer to the answer that
  refuses it; those that cost a signature are left out. `cargo xtask audit` checks both.
- *short* marks what misses its goal.
";

/// The goals that have no figure, their own or a rival's.
#[must_use]
pub fn missing(goals: impl IntoIterator<Item = Goal>, figures: &Figures) -> Vec<&'static str> {
    let wanted = goals.into_iter().flat_map(|goal| {
        let rivals = goal.rivals.iter().map(|(_, figure)| *figure);
        std::iter::once(goal.figure).chain(rivals)
    });
    wanted
        .filter(|figure| figures.find(figure).is_none())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goals::Unit;

    const GOAL: Goal = Goal {
        what: "verify",
        figure: "ours",
        limit: 1.04,
        unit: Unit::Ratio,
        prototype: "1.04",
        rivals: &[("theirs", "theirs")],
    };

    #[test]
    fn a_row_says_what_fell_short_and_what_is_missing() {
        let row = |figures: &str| {
            let figures = figures.parse().unwrap();
            table([GOAL], &figures).lines().last().unwrap().to_owned()
        };
        assert_eq!(
            row("ours 1.03\ntheirs 1.42"),
            "| verify | ≤ 1.04 | 1.03 |  | 1.04 | theirs: 1.42 |"
        );
        assert_eq!(
            row("ours 1.2"),
            "| verify | ≤ 1.04 | 1.20 | **short** | 1.04 |  |"
        );
        assert_eq!(
            row(""),
            "| verify | ≤ 1.04 | – | **not measured** | 1.04 |  |"
        );
    }

    #[test]
    fn a_rival_without_a_figure_is_missing_too() {
        let figures = "ours 1.0".parse().unwrap();
        assert_eq!(missing([GOAL], &figures), ["theirs"]);
    }
}
