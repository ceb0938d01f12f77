//! Instructions under valgrind: numbers that are the same on every run, held to a baseline, and to a bound on what a stranger can cost.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};
use bench::{figures::Figures, goals::MOST_BEFORE_AUTHENTICATION};
use serde_json::Value;

use crate::{host, peers};

/// Measures, compares with the baseline, and fails where it may. With `record` what was measured becomes the baseline.
pub fn check(record: bool) -> anyhow::Result<Figures> {
    let pure = pure()?;
    let refused = refused()?;
    let (worst, most) = refused
        .iter()
        .max_by_key(|(_, count)| **count)
        .context("no hostile request was measured")?;
    println!(
        "{} hostile requests, refused before a signature; most instructions:",
        refused.len()
    );
    let mut dearest: Vec<_> = refused.iter().collect();
    dearest.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (name, count) in dearest.iter().take(8) {
        println!("{count:>9}  {name}");
    }
    let host = host::instructions()?;
    if record {
        fs::write(baseline_file(), write(&host, &pure))?;
    }
    let drifted = compare(&fs::read_to_string(baseline_file())?, &host, &pure)?;
    ensure!(
        drifted.is_empty(),
        "beyond 5 % of the baseline: {}",
        drifted.join(", ")
    );
    ensure!(
        *most as f64 <= MOST_BEFORE_AUTHENTICATION,
        "{worst} costs {most} instructions; the bound is {MOST_BEFORE_AUTHENTICATION}"
    );
    let mut figures = Figures::default();
    figures.insert("instructions.refused", *most as f64);
    for (name, count) in pure {
        figures.insert(format!("instructions.{name}"), count as f64);
    }
    Ok(figures)
}

/// Every benchmark of gungraun, by its name.
fn pure() -> anyhow::Result<BTreeMap<String, u64>> {
    let output = Command::new("cargo")
        .args([
            "bench",
            "--quiet",
            "--package",
            "instructions",
            "--bench",
            "pure",
        ])
        .args(["--", "--output-format=json"])
        .env(
            "GUNGRAUN_RUNNER",
            peers().join("target/tools/bin/gungraun-runner"),
        )
        .current_dir(peers())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo bench")?;
    ensure!(
        output.status.success(),
        "cargo bench ended with {}",
        output.status
    );
    let text = String::from_utf8(output.stdout)?;
    let counts: BTreeMap<_, _> = text
        .lines()
        .map(|line| counted(&serde_json::from_str(line)?))
        .collect::<anyhow::Result<_>>()?;
    ensure!(!counts.is_empty(), "gungraun measured nothing");
    Ok(counts)
}

/// One line of gungraun: function, the case of it, and the instructions read.
fn counted(line: &Value) -> anyhow::Result<(String, u64)> {
    let text = |name: &str| {
        line[name]
            .as_str()
            .with_context(|| format!("no {name} in {line}"))
    };
    let values = &line["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
    let count = values.as_u64().or_else(|| values["Int"].as_u64());
    let count = count.with_context(|| format!("no instructions in {line}"))?;
    Ok((format!("{}.{}", text("function_name")?, text("id")?), count))
}

/// What the layer spends on each hostile request. One run for all: callgrind starts to count before each call and dumps after it.
fn refused() -> anyhow::Result<BTreeMap<String, u64>> {
    let folder = peers().join("target/bench/refused");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .args([
            "--zero-before=instructions::judge",
            "--dump-after=instructions::judge",
        ])
        .arg(format!(
            "--callgrind-out-file={}",
            folder.join("dump").display()
        ))
        .arg(peers().join("target/release/instructions"))
        .stderr(Stdio::inherit())
        .output()
        .context("valgrind")?;
    ensure!(
        output.status.success(),
        "valgrind ended with {}",
        output.status
    );
    let names = String::from_utf8(output.stdout)?;
    let counts = names
        .lines()
        .zip(1..)
        .map(|(name, number)| {
            let dump = fs::read_to_string(folder.join(format!("dump.{number}")))
                .with_context(|| format!("no dump for {name}"))?;
            Ok((name.to_owned(), sum(&dump)?))
        })
        .collect::<anyhow::Result<_>>()?;
    fs::remove_dir_all(&folder)?;
    Ok(counts)
}

/// The instructions of a dump that was made after a call, and not at the end of the program.
fn sum(dump: &str) -> anyhow::Result<u64> {
    let field = |name: &str| dump.lines().find_map(|line| line.strip_prefix(name));
    let why = field("desc: Trigger: ").context("a dump without a trigger")?;
    ensure!(
        why.starts_with("--dump-after"),
        "dumped for another reason: {why}"
    );
    let sum = field("summary: ").context("a dump without a sum")?;
    Ok(sum.trim().parse()?)
}

fn baseline_file() -> PathBuf {
    peers().join("../instructions.txt")
}

fn write(host: &str, counts: &BTreeMap<String, u64>) -> String {
    let mut text = format!(
        "# Written by `cargo xtask bench --instructions --record`. Holds for this host alone.\n{HOST}{host}\n"
    );
    for (name, count) in counts {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name} {count}");
    }
    text
}

/// What is more than 5 % away from the baseline, or not in it. Of another host nothing is: its counts are only shown.
fn compare(
    baseline: &str,
    host: &str,
    counts: &BTreeMap<String, u64>,
) -> anyhow::Result<Vec<String>> {
    let same_host = baseline.lines().find_map(|line| line.strip_prefix(HOST)) == Some(host);
    let mut known = BTreeMap::new();
    for line in baseline.lines().filter(|line| !line.starts_with("# ")) {
        let (name, count) = line.split_once(' ').with_context(|| line.to_owned())?;
        known.insert(name, count.parse::<u64>().with_context(|| line.to_owned())?);
    }
    if known.is_empty() {
        bail!("the baseline is empty");
    }
    let mut drifted = Vec::new();
    for (name, count) in counts {
        let Some(before) = known.remove(name.as_str()) else {
            println!("{count:>9}  {name}, which the baseline does not have");
            drifted.push(name.clone());
            continue;
        };
        let change = *count as f64 / before as f64 - 1.0;
        println!("{count:>9}  {name} ({:+.1} %)", change * 100.0);
        if change.abs() > 0.05 {
            drifted.push(name.clone());
        }
    }
    drifted.extend(known.into_keys().map(str::to_owned));
    if !same_host {
        println!(
            "The baseline is of another host: processor flags or valgrind differ. Reported, not judged."
        );
        drifted.clear();
    }
    Ok(drifted)
}

const HOST: &str = "# host: ";

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(all: &[(&str, u64)]) -> BTreeMap<String, u64> {
        all.iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    #[test]
    fn five_in_a_hundred_may_change_and_six_may_not() {
        let baseline = write("this", &counts(&[("a.b", 100), ("c.d", 100)]));
        let drifted = |c| compare(&baseline, "this", &counts(&[("a.b", 105), ("c.d", c)])).unwrap();
        assert!(drifted(95).is_empty());
        assert_eq!(drifted(106), ["c.d"]);
        assert_eq!(drifted(94), ["c.d"]);
    }

    #[test]
    fn a_case_that_is_new_or_gone_is_a_drift() {
        let baseline = write("this", &counts(&[("gone", 1)]));
        assert_eq!(
            compare(&baseline, "this", &counts(&[("new", 1)])).unwrap(),
            ["new", "gone"]
        );
    }

    #[test]
    fn another_host_is_not_judged() {
        let baseline = write("this", &counts(&[("a.b", 100)]));
        assert!(
            compare(&baseline, "another", &counts(&[("a.b", 900)]))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn only_a_dump_after_a_call_is_counted() {
        let dump = |why: &str| format!("version: 1\ndesc: Trigger: {why}\nsummary: 12\n");
        assert_eq!(sum(&dump("--dump-after=instructions::judge")).unwrap(), 12);
        assert!(sum(&dump("Program termination")).is_err());
    }
}
