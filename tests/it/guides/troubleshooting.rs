//! The table from symptom to cause leaves out no refusal and names none that does not exist.

use std::collections::BTreeSet;

use anyhow::Context as _;
use harness::guide::source;

/// The gate's codes, in the first column; a test of the crate compares the table with the code.
const TABLE: &str = "crates/exeat/src/rejection/answers.md";

/// Where the other refusals get their codes: a file and the function in it.
const SOURCES: [(&str, &str); 2] = [
    ("crates/exeat-issuer/src/exchange/refused.rs", "fn words("),
    ("crates/exeat-cors/src/decide/refusal.rs", "fn code("),
];

/// The words in snake case between two `quote`s.
fn quoted(text: &str, quote: char) -> BTreeSet<String> {
    let is_code = |word: &&str| {
        !word.is_empty()
            && word
                .chars()
                .all(|letter| letter == '_' || letter.is_ascii_lowercase())
    };
    text.lines()
        .flat_map(|line| line.split(quote).skip(1).step_by(2))
        .filter(is_code)
        .map(str::to_owned)
        .collect()
}

/// The first column of tables.
fn first_cells(rows: &str) -> String {
    rows.lines()
        .filter_map(|row| row.split('|').nth(1))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_code_of_a_refusal_is_in_the_table_and_no_other() -> anyhow::Result<()> {
    let guide = source("docs/troubleshooting.md")?;
    let mut codes = quoted(&first_cells(&source(TABLE)?), '`');
    codes.remove("code");
    assert!(codes.len() >= 20, "{TABLE}: {codes:?}");
    for (path, function) in SOURCES {
        let text = source(path)?;
        let (_, body) = text.split_once(function).context(path)?;
        let (body, _) = body.split_once("\n    }\n").context(path)?;
        let found = quoted(body, '"');
        assert!(found.len() >= 4, "{path}: {found:?}");
        codes.extend(found);
    }
    let rows: String = guide
        .lines()
        .filter(|line| line.starts_with("| "))
        .collect::<Vec<_>>()
        .join("\n");
    let named = quoted(&rows, '`');
    let missing: Vec<_> = codes.difference(&named).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");

    let unknown: Vec<_> = quoted(&first_cells(&rows), '`')
        .difference(&codes)
        .cloned()
        .collect();
    assert!(unknown.is_empty(), "no such code: {unknown:?}");
    Ok(())
}
