//! A token of a vector through `exeat-jose` alone, step by step, as a caller without HTTP would.

use std::time::Duration;

use exeat::exeat_jose::{
    CompactJws, Expectations, ImportPolicy, InvalidToken, JwkSet, NumericDate, PayloadBuf,
    TypPolicy,
};

use crate::vector::{Case, Configuration, Profile, Vectors};

pub(crate) fn run(case: &Case, vectors: &Vectors) -> Result<(), String> {
    let (Some(token), Some(expected)) = (&case.token, &case.jose) else {
        return Ok(());
    };
    let configuration = vectors.configuration(case);
    let found = match judge(token, configuration, vectors.now) {
        Ok(()) => "accepted",
        Err(Some(why)) => why.reason(),
        Err(None) => "unknown_key",
    };
    if found == expected {
        Ok(())
    } else {
        Err(format!("step by step: {found}, expected {expected}"))
    }
}

/// `Err(None)`: no key of the set is the one.
fn judge(token: &str, configuration: &Configuration, now: u64) -> Result<(), Option<InvalidToken>> {
    let expectations = expectations(configuration);
    let jws = CompactJws::parse(token)?.decode_header(&expectations)?;
    let keys = match &configuration.keys {
        Some(keys) => JwkSet::import(keys.to_string().as_bytes(), &ImportPolicy::default())
            .expect("a key set"),
        None => JwkSet::from_keys([]),
    };
    let header = jws.untrusted_header();
    let mut refused = None;
    let mut buffer = PayloadBuf::new();
    for key in keys.select(header.key_id(), header.algorithm()) {
        match jws.verify(key, &mut buffer) {
            Ok(payload) => {
                expectations.check(payload.decode::<()>()?, NumericDate::from_secs(now))?;
                return Ok(());
            }
            Err(why) => refused = Some(why),
        }
    }
    Err(refused)
}

fn expectations(configuration: &Configuration) -> Expectations {
    let Configuration {
        issuer, audience, ..
    } = configuration;
    let expectations = match (configuration.profile, audience) {
        (Profile::AppDirect, audience) => {
            Expectations::dangerously_with_optional_issuer_and_audience(issuer, audience.clone())
        }
        (_, audience) => Expectations::new(issuer, audience.as_deref().expect("an audience")),
    }
    .with_algorithms(configuration.algorithms())
    .with_leeway(Duration::from_secs(configuration.leeway));
    let expectations = match configuration.max_lifetime {
        Some(max) => expectations.with_max_lifetime(Duration::from_secs(max)),
        None => expectations,
    };
    if configuration.profile == Profile::Rfc9068 {
        expectations
            .with_typ(TypPolicy::AccessToken)
            .with_required_claims(&["sub", "client_id", "iat", "jti"])
    } else {
        expectations
    }
}
