mod material;

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{
    Algorithm, KeyId, backend, base64url,
    members::{RawMembers, Text},
};

pub(crate) use material::{Curve, Material};

/// A public JWK (RFC 7517). It has no place for private members, so none can be serialised.
///
/// ```
/// use exeat_jose::{Jwk, KeyRefusal};
/// let private = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"AA"}"#;
/// assert_eq!(Jwk::from_json(private), Err(KeyRefusal::Private));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Jwk {
    material: Material,
    kid: Option<KeyId>,
    alg: Option<Algorithm>,
    has_use: bool,
    thumbprint: Thumbprint,
}

impl Jwk {
    /// Reads one key. Unknown members are skipped (RFC 7517 §4); a member that is there twice refuses the key.
    ///
    /// # Errors
    /// A [`KeyRefusal`]. The point itself is checked by [`VerifyingKey::from_jwk`](crate::VerifyingKey::from_jwk).
    pub fn from_json(json: &str) -> Result<Self, KeyRefusal> {
        let members = RawMembers::parse(json).map_err(KeyRefusal::NotAJwk)?;
        Self::from_members(&members)
    }

    pub(crate) fn from_members(members: &RawMembers<'_>) -> Result<Self, KeyRefusal> {
        let kty = text(members, "kty")?.ok_or(KeyRefusal::NotAJwk("no kty"))?;
        if kty.0 == "oct" {
            return Err(KeyRefusal::Symmetric);
        }
        if PRIVATE_MEMBERS.iter().any(|name| members.has(name)) {
            return Err(KeyRefusal::Private);
        }
        let kid = key_id(members)?;
        let has_use = match text(members, "use")? {
            Some(Text(usage)) if usage != "sig" => return Err(KeyRefusal::Use),
            usage => usage.is_some(),
        };
        match members.read::<Vec<Text<'_>>>("key_ops") {
            Some(Err(())) => return Err(KeyRefusal::NotAJwk("key_ops is not an array of strings")),
            Some(Ok(ops)) if !ops.iter().any(|op| op.0 == "verify") => {
                return Err(KeyRefusal::KeyOps);
            }
            _ => {}
        }
        let material = match &*kty.0 {
            "RSA" => Material::rsa(bytes(members, "n")?, bytes(members, "e")?)?,
            "EC" => {
                let crv = match &*crv(members)?.0 {
                    "P-256" => Curve::P256,
                    "P-384" => Curve::P384,
                    _ => return Err(KeyRefusal::Unsupported),
                };
                Material::ec(crv, bytes(members, "x")?, bytes(members, "y")?)?
            }
            "OKP" => match &*crv(members)?.0 {
                "Ed25519" => Material::ed25519(&bytes(members, "x")?)?,
                _ => return Err(KeyRefusal::Unsupported),
            },
            _ => return Err(KeyRefusal::Unsupported),
        };
        let alg = match text(members, "alg")? {
            None => None,
            Some(Text(name)) => Some(Algorithm::from_name(&name).ok_or(KeyRefusal::Unsupported)?),
        };
        let jwk = Self::new(material, alg, has_use)?;
        Ok(Self { kid, ..jwk })
    }

    pub(crate) fn new(
        material: Material,
        alg: Option<Algorithm>,
        has_use: bool,
    ) -> Result<Self, KeyRefusal> {
        if alg.is_some_and(|alg| !material.fits(alg)) {
            return Err(KeyRefusal::AlgMismatch);
        }
        let digest = backend::sha256(material.thumbprint_input().as_bytes());
        Ok(Self {
            material,
            kid: None,
            alg,
            has_use,
            thumbprint: Thumbprint(digest.ok_or(KeyRefusal::NoBackend)?),
        })
    }

    /// "kid", if there is one.
    #[must_use]
    pub fn key_id(&self) -> Option<&KeyId> {
        self.kid.as_ref()
    }

    /// "alg", if there is one; it fits the key.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.alg
    }

    /// The RFC 7638 thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// The same key under another name.
    #[must_use]
    pub fn with_key_id(self, kid: KeyId) -> Self {
        Self {
            kid: Some(kid),
            ..self
        }
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kty", self.material.kty())?;
        if let Some(kid) = &self.kid {
            map.serialize_entry("kid", kid.as_str())?;
        }
        if self.has_use {
            map.serialize_entry("use", "sig")?;
        }
        if let Some(alg) = self.alg {
            map.serialize_entry("alg", alg.name())?;
        }
        match &self.material {
            Material::Rsa { n, e } => {
                map.serialize_entry("n", &base64url::encode(n))?;
                map.serialize_entry("e", &base64url::encode(e))?;
            }
            Material::Ec { crv, x, y } => {
                map.serialize_entry("crv", crv.name())?;
                map.serialize_entry("x", &base64url::encode(x))?;
                map.serialize_entry("y", &base64url::encode(y))?;
            }
            Material::Ed25519 { x } => {
                map.serialize_entry("crv", "Ed25519")?;
                map.serialize_entry("x", &base64url::encode(x))?;
            }
        }
        map.end()
    }
}

/// An RFC 7638 thumbprint with SHA-256: the name that a key cannot change. Shown as base64url.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The thumbprint as a key id of 43 characters, which is how exeat's own issuer names its keys.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "it cannot panic, as the next reason shows"
    )]
    pub fn to_key_id(&self) -> KeyId {
        #[expect(
            clippy::expect_used,
            reason = "43 characters of base64url are 43 of visible ASCII"
        )]
        KeyId::try_from(base64url::encode(&self.0).as_str()).expect("base64url is a key id")
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

/// RFC 7518 §6.2.2, §6.3.2, §6.4 and RFC 8037 §2.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The key's "kid", also for a key that is refused for something else.
pub(crate) fn key_id(members: &RawMembers<'_>) -> Result<Option<KeyId>, KeyRefusal> {
    match text(members, "kid")? {
        None => Ok(None),
        Some(Text(kid)) => KeyId::try_from(&*kid)
            .map(Some)
            .map_err(|_| KeyRefusal::NotAJwk("kid is not 1 to 128 characters of visible ASCII")),
    }
}

fn crv<'de>(members: &RawMembers<'de>) -> Result<Text<'de>, KeyRefusal> {
    text(members, "crv")?.ok_or(KeyRefusal::NotAJwk("no crv"))
}

fn text<'de>(members: &RawMembers<'de>, name: &str) -> Result<Option<Text<'de>>, KeyRefusal> {
    members
        .read(name)
        .transpose()
        .map_err(|()| KeyRefusal::NotAJwk("kty, crv, use, alg, kid or a number is not a string"))
}

fn bytes(members: &RawMembers<'_>, name: &str) -> Result<Vec<u8>, KeyRefusal> {
    let Text(encoded) = text(members, name)?.ok_or(KeyRefusal::NotAJwk("a number is missing"))?;
    base64url::decode(&encoded).map_err(|_| KeyRefusal::NotAJwk("a number is not base64url"))
}

/// Why a JWK was refused. The other keys of its set are not affected.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRefusal {
    /// Not an object, or a member is missing, there twice, of the wrong type or not in canonical form.
    #[error("not a JWK: {0}")]
    NotAJwk(&'static str),
    /// A shared secret has no place in a public key set.
    #[error("symmetric key (oct)")]
    Symmetric,
    /// Someone published a private key: it must be replaced.
    #[error("private members")]
    Private,
    /// `use` (RFC 7517 §4.2) is there and is not `sig`.
    #[error("use is not sig")]
    Use,
    /// `key_ops` (RFC 7517 §4.3) is there and does not hold `verify`.
    #[error("key_ops lacks verify")]
    KeyOps,
    /// The RSA modulus is too small to be safe or too large to be checked cheaply.
    #[error("RSA modulus of {bits} bits; 2048 to 8192 are accepted")]
    RsaModulus {
        /// Bits of the modulus.
        bits: usize,
    },
    /// The RSA exponent is even, below 3 or longer than 33 bits.
    #[error("RSA exponent even, below 3 or over 33 bits")]
    RsaExponent,
    /// `x` or `y` is shorter or longer than the curve asks (RFC 7518 §6.2.1.2).
    #[error("coordinate of the wrong length")]
    CoordinateLength,
    /// The coordinates are no point of the curve.
    #[error("point not on the curve")]
    NotOnCurve,
    /// An Ed25519 point of small order: anyone can make signatures that hold under it.
    #[error("Ed25519 point of small order")]
    SmallOrder,
    /// `alg` is not one of this key type or curve.
    #[error("alg does not fit kty or crv")]
    AlgMismatch,
    /// A kty, crv or alg that exeat does not verify.
    #[error("unsupported kty, crv or alg")]
    Unsupported,
    /// Built with neither `aws-lc-rs` nor `ring`.
    #[error("no cryptographic backend is compiled in")]
    NoBackend,
}

impl KeyRefusal {
    /// A stable `snake_case` name, for health reports.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotAJwk(_) => "not_a_jwk",
            Self::Symmetric => "symmetric",
            Self::Private => "private",
            Self::Use => "use",
            Self::KeyOps => "key_ops",
            Self::RsaModulus { .. } => "rsa_modulus",
            Self::RsaExponent => "rsa_exponent",
            Self::CoordinateLength => "coordinate_length",
            Self::NotOnCurve => "not_on_curve",
            Self::SmallOrder => "small_order",
            Self::AlgMismatch => "alg_mismatch",
            Self::Unsupported => "unsupported",
            Self::NoBackend => "no_backend",
        }
    }
}

#[cfg(test)]
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod tests;
