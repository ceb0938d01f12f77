//! `exeat token mint`: claims and a key become a token. Of the key nothing is ever shown, of the claims nothing in errors.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use exeat_jose::{
    Algorithm, Audience, Clock as _, CompactJws, NumericDate, SigningKey, SystemClock,
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::{
    args::{MintArgs, SIGNING},
    output,
};

/// Bytes of claims that are read. The longest token that a gate takes holds less than half of it.
const MAX_CLAIMS: usize = 16 * 1024;
/// `exp` is this much after now unless `--ttl` or the claims say otherwise.
const DEFAULT_TTL: Duration = Duration::from_mins(5);

/// Signs, and prints the token alone.
///
/// # Errors
/// When a file cannot be read, or claims or key cannot be used.
pub(super) fn run(args: &MintArgs) -> anyhow::Result<()> {
    let claims = parse(&read_claims(&args.claims)?)?;
    let claims = complete(claims, args.ttl, SystemClock.now())?;
    let pem = read_file(&args.key, SigningKey::MAX_PEM_LEN)?;
    let key = signing_key(&pem, args.alg)
        .with_context(|| format!("{} cannot be used", args.key.display()))?;
    let token = key.sign(args.typ.into(), &claims)?;
    let length = token.as_str().len();
    if length > CompactJws::MAX_LEN {
        output::complain(&format!(
            "the token has {length} bytes: more than {}, so exeat's gate refuses it",
            CompactJws::MAX_LEN
        ));
    }
    output::print(token.as_str()).context("stdout cannot be written")
}

fn read_claims(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    if path == Path::new("-") {
        return bounded(io::stdin().lock(), MAX_CLAIMS)
            .context("the claims cannot be read from stdin");
    }
    read_file(path, MAX_CLAIMS)
}

fn read_file(path: &Path, limit: usize) -> anyhow::Result<Zeroizing<String>> {
    let text = File::open(path)
        .map_err(anyhow::Error::from)
        .and_then(|file| bounded(file, limit));
    text.with_context(|| format!("{} cannot be read", path.display()))
}

fn bounded(source: impl Read, limit: usize) -> anyhow::Result<Zeroizing<String>> {
    // Room for everything at once: text that moves while it grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(limit + 1));
    source
        .take(u64::try_from(limit + 1)?)
        .read_to_string(&mut text)?;
    ensure!(text.len() <= limit, "longer than {limit} bytes");
    Ok(text)
}

/// The claims as written, each name once and the registered ones of the type that RFC 7519 §4.1 gives them.
fn parse(text: &str) -> anyhow::Result<Map<String, Value>> {
    // What serde says can quote a claim, so only the place is passed on.
    let Members(members) = serde_json::from_str(text).map_err(|error| {
        anyhow::anyhow!(
            "the claims are not one JSON object with each name once (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    let wrong: Vec<&str> = REGISTERED
        .iter()
        .filter(|claim| {
            members
                .get(claim.name)
                .is_some_and(|value| !(claim.fits)(value))
        })
        .map(|claim| claim.rule)
        .collect();
    ensure!(wrong.is_empty(), "wrong claims: {}", wrong.join("; "));
    Ok(members)
}

/// Adds `iat` and `exp` where they are absent.
fn complete(
    mut claims: Map<String, Value>,
    ttl: Option<Duration>,
    now: NumericDate,
) -> anyhow::Result<Map<String, Value>> {
    ensure!(
        ttl.is_none() || !claims.contains_key("exp"),
        "--ttl: the claims hold exp already; leave one of them out"
    );
    let end = now.saturating_add(ttl.unwrap_or(DEFAULT_TTL));
    ensure!(
        end <= NumericDate::MAX_READ,
        "--ttl: the token would expire after the year 9999"
    );
    for (name, date) in [("iat", now), ("exp", end)] {
        claims.entry(name).or_insert_with(|| date.as_secs().into());
    }
    Ok(claims)
}

/// Reads the key for the algorithm asked for, else for the one that it fits.
fn signing_key(pem: &str, alg: Option<Algorithm>) -> anyhow::Result<SigningKey> {
    if let Some(alg) = alg {
        return Ok(SigningKey::from_pkcs8_pem(pem, alg)?);
    }
    let mut refusal = None;
    for alg in SIGNING {
        match SigningKey::from_pkcs8_pem(pem, alg) {
            Ok(key) => return Ok(key),
            Err(exeat_jose::KeyError::WrongAlgorithm { .. }) => {}
            Err(other) => refusal = Some(other),
        }
    }
    match refusal {
        Some(why) => Err(why.into()),
        None => anyhow::bail!("the key is none for ES256, RS256 or EdDSA"),
    }
}

/// A registered claim and its type.
struct Registered {
    name: &'static str,
    rule: &'static str,
    fits: fn(&Value) -> bool,
}

const REGISTERED: [Registered; 7] = [
    Registered {
        name: "iss",
        rule: "iss must be a string",
        fits: Value::is_string,
    },
    Registered {
        name: "sub",
        rule: "sub must be a string",
        fits: Value::is_string,
    },
    Registered {
        name: "aud",
        rule: "aud must be a string or an array of strings",
        fits: |value| Audience::deserialize(value).is_ok(),
    },
    Registered {
        name: "exp",
        rule: "exp must be a number of seconds since 1970",
        fits: is::<NumericDate>,
    },
    Registered {
        name: "nbf",
        rule: "nbf must be a number of seconds since 1970",
        fits: is::<NumericDate>,
    },
    Registered {
        name: "iat",
        rule: "iat must be a number of seconds since 1970",
        fits: is::<NumericDate>,
    },
    Registered {
        name: "jti",
        rule: "jti must be a string",
        fits: Value::is_string,
    },
];

fn is<T: DeserializeOwned>(value: &Value) -> bool {
    serde_json::from_value::<T>(value.clone()).is_ok()
}

/// The members of an object, each name once: `Map` alone would keep the last of two in silence.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = object.next_entry()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a name twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests;
