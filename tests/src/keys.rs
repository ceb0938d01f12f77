//! Signing keys in the hands of a test, and what they sign.

use std::fs;

use anyhow::Context as _;
use exeat_jose::{Algorithm, ImportPolicy, JwkSet, NumericDate, SigningKey, Typ};
use serde_json::{Value, json};

use crate::{
    marketplace::{NAME, SUBJECT},
    vectors,
};

/// The throw-away P-256 key of the JOSE vectors.
///
/// # Errors
/// The vectors are damaged.
pub fn p256() -> anyhow::Result<SigningKey> {
    from_vectors("p256")
}

/// Another P-256 key.
///
/// # Errors
/// The vectors are damaged.
pub fn other_p256() -> anyhow::Result<SigningKey> {
    from_vectors("p256-other")
}

fn from_vectors(name: &str) -> anyhow::Result<SigningKey> {
    let file = vectors::folder().join(format!("jose/keys/{name}.pkcs8.txt"));
    let pem = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    Ok(SigningKey::from_pkcs8_pem(&pem, Algorithm::Es256)?)
}

/// The key set that publishes `key`.
///
/// # Errors
/// The key is not importable.
pub fn published(key: &SigningKey) -> anyhow::Result<JwkSet> {
    let set = json!({"keys": [key.public_jwk()]}).to_string();
    Ok(JwkSet::import(set.as_bytes(), &ImportPolicy::default())?)
}

/// The claims of a good token of Ann's, made now and good for five minutes; the members of `changes` replace them, and null removes one.
///
/// # Errors
/// `changes` is not an object.
pub fn claims(
    issuer: &str,
    audience: &str,
    now: NumericDate,
    changes: &Value,
) -> anyhow::Result<Value> {
    let now = now.as_secs();
    let mut claims = json!({
        "iss": issuer, "aud": audience, "sub": SUBJECT, "name": NAME, "tenant": "acme", "iat": now, "nbf": now - 5, "exp": now + 300,
    });
    let members = claims.as_object_mut().context("claims are an object")?;
    for (name, value) in changes.as_object().context("changes are an object")? {
        match value {
            Value::Null => members.remove(name),
            _ => members.insert(name.clone(), value.clone()),
        };
    }
    Ok(claims)
}

/// Signs claims as a JWT.
///
/// # Errors
/// The backend fails.
pub fn sign(key: &SigningKey, claims: &Value) -> anyhow::Result<String> {
    Ok(key.sign(Typ::Jwt, claims)?.into_string())
}
