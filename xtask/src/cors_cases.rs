//! The table of CORS cases (`tests/vectors/cors/cases.json`), each with its result of now.

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::{
    process::{cargo, command, files_in, root, run as run_command},
    setup,
};

/// Runs what has the number of a case in its name and prints the table; a case without a test, or with one that fails, is an error.
pub(crate) fn run() -> anyhow::Result<()> {
    setup::run()?;
    let mut results = BTreeMap::new();
    // The binaries in which cases are run: the vectors of the crate, those of the whole gate, and the gate's own tests.
    let mut rust = cargo();
    rust.args([
        "test",
        "--workspace",
        "--all-features",
        "--locked",
        "--no-fail-fast",
    ])
    .args(["--test", "vectors", "--test", "it", "--test", "gate"])
    .args(["--", "case_"]);
    collect(&mut rust, of_rust, &mut results)?;
    // The client's tests run its built files.
    run_command(
        command("npm")
            .args(["run", "--silent", "build"])
            .current_dir(root().join("clients/typescript")),
    )?;
    let mut node = command("node");
    node.args(["--test", "--test-reporter=tap"])
        .args(files_in("clients/typescript/test", ".test.mjs")?);
    collect(&mut node, of_tap, &mut results)?;

    let vectors = vectors()?;
    println!("\ncase  group  vectors  result   rule");
    let mut bad = 0;
    for case in read("cases.json")? {
        let number = number(&case).context("a case has a number")?;
        let result = match results.get(&number) {
            Some(true) => "ok",
            Some(false) => "FAILED",
            None => "no test",
        };
        bad += usize::from(result != "ok");
        let (group, rule) = (text(&case, "group"), text(&case, "rule"));
        let count = vectors
            .get(&number)
            .map_or_else(String::new, usize::to_string);
        println!("{number:>4}  {group:<5}  {count:>7}  {result:<7}  {rule}");
    }
    ensure!(bad == 0, "{bad} cases are not ok");
    Ok(())
}

/// How many vectors each case has, in all files.
fn vectors() -> anyhow::Result<BTreeMap<u64, usize>> {
    let mut count = BTreeMap::new();
    for file in files_in("tests/vectors/cors", ".json")? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.get(1..2) != Some("-") {
            continue;
        }
        for vector in read(&name)? {
            if let Some(case) = number(&vector) {
                *count.entry(case).or_default() += 1;
            }
        }
    }
    Ok(count)
}

/// Adds what a run says of cases. Several tests may be of one case, and all of them must pass.
fn collect(
    tests: &mut Command,
    parse: fn(&str) -> Option<(u64, bool)>,
    results: &mut BTreeMap<u64, bool>,
) -> anyhow::Result<()> {
    let shown = format!("{tests:?}");
    println!("{shown}");
    // A test that fails makes the run fail, and belongs into the table.
    let output = tests.stderr(Stdio::inherit()).output().context(shown)?;
    for (case, passed) in String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(parse)
    {
        let all = results.entry(case).or_insert(true);
        *all &= passed;
    }
    Ok(())
}

/// `test cors_gate::case_059 ... ok`
fn of_rust(line: &str) -> Option<(u64, bool)> {
    let (name, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let number = name.split_once("case_")?.1.get(..3)?;
    Some((number.parse().ok()?, result.trim() == "ok"))
}

/// `ok 3 - J127 fifty calls make one exchange`
fn of_tap(line: &str) -> Option<(u64, bool)> {
    let (result, name) = line.trim_start().split_once(" - ")?;
    let number = name.strip_prefix('J')?.get(..3)?;
    Some((number.parse().ok()?, !result.starts_with("not")))
}

fn number(value: &Value) -> Option<u64> {
    value.get("case")?.as_u64()
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    let text = value.get(member).and_then(Value::as_str);
    text.unwrap_or_default()
}

fn read(name: &str) -> anyhow::Result<Vec<Value>> {
    let path = root().join("tests/vectors/cors").join(name);
    let json = fs::read(&path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&json).with_context(|| path.display().to_string())
}
