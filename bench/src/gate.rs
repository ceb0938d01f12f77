//! The verifier: good tokens, forged ones, and those that are refused before their signature costs anything.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use anyhow::{Context as _, ensure};
use exeat::{BorrowedToken, ExternalApi, Gate, Rejected, TokenCacheSize, VerifiedToken, Verifier};
use exeat_jose::{ImportPolicy, InvalidToken, JwkSet, PayloadBuf};

use crate::hostile::{Flaw, forged};
use crate::rounds::Case;
use crate::token::{ALGORITHMS, AUDIENCE, ISSUER, Tokens, shuffled};

/// The configuration of an API that knows these keys and has no pages; the rest as shipped, a cache of 10,000 tokens among it.
///
/// # Errors
/// It is no JWK Set.
pub fn api(jwks: &str) -> anyhow::Result<ExternalApi> {
    let keys = JwkSet::import(jwks.as_bytes(), &ImportPolicy::default())?;
    Ok(ExternalApi::new(ISSUER, AUDIENCE)
        .with_algorithms(ALGORITHMS.into_iter().collect())
        .with_static_keys(keys))
}

/// A gate whose keys are at hand, which needs no runtime.
///
/// # Errors
/// The configuration is wrong.
pub fn build(api: ExternalApi) -> anyhow::Result<Gate> {
    let built = at_once(api.build()).context("a gate with pinned keys waits for nothing")?;
    Ok(built?)
}

/// The output of a future that has nothing to wait for.
pub fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// A token, judged by keys that are at hand. To be called inside of a tokio runtime: a verifier that might have to wait asks for a timer.
#[must_use]
pub fn verify(verifier: &Verifier, token: &str) -> Option<Result<Arc<VerifiedToken>, Rejected>> {
    at_once(verifier.verify(token))
}

/// A token, judged by its signature whatever the cache holds, its claims borrowed from the buffer.
pub fn verify_with<'b>(
    verifier: &Verifier,
    token: &str,
    buffer: &'b mut PayloadBuf,
) -> Option<Result<BorrowedToken<'b>, Rejected>> {
    at_once(verifier.verify_with(token, buffer))
}

/// Good and forged tokens of each algorithm. Each good one three times: by the direct path, for claims of its own without a cache, and as
/// shipped, where with so many tokens none is found again.
///
/// # Errors
/// A verifier does not say what it should.
pub fn verify_cases<'t>(
    uncached: &'t Verifier,
    shipped: &'t Verifier,
    tokens: &'t Tokens,
) -> anyhow::Result<Vec<Case<'t>>> {
    let mut cases = Vec::new();
    for alg in ALGORITHMS {
        let (name, good) = (alg.name(), tokens.of(alg)?);
        let bad = good
            .iter()
            .map(|token| forged(token))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut buffer = PayloadBuf::new();
        for token in good {
            let verdict = verify_with(uncached, token, &mut buffer);
            ensure!(matches!(verdict, Some(Ok(_))), "a good token is refused");
        }
        for token in &bad {
            expect(uncached, token, &InvalidToken::BadSignature.into())?;
        }
        cases.push(Case::new(
            format!("verify.{name}.exeat"),
            good.len(),
            move |index| {
                let verdict = verify_with(uncached, good.get(index)?, &mut buffer);
                Some(verdict?.is_ok())
            },
        ));
        cases.push(Case::new(
            format!("verify.{name}.owned"),
            good.len(),
            |index| verify(uncached, good.get(index)?),
        ));
        cases.push(Case::new(
            format!("verify.{name}.shipped"),
            good.len(),
            |index| verify(shipped, good.get(index)?),
        ));
        cases.push(Case::new(
            format!("forged.{name}.exeat"),
            bad.len(),
            move |index| verify(uncached, bad.get(index)?),
        ));
    }
    Ok(cases)
}

/// How many tokens the rows of the cache take turns with.
pub const CACHED: [usize; 3] = [1, 1_000, 20_000];

/// Tokens that come again, each row with a cache of its size, in an order that cannot be guessed.
///
/// # Errors
/// A good token is refused.
pub fn cached_cases<'t>(jwks: &str, good: &'t [String]) -> anyhow::Result<Vec<Case<'t>>> {
    CACHED
        .into_iter()
        .map(|count| {
            let good = shuffled(good.get(..count).unwrap_or(good));
            let gate = build(api(jwks)?.with_token_cache(cache_of(count)))?;
            let verifier = gate.verifier().clone();
            for token in &good {
                let verdict = verify(&verifier, token);
                ensure!(matches!(verdict, Some(Ok(_))), "a good token is refused");
            }
            let name = format!("cached.{count}.exeat");
            Ok(Case::new(name, good.len(), move |index| {
                verify(&verifier, good.get(index)?)
            }))
        })
        .collect()
}

/// A cache for so many tokens, and no more.
#[must_use]
pub fn cache_of(count: usize) -> TokenCacheSize {
    const TOKEN: usize = 2 << 10;
    const LEAST: usize = 256 << 10;
    TokenCacheSize {
        max_entries: count,
        max_bytes: LEAST.max(count * TOKEN),
    }
}

/// Each flaw that is found before the signature is checked.
///
/// # Errors
/// The verifier does not say what it should.
pub fn refuse_cases<'t>(verifier: &'t Verifier, good: &[String]) -> anyhow::Result<Vec<Case<'t>>> {
    let mut cases = Vec::new();
    for flaw in Flaw::ALL {
        let why = match flaw {
            Flaw::Shape | Flaw::Base64 => InvalidToken::Malformed.into(),
            Flaw::AlgNone | Flaw::AlgHs256 => InvalidToken::AlgNotAllowed.into(),
            Flaw::Kid => Rejected::UnknownKey,
        };
        let bad = good
            .iter()
            .map(|token| flaw.put_into(token))
            .collect::<anyhow::Result<Vec<_>>>()?;
        for token in &bad {
            expect(verifier, token, &why)?;
        }
        let name = format!("refuse.{}.exeat", flaw.name());
        cases.push(Case::new(name, bad.len(), move |index| {
            verify(verifier, bad.get(index)?)
        }));
    }
    Ok(cases)
}

fn expect(verifier: &Verifier, token: &str, why: &Rejected) -> anyhow::Result<()> {
    let verdict = verify(verifier, token);
    ensure!(
        matches!(&verdict, Some(Err(rejected)) if rejected == why),
        "not {why}: {verdict:?}"
    );
    Ok(())
}
