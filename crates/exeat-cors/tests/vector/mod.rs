//! The vectors as they are written down.

pub(crate) mod policy;
pub(crate) mod response;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exeat_cors::PolicyConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) struct Vectors {
    pub(crate) all: Vec<Vector>,
    pub(crate) fixtures: Arc<Fixtures>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vector {
    pub(crate) case: u32,
    pub(crate) name: String,
    pub(crate) level: Level,
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
    Gate,
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
    /// For the level of the gate alone.
    #[serde(rename = "token")]
    _token: Option<String>,
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
        let sections = ["a-config", "b-origins", "c-preflight", "d-actual", "e-vary"];
        let all = sections
            .iter()
            .flat_map(|section| read::<Vec<Vector>>(section))
            .collect();
        Self {
            all,
            fixtures: Arc::new(read("fixtures")),
        }
    }

    pub(crate) fn missing_cases(&self) -> Vec<u32> {
        let present: BTreeSet<u32> = self.all.iter().map(|vector| vector.case).collect();
        (1..=94).filter(|case| !present.contains(case)).collect()
    }

    pub(crate) fn count_by_level(&self) -> BTreeMap<Level, usize> {
        let levels = [Level::Policy, Level::Decide, Level::Layer, Level::Gate];
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

fn read<T: DeserializeOwned>(name: &str) -> T {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/cors");
    let path = directory.join(name).with_extension("json");
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
