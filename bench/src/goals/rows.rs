//! The rows.

use super::{Goal, MOST_BEFORE_AUTHENTICATION, Unit};

/// The rows of one algorithm.
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
                    (
                        "fast-jwt ÷ node:crypto",
                        concat!("verify.", $alg, ".fast-jwt.ratio"),
                    ),
                    (
                        "jose ÷ node:crypto",
                        concat!("verify.", $alg, ".jose.ratio"),
                    ),
                ],
            },
            Goal {
                what: concat!("the same ", $alg, ", claims of its own"),
                figure: concat!("verify.", $alg, ".owned.ratio"),
                limit: $verify,
                unit: Unit::Ratio,
                prototype: $lean,
                rivals: &[],
            },
            Goal {
                what: concat!("the same ", $alg, ", and kept in the cache as shipped"),
                figure: concat!("verify.", $alg, ".shipped.ratio"),
                limit: $verify,
                unit: Unit::Ratio,
                prototype: $lean,
                rivals: &[],
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

pub(super) const RS256: [Goal; 5] = per_algorithm!("RS256", 1.04, "1.04");
pub(super) const ES256: [Goal; 5] = per_algorithm!("ES256", 1.01, "1.00");
pub(super) const EDDSA: [Goal; 5] = per_algorithm!("EdDSA", 1.02, "1.015");

/// The row of a token that comes again.
macro_rules! cached {
    ($count:literal, $what:literal, $limit:literal, $lean:literal, $($fast_jwt:literal)?) => {
        Goal {
            what: concat!("token-cache hit, RS256, ", $what),
            figure: concat!("cached.", $count, ".exeat"),
            limit: $limit,
            unit: Unit::Time,
            prototype: $lean,
            rivals: &[$(("fast-jwt", $fast_jwt))?],
        }
    };
}

/// What is a function call.
pub(super) const CALLS: [Goal; 11] = [
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
    cached!("1", "one hot token", 150.0, "139 ns", "cached.1.fast-jwt"),
    cached!(
        "1000",
        "among 1,000",
        250.0,
        "243 ns",
        "cached.1000.fast-jwt"
    ),
    cached!("20000", "among 20,000", 1_000.0, "874 ns",),
    Goal {
        what: "token-cache hit, two cores on one token ÷ one core",
        figure: "cached.two-cores.exeat.ratio",
        limit: 1.5,
        unit: Unit::Ratio,
        prototype: "1.25–1.5",
        rivals: &[],
    },
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

/// A row of all tokens distinct: by the raw check in a loop of its own, or by a handler that makes it and nothing else.
macro_rules! distinct {
    ($alg:literal, $by:literal, $ratio:literal, $limit:literal, $lean:literal $(, $least:literal)?) => {
        Goal {
            what: concat!(
                "axum \"hello\", ",
                $alg,
                ", all tokens distinct: CPU added ÷ ",
                $by
            ),
            figure: concat!("http.", $alg, ".distinct.exeat-token.", $ratio),
            limit: $limit,
            unit: Unit::Ratio,
            prototype: $lean,
            rivals: &[
                $((
                    $least,
                    concat!("http.", $alg, ".distinct.raw-check.", $ratio),
                ),)?
                (
                    "axum-jwt-auth",
                    concat!("http.", $alg, ".distinct.axum-jwt-auth.", $ratio),
                ),
                (
                    "tower-oauth2-resource-server",
                    concat!("http.", $alg, ".distinct.tower-oauth2.", $ratio),
                ),
                (
                    "node:http + fast-jwt",
                    concat!("http.", $alg, ".distinct.fast-jwt.", $ratio),
                ),
                (
                    "node:http + jose",
                    concat!("http.", $alg, ".distinct.jose.", $ratio),
                ),
            ],
        }
    };
    ($alg:literal, $limit:literal, $lean:literal) => {
        [
            distinct!(
                $alg,
                "raw check in a loop",
                "ratio",
                $limit,
                $lean,
                "a handler that makes the raw check alone"
            ),
            distinct!($alg, "raw check in a handler", "in-place", $limit, "–"),
        ]
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
pub(super) const HEAP: [Goal; 9] = [
    allocations!(
        "`Verifier::verify_with`, outside the cryptographic library",
        "direct",
        0.0,
        "verify.RS256"
    ),
    allocations!("`Verifier::verify`, on a cache hit", "hit", 0.0,),
    allocations!("the layer on a cache hit, to the handler", "layer", 2.0,),
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
    Goal {
        what: "memory of a gate that holds 10,000 tokens",
        figure: "memory.10000.exeat",
        limit: 16.0 * 1024.0 * 1024.0,
        unit: Unit::Memory,
        prototype: "–",
        rivals: &[],
    },
];

/// What is a server.
pub(super) const SERVERS: [Goal; 2] = [
    Goal {
        what: "axum \"hello\" behind the token gate, RS256 token reused: CPU added per request",
        figure: "http.RS256.reused.exeat-token.added",
        limit: 800.0,
        unit: Unit::Time,
        prototype: "0.9–1.6 µs",
        rivals: &[
            ("bare", "http.RS256.reused.bare"),
            (
                "with the headers that harden answers",
                "http.RS256.reused.exeat.added",
            ),
            (
                "a layer that does nothing adds",
                "http.RS256.reused.identity.added",
            ),
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
];

/// What is a server, and sees no token twice.
pub(super) const DISTINCT: [[Goal; 2]; 3] = [
    distinct!("RS256", 1.2, "1.2–1.4"),
    distinct!("ES256", 1.05, "1.06"),
    distinct!("EdDSA", 1.05, "1.13"),
];

/// What a stranger can cost.
pub(super) const REFUSED: Goal = Goal {
    what: "instructions before authentication, the worst of a corpus of hostile requests",
    figure: "instructions.refused",
    limit: MOST_BEFORE_AUTHENTICATION,
    unit: Unit::Instructions,
    prototype: "–",
    rivals: &[],
};
