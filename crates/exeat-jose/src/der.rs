//! The little DER (X.690) that keys need: which kind of key a PKCS#8 document holds, and the numbers of an RSA public key.
//! The cryptographic library checks the rest.

/// The key types of PKCS#8 documents that exeat tells apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyKind {
    Rsa,
    P256,
    Ed25519,
    Other,
}

const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// 1.2.840.113549.1.1.1, rsaEncryption (RFC 8017 §A.1).
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1, id-ecPublicKey (RFC 5480 §2.1.1).
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7, secp256r1 (RFC 5480 §2.1.1.1).
const SECP256R1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.101.112, id-Ed25519 (RFC 8410 §3).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Reads the algorithm of a `PrivateKeyInfo` (RFC 5208 §5); `None` if it is not one.
pub(crate) fn pkcs8_kind(document: &[u8]) -> Option<KeyKind> {
    let (info, rest) = element(document, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    let (_version, info) = element(info, INTEGER)?;
    let (algorithm, _key) = element(info, SEQUENCE)?;
    let (name, parameters) = element(algorithm, OBJECT_IDENTIFIER)?;
    Some(match name {
        RSA_ENCRYPTION => KeyKind::Rsa,
        ED25519 => KeyKind::Ed25519,
        EC_PUBLIC_KEY => match element(parameters, OBJECT_IDENTIFIER) {
            Some((SECP256R1, _)) => KeyKind::P256,
            _ => KeyKind::Other,
        },
        _ => KeyKind::Other,
    })
}

/// The modulus and the exponent of an `RSAPublicKey` (RFC 8017 §A.1.1), without the zero that keeps them positive.
pub(crate) fn rsa_public_key(document: &[u8]) -> Option<(&[u8], &[u8])> {
    let (numbers, _) = element(document, SEQUENCE)?;
    let (n, numbers) = element(numbers, INTEGER)?;
    let (e, _) = element(numbers, INTEGER)?;
    Some((
        n.strip_prefix(&[0]).unwrap_or(n),
        e.strip_prefix(&[0]).unwrap_or(e),
    ))
}

/// Splits off one element: its contents, and what follows it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = input.split_first_chunk()?;
    if found != tag {
        return None;
    }
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&[len], rest) = rest.split_first_chunk()?;
            (usize::from(len), rest)
        }
        0x82 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ed25519_document_is_told_by_its_identifier() {
        let document = [
            0x30, 0x0e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x02,
            0x04, 0x00,
        ];
        assert_eq!(pkcs8_kind(&document), Some(KeyKind::Ed25519));
        let mut x25519 = document;
        x25519[11] = 0x6e;
        assert_eq!(pkcs8_kind(&x25519), Some(KeyKind::Other));
    }

    #[test]
    fn a_document_cut_anywhere_or_followed_by_a_byte_is_none() {
        let document = [
            0x30, 0x0e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x02,
            0x04, 0x00,
        ];
        for len in 0..document.len() {
            assert_eq!(pkcs8_kind(&document[..len]), None, "{len}");
        }
        assert_eq!(pkcs8_kind(&[&document[..], &[0]].concat()), None);
    }

    #[test]
    fn lengths_of_one_two_and_three_bytes_are_read() {
        for len in [1, 127, 128, 255, 256, 65_535_usize] {
            let header = match len {
                0..128 => vec![0x02, u8::try_from(len).unwrap()],
                128..256 => vec![0x02, 0x81, u8::try_from(len).unwrap()],
                _ => [
                    &[0x02, 0x82][..],
                    &u16::try_from(len).unwrap().to_be_bytes(),
                ]
                .concat(),
            };
            let input = [header, vec![7; len], vec![9]].concat();
            let (contents, rest) = element(&input, INTEGER).unwrap();
            assert_eq!((contents.len(), rest), (len, &[9][..]));
            assert!(element(&input[..input.len() - 2], INTEGER).is_none());
        }
        assert!(element(&[0x02, 0x83, 0, 0, 1, 7], INTEGER).is_none());
        assert!(element(&[0x02, 0x80, 7, 0, 0], INTEGER).is_none());
    }
}
