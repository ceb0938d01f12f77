//! Project Wycheproof's signature tests through our own keys: each group's key becomes a JWK, is imported under the rules of the import,
//! and checks each signature. The seam is [`VerifyingKey`]'s own key and not a token, because a test's message is any bytes, and the
//! signing input of a token is base64url.

use std::collections::BTreeMap;

use wycheproof::{
    EllipticCurve, HashFunction, TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify,
};

use super::*;

/// How a set went. Printed, and compared with what it must be.
#[derive(Debug, Default, Eq, PartialEq)]
struct Tally {
    valid_accepted: usize,
    valid_refused: usize,
    invalid_refused: usize,
    invalid_accepted: usize,
    acceptable_accepted: usize,
    acceptable_refused: usize,
    /// Groups whose key is refused at import, by its reason.
    keys_refused: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn count(&mut self, result: TestResult, accepted: bool) {
        let counter = match (result, accepted) {
            (TestResult::Valid, true) => &mut self.valid_accepted,
            (TestResult::Valid, false) => &mut self.valid_refused,
            (TestResult::Invalid, false) => &mut self.invalid_refused,
            (TestResult::Invalid, true) => &mut self.invalid_accepted,
            (TestResult::Acceptable, true) => &mut self.acceptable_accepted,
            (TestResult::Acceptable, false) => &mut self.acceptable_refused,
        };
        *counter += 1;
    }

    /// All that is valid is accepted and all that is invalid is refused.
    fn is_right(&self) -> bool {
        self.valid_accepted > 0 && self.valid_refused == 0 && self.invalid_accepted == 0
    }

    /// Nothing that it wants accepted is, because what the set tests is no algorithm of ours.
    fn refuses_all(&self) -> bool {
        self.valid_accepted + self.acceptable_accepted == 0
            && (self.valid_refused > 0 || !self.keys_refused.is_empty())
    }
}

/// Runs one group: a key, and the signatures under it.
fn run<'t>(
    tally: &mut Tally,
    key: Result<VerifyingKey, KeyRefusal>,
    tests: impl IntoIterator<Item = (&'t [u8], &'t [u8], TestResult)>,
) {
    match key {
        Ok(key) => {
            for (message, signature, result) in tests {
                tally.count(result, key.key.verify(message, signature));
            }
        }
        Err(why) => *tally.keys_refused.entry(why.reason()).or_default() += 1,
    }
}

fn rsa(n: &[u8], e: &[u8], alg: Algorithm) -> Result<VerifyingKey, KeyRefusal> {
    // JSON numbers of the set have a zero in front, JWK's have none.
    let bare = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        base64url::encode(&number[zeros..])
    };
    let json = format!(
        r#"{{"kty":"RSA","n":"{}","e":"{}","alg":"{}"}}"#,
        bare(n),
        bare(e),
        alg.name()
    );
    VerifyingKey::from_jwk(Jwk::from_json(&json)?, alg)
}

fn ec(crv: &str, point: &[u8]) -> Result<VerifyingKey, KeyRefusal> {
    let (x, y) = point[1..].split_at(point.len() / 2);
    let json = format!(
        r#"{{"kty":"EC","crv":"{crv}","x":"{}","y":"{}"}}"#,
        base64url::encode(x),
        base64url::encode(y)
    );
    VerifyingKey::from_jwk(Jwk::from_json(&json)?, Algorithm::Rs256)
}

fn algorithm(hash: HashFunction, of: [Algorithm; 3]) -> Option<Algorithm> {
    match hash {
        HashFunction::Sha2_256 => Some(of[0]),
        HashFunction::Sha2_384 => Some(of[1]),
        HashFunction::Sha2_512 => Some(of[2]),
        _ => None,
    }
}

#[test]
fn rsa_pkcs1_signatures_are_judged_as_wycheproof_does() {
    use rsa_pkcs1_verify::{TestName, TestSet};
    for name in [
        TestName::Rsa2048Sha256,
        TestName::Rsa2048Sha384,
        TestName::Rsa2048Sha512,
        TestName::Rsa3072Sha256,
        TestName::Rsa3072Sha384,
        TestName::Rsa3072Sha512,
        TestName::Rsa4096Sha256,
        TestName::Rsa4096Sha384,
        TestName::Rsa4096Sha512,
        TestName::Rsa8192Sha256,
        TestName::Rsa8192Sha384,
        TestName::Rsa8192Sha512,
    ] {
        let mut tally = Tally::default();
        for group in &TestSet::load(name).unwrap().test_groups {
            let alg = algorithm(
                group.hash,
                [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512],
            )
            .unwrap();
            let tests = group
                .tests
                .iter()
                .map(|test| (&test.msg[..], &test.sig[..], test.result));
            run(&mut tally, rsa(&group.key.n, &group.key.e, alg), tests);
        }
        println!("RSA PKCS #1 v1.5 {name:?}: {tally:?}");
        assert!(tally.is_right(), "{name:?}: {tally:?}");
    }
}

#[test]
fn rsa_pss_signatures_are_judged_as_wycheproof_does_where_jose_has_the_parameters() {
    use rsa_pss_verify::{TestName, TestSet};
    for name in TestName::all() {
        let (mut ours, mut foreign) = (Tally::default(), Tally::default());
        for group in &TestSet::load(name).unwrap().test_groups {
            let alg = algorithm(
                group.hash,
                [Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512],
            );
            // RFC 7518 §3.5: MGF1 over the same hash, and a salt as long as that.
            let is_jose = alg.is_some()
                && group.mgf_hash == Some(group.hash)
                && group.salt_size == salt(group.hash);
            let tests = group
                .tests
                .iter()
                .map(|test| (&test.msg[..], &test.sig[..], test.result));
            let key = rsa(&group.key.n, &group.key.e, alg.unwrap_or(Algorithm::Ps256));
            run(if is_jose { &mut ours } else { &mut foreign }, key, tests);
        }
        println!("RSA PSS {name:?}: {ours:?}; parameters that JOSE has not: {foreign:?}");
        assert!(
            ours == Tally::default() || ours.is_right(),
            "{name:?}: {ours:?}"
        );
        // What such a set calls invalid may be right for us: "s_len changed to 32" where it wants no salt at all.
        let is_ours = usize::from(format!("{name:?}").contains("Sha256Mgf1SaltLen0"));
        assert_eq!(foreign.invalid_accepted, is_ours, "{name:?}: {foreign:?}");
        assert!(
            foreign == Tally::default() || foreign.refuses_all(),
            "{name:?}: {foreign:?}"
        );
    }
}

fn salt(hash: HashFunction) -> usize {
    match hash {
        HashFunction::Sha2_256 => 32,
        HashFunction::Sha2_384 => 48,
        HashFunction::Sha2_512 => 64,
        _ => usize::MAX,
    }
}

#[test]
fn ecdsa_signatures_are_judged_as_wycheproof_does() {
    use ecdsa::{TestName, TestSet};
    for (name, is_jose) in [
        (TestName::EcdsaSecp256r1Sha256P1363, true),
        (TestName::EcdsaSecp384r1Sha384P1363, true),
        // The right curve with another hash, or with the signature in DER; and curves of others.
        (TestName::EcdsaSecp256r1Sha512P1363, false),
        (TestName::EcdsaSecp384r1Sha512P1363, false),
        (TestName::EcdsaSecp256r1Sha256, false),
        (TestName::EcdsaSecp384r1Sha384, false),
        (TestName::EcdsaSecp521r1Sha512P1363, false),
        (TestName::EcdsaSecp256k1Sha256P1363, false),
    ] {
        let mut tally = Tally::default();
        for group in &TestSet::load(name).unwrap().test_groups {
            let crv = match group.key.curve {
                EllipticCurve::Secp256r1 => "P-256",
                EllipticCurve::Secp384r1 => "P-384",
                EllipticCurve::Secp521r1 => "P-521",
                _ => "secp256k1",
            };
            let tests = group
                .tests
                .iter()
                .map(|test| (&test.msg[..], &test.sig[..], test.result));
            run(&mut tally, ec(crv, &group.key.key), tests);
        }
        println!("ECDSA {name:?}: {tally:?}");
        assert_eq!(tally.invalid_accepted, 0, "{name:?}: {tally:?}");
        assert_eq!(
            (tally.is_right(), tally.refuses_all()),
            (is_jose, !is_jose),
            "{name:?}: {tally:?}"
        );
    }
}

#[test]
fn ed25519_signatures_are_judged_as_wycheproof_does() {
    use eddsa::{TestName, TestSet};
    for (name, crv) in [(TestName::Ed25519, "Ed25519"), (TestName::Ed448, "Ed448")] {
        let mut tally = Tally::default();
        for group in &TestSet::load(name).unwrap().test_groups {
            let x = base64url::encode(&group.key.pk);
            let json = format!(r#"{{"kty":"OKP","crv":"{crv}","x":"{x}"}}"#);
            let key =
                Jwk::from_json(&json).and_then(|jwk| VerifyingKey::from_jwk(jwk, Algorithm::Rs256));
            let tests = group
                .tests
                .iter()
                .map(|test| (&test.msg[..], &test.sig[..], test.result));
            run(&mut tally, key, tests);
        }
        println!("EdDSA {name:?}: {tally:?}");
        assert_eq!(
            tally.is_right(),
            name == TestName::Ed25519,
            "{name:?}: {tally:?}"
        );
        assert_eq!(
            tally.refuses_all(),
            name == TestName::Ed448,
            "{name:?}: {tally:?}"
        );
    }
}
