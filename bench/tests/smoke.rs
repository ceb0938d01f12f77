//! One tiny round of everything of ours, so that the bench does not rot between its runs. The figures are not looked at.

use std::{collections::BTreeSet, time::Duration};

use axum::body::Body;
use bench::{
    cors, gate, goals,
    rounds::Plan,
    service,
    token::{ALGORITHMS, Tokens},
};
use http::{Request, StatusCode};
use tower::ServiceExt as _;

/// A server's part of a figure's name, and what builds it.
type Server = (&'static str, fn(&str) -> anyhow::Result<axum::Router>);

const SERVERS: [Server; 2] = [
    ("exeat", service::behind_gate),
    ("exeat-api", service::behind_external_api),
];

#[tokio::test]
async fn every_goal_has_a_case_that_runs() {
    let tokens = Tokens::mint(ALGORITHMS, 3).unwrap();
    let gate = gate::build(gate::api(tokens.jwks()).unwrap()).unwrap();
    let mut cases = gate::verify_cases(gate.verifier(), &tokens).unwrap();
    cases.extend(gate::refuse_cases(gate.verifier(), tokens.of(ALGORITHMS[0]).unwrap()).unwrap());
    cases.extend(cors::cases().unwrap());
    let plan = Plan {
        rounds: 1,
        batch: Duration::ZERO,
    };
    let samples = plan.run(cases);
    let mut measured: BTreeSet<&str> = samples.names().collect();
    measured.extend(SERVERS.map(|(name, _)| name));

    for goal in goals::all() {
        let figure = goal.figure;
        let case = match figure.split('.').collect::<Vec<_>>()[..] {
            ["http", _, _, server, _] => server,
            // Counted by a program of its own, with another allocator.
            ["allocations", ..] => continue,
            ["cors", "growth", _] => "cors.allowed.10000.exeat",
            _ => figure
                .trim_end_matches(".ratio")
                .trim_end_matches(".overhead"),
        };
        assert!(
            measured.contains(case),
            "{figure} has no case: {measured:?}"
        );
    }
}

#[tokio::test]
async fn servers_let_good_tokens_in_and_nothing_else() {
    let tokens = Tokens::mint(ALGORITHMS, 1).unwrap();
    for (name, build) in SERVERS {
        let app = build(tokens.jwks()).unwrap();
        for alg in ALGORITHMS {
            let [token] = tokens.of(alg).unwrap() else {
                panic!("one token was minted");
            };
            for (authorization, status) in [
                (format!("Bearer {token}"), StatusCode::OK),
                (format!("Bearer {token}A"), StatusCode::UNAUTHORIZED),
            ] {
                let request = Request::get(format!("/{}", alg.name()))
                    .header("authorization", authorization)
                    .body(Body::empty())
                    .unwrap();
                let response = app.clone().oneshot(request).await.unwrap();
                assert_eq!(response.status(), status, "{name} {}", alg.name());
            }
        }
    }
}
