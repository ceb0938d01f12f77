//! The guide for the tests of an API: what it has a user write into `Cargo.toml`.

use std::{fs, path::Path};

use harness::{guide::Guide, process::Process};
use tempfile::TempDir;
use tokio::process::Command;

#[tokio::test]
async fn the_dependencies_of_the_guide_are_there_with_the_features_that_it_names()
-> anyhow::Result<()> {
    let guide = Guide::read("docs/testing-your-api.md")?;
    let text = guide.block("toml", "Cargo.toml")?;
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    assert!(text.contains("\"../exeat/"), "{text}");
    let text = text.replace("../exeat", &checkout.display().to_string());

    let folder = TempDir::new()?;
    let folder = folder.path();
    let package = "[package]\nname = \"api\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    fs::write(folder.join("Cargo.toml"), format!("{package}\n{text}"))?;
    fs::create_dir(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    // The versions that this workspace has fetched already.
    fs::copy(checkout.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["metadata", "--offline", "--format-version", "1"])
        .current_dir(folder);
    let finished = Process::start(&mut cargo)?.finish("").await?;
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert!(finished.stdout.contains("\"tower\""), "{}", finished.stdout);
    Ok(())
}
