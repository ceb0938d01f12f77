use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

/// A "kid" (RFC 7517 §4.5, RFC 7515 §4.1.4). Our limits: 1..=128 bytes of visible ASCII. Chosen by the sender until a signature holds.
///
/// ```
/// use exeat_jose::KeyId;
/// assert_eq!(KeyId::try_from("2026-11")?.as_str(), "2026-11");
/// assert!(KeyId::try_from("two words").is_err());
/// # Ok::<(), exeat_jose::InvalidKeyId>(())
/// ```
#[derive(Clone)]
pub struct KeyId(Repr);

/// Thumbprints are 43 bytes: they fit inline, so reading a header needs no heap.
#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Box<[u8]>),
}

const INLINE: usize = 46;

impl KeyId {
    /// The longest key id, in bytes.
    pub const MAX_LEN: usize = 128;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Always UTF-8: `try_from` lets in nothing but ASCII.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Heap(bytes) => bytes,
        }
    }
}

impl TryFrom<&str> for KeyId {
    type Error = InvalidKeyId;

    fn try_from(text: &str) -> Result<Self, InvalidKeyId> {
        let text = text.as_bytes();
        let fits =
            (1..=Self::MAX_LEN).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
        if !fits {
            return Err(InvalidKeyId);
        }
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(text);
                Ok(Self(Repr::Inline { len, bytes }))
            }
            _ => Ok(Self(Repr::Heap(text.into()))),
        }
    }
}

impl PartialEq for KeyId {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for KeyId {}

impl Hash for KeyId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialOrd for KeyId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KeyId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyId").field(&self.as_str()).finish()
    }
}

/// The text is no [`KeyId`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a key id is 1 to 128 characters of visible ASCII")]
pub struct InvalidKeyId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_of_1_to_128_visible_characters_is_kept() {
        for len in [1, 43, INLINE, INLINE + 1, KeyId::MAX_LEN] {
            let text = "k".repeat(len);
            let kid = KeyId::try_from(text.as_str()).unwrap();
            assert_eq!(kid.as_str(), text);
            assert_eq!(kid, kid.clone());
            assert_eq!(kid.to_string(), text);
        }
    }

    #[test]
    fn an_empty_or_129_byte_key_id_is_refused() {
        assert_eq!(KeyId::try_from(""), Err(InvalidKeyId));
        assert_eq!(KeyId::try_from("k".repeat(129).as_str()), Err(InvalidKeyId));
    }

    #[test]
    fn spaces_controls_and_non_ascii_are_refused() {
        for text in ["a b", "a\nb", "a\0", "\u{7f}", "ä", " "] {
            assert_eq!(KeyId::try_from(text), Err(InvalidKeyId), "{text:?}");
        }
        assert!(KeyId::try_from("!~\"\\{}").is_ok());
    }

    #[test]
    fn key_ids_compare_as_their_text() {
        let id = |text: &str| KeyId::try_from(text).unwrap();
        assert_ne!(id("a"), id("b"));
        assert!(id("a") < id("b"));
        assert!(id("a") < id("aa"));
        assert_ne!(id("a"), id("aa"));
    }
}
