//! The fuzz targets of `fuzz/`, each for a while, from the vectors as seeds.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use anyhow::{Context as _, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::process::{cargo, files_in, root, run};

/// Target, and the longest input worth making: what lies beyond a limit is refused for its length alone.
const TARGETS: [(&str, usize); 7] = [
    ("header", 1_600),
    ("claims", 3_000),
    ("jwks", 6_000),
    ("challenge", 4_000),
    ("token_source", 3_000),
    ("origins", 700),
    ("cors", 2_000),
];

/// How long each target runs, unless the environment says otherwise.
const SECONDS: &str = "600";

/// Runs every target, or the one that the environment names; a rule that does not hold, a panic or an input that takes ten seconds is an error.
pub(crate) fn run_all() -> anyhow::Result<()> {
    let seconds = env::var_os("FUZZ_SECONDS").unwrap_or_else(|| SECONDS.into());
    let seconds = seconds.to_str().context("FUZZ_SECONDS is no number")?;
    let seconds: u32 = seconds.parse().context("FUZZ_SECONDS is no number")?;
    let wanted = env::var_os("FUZZ_TARGET");
    if let Some(wanted) = &wanted {
        let is_known = TARGETS.iter().any(|(target, _)| wanted == target);
        ensure!(is_known, "FUZZ_TARGET: there is no such target");
    }
    for (target, longest) in TARGETS {
        if wanted.as_ref().is_some_and(|wanted| wanted != target) {
            continue;
        }
        let seeds = folder("seeds", target)?;
        for (number, seed) in seeds_of(target)?.into_iter().enumerate() {
            fs::write(seeds.join(number.to_string()), seed)?;
        }
        println!("{target}: {seconds} s");
        run(cargo()
            .args(["+nightly", "fuzz", "run", target])
            // What the fuzzer keeps goes to the first folder, and stays for the next time.
            .arg(folder("corpus", target)?)
            .arg(seeds)
            .args([
                "--",
                &format!("-max_total_time={seconds}"),
                &format!("-max_len={longest}"),
                "-timeout=10",
                "-print_final_stats=1",
            ]))?;
    }
    Ok(())
}

fn folder(kind: &str, target: &str) -> anyhow::Result<PathBuf> {
    let folder = root().join("target/fuzz").join(kind).join(target);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

fn seeds_of(target: &str) -> anyhow::Result<BTreeSet<Vec<u8>>> {
    let mut seeds = BTreeSet::new();
    if matches!(target, "origins" | "cors") {
        for file in files_in("tests/vectors/cors", ".json")? {
            let vectors: Value = serde_json::from_slice(&fs::read(file)?)?;
            let vectors = vectors.as_array().into_iter().flatten();
            seeds.extend(vectors.flat_map(|vector| seeds_of_vector(target, vector)));
        }
    } else if target == "jwks" {
        for case in cases("jose/jwks.json")? {
            seeds.extend(text(&case, "json"));
        }
        let written = read("tokens/configurations.json")?;
        let configurations = written.get("configurations").and_then(Value::as_object);
        seeds.extend(configurations.into_iter().flatten().map(|(_, one)| {
            one.get("keys")
                .unwrap_or(&Value::Null)
                .to_string()
                .into_bytes()
        }));
    } else {
        for file in [
            "jose/valid.json",
            "jose/valid_python.json",
            "jose/refused.json",
            "tokens/python.json",
            "tokens/node.json",
        ] {
            for case in cases(file)? {
                seeds.extend(seeds_of_case(target, &case));
            }
        }
    }
    ensure!(!seeds.is_empty(), "{target} has no seeds");
    Ok(seeds)
}

/// Patterns of a policy that is written in place, each with itself; or a request, with the lines of `fuzz/src/cors.rs`.
fn seeds_of_vector(target: &str, vector: &Value) -> Vec<Vec<u8>> {
    let patterns = vector.pointer("/policy/origins").and_then(Value::as_array);
    let request = vector.pointer("/request/headers").and_then(Value::as_array);
    let lines = request.into_iter().flatten().filter_map(|header| {
        let value = header.get(1)?.as_str()?;
        Some((header.get(0)?.as_str()?, value))
    });
    if target == "origins" {
        let patterns = patterns.into_iter().flatten().filter_map(Value::as_str);
        let origins = lines
            .filter(|(name, _)| *name == "origin")
            .map(|(_, value)| format!("https://*.mp.example\n{value}"));
        let pairs = patterns.map(|pattern| format!("{pattern}\n{}", pattern.replace('*', "a")));
        return origins.chain(pairs).map(String::into_bytes).collect();
    }
    let letter = |name: &str| match name {
        "origin" => Some('o'),
        "access-control-request-method" => Some('m'),
        "access-control-request-headers" => Some('h'),
        "sec-fetch-site" => Some('s'),
        "sec-fetch-mode" => Some('n'),
        "sec-fetch-dest" => Some('d'),
        "upgrade" => Some('u'),
        _ => None,
    };
    let written: Vec<String> = lines
        .filter_map(|(name, value)| Some(format!("{}{value}", letter(name)?)))
        .collect();
    let method = match vector.pointer("/request/method").and_then(Value::as_str) {
        Some("OPTIONS") => 'o',
        Some("POST") => 'p',
        Some("CONNECT") => 'c',
        _ => 'g',
    };
    let policies = if written.is_empty() { "" } else { "Pr*" };
    policies
        .chars()
        .map(|policy| format!("{policy}{method}{}", written.join("\n")).into_bytes())
        .collect()
}

fn seeds_of_case(target: &str, case: &Value) -> Vec<Vec<u8>> {
    let token = case["token"].as_str();
    let segment = |at: usize| {
        let segment = token?.split('.').nth(at)?;
        URL_SAFE_NO_PAD.decode(segment).ok()
    };
    match target {
        "header" => segment(0).into_iter().collect(),
        "claims" => segment(1).into_iter().collect(),
        _ => {
            let lines = credentials(case);
            let method = match case["method"].as_str() {
                Some("POST") => "p",
                Some("DELETE") => "d",
                Some("OPTIONS") => "o",
                _ => "g",
            };
            let before = if target == "challenge" { method } else { "" };
            lines
                .into_iter()
                .map(|lines| [before.as_bytes(), &lines].concat())
                .collect()
        }
    }
}

/// The lines of `fuzz/src/request.rs`: a letter for the header's name, then its value.
fn credentials(case: &Value) -> Vec<Vec<u8>> {
    if let Some(headers) = case["headers"].as_array() {
        let line = |header: &Value| {
            let letter = match header[0].as_str() {
                Some("authorization") => b'a',
                Some("mp-authorization") => b'm',
                _ => b'c',
            };
            let value = header[1].as_str().unwrap_or_default();
            // Characters are bytes.
            let value = value.chars().filter_map(|byte| u8::try_from(byte).ok());
            std::iter::once(letter).chain(value).collect::<Vec<u8>>()
        };
        let lines: Vec<_> = headers.iter().map(line).collect();
        return vec![lines.join(&b'\n')];
    }
    let token = case["token"].as_str().unwrap_or_default();
    let encoded = URL_SAFE_NO_PAD.encode(token);
    vec![
        format!("aBearer {token}\nohttps://shop.example").into_bytes(),
        format!("m{token}").into_bytes(),
        format!("ca=b; __Host-token={token}\nssame-origin").into_bytes(),
        format!("ppoints, base64url.bearer.authorization.api.example.{encoded}").into_bytes(),
        format!("ua=b&access_token={token}").into_bytes(),
    ]
}

fn cases(file: &str) -> anyhow::Result<Vec<Value>> {
    let mut file = read(file)?;
    let Some(Value::Array(cases)) = file.get_mut("cases").map(Value::take) else {
        anyhow::bail!("a file of vectors without cases");
    };
    Ok(cases)
}

fn text(case: &Value, member: &str) -> Option<Vec<u8>> {
    case[member].as_str().map(|text| text.as_bytes().to_vec())
}

fn read(file: &str) -> anyhow::Result<Value> {
    let path = root().join("tests/vectors").join(file);
    let json = fs::read(&path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_slice(&json)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds() {
        for (target, _) in TARGETS {
            assert!(!seeds_of(target).unwrap().is_empty(), "{target}");
        }
    }
}
