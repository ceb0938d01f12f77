use super::*;

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
