use std::borrow::Cow;

use crate::{
    Audience, Expectations, InvalidToken, KnownHeaders, NumericDate, UntrustedHeader,
    VerifiedPayload, VerifyingKey, base64url, claims,
};

/// A JWS in Compact Serialization (RFC 7515 §3.1): three segments, borrowed, nothing decoded.
#[derive(Clone, Copy)]
pub struct CompactJws<'a> {
    /// Header and payload with the dot between them: what the signature is over (RFC 7515 §5.1).
    signing_input: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> CompactJws<'a> {
    /// The longest token, in bytes: 8 KiB.
    pub const MAX_LEN: usize = 8 * 1024;

    /// Splits a token.
    ///
    /// # Errors
    /// [`InvalidToken::TooLarge`] over [`Self::MAX_LEN`]; [`InvalidToken::Malformed`] unless there are exactly three segments and
    /// the first two are not empty. (An empty signature is refused later, by `alg` or as a signature that does not hold.)
    ///
    /// ```
    /// use exeat_jose::{CompactJws, InvalidToken};
    /// assert!(CompactJws::parse("e30.e30.AA").is_ok());
    /// assert_eq!(CompactJws::parse("e30.e30").err(), Some(InvalidToken::Malformed));
    /// ```
    pub fn parse(token: &'a str) -> Result<Self, InvalidToken> {
        if token.len() > Self::MAX_LEN {
            let (len, max) = (token.len(), Self::MAX_LEN);
            return Err(InvalidToken::TooLarge { len, max });
        }
        let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(InvalidToken::Malformed);
        };
        let parts = (
            token.get(..second),
            token.get(..first),
            token.get(first + 1..second),
            token.get(second + 1..),
        );
        let (Some(signing_input), Some(header), Some(payload), Some(signature)) = parts else {
            return Err(InvalidToken::Malformed);
        };
        if header.is_empty() || payload.is_empty() {
            return Err(InvalidToken::Malformed);
        }
        Ok(Self {
            signing_input,
            header,
            payload,
            signature,
        })
    }

    /// Decodes the header and refuses by it: size, duplicate members, `alg`, `crit`, `b64`, `zip`, `enc`, then `typ`.
    ///
    /// # Errors
    /// [`InvalidToken::Malformed`], [`InvalidToken::BadHeader`], [`InvalidToken::AlgNotAllowed`],
    /// [`InvalidToken::CritUnsupported`] or [`InvalidToken::TypMismatch`].
    pub fn decode_header(
        self,
        expectations: &Expectations,
    ) -> Result<UntrustedJws<'a>, InvalidToken> {
        let header = Cow::Owned(UntrustedHeader::decode(self.header, expectations)?);
        Ok(UntrustedJws { jws: self, header })
    }

    /// [`Self::decode_header`], without decoding where a signature has held under the very same header before.
    ///
    /// # Errors
    /// Those of [`Self::decode_header`].
    pub fn decode_header_with(
        self,
        expectations: &Expectations,
        known: &'a KnownHeaders,
    ) -> Result<UntrustedJws<'a>, InvalidToken> {
        let Some(header) = known.find(self.header) else {
            return self.decode_header(expectations);
        };
        // The expectations may be others than then.
        header.check(expectations)?;
        let header = Cow::Borrowed(header);
        Ok(UntrustedJws { jws: self, header })
    }
}

/// A token whose header passed the header rules and whose signature has not been checked. It gives no claims:
///
/// ```compile_fail
/// fn peek(jws: &exeat_jose::UntrustedJws<'_>) { jws.claims(); }
/// ```
/// ```compile_fail
/// fn peek(jws: &exeat_jose::UntrustedJws<'_>) { jws.decode::<serde_json::Value>(); }
/// ```
pub struct UntrustedJws<'a> {
    jws: CompactJws<'a>,
    header: Cow<'a, UntrustedHeader>,
}

impl UntrustedJws<'_> {
    /// The header, to look up the key.
    #[must_use]
    pub fn untrusted_header(&self) -> &UntrustedHeader {
        &self.header
    }

    /// `iss`, `aud` and `exp`, read without a signature into `buffer`. They may only refuse the token or choose among configured
    /// issuers.
    ///
    /// # Errors
    /// [`InvalidToken::Malformed`], or [`InvalidToken::BadClaimType`] for a registered claim: what would be refused later anyway.
    pub fn untrusted_hints<'b>(
        &self,
        buffer: &'b mut PayloadBuf,
    ) -> Result<UntrustedHints<'b>, InvalidToken> {
        let payload = buffer.decode(self.jws.payload)?;
        let claims = claims::decode::<()>(payload)?;
        Ok(UntrustedHints {
            issuer: claims.issuer,
            audience: claims.audience,
            expires_at: claims.expires_at,
        })
    }

    /// Decodes the payload into `buffer` and checks the signature. The algorithm is the key's and must equal the header's.
    ///
    /// # Errors
    /// [`InvalidToken::AlgNotAllowed`] if key and header differ in algorithm, [`InvalidToken::BadSignature`] if the signature does
    /// not hold, [`InvalidToken::Malformed`] if signature or payload is not strict base64url.
    pub fn verify<'b>(
        &self,
        key: &VerifyingKey,
        buffer: &'b mut PayloadBuf,
    ) -> Result<VerifiedPayload<'b>, InvalidToken> {
        if key.algorithm() != self.header.algorithm() {
            return Err(InvalidToken::AlgNotAllowed);
        }
        // Before the signature, which costs a hundred times as much; nobody sees the buffer unless it holds.
        buffer.decode(self.jws.payload)?;
        key.verify(self.jws.signing_input, self.jws.signature)?;
        buffer.is_verified = true;
        Ok(VerifiedPayload::new(&buffer.bytes))
    }

    pub(crate) fn header_segment(&self) -> &str {
        self.jws.header
    }

    /// Whether the header was found among the known ones.
    #[must_use]
    pub fn has_known_header(&self) -> bool {
        matches!(self.header, Cow::Borrowed(_))
    }
}

/// Claims read before the signature. See [`UntrustedJws::untrusted_hints`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct UntrustedHints<'b> {
    /// `iss`, if it is there.
    pub issuer: Option<Cow<'b, str>>,
    /// `aud`, if it is there.
    pub audience: Option<Audience<'b>>,
    /// `exp`, if it is there.
    pub expires_at: Option<NumericDate>,
}

/// The buffer that verified payloads borrow from. Reuse it, and verifying takes no heap for the payload.
#[derive(Default)]
pub struct PayloadBuf {
    bytes: Vec<u8>,
    is_verified: bool,
}

impl PayloadBuf {
    /// An empty buffer; it grows to at most three quarters of [`CompactJws::MAX_LEN`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The payload of the last use, if that was an [`UntrustedJws::verify`] whose signature held.
    #[must_use]
    pub fn verified(&self) -> Option<VerifiedPayload<'_>> {
        self.is_verified.then(|| VerifiedPayload::new(&self.bytes))
    }

    fn decode(&mut self, segment: &str) -> Result<&[u8], InvalidToken> {
        self.is_verified = false;
        base64url::decode_replacing(segment, &mut self.bytes)
            .map_err(|_| InvalidToken::Malformed)?;
        Ok(&self.bytes)
    }
}

#[cfg(test)]
mod tests;
