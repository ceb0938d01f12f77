//! The policy to explain, from wherever it is written.

use std::path::Path;

use exeat_cors::{Policy, PolicyConfig};
use figment::{
    Figment,
    providers::{Format as _, Toml},
};
use url::Url;

use crate::{args::ExplainArgs, check, failure::Failure};

/// A policy and whose it is.
pub(super) struct Source {
    pub(super) policy: Policy,
    /// The origin of the issuer, whose pages its exchange lets pass before it asks the policy.
    pub(super) own_origin: Option<String>,
}

/// # Errors
/// `Configuration` with everything that is wrong with it.
pub(super) fn read(args: &ExplainArgs) -> Result<Source, Failure> {
    if let Some(file) = &args.config {
        let config = check::load(file)?;
        let issuer = Url::parse(config.issuer()).ok();
        let policy = config.exchange_policy();
        return Ok(Source {
            policy: policy.map_err(|errors| wrong(&file.display().to_string(), errors.iter()))?,
            own_origin: issuer.map(|url| url.origin().ascii_serialization()),
        });
    }
    let (source, config) = match &args.policy {
        Some(file) => (file.display().to_string(), from_file(file)?),
        None => ("the arguments".to_owned(), from_options(args)),
    };
    let policy = Policy::try_from(config);
    Ok(Source {
        policy: policy.map_err(|errors| wrong(&source, errors.iter()))?,
        own_origin: None,
    })
}

fn from_file(file: &Path) -> Result<PolicyConfig, Failure> {
    let source = file.display().to_string();
    if let Err(error) = std::fs::File::open(file) {
        return Err(wrong(
            &source,
            [format!("the file cannot be read: {error}")],
        ));
    }
    if file
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        return std::fs::read(file)
            .map_err(|error| wrong(&source, [error]))
            .and_then(|text| {
                serde_json::from_slice(&text).map_err(|error| wrong(&source, [error]))
            });
    }
    Figment::from(Toml::file_exact(file))
        .extract()
        .map_err(|error| wrong(&source, check::form_problems(error)))
}

fn from_options(args: &ExplainArgs) -> PolicyConfig {
    let default = PolicyConfig::default();
    let given_or = |given: &[String], default: Vec<String>| {
        if given.is_empty() {
            default
        } else {
            given.to_vec()
        }
    };
    PolicyConfig {
        origins: args.allow_origins.clone(),
        methods: given_or(&args.allow_methods, default.methods),
        request_headers: given_or(&args.allow_headers, default.request_headers),
        credentials: args.allow_credentials.unwrap_or_default().into(),
        ..PolicyConfig::default()
    }
}

fn wrong(source: &str, problems: impl IntoIterator<Item = impl ToString>) -> Failure {
    Failure::Configuration {
        source: source.to_owned(),
        problems: problems
            .into_iter()
            .map(|problem| problem.to_string())
            .collect(),
    }
}
