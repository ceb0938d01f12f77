//! What a stranger can make the gate take from the heap: a bound over every refused token of the corpus and over what the fuzzer kept, from
//! the arrival of the request to the end of the answer. (The bytes of the request itself are the server's.)

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use base64::{Engine, engine::general_purpose::STANDARD};
use exeat::exeat_jose::{Algorithm, AlgorithmSet, Clock, ImportPolicy, JwkSet, NumericDate};
use exeat::{ExternalApi, Gate, Refused};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use serde_json::Value;
use tower::{Layer, Service};

/// The most allocations of one refused request, the answer and its headers among them.
const MOST_ALLOCATIONS: u64 = 48;

/// The most bytes held at once: a token is at most 8 KiB, and its payload is decoded once.
const MOST_BYTES: u64 = 12 * 1024;

struct Standing;

impl Clock for Standing {
    fn now(&self) -> NumericDate {
        NumericDate::from_secs(1_800_000_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn read(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(name)).unwrap()
}

fn gate() -> Gate {
    let keys = read("tests/vectors/tokens/keys.json");
    let keys = JwkSet::import(keys.as_bytes(), &ImportPolicy::default()).unwrap();
    let api = ExternalApi::new("https://market.example.com", "loyalty-api")
        .with_algorithms(Algorithm::ALL.into_iter().collect::<AlgorithmSet>())
        .with_origin("https://shop.example")
        .with_static_keys(keys)
        .with_clock(Arc::new(Standing));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(api.build()).unwrap()
}

/// The credentials of strangers: each vector's token, and each header, Claims Set and credential that the fuzzer kept.
fn credentials() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for file in ["python.json", "node.json"] {
        let vectors: Value =
            serde_json::from_str(&read(&format!("tests/vectors/tokens/{file}"))).unwrap();
        let tokens = vectors
            .get("cases")
            .and_then(Value::as_array)
            .unwrap()
            .iter();
        all.extend(tokens.filter_map(|case| {
            Some(format!("Bearer {}", case.get("token")?.as_str()?).into_bytes())
        }));
    }
    let inputs = |target: &str| -> Vec<Vec<u8>> {
        let lines = read(&format!("fuzz/regressions/{target}.txt"));
        lines
            .lines()
            .map(|line| STANDARD.decode(line).unwrap())
            .collect()
    };
    let base64url = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    for header in inputs("header") {
        all.push(format!("Bearer {}.e30.AAAA", base64url(&header)).into_bytes());
    }
    for claims in inputs("claims") {
        // An unknown key: the one path on which claims are read before a signature.
        for header in [
            r#"{"alg":"ES256","kid":"who"}"#,
            r#"{"alg":"ES256","kid":"p256"}"#,
        ] {
            let (header, claims, signature) = (
                base64url(header.as_bytes()),
                base64url(&claims),
                base64url(&[1; 64]),
            );
            all.push(format!("Bearer {header}.{claims}.{signature}").into_bytes());
        }
    }
    for lines in inputs("token_source") {
        let lines = lines.split(|byte| *byte == b'\n');
        all.extend(lines.filter_map(|line| Some(line.strip_prefix(b"a")?.to_vec())));
    }
    all
}

/// One request through the layer; `None`: it was let in.
fn cost(gate: &Gate, credential: HeaderValue) -> (AllocationInfo, Option<Refused>) {
    let handler =
        tower::service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new())));
    let mut service = gate.layer().layer(handler);
    let mut request = Request::new(());
    request.headers_mut().insert(AUTHORIZATION, credential);
    let mut refused = None;
    let taken = measure(|| {
        let mut answering = std::pin::pin!(service.call(request));
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(response)) = answering.as_mut().poll(&mut context) else {
            panic!("with pinned keys nothing waits");
        };
        refused = response.extensions().get().copied();
    });
    (taken, refused)
}

#[test]
fn a_stranger_takes_at_most_so_much() {
    let gate = gate();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    // Looking for a key arms a timer, which needs a runtime to be there.
    let _entered = runtime.enter();
    // Not the first of the thread and of the process: what is made once is not the stranger's doing.
    for credential in [
        &b"Bearer a.b.c"[..],
        b"Bearer eyJhbGciOiJFUzI1NiJ9.e30.AA",
        b"Basic",
    ] {
        let _ = cost(&gate, HeaderValue::from_bytes(credential).unwrap());
    }
    let mut refused = 0;
    let (mut most_allocations, mut most_bytes) = ((0, String::new()), (0, String::new()));
    for credential in credentials() {
        let Ok(value) = HeaderValue::from_bytes(&credential) else {
            continue;
        };
        let (taken, Some(answer)) = cost(&gate, value) else {
            continue;
        };
        refused += 1;
        let start = credential.get(..100).unwrap_or(&credential);
        let shown = || format!("{} for {}", answer.code, start.escape_ascii());
        if taken.count_total > most_allocations.0 {
            most_allocations = (taken.count_total, shown());
        }
        if taken.bytes_max > most_bytes.0 {
            most_bytes = (taken.bytes_max, shown());
        }
    }
    println!(
        "{refused} refused requests; most allocations: {most_allocations:?}; most bytes: {most_bytes:?}"
    );
    assert!(refused > 1000, "{refused}");
    assert!(
        most_allocations.0 <= MOST_ALLOCATIONS,
        "{most_allocations:?}"
    );
    assert!(most_bytes.0 <= MOST_BYTES, "{most_bytes:?}");
}
