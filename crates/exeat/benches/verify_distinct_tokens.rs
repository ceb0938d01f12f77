//! Every token is new: string → verified claims, beside the signature check alone over the same tokens.
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

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use exeat::ExternalApi;
use exeat::exeat_jose::{Algorithm, Jwk, PayloadBuf};
use futures_util::FutureExt;
use measure::{Case, Issuer, medians, option};

fn main() {
    let count = option("--tokens", 20_000);
    let rounds = option("--rounds", 201);
    println!("{count} distinct tokens, medians of {rounds} interleaved rounds");
    println!(
        "alg     raw µs | borrowed ×raw  +ns | owned ×raw  +ns | cache, all misses ×raw  +ns | bad signature ×raw  +ns"
    );
    for alg in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let issuer = Issuer::new(alg);
        let tokens = (0..count)
            .map(|number| issuer.token(number))
            .collect::<Vec<_>>();
        let bad: Vec<_> = tokens.iter().map(|token| spoil(token)).collect();
        let key = raw_key(alg, issuer.key.public_jwk());
        let parts = raw_parts(&tokens);
        let bad_parts = raw_parts(&bad);
        let plain = issuer.verifier(ExternalApi::without_token_cache);
        let caching = issuer.verifier(|api| api);
        let mut buffer = PayloadBuf::new();
        let check = |parts: &[(&str, Vec<u8>)], number: usize| {
            let (message, signature) = &parts[number % count];
            key.verify_sig(message.as_bytes(), signature).is_ok()
        };
        let mut cases = [
            // raw
            Case::new(|i| assert!(check(&parts, i))),
            // borrowed
            Case::new(|i| {
                let verdict = plain.verify_with(&tokens[i % count], &mut buffer);
                assert!(verdict.now_or_never().unwrap().is_ok());
            }),
            // owned
            Case::new(|i| {
                plain
                    .verify(&tokens[i % count])
                    .now_or_never()
                    .unwrap()
                    .unwrap()
            }),
            // cache, all misses
            Case::new(|i| {
                caching
                    .verify(&tokens[i % count])
                    .now_or_never()
                    .unwrap()
                    .unwrap()
            }),
            // raw bad
            Case::new(|i| assert!(!check(&bad_parts, i))),
            // bad signature
            Case::new(|i| {
                plain
                    .verify(&bad[i % count])
                    .now_or_never()
                    .unwrap()
                    .unwrap_err()
            }),
        ];
        let batch = (count / rounds).clamp(1, 40);
        let times = medians(&mut cases, rounds, batch);
        let (raw, raw_bad) = (times[0], times[4]);
        let beside = |time: f64, raw: f64| format!("{:.3} {:+5.0}", time / raw, time - raw);
        println!(
            "{:6} {:7.2} | {} | {} | {} | {}",
            alg.name(),
            raw / 1000.0,
            beside(times[1], raw),
            beside(times[2], raw),
            beside(times[3], raw),
            beside(times[5], raw_bad),
        );
    }
}

/// Another signature of the right length.
fn spoil(token: &str) -> String {
    let at = token.len() - 20;
    let other = if token.as_bytes()[at] == b'A' {
        "B"
    } else {
        "A"
    };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

fn raw_parts(tokens: &[String]) -> Vec<(&str, Vec<u8>)> {
    tokens
        .iter()
        .map(|token| {
            let (message, signature) = token.rsplit_once('.').unwrap();
            (message, URL_SAFE_NO_PAD.decode(signature).unwrap())
        })
        .collect()
}

fn raw_key(alg: Algorithm, jwk: &Jwk) -> ParsedPublicKey {
    let jwk = serde_json::to_value(jwk).unwrap();
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    match alg {
        Algorithm::Rs256 => RsaPublicKeyComponents {
            n: bytes("n"),
            e: bytes("e"),
        }
        .to_parsed_public_key(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Es256 => {
            let point = [vec![4], bytes("x"), bytes("y")].concat();
            ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
        }
        _ => ParsedPublicKey::new(&signature::ED25519, bytes("x")),
    }
    .unwrap()
}
