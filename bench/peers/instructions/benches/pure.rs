//! Instructions of what needs no key and no clock to be measured well: the same on every run, whatever else the machine does.

use std::hint::black_box;

use bench::{
    cors::{Ask, policy, requests},
    gate,
    hostile::Flaw,
    token::{AUDIENCE, ISSUER, Tokens},
};
use exeat::{Gate, Verifier};
use exeat_cors::{Decision, Policy, decide};
use exeat_jose::{Algorithm, CompactJws, Expectations, PayloadBuf};
use gungraun::prelude::*;
use http::{HeaderMap, Method};

/// One token, as an issuer makes it.
fn token() -> (String, Tokens) {
    let tokens = Tokens::mint([Algorithm::Es256], 1).expect("the library signs");
    let token = tokens.of(Algorithm::Es256).expect("minted")[0].clone();
    (token, tokens)
}

fn with_expectations(_: ()) -> (String, Expectations) {
    (token().0, Expectations::new(ISSUER, AUDIENCE))
}

#[library_benchmark]
#[bench::of_a_token(args = (()), setup = with_expectations)]
fn header((token, expectations): (String, Expectations)) -> (bool, (String, Expectations)) {
    let jws = CompactJws::parse(black_box(&token)).and_then(|jws| jws.decode_header(&expectations));
    (black_box(jws.is_ok()), (token, expectations))
}

fn with_buffer(_: ()) -> (String, Expectations, PayloadBuf) {
    let (token, expectations) = with_expectations(());
    (token, expectations, PayloadBuf::new())
}

// base64url and claims, the way of a token whose key is not known yet.
#[library_benchmark]
#[bench::of_a_token(args = (()), setup = with_buffer)]
fn header_and_claims(
    (token, expectations, mut buffer): (String, Expectations, PayloadBuf),
) -> (bool, String, Expectations, PayloadBuf) {
    let jws = CompactJws::parse(black_box(&token)).and_then(|jws| jws.decode_header(&expectations));
    let read = jws.is_ok_and(|jws| black_box(jws.untrusted_hints(&mut buffer)).is_ok());
    (read, token, expectations, buffer)
}

fn with_cache(_: ()) -> (Gate, String) {
    let (token, tokens) = token();
    // To be built, a gate asks for a timer; what is measured does not.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let _inside = runtime.enter();
    let gate = gate::build(gate::api(tokens.jwks()).expect("keys")).expect("a gate");
    gate::verify(gate.verifier(), &token)
        .expect("no wait")
        .expect("a good token");
    (gate, token)
}

fn judge(verifier: &Verifier, token: &str) -> bool {
    black_box(gate::verify(verifier, black_box(token))).is_some_and(|verdict| verdict.is_ok())
}

#[library_benchmark]
#[bench::one_token(args = (()), setup = with_cache)]
fn cache_hit((gate, token): (Gate, String)) -> (bool, Gate, String) {
    (judge(gate.verifier(), &token), gate, token)
}

fn with_flaw(flaw: Flaw) -> (Gate, String) {
    let (gate, token) = with_cache(());
    let token = flaw.put_into(&token).expect("a token");
    // The first refusal of a kind makes its series of the metrics.
    assert!(
        !judge(gate.verifier(), &token),
        "a forged token is accepted"
    );
    (gate, token)
}

#[library_benchmark]
#[bench::shape(args = (Flaw::Shape), setup = with_flaw)]
#[bench::base64(args = (Flaw::Base64), setup = with_flaw)]
#[bench::alg_none(args = (Flaw::AlgNone), setup = with_flaw)]
#[bench::alg_hs256(args = (Flaw::AlgHs256), setup = with_flaw)]
fn refusal((gate, token): (Gate, String)) -> (bool, Gate, String) {
    (judge(gate.verifier(), &token), gate, token)
}

fn asked(ask: Ask, origins: usize) -> (Policy, Method, HeaderMap) {
    let policy = policy(origins).expect("a policy");
    let (method, headers) = requests(ask, origins).expect("requests").swap_remove(32);
    (policy, method, headers)
}

#[library_benchmark]
#[bench::allowed_1(args = (Ask::Allowed, 1), setup = asked)]
#[bench::allowed_10000(args = (Ask::Allowed, 10_000), setup = asked)]
#[bench::denied_1(args = (Ask::Denied, 1), setup = asked)]
#[bench::denied_10000(args = (Ask::Denied, 10_000), setup = asked)]
#[bench::preflight_1(args = (Ask::Preflight, 1), setup = asked)]
#[bench::preflight_10000(args = (Ask::Preflight, 10_000), setup = asked)]
fn cors((policy, method, headers): (Policy, Method, HeaderMap)) -> (Decision, Policy) {
    (
        black_box(decide(black_box(&policy), &method, &headers)),
        policy,
    )
}

library_benchmark_group!(
    name = pure,
    benchmarks = [header, header_and_claims, cache_hit, refusal, cors]
);

main!(library_benchmark_groups = pure);
