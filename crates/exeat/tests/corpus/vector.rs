//! The vectors as they are written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use exeat::exeat_jose::{Algorithm, AlgorithmSet};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) struct Vectors {
    pub(crate) now: u64,
    pub(crate) configurations: BTreeMap<String, Configuration>,
    pub(crate) cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Configurations {
    now: u64,
    configurations: BTreeMap<String, Configuration>,
}

/// Who checks the token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Configuration {
    #[serde(rename = "says")]
    _says: String,
    pub(crate) profile: Profile,
    pub(crate) issuer: String,
    pub(crate) audience: Option<String>,
    algorithms: Vec<String>,
    pub(crate) leeway: u64,
    #[serde(default)]
    pub(crate) tenants: Vec<String>,
    pub(crate) token_header: Option<String>,
    pub(crate) max_lifetime: Option<u64>,
    /// Each `jti`.
    #[serde(default)]
    pub(crate) revoked: Vec<String>,
    /// None: they cannot be had.
    pub(crate) keys: Option<Value>,
    /// Further issuers, which exeat-jose alone knows nothing of.
    #[serde(default)]
    pub(crate) others: Vec<Other>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Other {
    pub(crate) issuer: String,
    pub(crate) keys: Value,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Profile {
    Exeat,
    Rfc9068,
    AppDirect,
}

impl Configuration {
    pub(crate) fn algorithms(&self) -> AlgorithmSet {
        let known = |name: &String| Algorithm::from_name(name).expect("an algorithm");
        self.algorithms.iter().map(known).collect()
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "made_by")]
    _made_by: String,
    cases: Vec<Case>,
}

/// One request, and what it must lead to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) about: Vec<String>,
    pub(crate) config: String,
    /// Sent as `Authorization: Bearer` unless `headers` says what is sent.
    pub(crate) token: Option<String>,
    pub(crate) headers: Option<Vec<(String, String)>>,
    pub(crate) method: Option<String>,
    /// None: no header of HTTP can carry the token.
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    /// `error` of the challenge.
    pub(crate) error: Option<String>,
    /// The verdict of `exeat-jose` alone: a reason, `unknown_key`, or `accepted`.
    pub(crate) jose: Option<String>,
    /// The code and verdict where ring alone is built in.
    under_ring: Option<String>,
}

impl Case {
    fn for_this_backend(self) -> Self {
        match self.under_ring {
            Some(_) if cfg!(not(feature = "aws-lc-rs")) => Self {
                code: self.under_ring.clone(),
                jose: self.under_ring.clone(),
                ..self
            },
            _ => self,
        }
    }
}

impl Vectors {
    pub(crate) fn load() -> Self {
        let Configurations {
            now,
            configurations,
        } = read("configurations.json");
        let files: [File; 2] = [read("python.json"), read("node.json")];
        Self {
            now,
            configurations,
            cases: files
                .into_iter()
                .flat_map(|file| file.cases)
                .map(Case::for_this_backend)
                .collect(),
        }
    }

    pub(crate) fn configuration(&self, case: &Case) -> &Configuration {
        self.configurations
            .get(&case.config)
            .expect("a configuration")
    }
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/tokens");
    let json = fs::read_to_string(folder.join(name)).expect("the vectors are there");
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{name}: {error}"))
}
