//! The verifier: good tokens, forged ones, and those that are refused before their signature costs anything.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use anyhow::{Context as _, ensure};
use exeat::{ExternalApi, Gate, Rejected, VerifiedToken, Verifier};
use exeat_jose::{ImportPolicy, InvalidToken, JwkSet};

use crate::hostile::{Flaw, forged};
use crate::rounds::Case;
use crate::token::{ALGORITHMS, AUDIENCE, ISSUER, Tokens};

/// The configuration of an API that knows these keys, has no pages, and checks the signature of every token.
///
/// # Errors
/// It is no JWK Set.
pub fn api(jwks: &str) -> anyhow::Result<ExternalApi> {
    let keys = JwkSet::import(jwks.as_bytes(), &ImportPolicy::default())?;
    Ok(ExternalApi::new(ISSUER, AUDIENCE)
        .with_algorithms(ALGORITHMS.into_iter().collect())
        .with_static_keys(keys)
        .without_token_cache())
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

/// Good and forged tokens of each algorithm.
///
/// # Errors
/// The verifier does not say what it should.
pub fn verify_cases<'t>(
    verifier: &'t Verifier,
    tokens: &'t Tokens,
) -> anyhow::Result<Vec<Case<'t>>> {
    let mut cases = Vec::new();
    for alg in ALGORITHMS {
        let good = tokens.of(alg)?;
        let bad = good
            .iter()
            .map(|token| forged(token))
            .collect::<anyhow::Result<Vec<_>>>()?;
        for token in good {
            let verdict = verify(verifier, token);
            ensure!(matches!(verdict, Some(Ok(_))), "a good token: {verdict:?}");
        }
        for token in &bad {
            expect(verifier, token, &InvalidToken::BadSignature.into())?;
        }
        let name = alg.name();
        cases.push(Case::new(
            format!("verify.{name}.exeat"),
            good.len(),
            |index| verify(verifier, good.get(index)?),
        ));
        cases.push(Case::new(
            format!("forged.{name}.exeat"),
            bad.len(),
            move |index| verify(verifier, bad.get(index)?),
        ));
    }
    Ok(cases)
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
