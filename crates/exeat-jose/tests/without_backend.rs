//! Built with neither library: everything compiles, and every key says why it cannot be used.

#![cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]

use exeat_jose::{Jwk, KeyRefusal};

const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

#[test]
fn every_key_is_refused_for_want_of_a_backend() {
    assert_eq!(Jwk::from_json(P256), Err(KeyRefusal::NoBackend));
    assert_eq!(
        Jwk::from_json(r#"{"kty":"oct"}"#),
        Err(KeyRefusal::Symmetric)
    );
}

#[cfg(feature = "sign")]
#[test]
fn no_key_is_generated() {
    use exeat_jose::{Algorithm, KeyError, SigningKey};

    let alg = Algorithm::Es256;
    let found = SigningKey::generate(alg).map(drop);
    assert_eq!(found, Err(KeyError::GenerationUnsupported { alg }));
}
