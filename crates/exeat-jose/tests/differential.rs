//! Every token of `tests/vectors` through jsonwebtoken 11, set up as its documentation shows, and through this crate. Where one accepts
//! and the other refuses, `tests/vectors/tokens/differences.json` says why; a difference without a reason fails the test, and so does a
//! reason without a difference.

#![cfg(all(feature = "jsonwebtoken", feature = "ring", feature = "sign"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use exeat_jose::{
    Algorithm, AlgorithmSet, CompactJws, Expectations, ImportPolicy, InvalidToken, Jwk, JwkSet,
    NumericDate, PayloadBuf, TypPolicy, VerifyingKey, interop,
};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, get_current_timestamp, jwk};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// A token, who checks it, and with which keys.
struct Case {
    name: String,
    token: String,
    rules: Rules,
    keys: Keys,
    now: u64,
}

enum Keys {
    /// The one key, whatever the token calls it.
    One(Value),
    /// The one that the token names, from a set.
    Set(Value),
}

/// The rules that both can be told.
#[derive(Clone)]
struct Rules {
    issuer: String,
    audience: Option<String>,
    /// Whether `iss` and `aud` may be absent.
    is_optional: bool,
    is_access_token: bool,
    algorithms: Vec<String>,
    leeway: u64,
    max_lifetime: Option<u64>,
    required: Vec<String>,
}

#[test]
fn every_difference_to_jsonwebtoken_has_a_reason() {
    interop::ring_provider().install_default().unwrap();
    let cases: Vec<Case> = hostile().into_iter().chain(jose()).collect();
    let mut explained = differences();
    let (mut same, mut differs, mut unexplained) = ([0, 0], 0, Vec::new());
    for case in &cases {
        let (ours, theirs) = (ours(case), theirs(case));
        match (&ours, &theirs) {
            (Ok(()), Ok(())) => same[0] += 1,
            (Err(_), Err(_)) => same[1] += 1,
            _ => {
                differs += 1;
                if explained.remove(&case.name) != Some((word(&ours), word(&theirs))) {
                    let (ours, theirs) = (verdict(&ours), verdict(&theirs));
                    unexplained.push(format!("{} — {ours} — {theirs}", case.name));
                }
            }
        }
    }
    println!(
        "{} tokens: {} accepted by both, {} refused by both, {differs} differences",
        cases.len(),
        same[0],
        same[1]
    );
    assert!(
        unexplained.is_empty(),
        "without a reason:\n{}",
        unexplained.join("\n")
    );
    assert!(
        explained.is_empty(),
        "reasons without a difference: {explained:?}"
    );
}

fn verdict(result: &Result<(), String>) -> &str {
    result.as_ref().map_or_else(String::as_str, |()| "accepted")
}

fn ours(case: &Case) -> Result<(), String> {
    let rules = &case.rules;
    let mut expectations = match (&rules.audience, rules.is_optional) {
        (Some(audience), false) => Expectations::new(&rules.issuer, audience),
        (audience, _) => Expectations::dangerously_with_optional_issuer_and_audience(
            &rules.issuer,
            audience.clone(),
        ),
    }
    .with_algorithms(algorithms(rules))
    .with_leeway(Duration::from_secs(rules.leeway));
    if rules.is_access_token {
        expectations = expectations.with_typ(TypPolicy::AccessToken);
    }
    if let Some(max) = rules.max_lifetime {
        expectations = expectations.with_max_lifetime(Duration::from_secs(max));
    }
    for name in &rules.required {
        expectations = expectations.with_required_claims(&[name.clone().leak()]);
    }
    judge(case, &expectations)
        .map_err(|why| why.map_or("unknown_key", |why| why.reason()).to_owned())
}

/// `Err(None)`: no key is the one.
fn judge(case: &Case, expectations: &Expectations) -> Result<(), Option<InvalidToken>> {
    let now = NumericDate::from_secs(case.now);
    match &case.keys {
        Keys::Set(set) => {
            let set = JwkSet::import(set.to_string().as_bytes(), &ImportPolicy::default()).unwrap();
            let data =
                interop::decode::<serde::de::IgnoredAny>(&case.token, &set, expectations, now)?;
            data.map(drop).ok_or(None)
        }
        Keys::One(key) => {
            let jws = CompactJws::parse(&case.token)?.decode_header(expectations)?;
            let key = Jwk::from_json(&key.to_string()).unwrap();
            let key = VerifyingKey::from_jwk(key, Algorithm::Rs256).unwrap();
            let mut buffer = PayloadBuf::new();
            let payload = jws.verify(&key, &mut buffer)?;
            expectations.check(payload.decode::<()>()?, now)?;
            Ok(())
        }
    }
}

fn algorithms(rules: &Rules) -> AlgorithmSet {
    let known = |name: &String| Algorithm::from_name(name).unwrap();
    rules.algorithms.iter().map(known).collect()
}

/// As its documentation shows: the header's `kid` finds the key, the header's `alg` must be allowed, issuer and audience are set.
fn theirs(case: &Case) -> Result<(), String> {
    let error = |error: jsonwebtoken::errors::Error| format!("{:?}", error.kind());
    let rules = &case.rules;
    let header = decode_header(&case.token).map_err(error)?;
    let is_allowed =
        Algorithm::try_from(header.alg).is_ok_and(|alg| algorithms(rules).contains(alg));
    if !is_allowed {
        return Err("alg is not allowed".to_owned());
    }
    let key: jwk::Jwk = match &case.keys {
        Keys::One(key) => serde_json::from_value(key.clone()).map_err(|error| error.to_string())?,
        Keys::Set(set) => {
            let set: jwk::JwkSet =
                serde_json::from_value(set.clone()).map_err(|_| "the set is refused".to_owned())?;
            let kid = header.kid.ok_or("no kid")?;
            set.find(&kid).ok_or("unknown kid")?.clone()
        }
    };
    let key = DecodingKey::from_jwk(&key).map_err(error)?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[&rules.issuer]);
    if let Some(audience) = &rules.audience {
        validation.set_audience(&[audience]);
    }
    // It reads the system's clock and takes no other. Shifting its two tolerances by the distance to the vectors' time is the same; a
    // second may tick between its reading and ours, and then the question is asked again.
    loop {
        let now = get_current_timestamp();
        validation.leeway = rules.leeway + now.saturating_sub(case.now);
        validation.reject_tokens_expiring_in_less_than = case.now.saturating_sub(now);
        let answer = decode::<Nothing>(&case.token, &key, &validation);
        if get_current_timestamp() == now {
            return answer.map(drop).map_err(error);
        }
    }
}

/// A handler that reads no claim, on their side; on ours it is `IgnoredAny`.
#[derive(Deserialize)]
struct Nothing {}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let json = fs::read_to_string(folder().join(name)).unwrap();
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn word(result: &Result<(), String>) -> String {
    if result.is_ok() {
        "accepted"
    } else {
        "refused"
    }
    .to_owned()
}

/// Name of a vector → what each of the two says.
fn differences() -> BTreeMap<String, (String, String)> {
    #[derive(Deserialize)]
    struct File {
        differences: Vec<Difference>,
    }
    #[derive(Deserialize)]
    struct Difference {
        exeat: String,
        jsonwebtoken: String,
        because: String,
        vectors: Vec<String>,
    }
    let file: File = read("tokens/differences.json");
    let mut all = BTreeMap::new();
    for difference in file.differences {
        assert!(!difference.because.is_empty() && !difference.vectors.is_empty());
        for name in difference.vectors {
            let says = (difference.exeat.clone(), difference.jsonwebtoken.clone());
            let before = all.insert(name.clone(), says);
            assert_eq!(before, None, "{name} has two reasons");
        }
    }
    all
}

/// `tests/vectors/tokens`.
fn hostile() -> Vec<Case> {
    #[derive(Deserialize)]
    struct Configurations {
        now: u64,
        configurations: BTreeMap<String, Configuration>,
    }
    #[derive(Deserialize)]
    struct Configuration {
        profile: String,
        issuer: String,
        audience: Option<String>,
        algorithms: Vec<String>,
        leeway: u64,
        max_lifetime: Option<u64>,
        keys: Option<Value>,
    }
    #[derive(Deserialize)]
    struct File {
        cases: Vec<Written>,
    }
    #[derive(Deserialize)]
    struct Written {
        name: String,
        config: String,
        token: Option<String>,
    }
    let Configurations {
        now,
        configurations,
    } = read("tokens/configurations.json");
    let files: [File; 2] = [read("tokens/python.json"), read("tokens/node.json")];
    let mut cases = Vec::new();
    for written in files.into_iter().flat_map(|file| file.cases) {
        let configuration = configurations.get(&written.config).unwrap();
        // Without keys there is nothing to compare.
        let (Some(token), Some(keys)) = (written.token, &configuration.keys) else {
            continue;
        };
        let is_access_token = configuration.profile == "rfc9068";
        let required: &[&str] = if is_access_token {
            &["sub", "client_id", "iat", "jti"]
        } else {
            &["sub"]
        };
        cases.push(Case {
            name: format!("tokens: {}", written.name),
            token,
            rules: Rules {
                issuer: configuration.issuer.clone(),
                audience: configuration.audience.clone(),
                is_optional: configuration.profile == "app_direct",
                is_access_token,
                algorithms: configuration.algorithms.clone(),
                leeway: configuration.leeway,
                max_lifetime: configuration.max_lifetime,
                required: required.iter().map(ToString::to_string).collect(),
            },
            keys: Keys::Set(keys.clone()),
            now,
        });
    }
    cases
}

/// `tests/vectors/jose`.
fn jose() -> Vec<Case> {
    #[derive(Deserialize)]
    struct File {
        now: u64,
        expect: Map<String, Value>,
        cases: Vec<Written>,
    }
    #[derive(Deserialize)]
    struct Written {
        name: String,
        class: String,
        jwk: Value,
        token: String,
        #[serde(default)]
        expect: Map<String, Value>,
    }
    let mut cases = Vec::new();
    for file in ["valid.json", "valid_python.json", "refused.json"] {
        let File {
            now,
            expect,
            cases: written,
        } = read(&format!("jose/{file}"));
        for written in written {
            let mut all = expect.clone();
            all.extend(written.expect);
            let strings = |name: &str| {
                let array = all
                    .get(name)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten();
                array
                    .map(|value| value.as_str().unwrap().to_owned())
                    .collect()
            };
            let text = |name: &str| all.get(name).and_then(Value::as_str).map(str::to_owned);
            cases.push(Case {
                name: format!("jose: {}: {}", written.class, written.name),
                token: written.token,
                rules: Rules {
                    issuer: text("issuer").unwrap(),
                    audience: text("audience"),
                    is_optional: all.get("optional_issuer_and_audience").is_some(),
                    is_access_token: text("typ").as_deref() == Some("access_token"),
                    algorithms: strings("algorithms"),
                    leeway: all.get("leeway").and_then(Value::as_u64).unwrap(),
                    max_lifetime: all.get("max_lifetime").and_then(Value::as_u64),
                    required: strings("required_claims"),
                },
                keys: Keys::One(written.jwk),
                now,
            });
        }
    }
    cases
}
