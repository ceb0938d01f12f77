//! `exeat token mint`

use std::{path::PathBuf, time::Duration};

use clap::{Args as ClapArgs, ValueEnum};
use exeat_jose::{Algorithm, Typ};

use super::whole_seconds;

/// `token mint`
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \\
      -out test.key.pem
  exeat token mint --claims claims.json --key test.key.pem
  echo '{\"iss\":\"https://market.example.com\",\"aud\":\"loyalty-api\",\"sub\":\"u\"}' | \\
      exeat token mint --claims - --key test.key.pem
  exeat token mint --claims claims.json --key test.key.pem --ttl 15m \\
      --typ at+jwt

The claims are one JSON object. iat (now) and exp (now + --ttl) are added if
they are absent; nothing else is added or changed, so a token that has expired
or lacks a claim can be made too. A registered claim (iss, sub, aud, exp, nbf,
iat, jti) of the wrong JSON type is refused.

The token's kid is the RFC 7638 thumbprint of the key. Any key of a directory
made by `exeat keys init` will do; `exeat keys export-public` prints the key set
that verifies it. A token is a secret: keep it out of logs.")]
pub(crate) struct MintArgs {
    /// File with the claims; - is stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) claims: PathBuf,
    /// File with the private key: PKCS#8 in PEM form, as openssl genpkey writes it
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// ES256, RS256 or EdDSA [default: the one that the key is for]
    #[arg(long, value_name = "ALG", value_parser = signing_algorithm)]
    pub(crate) alg: Option<Algorithm>,
    /// The typ of the header
    #[arg(long, value_enum, value_name = "TYP", default_value_t)]
    pub(crate) typ: TypArg,
    /// How long after now the token expires, in whole seconds, for example 45s or 15m; not with claims that hold exp [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = whole_seconds)]
    pub(crate) ttl: Option<Duration>,
}

/// What a token may say that it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum TypArg {
    /// Any JWT
    #[default]
    #[value(name = "JWT")]
    Jwt,
    /// An access token of RFC 9068
    #[value(name = "at+jwt")]
    AccessToken,
}

impl From<TypArg> for Typ {
    fn from(typ: TypArg) -> Self {
        match typ {
            TypArg::Jwt => Self::Jwt,
            TypArg::AccessToken => Self::AccessToken,
        }
    }
}

/// The algorithms that `exeat_jose` signs with.
pub(crate) const SIGNING: [Algorithm; 3] = [Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa];

fn signing_algorithm(name: &str) -> Result<Algorithm, String> {
    let known = SIGNING.into_iter().find(|alg| alg.name() == name);
    known.ok_or_else(|| format!("{name:?} cannot be signed with; write ES256, RS256 or EdDSA"))
}
