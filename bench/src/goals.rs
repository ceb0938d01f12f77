//! The goals, one a row of the table: what must hold, what a throw-away prototype of the leanest verifier reached, and who is beside us.

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

/// The rows of one row per algorithm.
macro_rules! per_algorithm {
    ($alg:literal, $verify:literal, $lean:literal) => {
        [
            Goal {
                what: concat!("verify ", $alg, ", 20,000 distinct tokens ÷ raw check"),
                figure: concat!("verify.", $alg, ".exeat.ratio"),
                limit: $verify,
                unit: Unit::Ratio,
                prototype: $lean,
                rivals: &[
                    (
                        "jsonwebtoken 11",
                        concat!("verify.", $alg, ".jsonwebtoken-11.ratio"),
                    ),
                    (
                        "jsonwebtoken 9",
                        concat!("verify.", $alg, ".jsonwebtoken-9.ratio"),
                    ),
                    ("fast-jwt", concat!("verify.", $alg, ".fast-jwt.ratio")),
                    ("jose", concat!("verify.", $alg, ".jose.ratio")),
                ],
            },
            Goal {
                what: concat!("verify ", $alg, ", time beside the raw check"),
                figure: concat!("verify.", $alg, ".exeat.overhead"),
                limit: 900.0,
                unit: Unit::Time,
                prototype: "0.7–1.1 µs",
                rivals: &[
                    (
                        "jsonwebtoken 11",
                        concat!("verify.", $alg, ".jsonwebtoken-11.overhead"),
                    ),
                    (
                        "jsonwebtoken 9",
                        concat!("verify.", $alg, ".jsonwebtoken-9.overhead"),
                    ),
                ],
            },
            Goal {
                what: concat!("bad signature ", $alg, " ÷ raw check"),
                figure: concat!("forged.", $alg, ".exeat.ratio"),
                limit: 1.05,
                unit: Unit::Ratio,
                prototype: "1.0",
                rivals: &[
                    (
                        "jsonwebtoken 11",
                        concat!("forged.", $alg, ".jsonwebtoken-11.ratio"),
                    ),
                    (
                        "jsonwebtoken 9",
                        concat!("forged.", $alg, ".jsonwebtoken-9.ratio"),
                    ),
                ],
            },
        ]
    };
}

/// The row of a token that is refused before its signature. With a single key, as fast-jwt is fastest, it knows no `kid`.
macro_rules! refusal {
    ($flaw:literal, $what:literal, $lean:literal, $($fast_jwt:literal)?) => {
        Goal {
            what: concat!("refusal before the signature: ", $what),
            figure: concat!("refuse.", $flaw, ".exeat"),
            limit: 400.0,
            unit: Unit::Time,
            prototype: $lean,
            rivals: &[
                ("jsonwebtoken 9", concat!("refuse.", $flaw, ".jsonwebtoken-9")),
                ("jsonwebtoken 11", concat!("refuse.", $flaw, ".jsonwebtoken-11")),
                $(("fast-jwt", $fast_jwt),)?
                ("jose", concat!("refuse.", $flaw, ".jose")),
            ],
        }
    };
}

const RS256: [Goal; 3] = per_algorithm!("RS256", 1.04, "1.04");
const ES256: [Goal; 3] = per_algorithm!("ES256", 1.01, "1.00");
const EDDSA: [Goal; 3] = per_algorithm!("EdDSA", 1.02, "1.015");

/// What is a function call.
const CALLS: [Goal; 7] = [
    refusal!(
        "shape",
        "no dot in 620 characters",
        "15 ns",
        "refuse.shape.fast-jwt"
    ),
    refusal!(
        "base64",
        "header is not base64url",
        "–",
        "refuse.base64.fast-jwt"
    ),
    refusal!("alg-none", "alg none", "253 ns", "refuse.alg-none.fast-jwt"),
    refusal!(
        "alg-hs256",
        "alg HS256",
        "263 ns",
        "refuse.alg-hs256.fast-jwt"
    ),
    refusal!("kid", "unknown kid", "347 ns",),
    Goal {
        what: "CORS decision, allowed call, 1 origin",
        figure: "cors.allowed.1.exeat",
        limit: 300.0,
        unit: Unit::Time,
        prototype: "46 ns (look-up)",
        rivals: &[("tower-http, whole layer", "cors.allowed.1.tower-http")],
    },
    Goal {
        what: "CORS decision, 10,000 origins ÷ 1 origin",
        figure: "cors.growth.exeat",
        limit: 1.3,
        unit: Unit::Ratio,
        prototype: "–",
        rivals: &[("tower-http, whole layer", "cors.growth.tower-http")],
    },
];

/// The row of all tokens distinct.
macro_rules! distinct {
    ($alg:literal, $limit:literal, $lean:literal) => {
        Goal {
            what: concat!(
                "axum \"hello\", ",
                $alg,
                ", all tokens distinct: CPU added ÷ raw check"
            ),
            figure: concat!("http.", $alg, ".distinct.exeat.ratio"),
            limit: $limit,
            unit: Unit::Ratio,
            prototype: $lean,
            rivals: &[
                (
                    "axum-jwt-auth",
                    concat!("http.", $alg, ".distinct.axum-jwt-auth.ratio"),
                ),
                (
                    "tower-oauth2-resource-server",
                    concat!("http.", $alg, ".distinct.tower-oauth2.ratio"),
                ),
                (
                    "node:http + fast-jwt",
                    concat!("http.", $alg, ".distinct.fast-jwt.ratio"),
                ),
                (
                    "node:http + jose",
                    concat!("http.", $alg, ".distinct.jose.ratio"),
                ),
            ],
        }
    };
}

/// A row that counts what Rust's allocator is asked for.
macro_rules! allocations {
    ($what:literal, $figure:literal, $limit:literal, $($rival:literal)?) => {
        Goal {
            what: concat!("heap allocations: ", $what),
            figure: concat!("allocations.", $figure, ".exeat"),
            limit: $limit,
            unit: Unit::Allocations,
            prototype: "0",
            rivals: &[
                $(
                    ("jsonwebtoken 11", concat!("allocations.", $rival, ".jsonwebtoken-11")),
                    ("jsonwebtoken 9", concat!("allocations.", $rival, ".jsonwebtoken-9")),
                )?
            ],
        }
    };
}

/// What asks for memory.
const HEAP: [Goal; 7] = [
    allocations!(
        "`Verifier::verify`, outside the cryptographic library",
        "verify.RS256",
        0.0,
        "verify.RS256"
    ),
    allocations!("refusal, no dot", "refuse.shape", 0.0, "refuse.shape"),
    allocations!(
        "refusal, header is not base64url",
        "refuse.base64",
        0.0,
        "refuse.base64"
    ),
    allocations!(
        "refusal, alg none",
        "refuse.alg-none",
        0.0,
        "refuse.alg-none"
    ),
    allocations!(
        "refusal, alg HS256",
        "refuse.alg-hs256",
        0.0,
        "refuse.alg-hs256"
    ),
    allocations!("refusal, unknown kid", "refuse.kid", 0.0, "refuse.kid"),
    allocations!("the layer around a service", "layer", 2.0,),
];

/// What is a server.
const SERVERS: [Goal; 5] = [
    Goal {
        what: "axum \"hello\" behind the token gate, RS256 token reused: CPU added per request",
        figure: "http.RS256.reused.exeat.added",
        limit: 800.0,
        unit: Unit::Time,
        prototype: "0.9–1.6 µs",
        rivals: &[
            ("bare", "http.RS256.reused.bare"),
            (
                "axum-jwt-auth adds",
                "http.RS256.reused.axum-jwt-auth.added",
            ),
            (
                "tower-oauth2-resource-server adds",
                "http.RS256.reused.tower-oauth2.added",
            ),
            (
                "node:http + fast-jwt with its cache adds",
                "http.RS256.reused.fast-jwt-cache.added",
            ),
            ("node:http + jose adds", "http.RS256.reused.jose.added"),
        ],
    },
    Goal {
        what: "the same behind the full `ExternalApi`, called from a page",
        figure: "http.RS256.page.exeat-api.added",
        limit: 2_000.0,
        unit: Unit::Time,
        prototype: "–",
        rivals: &[
            ("bare", "http.RS256.page.bare"),
            (
                "tower-http CorsLayer + axum-jwt-auth adds",
                "http.RS256.page.axum-jwt-auth-cors.added",
            ),
            (
                "tower-http CorsLayer + tower-oauth2-resource-server adds",
                "http.RS256.page.tower-oauth2-cors.added",
            ),
        ],
    },
    distinct!("RS256", 1.2, "1.2–1.4"),
    distinct!("ES256", 1.05, "1.06"),
    distinct!("EdDSA", 1.05, "1.13"),
];

/// All rows that are measured, in the order of the table.
pub fn all() -> impl Iterator<Item = Goal> {
    let calls = [RS256, ES256, EDDSA].into_iter().flatten().chain(CALLS);
    calls.chain(HEAP).chain(SERVERS)
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
