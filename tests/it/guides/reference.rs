//! The reference of the HTTP interface names the members that the code reads and writes, and no others.

use anyhow::Context as _;
use harness::guide::{Guide, source};

/// A table of the guide: under which heading, the how-manieth with members, and the type that it describes.
const TABLES: [(&str, usize, &str, &str); 6] = [
    ("Reference: `POST /v1/token`", 0, "token", "TokenRequest"),
    ("Reference: `POST /v1/token`", 1, "token", "TokenAnswer<'a>"),
    ("Reference: `/admin/v1/sessions`", 0, "admin", "PutBody"),
    (
        "Reference: `/admin/v1/sessions`",
        1,
        "admin",
        "PutAnswer<'a>",
    ),
    ("Reference: `/admin/v1/sessions`", 2, "admin", "DeleteBody"),
    (
        "Reference: `/admin/v1/sessions`",
        3,
        "admin",
        "DeleteAnswer",
    ),
];

/// The first column of a table, the code in it alone.
fn first_column(table: &str) -> Vec<&str> {
    table
        .lines()
        .map_while(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect()
}

/// The names of the fields of a struct, in order.
fn fields<'a>(code: &'a str, name: &str) -> anyhow::Result<Vec<&'a str>> {
    let (_, body) = code
        .split_once(&format!("struct {name} {{\n"))
        .with_context(|| name.to_owned())?;
    let (body, _) = body.split_once("\n}").context("no end")?;
    let lines = body.lines().map(str::trim);
    Ok(lines
        .filter(|line| !line.starts_with(['/', '#']))
        .filter_map(|line| line.split_once(": "))
        .map(|(field, _)| field)
        .collect())
}

#[test]
fn every_member_of_a_body_is_in_its_table_and_no_other() -> anyhow::Result<()> {
    let guide = Guide::read("docs/marketplace-backend.md")?;
    for (heading, place, module, name) in TABLES {
        let section = guide.below(heading)?;
        let table = section
            .text()
            .split("\n| member |")
            .nth(place + 1)
            .and_then(|table| table.split_once("--- |\n"))
            .with_context(|| format!("no table of {name}"))?
            .1;
        let code = source(&format!("crates/exeat-issuer/src/routes/{module}.rs"))?;
        let documented = first_column(table);
        assert!(!documented.is_empty(), "{name}: {table}");
        assert_eq!(documented, fields(&code, name)?, "{name}");
    }
    Ok(())
}
