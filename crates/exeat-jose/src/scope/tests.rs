use super::*;

#[test]
fn scope_tokens_follow_the_grammar_of_rfc_6749() {
    assert_eq!(Scope::parse("a:read b").unwrap().to_string(), "a:read b");
    for wrong in ["", " ", "a  b", "a\"b", "a\\b", "a\tb", "é"] {
        assert_eq!(Scope::parse(wrong), Err(InvalidScope), "{wrong:?}");
    }
}

#[test]
fn a_scope_token_ends_at_64_bytes() {
    assert!(Scope::parse(&"a".repeat(Scope::MAX_TOKEN_LEN)).is_ok());
    assert!(Scope::parse(&"a".repeat(Scope::MAX_TOKEN_LEN + 1)).is_err());
}

#[test]
fn a_scope_ends_at_32_different_tokens() {
    let tokens: Vec<String> = (0..=Scope::MAX_TOKENS)
        .map(|number| format!("s{number}"))
        .collect();
    let most = tokens.iter().take(Scope::MAX_TOKENS).map(String::as_str);
    assert!(Scope::from_tokens(most).is_ok());
    assert!(Scope::from_tokens(tokens.iter().map(String::as_str)).is_err());
    assert!(Scope::from_tokens(std::iter::repeat_n("same", Scope::MAX_TOKENS * 2)).is_ok());
}

#[test]
fn a_claim_covers_a_scope_only_with_every_whole_token() {
    let scope = Scope::parse("a:read b").unwrap();
    for (claim, covers) in [
        ("a:read b", true),
        ("b é\" a:read", true),
        ("a:read", false),
        ("a:readb", false),
        ("a:read B", false),
        ("a:read,b", false),
        ("a:read\tb", false),
        ("", false),
    ] {
        assert_eq!(scope.is_covered_by(claim), covers, "{claim:?}");
    }
    assert!(Scope::default().is_covered_by(""));
}
