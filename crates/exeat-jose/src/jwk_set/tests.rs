use super::*;

/// RFC 8037 A.2 and two more Ed25519 keys, RFC 7515 A.3.
const ED: [&str; 2] = [
    r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#,
    r#""kty":"OKP","crv":"Ed25519","x":"gntu5NE8JpI2zY1G7mGeO0dAhjTuSHjyO33alxuTTYo""#,
];
const P256: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;

fn import(keys: &[String]) -> JwkSet {
    let json = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    JwkSet::import(json.as_bytes(), &ImportPolicy::default()).unwrap()
}

fn named(key: &str, kid: &str) -> String {
    format!(r#"{{{key},"kid":"{kid}"}}"#)
}

fn id(kid: &str) -> KeyId {
    KeyId::try_from(kid).unwrap()
}

fn error(json: &str) -> JwkSetError {
    JwkSet::import(json.as_bytes(), &ImportPolicy::default()).unwrap_err()
}

#[test]
fn one_bad_key_harms_no_other_and_its_reason_is_kept() {
    let set = import(&[
        named(ED[0], "a"),
        r#"{"kty":"AKP","kid":"pq"}"#.to_owned(),
        r#"{"kty":"oct","k":"AA"}"#.to_owned(),
        r#"{"kty":"OKP","kid":7}"#.to_owned(),
        "null".to_owned(),
        "[{}]".to_owned(),
        named(P256, "b"),
    ]);
    assert_eq!(set.keys().len(), 2);
    let refused: Vec<_> = set
        .refused()
        .iter()
        .map(|key| {
            (
                key.position,
                key.kid.as_ref().map(KeyId::as_str),
                key.why.reason(),
            )
        })
        .collect();
    let expected = [
        (1, Some("pq"), "unsupported"),
        (2, None, "symmetric"),
        (3, None, "not_a_jwk"),
        (4, None, "not_a_jwk"),
        (5, None, "not_a_jwk"),
    ];
    assert_eq!(refused, expected);
}

#[test]
fn a_set_without_a_usable_key_is_empty_and_no_error() {
    assert!(import(&[]).is_empty());
    assert!(import(&[r#"{"kty":"oct"}"#.to_owned()]).is_empty());
    assert!(!import(&[named(P256, "a")]).is_empty());
}

#[test]
fn sixty_four_keys_are_read_and_sixty_five_are_not() {
    let keys = |count| vec![r#"{"kty":"oct"}"#.to_owned(); count];
    assert_eq!(import(&keys(64)).refused().len(), 64);
    let json = format!(r#"{{"keys":[{}]}}"#, keys(65).join(","));
    assert!(matches!(error(&json), JwkSetError::TooManyKeys { max: 64 }));
}

#[test]
fn anything_but_an_object_with_an_array_of_keys_is_no_set() {
    for json in [
        "",
        "null",
        "[]",
        "[[]]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":[]"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[]}x"#,
        r#"{"keys":[{]}"#,
    ] {
        assert!(matches!(error(json), JwkSetError::NotASet(_)), "{json}");
    }
    let not_utf_8 = b"{\"keys\":[],\"x\":\"\xff\"}";
    assert!(JwkSet::import(not_utf_8, &ImportPolicy::default()).is_err());
    let with_others = JwkSet::import(br#" {"x":1,"keys":[],"y":[]} "#, &ImportPolicy::default());
    assert!(with_others.is_ok());
}

#[test]
fn a_key_is_found_by_its_kid_and_algorithm() {
    let set = import(&[named(ED[0], "a"), named(P256, "a"), named(ED[1], "b")]);
    let found: Vec<_> = set.select(Some(&id("a")), Algorithm::EdDsa).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].thumbprint(), set.keys()[0].thumbprint());
    assert_eq!(set.select(Some(&id("a")), Algorithm::Es256).count(), 1);
    assert_eq!(set.select(Some(&id("b")), Algorithm::Es256).count(), 0);
    assert_eq!(set.select(Some(&id("c")), Algorithm::EdDsa).count(), 0);
    assert!(set.contains_key_id(&id("b")));
    assert!(!set.contains_key_id(&id("c")));
}

#[test]
fn of_one_kid_and_algorithm_at_most_four_keys_are_tried() {
    let keys = |count| vec![named(ED[0], "a"); count];
    assert_eq!(
        import(&keys(4))
            .select(Some(&id("a")), Algorithm::EdDsa)
            .count(),
        4
    );
    assert_eq!(
        import(&keys(5))
            .select(Some(&id("a")), Algorithm::EdDsa)
            .count(),
        4
    );
}

#[test]
fn without_a_kid_exactly_one_key_of_the_algorithm_is_tried_or_none() {
    let one = import(&[named(ED[0], "a"), named(P256, "b")]);
    assert_eq!(one.select(None, Algorithm::EdDsa).count(), 1);
    assert_eq!(one.select(None, Algorithm::Es256).count(), 1);
    assert_eq!(one.select(None, Algorithm::Rs256).count(), 0);
    let two = import(&[named(ED[0], "a"), named(ED[1], "b")]);
    assert_eq!(two.select(None, Algorithm::EdDsa).count(), 0);
}

#[test]
fn a_key_without_a_kid_is_no_answer_to_one() {
    let set = import(&[format!("{{{P256}}}")]);
    assert_eq!(set.select(None, Algorithm::Es256).count(), 1);
    assert_eq!(set.select(Some(&id("a")), Algorithm::Es256).count(), 0);
}
