use super::*;

#[test]
fn every_algorithm_is_found_by_its_own_name() {
    for alg in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(alg.name()), Some(alg));
    }
}

#[test]
fn names_are_case_sensitive_and_none_and_hmac_are_unknown() {
    for name in [
        "", "none", "None", "NONE", "HS256", "HS384", "HS512", "rs256", "RS256 ", "ES512",
        "ES256K", "EDDSA", "ed25519", "Ed448",
    ] {
        assert_eq!(Algorithm::from_name(name), None, "{name:?}");
    }
}

#[test]
fn a_set_holds_exactly_what_was_put_in() {
    for alg in Algorithm::ALL {
        let set = AlgorithmSet::EMPTY.with(alg);
        assert_eq!(set.iter().collect::<Vec<_>>(), [alg]);
    }
    assert_eq!(
        Algorithm::ALL
            .into_iter()
            .collect::<AlgorithmSet>()
            .iter()
            .count(),
        9
    );
    assert!(AlgorithmSet::EMPTY.is_empty());
    assert_eq!(AlgorithmSet::EMPTY.iter().count(), 0);
}

#[test]
fn the_default_set_is_rs256_and_es256() {
    let members: Vec<_> = AlgorithmSet::default().iter().collect();
    assert_eq!(members, [Algorithm::Rs256, Algorithm::Es256]);
}

#[test]
fn rsa_is_what_begins_with_rs_or_ps() {
    for alg in Algorithm::ALL {
        let named_so = alg.name().starts_with("RS") || alg.name().starts_with("PS");
        assert_eq!(alg.is_rsa(), named_so, "{alg:?}");
    }
}
