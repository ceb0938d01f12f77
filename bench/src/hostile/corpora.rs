//! The inputs that other tests have collected: what fuzzing found, and the tokens that other implementations made.

use std::{fs, path::Path};

use anyhow::Context as _;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{HeaderValue, Request, header};
use serde::Deserialize;

use super::{Hostile, requests::UNKNOWN_KEY};

/// Requests with each of them. Some are signed well enough to cost a signature, and one or the other may even be let in.
///
/// # Errors
/// A file is missing or not as expected.
pub fn corpora() -> anyhow::Result<Vec<Hostile>> {
    let mut all = Vec::new();
    for (number, json) in fuzzed("header")?.into_iter().enumerate() {
        let token = format!("{}.e30.{}", URL_SAFE_NO_PAD.encode(json), "A".repeat(86));
        all.extend(bearer(format!("fuzz: header {number}"), &token));
    }
    for (number, json) in fuzzed("claims")?.into_iter().enumerate() {
        let header = URL_SAFE_NO_PAD.encode(UNKNOWN_KEY);
        let payload = URL_SAFE_NO_PAD.encode(json);
        let token = format!("{header}.{payload}.{}", "A".repeat(86));
        all.extend(bearer(format!("fuzz: claims {number}"), &token));
    }
    for file in ["node", "python"] {
        let text = read(&format!("tests/vectors/tokens/{file}.json"))?;
        let Vectors { cases } = serde_json::from_str(&text).context(file)?;
        for Vector { name, token } in cases {
            all.extend(token.and_then(|token| bearer(format!("vector: {name}"), &token)));
        }
    }
    Ok(all)
}

/// None for bytes that no header can carry.
fn bearer(name: String, token: &str) -> Option<Hostile> {
    let value = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()).ok()?;
    let request = Request::get("/").header(header::AUTHORIZATION, value);
    let request = request.body(()).ok()?;
    Some(Hostile { name, request })
}

/// One input a line, in base64.
fn fuzzed(target: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let text = read(&format!("fuzz/regressions/{target}.txt"))?;
    text.lines()
        .map(|line| STANDARD.decode(line).ok().context("no base64"))
        .collect()
}

fn read(file: &str) -> anyhow::Result<String> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    fs::read_to_string(root.join(file)).with_context(|| file.to_owned())
}

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    token: Option<String>,
}
