//! `exeat check-config`, and how `serve` reads its configuration: one TOML file with environment overrides.

use std::path::Path;

use anyhow::Context as _;
use exeat_issuer::{Config, RawConfig};
use figment::{
    Figment,
    error::Kind,
    providers::{Env, Format as _, Toml},
    value::Value,
};
use serde::Deserialize as _;

use crate::{failure::Failure, output};

/// Environment variables of this name and a key set that key.
const ENV_PREFIX: &str = "EXEAT_";
/// Between a table and a key in the name of an environment variable.
const ENV_NESTING: &str = "__";
/// Names with our prefix that are no configuration keys: logging, and the path of this program as scripts pass it on.
const ENV_NOT_CONFIG: &[&str] = &["log", "log_format"];
/// Problems of form that are looked for in one run; a file with more is not an exeat configuration.
const MAX_FORM_PROBLEMS: usize = 100;
/// Letters left out, added, changed or swapped with their neighbour, up to which a key is taken for a misspelt one.
const MAX_SLIPS: usize = 2;

/// Says that a configuration is right, or everything that is wrong with it.
///
/// # Errors
/// `Configuration` with every problem; other failures when stdout cannot be written.
pub(crate) fn run(file: &Path) -> Result<(), Failure> {
    let config = load(file)?;
    output::print(&format!(
        "{} is right: issuer {}",
        file.display(),
        config.issuer()
    ))
    .context("stdout cannot be written")?;
    Ok(())
}

/// Reads and checks a configuration.
///
/// # Errors
/// `Configuration` with every problem of form (unknown keys, wrong types) and of meaning.
pub(crate) fn load(file: &Path) -> Result<Config, Failure> {
    let overrides = Env::prefixed(ENV_PREFIX)
        .ignore(ENV_NOT_CONFIG)
        .split(ENV_NESTING);
    let overridden = Overridden::by(&overrides);
    let wrong = |problems: Vec<String>| Failure::Configuration {
        source: overridden.source(file, &problems),
        problems: problems
            .into_iter()
            .map(|problem| overridden.blame(problem))
            .collect(),
    };
    if let Err(error) = std::fs::File::open(file) {
        return Err(wrong(vec![format!("the file cannot be read: {error}")]));
    }
    let figment = Figment::from(Toml::file_exact(file)).merge(overrides);
    let value: Value = figment
        .extract()
        .map_err(|error| wrong(form_problems(error)))?;

    let (raw, form) = without_form_problems(value);
    let base_dir = file.parent().unwrap_or(Path::new("."));
    let files = raw.as_ref().map(|raw| raw.check_files(base_dir));
    let config = raw.map(|raw| Config::from_raw(raw, base_dir));
    let mut problems: Vec<String> = form.iter().map(ToString::to_string).collect();
    if let Some(Err(errors)) = files {
        problems.extend(errors.iter().map(ToString::to_string));
    }
    match config {
        Some(Ok(config)) if problems.is_empty() => Ok(config),
        Some(Err(errors)) => {
            let meaning = errors.iter().map(ToString::to_string);
            problems
                .extend(meaning.filter(|problem| !form.iter().any(|known| known.causes(problem))));
            Err(wrong(problems))
        }
        Some(Ok(_)) | None => Err(wrong(problems)),
    }
}

/// What is wrong with the form of a file, one line each.
pub(crate) fn form_problems(error: figment::Error) -> Vec<String> {
    error
        .into_iter()
        .map(|one| FormProblem::new(&one).to_string())
        .collect()
}

/// A key of the wrong name or type.
#[derive(Debug)]
struct FormProblem {
    key: String,
    text: String,
}

impl FormProblem {
    fn new(error: &figment::Error) -> Self {
        Self {
            key: dotted(&error.path),
            text: match &error.kind {
                Kind::UnknownField(name, known) => unknown(name, known),
                kind => kind.to_string(),
            },
        }
    }

    /// Is that problem (`key: …`) only there because this faulty key was taken out?
    fn causes(&self, problem: &str) -> bool {
        problem
            .split_once(": ")
            .and_then(|(key, _)| self.key.strip_prefix(key))
            // The key itself or one inside it; `issuers` is not inside `issuer`.
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

impl std::fmt::Display for FormProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.key.is_empty() {
            f.write_str(&self.text)
        } else {
            write!(f, "{}: {}", self.key, self.text)
        }
    }
}

/// What is said of a key that does not exist: the one that was probably meant, or all that there are.
fn unknown(name: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|one| (strsim::osa_distance(name, one), one))
        .filter(|(distance, _)| *distance <= MAX_SLIPS)
        .min();
    match near {
        Some((_, near)) => format!("unknown key; did you mean {near}?"),
        None => format!("unknown key; there are {}", known.join(", ")),
    }
}

/// The keys that the environment sets. It wins over the file, so their problems are its own.
struct Overridden(Vec<String>);

impl Overridden {
    fn by(overrides: &Env) -> Self {
        Self(overrides.iter().map(|(key, _)| key.to_string()).collect())
    }

    /// The variable that set the key of a problem (`key: …`).
    fn variable(&self, problem: &str) -> Option<String> {
        let (key, _) = problem.split_once(": ")?;
        let is_in = |set: &&String| {
            key.strip_prefix(set.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let set = self.0.iter().find(is_in)?;
        Some(format!(
            "{ENV_PREFIX}{}",
            set.replace('.', ENV_NESTING).to_uppercase()
        ))
    }

    fn blame(&self, problem: String) -> String {
        match self.variable(&problem) {
            Some(variable) => format!("{problem} (set by {variable} in the environment)"),
            None => problem,
        }
    }

    /// Where all the problems are.
    fn source(&self, file: &Path, problems: &[String]) -> String {
        let by_environment = problems
            .iter()
            .filter(|problem| self.variable(problem).is_some())
            .count();
        if by_environment == 0 {
            file.display().to_string()
        } else if by_environment == problems.len() {
            "the environment".to_owned()
        } else {
            format!("{} and the environment", file.display())
        }
    }
}

/// Deserialization stops at its first error. Taking the faulty key out and trying again finds the others too, and
/// leaves something whose meaning can be checked.
fn without_form_problems(mut value: Value) -> (Option<RawConfig>, Vec<FormProblem>) {
    let mut problems = Vec::new();
    while problems.len() < MAX_FORM_PROBLEMS {
        let error = match RawConfig::deserialize(&value) {
            Ok(raw) => return (Some(raw), problems),
            Err(error) => error,
        };
        problems.push(FormProblem::new(&error));
        if !remove(&mut value, &error.path) {
            break;
        }
    }
    (None, problems)
}

/// Takes the key at the path out; from a list, the whole list, so that the positions in later problems stay right.
/// False if there is nothing to take out.
fn remove(value: &mut Value, path: &[String]) -> bool {
    match (value, path) {
        (Value::Dict(_, members), [first, rest @ ..]) => {
            let inner_is_gone = members
                .get_mut(first)
                .is_some_and(|inner| remove(inner, rest));
            inner_is_gone || members.remove(first).is_some()
        }
        (Value::Array(_, items), [first, rest @ ..]) => {
            let item = first
                .parse()
                .ok()
                .and_then(|position: usize| items.get_mut(position));
            item.is_some_and(|inner| remove(inner, rest))
        }
        _ => false,
    }
}

/// A path as operators write it: `audience[0].ttl`.
fn dotted(path: &[String]) -> String {
    let mut key = String::new();
    for part in path {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            key.push('[');
            key.push_str(part);
            key.push(']');
        } else {
            if !key.is_empty() {
                key.push('.');
            }
            key.push_str(part);
        }
    }
    key
}

#[cfg(test)]
mod tests;
