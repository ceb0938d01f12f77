//! From the command line to a checked configuration, or to everything that is wrong with it.

use std::{net::SocketAddr, time::Duration};

use clap::ValueEnum as _;
use exeat::{BuildError, ExternalApi, JwksSettings};
use exeat_cors::{Credentials, Policy, PolicyConfig, PolicyError};
use exeat_jose::{Algorithm, AlgorithmSet};

use crate::args::{ProfileArg, SampleApiArgs, duration_or_none};

/// Where AppDirect's documented clients put the token, bare or behind `Bearer`.
const APP_DIRECT_HEADER: &str = "MP-Authorization";

/// What `sample-api` needs, checked.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) listen: SocketAddr,
    pub(super) api: ExternalApi,
}

impl TryFrom<&SampleApiArgs> for Options {
    /// Every problem, each naming its option.
    type Error = Vec<String>;

    fn try_from(args: &SampleApiArgs) -> Result<Self, Vec<String>> {
        let mut problems = Problems::default();
        let listen = problems.taken("--listen", address(&args.listen));
        let profile = problems.taken("--profile", profile(&args.profile));
        let leeway = problems.taken("--leeway", whole_seconds_or_none(&args.leeway));
        let jwks = JwksSettings {
            lifetime: problems.time("--jwks-lifetime", &args.jwks_lifetime),
            max_stale: problems.time("--jwks-max-stale", &args.jwks_max_stale),
            cooldown: problems.time("--jwks-cooldown", &args.jwks_cooldown),
            timeout: problems.time("--jwks-timeout", &args.jwks_timeout),
            ..JwksSettings::default()
        };
        let profile = profile.unwrap_or(ProfileArg::Exeat);
        let policy = problems.policy(args, profile);
        let mut api = problems
            .api(args, profile)
            .with_algorithms(problems.algorithms(&args.algs))
            .with_leeway(leeway.unwrap_or_default())
            .with_jwks_settings(jwks);
        if let Some(policy) = policy {
            api = api.with_policy(policy);
        }
        if profile == ProfileArg::AppDirect {
            api = api.with_token_header(APP_DIRECT_HEADER);
        } else if !args.tenants.is_empty() {
            api = api.with_tenants(&args.tenants);
        }
        if let Some(uri) = &args.jwks_uri {
            api = api.with_jwks_uri(uri);
        }
        if args.allow_insecure_http {
            api = api.allow_insecure_http();
        }
        if let Err(errors) = api.check() {
            for error in errors.iter() {
                problems.add_setting(error);
            }
        }
        match (listen, problems.texts.is_empty()) {
            (Some(listen), true) => Ok(Self { listen, api }),
            _ => Err(problems.texts),
        }
    }
}

/// What was found so far.
#[derive(Default)]
struct Problems {
    /// `--option: what is wrong`
    texts: Vec<String>,
    /// Options that could not be read: what the gate says of the value put in their place is no news.
    unread: Vec<&'static str>,
}

impl Problems {
    fn add(&mut self, option: &'static str, why: &str) {
        self.texts.push(format!("{option}: {why}"));
        self.unread.push(option);
    }

    fn taken<T>(&mut self, option: &'static str, value: Result<T, String>) -> Option<T> {
        value.map_err(|why| self.add(option, &why)).ok()
    }

    fn time(&mut self, option: &'static str, text: &str) -> Duration {
        self.taken(option, duration_or_none(text))
            .unwrap_or_default()
    }

    fn api(&mut self, args: &SampleApiArgs, profile: ProfileArg) -> ExternalApi {
        if args.issuer.is_none() {
            self.add("--issuer", "is required");
        }
        let issuer = args.issuer.clone().unwrap_or_default();
        if profile == ProfileArg::AppDirect {
            return ExternalApi::app_direct(issuer, args.audience.clone(), &args.tenants);
        }
        if args.audience.is_none() {
            self.add(
                "--audience",
                "is required; only --profile appdirect does without",
            );
        }
        let audience = args.audience.clone().unwrap_or_default();
        if profile == ProfileArg::Rfc9068 {
            ExternalApi::rfc9068(issuer, audience)
        } else {
            ExternalApi::new(issuer, audience)
        }
    }

    fn algorithms(&mut self, names: &[String]) -> AlgorithmSet {
        let mut set = AlgorithmSet::EMPTY;
        for name in names {
            match Algorithm::from_name(name) {
                Some(alg) => set = set.with(alg),
                None => self.add(
                    "--alg",
                    &format!("{name:?} is not accepted; write for example RS256,ES256"),
                ),
            }
        }
        set
    }

    /// `None`: no page may call. Methods and headers are checked all the same.
    fn policy(&mut self, args: &SampleApiArgs, profile: ProfileArg) -> Option<PolicyConfig> {
        let credentials = match args.credentials.as_deref() {
            None if profile == ProfileArg::AppDirect => Credentials::Include,
            None | Some("omit") => Credentials::Omit,
            Some("include") => Credentials::Include,
            Some(other) => {
                self.add(
                    "--credentials",
                    &format!("{other:?} is neither omit nor include"),
                );
                Credentials::Omit
            }
        };
        let config = PolicyConfig {
            origins: args.origins.clone(),
            methods: args.methods.clone(),
            request_headers: args.headers.clone(),
            credentials,
            ..PolicyConfig::default()
        };
        if !config.origins.is_empty() {
            return Some(config);
        }
        if let Err(errors) = Policy::try_from(config) {
            for error in errors
                .iter()
                .filter(|error| **error != PolicyError::NoOrigins)
            {
                self.add_setting(&BuildError::Cors(error.clone()));
            }
        }
        None
    }

    /// A problem that the gate found, under the name of its option.
    fn add_setting(&mut self, error: &BuildError) {
        let text = error.to_string();
        let (setting, why) = match error {
            // The rest of its text advises Rust methods.
            BuildError::Issuer { why } => (
                "issuer".to_owned(),
                format!("{why}; if the issuer has no metadata, name its keys with --jwks-uri"),
            ),
            BuildError::Cors(error) => named(&error.to_string()),
            _ => named(&text),
        };
        let key = setting.split('[').next().unwrap_or_default();
        match SETTINGS.iter().find(|(name, _)| *name == key) {
            Some((_, option)) if self.unread.contains(option) => {}
            Some((_, option)) => self.texts.push(format!("{option}: {why}")),
            None => self.texts.push(text),
        }
    }
}

/// `setting: why`
fn named(text: &str) -> (String, String) {
    let (setting, why) = text.split_once(": ").unwrap_or(("", text));
    (setting.to_owned(), why.to_owned())
}

/// The settings of the gate and of its CORS policy, and their options.
const SETTINGS: [(&str, &str); 13] = [
    ("issuer", "--issuer"),
    ("audience", "--audience"),
    ("jwks_uri", "--jwks-uri"),
    ("tenants", "--tenant"),
    ("algorithms", "--alg"),
    ("leeway", "--leeway"),
    ("lifetime", "--jwks-lifetime"),
    ("max_stale", "--jwks-max-stale"),
    ("cooldown", "--jwks-cooldown"),
    ("timeout", "--jwks-timeout"),
    ("origins", "--origin"),
    ("methods", "--method"),
    ("request_headers", "--header"),
];

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an address with a port, such as 127.0.0.1:8082"))
}

fn profile(name: &str) -> Result<ProfileArg, String> {
    ProfileArg::from_str(name, false)
        .map_err(|_| format!("{name:?} is none of exeat, rfc9068 and appdirect"))
}

/// Tokens count whole seconds: a part of one is refused, not lost.
fn whole_seconds_or_none(text: &str) -> Result<Duration, String> {
    let time = duration_or_none(text)?;
    if time.subsec_millis() == 0 {
        Ok(time)
    } else {
        Err(format!("{text:?} is not a whole number of seconds"))
    }
}

#[cfg(test)]
mod tests;
