use super::*;

#[test]
fn scope_names_follow_the_grammar_of_rfc_6749() {
    assert_eq!(
        ScopeSet::parse("a:read b").unwrap().to_claim().as_deref(),
        Some("a:read b")
    );
    for wrong in ["", " ", "a  b", "a\"b", "a\\b", "a\tb", "é"] {
        assert_eq!(ScopeSet::parse(wrong), Err(InvalidScope), "{wrong:?}");
    }
}

#[test]
fn a_scope_name_ends_at_64_bytes() {
    assert!(ScopeSet::parse(&"a".repeat(MAX_SCOPE_LEN)).is_ok());
    assert!(ScopeSet::parse(&"a".repeat(MAX_SCOPE_LEN + 1)).is_err());
}

#[test]
fn a_set_ends_at_32_different_names() {
    let names: Vec<String> = (0..=MAX_SCOPES)
        .map(|number| format!("s{number}"))
        .collect();
    assert!(ScopeSet::from_names(names.iter().take(MAX_SCOPES).map(String::as_str)).is_ok());
    assert!(ScopeSet::from_names(names.iter().map(String::as_str)).is_err());
    assert!(ScopeSet::from_names(std::iter::repeat_n("same", MAX_SCOPES * 2)).is_ok());
}

#[test]
fn only_a_last_part_of_read_is_read_only() {
    for (name, expected) in [
        ("read", true),
        ("points:read", true),
        ("a.b/read", true),
        ("points:write", false),
        ("readwrite", false),
        ("read:all", false),
    ] {
        assert_eq!(is_read_only(name), expected, "{name}");
    }
}
