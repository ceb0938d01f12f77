//! jsonwebtoken as its users set it up: keys by `kid` in a map, and a validation of `iss`, `aud` and `exp` for each algorithm.

macro_rules! rival {
    ($version:ident, $library:ident) => {
        pub mod $version {
            use std::collections::HashMap;

            use anyhow::Context as _;
            use bench::token::{AUDIENCE, ISSUER};
            use $library::{
                Algorithm, DecodingKey, TokenData, Validation, decode, decode_header,
                jwk::{Jwk, JwkSet},
            };

            use crate::claims::Claims;

            /// A key set in the form that checks use.
            pub struct Verifier {
                keys: HashMap<String, (DecodingKey, Validation)>,
            }

            impl Verifier {
                pub fn new(jwks: &str) -> anyhow::Result<Self> {
                    let set: JwkSet = serde_json::from_str(jwks)?;
                    let keys = set.keys.iter().map(entry).collect::<anyhow::Result<_>>()?;
                    Ok(Self { keys })
                }

                pub fn verify(&self, token: &str) -> Option<TokenData<Claims>> {
                    let header = decode_header(token).ok()?;
                    let (key, validation) = self.keys.get(header.kid.as_ref()?)?;
                    decode(token, key, validation).ok()
                }
            }

            fn entry(jwk: &Jwk) -> anyhow::Result<(String, (DecodingKey, Validation))> {
                let kid = jwk.common.key_id.clone().context("no kid")?;
                let alg: Algorithm = jwk
                    .common
                    .key_algorithm
                    .context("no alg")?
                    .to_string()
                    .parse()?;
                let mut validation = Validation::new(alg);
                validation.set_issuer(&[ISSUER]);
                validation.set_audience(&[AUDIENCE]);
                Ok((kid, (DecodingKey::from_jwk(jwk)?, validation)))
            }
        }
    };
}

rival!(v9, jsonwebtoken_9);
rival!(v11, jsonwebtoken_11);
