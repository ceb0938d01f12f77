//! Side by side with the crate `jsonwebtoken` 11 (feature `jsonwebtoken`): its types for ours, where nothing is lost on the way.
//!
//! [`decode`] is the way in for a service that has handlers for `jsonwebtoken::TokenData` and wants the rules of this crate:
//!
//! ```
//! # #[cfg(all(feature = "sign", any(feature = "aws-lc-rs", feature = "ring")))] {
//! use exeat_jose::{Algorithm, Expectations, JwkSet, NumericDate, SigningKey, Typ, VerifyingKey, interop};
//!
//! #[derive(serde::Deserialize)]
//! struct Claims { sub: String, exp: u64 } // as jsonwebtoken's users write them
//!
//! let (key, _pem) = SigningKey::generate(Algorithm::Es256)?;
//! let wire = serde_json::json!({ "iss": "https://market.example.com", "aud": "points", "sub": "u1", "exp": 1_300 });
//! let token = key.sign(Typ::Jwt, &wire)?;
//!
//! let keys = JwkSet::from_keys([VerifyingKey::from_jwk(key.public_jwk().clone(), Algorithm::Rs256)?]);
//! let expectations = Expectations::new("https://market.example.com", "points");
//! let data: jsonwebtoken::TokenData<Claims> =
//!     interop::decode(token.as_str(), &keys, &expectations, NumericDate::from_secs(1_000))?.expect("the key is in the set");
//! assert_eq!((data.claims.sub.as_str(), data.header.alg), ("u1", jsonwebtoken::Algorithm::ES256));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Not offered, because something would be lost or made up: an [`UntrustedHeader`] or [`Claims`](crate::Claims) from jsonwebtoken's
//! types (ours are proof that a check was made), and a [`VerifyingKey`] from a `DecodingKey` (which does not say its algorithm).
//!
//! Nothing here is used by this crate itself, and nothing installs a `CryptoProvider`: there is one per process, and it is the
//! binary's to choose. [`ring_provider`] is one that a binary may choose.

#[cfg(all(feature = "ring", feature = "sign"))]
mod ring_provider;

use ::jsonwebtoken::{DecodingKey, Header, TokenData, jwk};
use serde::de::DeserializeOwned;

#[cfg(all(feature = "ring", feature = "sign"))]
pub use ring_provider::ring_provider;

use crate::{
    Algorithm, CompactJws, Expectations, InvalidToken, Jwk, JwkSet, KeyRefusal, NumericDate,
    PayloadBuf, UntrustedHeader, VerifyingKey, jwk::Material,
};

/// In place of `jsonwebtoken::decode`: every rule of [`Expectations`], and then the claims as `T`, registered ones among them.
///
/// `Ok(None)`: no key of `keys` is the one that the token names. Fetch the set again, or refuse.
///
/// # Errors
/// Every [`InvalidToken`]; of several keys with one name, the last one's.
pub fn decode<T: DeserializeOwned>(
    token: &str,
    keys: &JwkSet,
    expectations: &Expectations,
    now: NumericDate,
) -> Result<Option<TokenData<T>>, InvalidToken> {
    let jws = CompactJws::parse(token)?.decode_header(expectations)?;
    let header = jws.untrusted_header();
    let mut buffer = PayloadBuf::new();
    let mut refused = None;
    for key in keys.select(header.key_id(), header.algorithm()) {
        match jws.verify(key, &mut buffer) {
            Ok(payload) => {
                expectations.check(payload.decode::<()>()?, now)?;
                let claims = serde_json::from_slice(payload.as_bytes()).map_err(|_| {
                    InvalidToken::BadClaimType {
                        claim: "custom claims",
                    }
                })?;
                let header = header.into();
                return Ok(Some(TokenData { header, claims }));
            }
            Err(why) => refused = Some(why),
        }
    }
    refused.map_or(Ok(None), Err)
}

impl From<Algorithm> for ::jsonwebtoken::Algorithm {
    fn from(alg: Algorithm) -> Self {
        match alg {
            Algorithm::Rs256 => Self::RS256,
            Algorithm::Rs384 => Self::RS384,
            Algorithm::Rs512 => Self::RS512,
            Algorithm::Ps256 => Self::PS256,
            Algorithm::Ps384 => Self::PS384,
            Algorithm::Ps512 => Self::PS512,
            Algorithm::Es256 => Self::ES256,
            Algorithm::Es384 => Self::ES384,
            Algorithm::EdDsa => Self::EdDSA,
        }
    }
}

/// An algorithm that exeat does not verify: HMAC, or one that jsonwebtoken learns later.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is not verified here")]
pub struct UnsupportedAlgorithm(pub ::jsonwebtoken::Algorithm);

impl TryFrom<::jsonwebtoken::Algorithm> for Algorithm {
    type Error = UnsupportedAlgorithm;

    fn try_from(alg: ::jsonwebtoken::Algorithm) -> Result<Self, UnsupportedAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|ours| ::jsonwebtoken::Algorithm::from(*ours) == alg)
            .ok_or(UnsupportedAlgorithm(alg))
    }
}

/// `alg`, `kid` and `typ`, which is all that exeat reads; `typ` in its usual spelling.
impl From<&UntrustedHeader> for Header {
    fn from(header: &UntrustedHeader) -> Self {
        let mut theirs = Self::new(header.algorithm().into());
        theirs.kid = header.key_id().map(ToString::to_string);
        theirs.typ = header.typ().map(|typ| typ.name().to_owned());
        theirs
    }
}

/// The numbers of the key. What binds it to one algorithm and one name stays behind: keep them beside it.
impl From<&VerifyingKey> for DecodingKey {
    fn from(key: &VerifyingKey) -> Self {
        match key.jwk().material() {
            Material::Rsa { n, e } => Self::from_rsa_raw_components(n, e),
            // What jsonwebtoken calls "DER" is the bare point (SEC 1 §2.3.3).
            Material::Ec { x, y, .. } => Self::from_ec_der(&[&[4], &**x, &**y].concat()),
            Material::Ed25519 { x } => Self::from_ed_der(x),
        }
    }
}

/// Through JSON, and so under the rules of our import: `use`, `key_ops`, `alg`, lengths and private members are looked at.
impl TryFrom<&jwk::Jwk> for Jwk {
    type Error = KeyRefusal;

    fn try_from(jwk: &jwk::Jwk) -> Result<Self, KeyRefusal> {
        let json = serde_json::to_string(jwk)
            .map_err(|_| KeyRefusal::NotAJwk("it cannot be written as JSON"))?;
        Self::from_json(&json)
    }
}

#[cfg(test)]
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod tests;
