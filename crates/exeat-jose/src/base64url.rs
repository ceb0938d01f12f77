//! Strict base64url (RFC 7515 §2): no padding, no whitespace, zero trailing bits, so that one value has one spelling.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use base64_simd::{AsOut, URL_SAFE_NO_PAD as SIMD};

/// Not base64url, or longer than the place it must fit in.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct InvalidBase64Url;

/// Decodes into `out` and returns the decoded part of it.
pub(crate) fn decode_into<'o>(text: &str, out: &'o mut [u8]) -> Result<&'o [u8], InvalidBase64Url> {
    // The library asserts that there is room.
    if text.len() * 3 / 4 > out.len() {
        return Err(InvalidBase64Url);
    }
    let decoded = SIMD.decode(text.as_bytes(), out.as_out());
    decoded.map(|bytes| &*bytes).map_err(|_| InvalidBase64Url)
}

/// Replaces the contents of `out`, keeping its allocation.
pub(crate) fn decode_replacing(text: &str, out: &mut Vec<u8>) -> Result<(), InvalidBase64Url> {
    out.clear();
    SIMD.decode_append(text, out).map_err(|_| InvalidBase64Url)
}

pub(crate) fn decode(text: &str) -> Result<Vec<u8>, InvalidBase64Url> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidBase64Url)
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(feature = "sign")]
pub(crate) fn encode_onto(bytes: &[u8], out: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_spelling() {
        assert_eq!(decode("AQ"), Ok(vec![1]));
        for other in ["AR", "AQ==", "AQ=", " AQ", "AQ\n", "A", "AQ+/", "ÄQ"] {
            assert_eq!(decode(other), Err(InvalidBase64Url), "{other:?}");
        }
    }

    proptest::proptest! {
        /// What decodes tokens is as strict as what decodes keys, for texts of every length and with any fault in them.
        #[test]
        fn both_decoders_agree(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
            fault in proptest::option::of((0..300_usize, proptest::char::any())),
        ) {
            let mut text = encode(&bytes);
            if let Some((place, fault)) = fault {
                let place = place % (text.len() + 1);
                text.replace_range(place..(place + 1).min(text.len()), fault.encode_utf8(&mut [0; 4]));
            }
            let mut replaced = vec![7; 3];
            let expected = decode(&text);
            let found = decode_replacing(&text, &mut replaced).map(|()| replaced);
            proptest::prop_assert_eq!(&found, &expected);
            let mut buffer = [0; 300];
            let found = decode_into(&text, &mut buffer).map(<[u8]>::to_vec);
            proptest::prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn a_buffer_one_byte_short_is_refused() {
        let text = encode(&[7; 30]);
        assert_eq!(decode_into(&text, &mut [0; 30]), Ok([7; 30].as_slice()));
        assert_eq!(decode_into(&text, &mut [0; 29]), Err(InvalidBase64Url));
    }
}
