//! The README and the guides in `docs/`, followed as a new user follows them: files to write, commands to type.

use std::{fs, path::Path};

use anyhow::Context as _;
use tokio::process::Command;

use crate::{
    binary, peers,
    process::{Finished, Process},
};

/// What a guide calls commands that a test cannot run as they are: the binary under test instead of a build, and the peers that
/// `cargo xtask setup` has installed instead of downloads. A version that the peers do not satisfy fails.
const STAND_INS: &str = r#"
cargo() { [ "$1 $2 $3" = "run --release --" ] && shift 3 && "$EXEAT" "$@"; }
exeat() { "$EXEAT" "$@"; }
npm() { [ "$#:$1" = 2:install ] && command npm --prefix "$NODE_PEERS" ls "$2" && ln -s "$NODE_PEERS/node_modules" node_modules; }
python3() { [ "$*" = "-m venv .venv" ] && ln -s "$PYTHON_PEERS" .venv; }
"#;

/// A fenced block.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Block {
    /// The first word after the fence.
    pub language: String,
    /// The second: a file name, or what the commands are for. `""` without one.
    pub name: String,
    /// What stands between the fences.
    pub text: String,
}

/// A Markdown file, or a section of one.
#[derive(Clone, Debug)]
pub struct Guide {
    name: String,
    text: String,
}

impl Guide {
    /// Reads a file of the repository.
    ///
    /// # Errors
    /// It is not there.
    pub fn read(path: &str) -> anyhow::Result<Self> {
        Ok(Self {
            name: path.to_owned(),
            text: source(path)?,
        })
    }

    /// The section of a second-level heading that begins so.
    ///
    /// # Errors
    /// There is none.
    pub fn below(&self, heading: &str) -> anyhow::Result<Self> {
        let section = self
            .text
            .split("\n## ")
            .find(|section| section.starts_with(heading))
            .with_context(|| format!("{} has no section {heading}", self.name))?;
        Ok(Self {
            name: format!("{}, {heading}", self.name),
            text: section.to_owned(),
        })
    }

    /// The Markdown itself.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All blocks, in order.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for line in self.text.lines() {
            match (open.as_mut(), line.strip_prefix("```")) {
                (None, Some(info)) => {
                    let (language, name) = info.split_once(' ').unwrap_or((info, ""));
                    open = Some(Block {
                        language: language.to_owned(),
                        name: name.to_owned(),
                        text: String::new(),
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        blocks
    }

    /// The text of the only block with this language and name.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn block(&self, language: &str, name: &str) -> anyhow::Result<String> {
        let mut found = self
            .blocks()
            .into_iter()
            .filter(|block| (block.language.as_str(), block.name.as_str()) == (language, name));
        match (found.next(), found.next()) {
            (Some(block), None) => Ok(block.text),
            _ => anyhow::bail!(
                "{} has not one block {language} {name:?}, but {:?}",
                self.name,
                self.infos()
            ),
        }
    }

    /// What follows each opening fence. A test compares this with what it has run, so that no new block goes untested.
    #[must_use]
    pub fn infos(&self) -> Vec<String> {
        self.blocks()
            .into_iter()
            .map(|block| {
                format!("{} {}", block.language, block.name)
                    .trim()
                    .to_owned()
            })
            .collect()
    }
}

/// A text file of the repository.
///
/// # Errors
/// It is not there.
pub fn source(path: &str) -> anyhow::Result<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(file).with_context(|| path.to_owned())
}

/// Lines of a shell, in `folder`, to be run as written but for the stand-ins.
///
/// # Errors
/// There is no binary to test.
pub fn shell_command(folder: &Path, lines: &str) -> anyhow::Result<Command> {
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", &format!("{STAND_INS}{lines}")])
        .env("EXEAT", binary::path()?)
        .env("NODE_PEERS", peers::node())
        .env("PYTHON_PEERS", peers::venv())
        .env("PIP_NO_INDEX", "1")
        .current_dir(folder);
    Ok(command)
}

/// Runs lines of a shell to their end.
///
/// # Errors
/// They cannot be started or do not end before the deadline.
pub async fn shell(folder: &Path, lines: &str) -> anyhow::Result<Finished> {
    Process::start(&mut shell_command(folder, lines)?)?
        .finish("")
        .await
}
