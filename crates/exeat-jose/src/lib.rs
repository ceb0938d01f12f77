//! JWS, JWK and JWT (RFC 7515, 7517, 7518, 7519, 7638) as pure functions of bytes, keys and a given time.
//!
//! A token passes through types, each the proof of what was checked, in the order in which checks get dearer:
//!
//! ```text
//! CompactJws::parse        three segments of a bounded size, nothing decoded
//!   .decode_header         → UntrustedJws          alg, crit, typ
//!   .verify(key, buffer)   → VerifiedPayload       the signature held
//!   .decode::<C>()         → Claims<C>             strict JSON, registered claims typed
//! Expectations::check(now) → Verified<C>           exp, nbf, iat, iss, aud, required claims
//! ```
//!
//! ```
//! # #[cfg(all(feature = "sign", any(feature = "aws-lc-rs", feature = "ring")))] {
//! use exeat_jose::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize)]
//! struct Wire<'a> { iss: &'a str, aud: &'a str, sub: &'a str, exp: u64, tenant: &'a str }
//! #[derive(Deserialize)]
//! struct Custom { tenant: String }
//!
//! let (key, _pem) = SigningKey::generate(Algorithm::Es256)?;
//! let wire = Wire { iss: "https://market.example.com", aud: "points", sub: "u1", exp: 1_300, tenant: "t1" };
//! let token = key.sign(Typ::Jwt, &wire)?;
//!
//! let keys = JwkSet::from_keys([VerifyingKey::from_jwk(key.public_jwk().clone(), Algorithm::Rs256)?]);
//! let expectations = Expectations::new("https://market.example.com", "points");
//! let jws = CompactJws::parse(token.as_str())?.decode_header(&expectations)?;
//! let header = jws.untrusted_header();
//! let key = keys.select(header.key_id(), header.algorithm()).next().expect("the key is in the set");
//! let mut buffer = PayloadBuf::new();
//! let claims = jws.verify(key, &mut buffer)?.decode::<Custom>()?;
//! let verified = expectations.check(claims, NumericDate::from_secs(1_000))?;
//! assert_eq!(verified.custom.tenant, "t1");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Cargo features: `aws-lc-rs` (default) or `ring` is the cryptographic library (with both, aws-lc-rs); with neither the crate
//! compiles and every key is refused with [`KeyRefusal::NoBackend`]. `sign` adds private keys. `jsonwebtoken` adds `interop`: conversions
//! to and from the crate of that name, which is otherwise not in the tree.

mod algorithm;
mod backend;
mod base64url;
mod claims;
mod compact;
#[cfg(feature = "sign")]
mod der;
mod expectations;
mod header;
#[cfg(feature = "jsonwebtoken")]
pub mod interop;
mod jwk;
mod jwk_set;
mod key_id;
mod members;
mod rejection;
mod scope;
#[cfg(feature = "sign")]
mod sign;
mod time;
mod verify;

pub use algorithm::{Algorithm, AlgorithmSet};
pub use claims::{Audience, Claims, Times, VerifiedPayload};
pub use compact::{CompactJws, PayloadBuf, UntrustedHints, UntrustedJws};
pub use expectations::{Expectations, TypPolicy, Verified};
pub use header::{KnownHeaders, Typ, UntrustedHeader};
pub use jwk::{Jwk, KeyRefusal, Thumbprint};
pub use jwk_set::{ImportPolicy, JwkSet, JwkSetError, RefusedKey};
pub use key_id::{InvalidKeyId, KeyId};
pub use rejection::InvalidToken;
pub use scope::{InvalidScope, Scope};
#[cfg(feature = "sign")]
pub use sign::{KeyError, PrivateKeyPem, SignError, SignedToken, SigningKey};
pub use time::{Clock, NumericDate, SystemClock};
pub use verify::VerifyingKey;
