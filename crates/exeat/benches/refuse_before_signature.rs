//! What a stranger's token costs when it is refused before its signature: time, and the raw check that it does not cost.
#![expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a bench measures time, prints, and stops at the first surprise"
)]

mod measure;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use exeat::exeat_jose::Algorithm;
use futures_util::FutureExt;
use measure::{Case, Issuer, medians, option};

fn main() {
    let issuer = Issuer::new(Algorithm::Rs256);
    let verifier = issuer.verifier(|api| api);
    let good = issuer.token(1);
    let (_, rest) = good.split_once('.').unwrap();
    let header = |json: &str| format!("{}.{rest}", URL_SAFE_NO_PAD.encode(json));
    let tokens = [
        ("no dot", "a".repeat(620)),
        ("bad base64url", good.replacen('e', "*", 1)),
        ("alg none", header(r#"{"alg":"none","typ":"JWT"}"#)),
        (
            "alg HS256",
            header(r#"{"alg":"HS256","typ":"JWT","kid":"2026-11"}"#),
        ),
        (
            "unknown kid",
            header(r#"{"alg":"RS256","typ":"JWT","kid":"2026-11"}"#),
        ),
    ];
    let mut cases: Vec<_> = tokens
        .iter()
        .map(|(_, token)| {
            let verifier = &verifier;
            Case::new(move |_| verifier.verify(token).now_or_never().unwrap().unwrap_err())
        })
        .collect();
    let times = medians(&mut cases, option("--rounds", 201), 1000);
    println!("refused before the signature, ns");
    for ((name, _), time) in tokens.iter().zip(times) {
        println!("{name:16} {time:6.0}");
    }
}
