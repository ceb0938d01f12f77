//! `[[audience]]`.

use std::{ops::RangeInclusive, time::Duration};

use exeat_cors::{Credentials, FetchMetadata, Policy, PolicyConfig};
use exeat_jose::{Algorithm, Scope};

use super::{Problems, duration, is_name, signing_algorithm};
use crate::{
    audience::{Audience, Profile, Shape, Tenants},
    config::RawAudience,
};

const DEFAULT_TTL: Duration = Duration::from_mins(5);
const TTL: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_hours(24);

pub(super) fn audiences(
    raw: &[RawAudience],
    own_origin: Option<&str>,
    algs: &[Algorithm],
    problems: &mut Problems,
) -> Vec<Audience> {
    if raw.is_empty() {
        problems.add(
            "audience",
            "missing: name at least one external API, e.g. [[audience]] id = \"loyalty-api\"",
        );
    }
    let mut audiences = Vec::with_capacity(raw.len());
    for (position, one) in raw.iter().enumerate() {
        if let Some(audience) = audience(
            &format!("audience[{position}]"),
            one,
            own_origin,
            algs,
            problems,
        ) {
            audiences.push(audience);
        }
        if raw
            .iter()
            .take(position)
            .any(|earlier| earlier.id.is_some() && earlier.id == one.id)
        {
            problems.add(format!("audience[{position}].id"), "given twice");
        }
    }
    audiences
}

fn audience(
    key: &str,
    raw: &RawAudience,
    own_origin: Option<&str>,
    algs: &[Algorithm],
    problems: &mut Problems,
) -> Option<Audience> {
    let id = raw.id.as_deref();
    match id {
        None => problems.add(format!("{key}.id"), "missing"),
        Some(id) if !is_name(id) => problems.add(
            format!("{key}.id"),
            "must be 1 to 256 bytes without control characters",
        ),
        Some(_) => {}
    }
    let aud = raw.aud.as_deref().or(id).unwrap_or_default();
    if raw.aud.as_deref().is_some_and(|aud| !is_name(aud)) {
        problems.add(
            format!("{key}.aud"),
            "must be 1 to 256 bytes without control characters",
        );
    }
    let alg = match raw.alg.as_deref() {
        None => Algorithm::Es256,
        Some(name) => signing_algorithm(name).unwrap_or_else(|| {
            problems.add(format!("{key}.alg"), "expected ES256 or RS256");
            Algorithm::Es256
        }),
    };
    if !algs.contains(&alg) {
        problems.add(
            format!("{key}.alg"),
            format!("{} is not in keys.algs, so no key of it exists", alg.name()),
        );
    }
    let ttl = duration(
        format!("{key}.ttl"),
        raw.ttl.as_deref(),
        DEFAULT_TTL,
        &TTL,
        problems,
    );
    let profile = profile(key, raw.profile.as_deref(), problems);
    let names = raw.scopes.as_deref().unwrap_or_default();
    let scopes = Scope::from_tokens(names.iter().map(String::as_str)).unwrap_or_else(|why| {
        problems.add(format!("{key}.scopes"), why.to_string());
        Scope::default()
    });
    let read_only = raw.read_only.unwrap_or(false);
    let shape = if raw.strict_shape.unwrap_or(false) {
        Shape::Strict
    } else {
        Shape::Full
    };
    if shape == Shape::Strict {
        if read_only {
            problems.add(
                format!("{key}.read_only"),
                "a strict_shape token has no place for it: the API would allow writes",
            );
        }
        if !scopes.is_empty() {
            problems.add(
                format!("{key}.scopes"),
                "a strict_shape token has no place for them: the API would see no limit",
            );
        }
    }
    let tenants = tenants(key, raw.tenants.as_deref(), problems);
    let (origins, origin_policy) = origins(key, raw.origins.as_deref(), own_origin, problems);
    Some(Audience {
        id: id?.to_owned(),
        aud: aud.to_owned(),
        alg,
        ttl,
        shape,
        profile,
        origins,
        origin_policy,
        tenants,
        scopes,
        read_only,
    })
}

fn profile(key: &str, name: Option<&str>, problems: &mut Problems) -> Profile {
    let Some(name) = name else {
        return Profile::Exeat;
    };
    Profile::ALL.into_iter().find(|profile| profile.name() == name).unwrap_or_else(|| {
        let problem = if name == "rfc9068" {
            "rfc9068 needs a client_id in every token, and sessions carry none; use exeat or appdirect"
        } else {
            "expected exeat or appdirect"
        };
        problems.add(format!("{key}.profile"), problem);
        Profile::Exeat
    })
}

fn tenants(key: &str, names: Option<&[String]>, problems: &mut Problems) -> Tenants {
    let Some(names) = names else {
        return Tenants::Any;
    };
    if names.is_empty() {
        problems.add(
            format!("{key}.tenants"),
            "empty: no session could ask; use [\"*\"] for every tenant",
        );
    }
    for (position, _) in names.iter().enumerate().filter(|(_, name)| !is_name(name)) {
        problems.add(
            format!("{key}.tenants[{position}]"),
            "must be 1 to 256 bytes without control characters",
        );
    }
    if names.iter().any(|name| name == "*") {
        Tenants::Any
    } else {
        Tenants::Only(names.to_vec())
    }
}

fn origins(
    key: &str,
    listed: Option<&[String]>,
    own: Option<&str>,
    problems: &mut Problems,
) -> (Vec<String>, Policy) {
    // Each origin is tried alone, so that a problem names its place in the list.
    if let Some(listed) = listed {
        for (position, origin) in listed.iter().enumerate() {
            if let Err(errors) = Policy::try_from(exchange_policy(vec![origin.clone()])) {
                for error in errors.iter() {
                    problems.add(format!("{key}.origins[{position}]"), error.to_string());
                }
            }
        }
    }
    let origins = listed.map_or_else(
        || own.map(str::to_owned).into_iter().collect(),
        <[String]>::to_vec,
    );
    let policy = if origins.is_empty() {
        Policy::deny_all()
    } else {
        Policy::try_from(exchange_policy(origins.clone())).unwrap_or_else(|_| Policy::deny_all())
    };
    (origins, policy)
}

/// The CORS policy of the exchange: pages send the session cookie, so answers are shared with credentials.
pub(crate) fn exchange_policy(origins: Vec<String>) -> PolicyConfig {
    PolicyConfig {
        origins,
        methods: vec!["POST".to_owned()],
        credentials: Credentials::Include,
        // The exchange has a stricter rule of its own, with its own answers (`Exchange::admit`).
        fetch_metadata: FetchMetadata::Ignore,
        ..PolicyConfig::default()
    }
}
