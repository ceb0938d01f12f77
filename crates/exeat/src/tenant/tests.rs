use super::*;

#[test]
fn listed_tenants_are_compared_byte_for_byte() {
    let tenants = Tenants::from_names(["T1".to_owned(), "T2".to_owned()]);
    for (tenant, served) in [
        (Some("T1"), true),
        (Some("T2"), true),
        (Some("t1"), false),
        (Some("T1 "), false),
        (Some("*"), false),
        (None, false),
    ] {
        assert_eq!(tenants.check(tenant).is_ok(), served, "{tenant:?}");
    }
}

#[test]
fn a_star_serves_all_even_tokens_without_a_tenant() {
    let tenants = Tenants::from_names(["*".to_owned()]);
    assert!(tenants.check(Some("anyone")).is_ok() && tenants.check(None).is_ok());
}
