//! Rust in a guide is an excerpt of a program that the compiler sees.

use std::{fs, path::Path};

use harness::guide::{Guide, source};

/// The guides with a test of their own, which says what it does with each block. In others only excerpts may stand.
const FOLLOWED: [&str; 8] = [
    "containers.md",
    "extension-author.md",
    "external-api-node.md",
    "external-api-python.md",
    "marketplace-backend.md",
    "operator.md",
    "testing-your-api.md",
    "troubleshooting.md",
];

/// Whether the lines of `excerpt` follow each other in `program`, whatever their indentation.
fn is_excerpt(excerpt: &str, program: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    let excerpt = lines(excerpt);
    !excerpt.is_empty()
        && lines(program)
            .windows(excerpt.len())
            .any(|window| window == excerpt)
}

#[test]
fn an_excerpt_is_whole_and_in_order() {
    let program = "fn a() {\n    one();\n\n    two();\n}\n";
    assert!(is_excerpt("one();\ntwo();\n", program));
    assert!(!is_excerpt("two();\none();\n", program), "another order");
    assert!(
        !is_excerpt("fn a() {\ntwo();\n", program),
        "a line left out"
    );
    assert!(!is_excerpt("one();\nthree();\n", program), "a line added");
    assert!(!is_excerpt("", program), "nothing at all");
}

#[test]
fn every_rust_block_of_a_guide_is_an_excerpt_of_the_file_it_names() -> anyhow::Result<()> {
    let mut seen = 0;
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs"))? {
        let name = file?.file_name();
        let guide = Guide::read(&format!("docs/{}", name.to_string_lossy()))?;
        let is_followed = FOLLOWED.iter().any(|followed| name == *followed);
        for block in guide.blocks() {
            assert!(
                is_followed || block.language == "rust",
                "{}: no test runs {} {}",
                name.display(),
                block.language,
                block.name
            );
            if block.language == "rust" {
                seen += 1;
                assert!(
                    is_excerpt(&block.text, &source(&block.name)?),
                    "{} is not in {}:\n{}",
                    name.display(),
                    block.name,
                    block.text
                );
            }
        }
    }
    assert!(seen >= 3, "only {seen}");
    Ok(())
}
