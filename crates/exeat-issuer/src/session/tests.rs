use super::*;

fn credential(text: &str) -> SessionCredential {
    SessionCredential::try_from(text).unwrap()
}

#[test]
fn an_id_is_16_to_512_bytes_of_visible_ascii() {
    for (text, passes) in [
        ("x".repeat(MIN_ID_LEN - 1), false),
        ("x".repeat(MIN_ID_LEN), true),
        ("x".repeat(MAX_ID_LEN), true),
        ("x".repeat(MAX_ID_LEN + 1), false),
        ("!~!~!~!~!~!~!~!~".to_owned(), true),
        ("with a space in it".to_owned(), false),
        ("with-a-\u{7f}-in-it-1".to_owned(), false),
        ("with-an-é-in-it-12".to_owned(), false),
    ] {
        assert_eq!(
            SessionCredential::try_from(text.as_str()).is_ok(),
            passes,
            "{text}"
        );
    }
}

#[test]
fn an_id_is_never_printed() {
    let id = credential("very-secret-session-id");
    let session = NewSession::new("s", "n", "t", NumericDate::from_secs(1)).with_id(id);
    let printed = format!(
        "{session:?} {:?} {:?}",
        Revoke::Id(credential("very-secret-session-id")),
        SessionCredential::try_from("x")
    );
    assert!(!printed.contains("very-secret"), "{printed}");
}

#[test]
fn the_public_sid_and_the_stored_key_have_nothing_in_common() {
    let secrets = SessionSecrets::derive(&[7; SECRET_LEN]);
    let id = credential("0123456789abcdef");
    let sid = secrets.sid(&id);
    assert_eq!(sid.len(), 22);
    assert!(!crate::text::base64url(&secrets.key(&id).0).starts_with(&sid));
    assert_ne!(sid, secrets.sid(&credential("0123456789abcdeg")));
    assert_ne!(sid, SessionSecrets::derive(&[8; SECRET_LEN]).sid(&id));
}

/// Computed apart from this code: `HKDF-SHA-256` without a salt, then `HMAC-SHA-256`.
#[test]
fn the_derived_values_are_those_of_another_implementation() {
    let secrets = SessionSecrets::derive(&[7; SECRET_LEN]);
    let id = credential("0123456789abcdef");
    assert_eq!(
        crate::text::hex(&secrets.key(&id).0),
        "0e3003ce6d0040420e9aa77885ba64d4777a2441002904d5d024019c2ed32744"
    );
    assert_eq!(secrets.sid(&id), "JIEG37ok9p886glH_e_3ZX");
}
