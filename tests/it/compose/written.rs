//! What is written: the compose file, the Dockerfile, and the rules that both are judged by.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, de::IgnoredAny};

/// The parts of a compose file that are used or judged here.
#[derive(Deserialize)]
pub(super) struct Compose {
    pub(super) services: BTreeMap<String, Service>,
    pub(super) secrets: BTreeMap<String, Secret>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    pub(super) build: Option<IgnoredAny>,
    pub(super) image: String,
    pub(super) profiles: Vec<String>,
    pub(super) command: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) ports: Vec<String>,
    pub(super) volumes: Vec<String>,
    pub(super) secrets: Vec<String>,
    pub(super) depends_on: BTreeMap<String, Dependency>,
    pub(super) healthcheck: HealthCheck,
    pub(super) user: String,
    pub(super) read_only: bool,
    pub(super) cap_drop: Vec<String>,
    pub(super) security_opt: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Dependency {
    pub(super) condition: String,
}

#[derive(Default, Deserialize)]
pub(super) struct HealthCheck {
    pub(super) test: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Secret {
    pub(super) file: String,
}

pub(super) fn read(name: &str) -> anyhow::Result<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(&file).with_context(|| format!("{name} cannot be read"))
}

pub(super) fn compose() -> anyhow::Result<Compose> {
    Ok(serde_saphyr::from_str(&read("docker-compose.yml")?)?)
}

/// The commands in the comments of a file: lines of `#` and three spaces, one that ends in a backslash joined with the next.
pub(super) fn commands(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("#   "))
        .collect();
    lines
        .join("\n")
        .replace("\\\n", " ")
        .lines()
        .map(str::to_owned)
        .collect()
}

/// The instructions of a Dockerfile, name and arguments, continued lines joined.
pub(super) fn instructions(text: &str) -> Vec<(String, String)> {
    let code: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    code.join("\n")
        .replace("\\\n", " ")
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()))
        .collect()
}

/// The last value of an instruction in the stage that becomes the image.
pub(super) fn final_stage(name: &str) -> anyhow::Result<String> {
    let all = instructions(&read("Dockerfile")?);
    all.into_iter()
        .rev()
        .take_while(|(instruction, _)| instruction != "FROM")
        .find(|(instruction, _)| instruction == name)
        .map(|(_, value)| value)
        .with_context(|| format!("the image has no {name}"))
}

/// An image of a release: a tag that is there and does not wander to whatever is newest.
pub(super) fn is_pinned(image: &str) -> bool {
    image
        .rsplit_once(':')
        .is_some_and(|(_, tag)| !tag.is_empty() && !tag.starts_with("latest"))
}

/// A user other than root, by number, so that no `/etc/passwd` decides who it is.
pub(super) fn is_not_root(user: &str) -> bool {
    let ids: Option<Vec<u32>> = user.split(':').map(|id| id.parse().ok()).collect();
    ids.is_some_and(|ids| ids.len() == 2 && !ids.contains(&0))
}

/// A value that is a secret by its name, unless it says where the secret is, or by its look: long, of one alphabet, with digits.
pub(super) fn looks_secret(name: &str, value: &str) -> bool {
    let by_name = ["PASSWORD", "SECRET", "TOKEN", "KEY"]
        .iter()
        .any(|word| name.to_uppercase().contains(word));
    let points_to_file = name.ends_with("_FILE") && value.starts_with("/run/secrets/");
    let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    let by_look = value.len() >= 20
        && value.bytes().all(in_alphabet)
        && value.bytes().any(|byte| byte.is_ascii_digit());
    (by_name && !points_to_file) || by_look
}
