//! One tiny round of everything of ours, so that the bench does not rot between its runs. The figures are not looked at.

use std::{collections::BTreeSet, convert::Infallible, time::Duration};

use axum::body::Body;
use bench::{
    cors, gate, goals,
    hostile::{self, Hostile},
    rounds::Plan,
    service,
    token::{ALGORITHMS, Tokens},
};
use exeat::Refused;
use exeat_jose::Algorithm;
use http::{HeaderName, Request, Response, StatusCode};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// A server's part of a figure's name, and what builds it.
type Server = (&'static str, fn(&str) -> anyhow::Result<axum::Router>);

const SERVERS: [Server; 3] = [
    ("exeat-token", service::behind_token_gate),
    ("exeat", service::behind_gate),
    ("exeat-api", service::behind_external_api),
];

#[tokio::test]
async fn every_goal_has_a_case_that_runs() {
    let tokens = Tokens::mint(ALGORITHMS, 3).unwrap();
    let rs256 = tokens.of(ALGORITHMS[0]).unwrap();
    let shipped = gate::build(gate::api(tokens.jwks()).unwrap()).unwrap();
    let uncached = gate::api(tokens.jwks()).unwrap().without_token_cache();
    let uncached = gate::build(uncached).unwrap();
    let (uncached, shipped) = (uncached.verifier(), shipped.verifier());
    let mut cases = gate::verify_cases(uncached, shipped, &tokens).unwrap();
    cases.extend(gate::refuse_cases(shipped, rs256).unwrap());
    cases.extend(gate::cached_cases(tokens.jwks(), rs256).unwrap());
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
            ["allocations" | "memory" | "instructions", ..] => continue,
            // The same case on another thread.
            ["cached", "two-cores", ..] => "cached.1.exeat",
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

/// What the gate adds to an answer is part of the figure of `exeat`, and of no rival's.
#[tokio::test]
async fn the_token_gate_alone_hardens_no_answer() {
    let tokens = Tokens::mint([Algorithm::Es256], 1).unwrap();
    let [token] = tokens.of(Algorithm::Es256).unwrap() else {
        panic!("one token was minted");
    };
    let app = service::behind_token_gate(tokens.jwks()).unwrap();
    let request = Request::get("/ES256")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    let response = app.oneshot(request).await.unwrap();
    let names: BTreeSet<&str> = response.headers().keys().map(HeaderName::as_str).collect();
    let of_any_gate = ["cache-control", "content-length", "content-type", "vary"];
    assert_eq!(names, BTreeSet::from(of_any_gate));
}

#[tokio::test]
async fn hostile_requests_never_reach_a_signature() {
    let tokens = Tokens::mint([Algorithm::Es256], 1).unwrap();
    let [token] = tokens.of(Algorithm::Es256).unwrap() else {
        panic!("one token was minted");
    };
    let api = gate::api(tokens.jwks()).unwrap().with_origin(service::PAGE);
    let gate = gate::build(api).unwrap();
    let all = hostile::requests(token).unwrap();
    assert!(all.len() > 60, "{}", all.len());
    for Hostile { name, request } in all {
        let unreachable = service_fn(
            async |_: Request<()>| -> Result<Response<String>, Infallible> {
                panic!("a handler ran")
            },
        );
        let response = gate
            .layer()
            .layer(unreachable)
            .oneshot(request)
            .await
            .unwrap();
        let refused = response.extensions().get::<Refused>().copied();
        let code = refused.map(|refused| refused.code);
        assert_ne!(code, None, "{name} was answered by somebody else");
        assert_ne!(code, Some("bad_signature"), "{name} cost a signature");
    }
}
