//! The vectors as they are written down.

mod policy;
mod response;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use exeat_cors::PolicyConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) struct Vectors {
    all: Vec<Vector>,
    pub(crate) fixtures: Arc<Fixtures>,
    cases: Vec<Case>,
    /// What each file has, with what is run elsewhere.
    found: Vec<(String, u32)>,
}

/// A line of `cases.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "case")]
    number: u32,
    group: String,
    #[serde(rename = "rule")]
    _rule: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vector {
    case: u32,
    name: String,
    level: Level,
    policy: Value,
    max_age_millis: Option<u64>,
    request: Option<Request>,
    inner: Option<Inner>,
    #[serde(default = "ready")]
    inner_ready: bool,
    #[serde(default)]
    outer_appends: Vec<(String, String)>,
    expected: Value,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Policy,
    Decide,
    Layer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fixtures {
    policies: BTreeMap<String, Value>,
    inner: Inner,
    outcomes: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    headers: Vec<(String, Text)>,
    #[serde(default = "root")]
    path: String,
    version: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    status: u16,
    headers: Vec<(String, Text)>,
    body: String,
}

/// A header value: one character per byte, or a repetition.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Repeated {
        #[serde(default)]
        prefix: String,
        repeat: String,
        times: usize,
        #[serde(default)]
        suffix: String,
    },
}

impl Vectors {
    pub(crate) fn load() -> Self {
        let mut all = Vec::new();
        let mut found = Vec::new();
        for section in sections() {
            for written in read::<Vec<Value>>(&section) {
                let case = written.get("case").and_then(Value::as_u64);
                let case = case.and_then(|case| u32::try_from(case).ok());
                found.push((section.clone(), case.expect("the number of a case")));
                // Needs tokens, and may say more of them than is known here: run where there are some.
                if written.get("level").is_some_and(|level| level == "gate") {
                    continue;
                }
                let shown = written.to_string();
                let vector = serde_json::from_value(written);
                all.push(vector.unwrap_or_else(|error| panic!("{shown}: {error}")));
            }
        }
        Self {
            all,
            fixtures: Arc::new(read("fixtures")),
            cases: read("cases"),
            found,
        }
    }

    /// The vectors of each case that has any here.
    pub(crate) fn by_case(self) -> BTreeMap<u32, Vec<Vector>> {
        let mut cases = BTreeMap::<u32, Vec<Vector>>::new();
        for vector in self.all {
            cases.entry(vector.case).or_default().push(vector);
        }
        cases
    }

    /// Cases of the groups that have a file.
    pub(crate) fn missing_cases(&self) -> Vec<u32> {
        let of_group = |section: &str, group: &str| {
            section
                .strip_prefix(&group.to_ascii_lowercase())
                .is_some_and(|rest| rest.starts_with('-'))
        };
        let is_missing = |case: &&Case| {
            let files = self
                .found
                .iter()
                .filter(|(section, _)| of_group(section, &case.group));
            let mut files = files.peekable();
            files.peek().is_some() && files.all(|(_, found)| *found != case.number)
        };
        let missing = self.cases.iter().filter(is_missing);
        missing.map(|case| case.number).collect()
    }

    /// Vectors that stand in the file of another group, or under a number that is no case.
    pub(crate) fn misplaced(&self) -> Vec<&(String, u32)> {
        let is_at_home = |(section, case): &&(String, u32)| {
            let group = section.get(..1).unwrap_or_default().to_ascii_uppercase();
            self.cases
                .iter()
                .any(|known| known.number == *case && known.group == group)
        };
        let misplaced = self.found.iter().filter(|found| !is_at_home(found));
        misplaced.collect()
    }

    pub(crate) fn count_by_level(&self) -> BTreeMap<Level, usize> {
        let levels = [Level::Policy, Level::Decide, Level::Layer];
        let count = |level| {
            self.all
                .iter()
                .filter(|vector| vector.level == level)
                .count()
        };
        levels
            .into_iter()
            .map(|level| (level, count(level)))
            .collect()
    }
}

impl Vector {
    pub(crate) fn run(&self, fixtures: &Fixtures) -> Result<(), String> {
        let outcome = match self.level {
            Level::Policy => policy::run(self, fixtures),
            Level::Decide => response::run_decision_and_layer(self, fixtures),
            Level::Layer => response::run_layer(self, fixtures),
        };
        outcome.map_err(|error| format!("case {}, {}: {error}", self.case, self.name))
    }

    fn config(&self, fixtures: &Fixtures) -> PolicyConfig {
        let written = match &self.policy {
            Value::String(name) => fixtures
                .policies
                .get(name)
                .unwrap_or_else(|| panic!("no policy {name}")),
            inline => inline,
        };
        let mut config: PolicyConfig =
            serde_json::from_value(written.clone()).expect("a policy configuration");
        if let Some(millis) = self.max_age_millis {
            config.max_age = Duration::from_millis(millis);
        }
        config
    }

    fn expected<T: DeserializeOwned>(&self, fixtures: &Fixtures) -> T {
        let written = match &self.expected {
            Value::String(name) => fixtures
                .outcomes
                .get(name)
                .unwrap_or_else(|| panic!("no outcome {name}")),
            inline => inline,
        };
        serde_json::from_value(written.clone()).expect("an expectation of this level")
    }
}

impl Text {
    fn bytes(&self) -> Vec<u8> {
        let whole = match self {
            Self::Plain(text) => text.clone(),
            Self::Repeated {
                prefix,
                repeat,
                times,
                suffix,
            } => [prefix.as_str(), &repeat.repeat(*times), suffix].concat(),
        };
        whole
            .chars()
            .map(|character| u8::try_from(u32::from(character)).expect("a byte"))
            .collect()
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/cors")
}

/// The files of vectors, whose names begin with the letter of a group and a dash.
fn sections() -> Vec<String> {
    let names = std::fs::read_dir(directory()).expect("the vectors are there");
    let mut sections: Vec<String> = names
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
        .filter(|name| name.get(1..2) == Some("-"))
        .collect();
    sections.sort_unstable();
    sections
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = directory().join(name).with_extension("json");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn ready() -> bool {
    true
}

fn root() -> String {
    "/".to_owned()
}
