use super::*;

fn direct(rows: &[(&str, &[&str])]) -> Direct {
    rows.iter()
        .map(|(name, dependencies)| {
            (
                (*name).to_owned(),
                dependencies.iter().map(|name| (*name).to_owned()).collect(),
            )
        })
        .collect()
}

#[test]
fn an_arrow_of_the_house_is_accepted() {
    let tree = direct(&[
        ("exeat", &["exeat-jose", "exeat-cors", "http"]),
        ("exeat-jose", &["ring"]),
        ("exeat-cors", &[]),
    ]);
    assert_eq!(arrows(&tree), Vec::<String>::new());
}

#[test]
fn an_arrow_between_siblings_is_a_violation() {
    let tree = direct(&[("exeat-issuer", &["exeat"]), ("exeat", &[])]);
    assert_eq!(arrows(&tree).len(), 1);
}

#[test]
fn the_cryptographic_library_outside_jose_is_a_violation() {
    assert_eq!(arrows(&direct(&[("exeat", &["ring"])])).len(), 1);
}

#[test]
fn an_unknown_crate_is_a_violation() {
    assert_eq!(arrows(&direct(&[("exeat-misc", &[])])).len(), 1);
}

#[test]
fn tokio_in_a_pure_tree_is_a_violation() {
    assert!(impure_lines("exeat-jose", "serde v1.0\nbase64 v0.22").is_empty());
    assert_eq!(
        impure_lines("exeat-jose", "serde v1.0\ntokio v1.0").len(),
        1
    );
}

#[test]
fn a_crate_table_that_differs_from_the_manifests_is_a_violation() {
    let crates = BTreeMap::from([("exeat".to_owned(), "The gate".to_owned())]);
    let table =
        |rows: &str| format!("| crate | description | more |\n| --- | --- | --- |\n{rows}\n");
    assert!(crate_table(&table("| `exeat` | The gate | x |"), &crates).is_empty());
    assert_eq!(
        crate_table(&table("| `exeat` | A door | x |"), &crates).len(),
        1
    );
    assert_eq!(crate_table("", &crates).len(), 1);
    let gone = table("| `exeat` | The gate | x |\n| `gone` | Was here | x |");
    assert_eq!(crate_table(&gone, &crates).len(), 1);
}

#[test]
fn a_dependency_without_a_reason_is_a_violation() {
    let told = "[workspace.dependencies]\na = \"1\"   # why\nb = { version = \"1\" }  # why\n";
    assert_eq!(dependency_reasons("Cargo.toml", told), Vec::<String>::new());
    let untold =
        "[workspace.dependencies]\na = \"1\"\nb = { version = \"1\" } # why\n[next]\nc = \"1\"\n";
    assert_eq!(dependency_reasons("Cargo.toml", untold).len(), 1);
    assert_eq!(
        dependency_reasons("Cargo.toml", "[dependencies]\n").len(),
        1
    );
}

#[test]
fn a_version_outside_the_workspace_is_a_violation() {
    let good = "[package]\nversion = \"1\"\n[dependencies]\na.workspace = true\nb = { workspace = true }\n";
    assert_eq!(own_versions("a", good), Vec::<String>::new());
    let bad = "[dev-dependencies]\na = \"1\"\n[lints]\nworkspace = true\n";
    assert_eq!(own_versions("a", bad).len(), 1);
    let apart = format!("[workspace]\n{bad}");
    assert_eq!(own_versions("a", &apart), Vec::<String>::new());
}

#[test]
fn a_banned_name_is_a_violation_as_file_and_as_folder() {
    assert!(file_name("crates/exeat/src/utils.rs").is_some());
    assert!(file_name("crates/exeat/src/common/mod.rs").is_some());
    assert!(file_name("crates/exeat/src/gate.rs").is_none());
}

#[test]
fn a_source_file_of_500_lines_is_accepted_and_one_of_501_is_not() {
    assert!(file_size("crates/a/src/b.rs", &"x\n".repeat(500)).is_none());
    assert!(file_size("crates/a/src/b.rs", &"x\n".repeat(501)).is_some());
    assert!(file_size("crates/a/src/b/tests.rs", &"x\n".repeat(501)).is_none());
}

#[test]
fn a_file_system_call_in_a_pure_crate_is_a_violation() {
    let grouped = "use std::{fs, path::Path};\nfs::read(path)";
    assert_eq!(pure_source("crates/exeat-jose/src/a.rs", grouped).len(), 1);
    let clock = "Instant::now()";
    assert_eq!(pure_source("crates/exeat-cors/src/a.rs", clock).len(), 1);
    assert!(pure_source(CLOCK, clock).is_empty());
    assert!(pure_source("crates/exeat-issuer/src/a.rs", "use std::fs;").is_empty());
}

#[test]
fn a_link_that_leads_nowhere_is_a_violation() {
    let exists = |target: &Path| target == Path::new("docs/there.md");
    assert!(
        dead_links(
            "README.md",
            "[a](docs/there.md#part) [b](https://x.example)",
            exists
        )
        .is_empty()
    );
    assert_eq!(
        dead_links("README.md", "[a](docs/gone.md)", exists).len(),
        1
    );
}

#[test]
fn a_second_verifier_in_the_tree_is_a_violation() {
    let good = "exeat v0.1\nexeat-jose v0.1\njsonwebtokens v1.0\n";
    assert_eq!(foreign_lines("exeat", good), None);
    assert!(foreign_lines("exeat", "exeat v0.1\njsonwebtoken v11.1.0\n").is_some());
}

#[test]
fn a_library_that_installs_a_provider_is_a_violation() {
    let call = "provider().install_default().ok();";
    assert!(installs_provider("crates/exeat/src/x.rs", call).is_some());
    assert_eq!(installs_provider("crates/exeat-cli/src/x.rs", call), None);
    assert_eq!(installs_provider("crates/exeat/tests/x.rs", call), None);
    assert_eq!(
        installs_provider("crates/exeat/src/x.rs", &format!("/// {call}")),
        None
    );
}
