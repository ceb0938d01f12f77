//! `exeat token inspect`: what a token says and, on request, whether it holds. The signature itself is never printed.
//! `exeat token mint` is in its own module.

mod mint;

use std::{
    fs::File,
    io::{self, Read},
};

use anyhow::{Context as _, bail, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use exeat::ExternalApi;
use exeat_jose::{Algorithm, AlgorithmSet, CompactJws, ImportPolicy, JwkSet};
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::{
    args::{InspectArgs, TokenCommand},
    failure::Failure,
    output,
};

/// Bytes of a key set file that are read.
const MAX_JWKS: usize = 1024 * 1024;

/// Inspects or mints.
///
/// # Errors
/// When the input is not a token, or verification was asked for and does not succeed; when claims or key cannot be used.
pub(crate) async fn run(command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Inspect(args) => Ok(inspect(&args).await?),
        TokenCommand::Mint(args) => Ok(mint::run(&args)?),
    }
}

/// Prints header and claims as one JSON object, with `"signature": "UNVERIFIED"` or `"VERIFIED"`.
async fn inspect(args: &InspectArgs) -> anyhow::Result<()> {
    let token = match &args.file {
        Some(path) => File::open(path)
            .map_err(anyhow::Error::from)
            .and_then(read_token)
            .with_context(|| format!("{} cannot be read", path.display()))?,
        None => read_token(io::stdin().lock()).context("the token cannot be read from stdin")?,
    };
    let (header, claims) = decode(&token)?;
    let signature = match (&args.issuer, &args.audience) {
        (Some(issuer), Some(audience)) => {
            verify(&token, issuer, audience, args.jwks.as_deref()).await?;
            Signature::Verified
        }
        _ => Signature::Unverified,
    };
    let shown = serde_json::to_string_pretty(&Shown {
        signature,
        header,
        claims,
    })?;
    output::print(&shown).context("stdout cannot be written")?;
    if matches!(signature, Signature::Unverified) {
        output::complain(
            "UNVERIFIED: anybody can write such claims; --issuer and --audience check the signature",
        );
    }
    Ok(())
}

/// What is printed.
#[derive(Serialize)]
struct Shown {
    signature: Signature,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Signature {
    Unverified,
    Verified,
}

fn read_token(source: impl Read) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    // Room for white space around the longest token.
    let limit = u64::try_from(CompactJws::MAX_LEN * 2)?;
    source.take(limit).read_to_string(&mut text)?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// Header and claims as the token states them.
fn decode(token: &str) -> anyhow::Result<(Map<String, Value>, Map<String, Value>)> {
    ensure!(!token.is_empty(), "there is no token in the input");
    ensure!(
        token.len() <= CompactJws::MAX_LEN,
        "the input is longer than any token, {} bytes",
        CompactJws::MAX_LEN
    );
    let mut segments = token.split('.');
    let (Some(header), Some(claims), Some(_), None) = (
        segments.next(),
        segments.next(),
        segments.next(),
        segments.next(),
    ) else {
        bail!("not a signed token: it should have three parts with dots between them");
    };
    Ok((segment("header", header)?, segment("claims", claims)?))
}

fn segment(name: &str, text: &str) -> anyhow::Result<Map<String, Value>> {
    // The errors of the decoders could quote the token, so they are not passed on.
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .with_context(|| format!("the {name} part is not base64url"))?;
    serde_json::from_slice(&bytes)
        .ok()
        .with_context(|| format!("the {name} part is not a JSON object"))
}

/// Verifies with the very gate that guards an API, any of its algorithms allowed.
async fn verify(
    token: &str,
    issuer: &str,
    audience: &str,
    jwks: Option<&str>,
) -> anyhow::Result<()> {
    let api = ExternalApi::new(issuer, audience)
        .with_tenants(["*"])
        .with_algorithms(Algorithm::ALL.into_iter().collect::<AlgorithmSet>());
    let api = match jwks {
        Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
            api.with_jwks_uri(url)
        }
        Some(path) => api.with_static_keys(key_set(path)?),
        None => api,
    };
    let gate = api
        .build()
        .await
        .context("the token cannot be verified like this")?;
    let verdict = gate.verifier().verify(token).await;
    verdict.map(drop).map_err(|rejected| {
        anyhow::anyhow!(
            "the token does not hold: {rejected} ({})",
            rejected.reason()
        )
    })
}

fn key_set(path: &str) -> anyhow::Result<JwkSet> {
    let mut json = Vec::new();
    let file = File::open(path).with_context(|| format!("{path} cannot be read"))?;
    file.take(u64::try_from(MAX_JWKS + 1)?)
        .read_to_end(&mut json)
        .with_context(|| format!("{path} cannot be read"))?;
    ensure!(
        json.len() <= MAX_JWKS,
        "{path} is longer than {MAX_JWKS} bytes"
    );
    let keys = JwkSet::import(&json, &ImportPolicy::default())
        .with_context(|| format!("{path} is not a key set"))?;
    ensure!(!keys.is_empty(), "{path} holds no usable key");
    Ok(keys)
}

#[cfg(test)]
mod tests;
