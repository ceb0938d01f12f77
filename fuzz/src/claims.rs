//! Input: the text of a Claims Set. It is signed, since nothing else is ever read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use exeat::Rejected;
use exeat_jose::{Claims, CompactJws, NumericDate, PayloadBuf, Typ, VerifyingKey};
use serde_json::{Map, Value, value::RawValue};

use super::fixture::{
    AUDIENCE, GATE, ISSUER, KEYS, NOW, SIGNING_KEY, base64url, expectations, wait,
};

pub fn run(json: &[u8]) {
    let unsigned = format!(
        "{}.{}.AA",
        base64url(br#"{"alg":"EdDSA"}"#),
        base64url(json)
    );
    let expected = expectations();
    let mut unread = PayloadBuf::new();
    let hints = CompactJws::parse(&unsigned)
        .and_then(|jws| jws.decode_header(&expected))
        .and_then(|jws| jws.untrusted_hints(&mut unread));
    let Ok(raw) = serde_json::from_slice::<&RawValue>(json) else {
        assert!(hints.is_err(), "claims that are no JSON were read");
        return;
    };
    let Ok(token) = SIGNING_KEY.sign(Typ::Jwt, &raw) else {
        assert!(hints.is_err(), "claims that are no object were read");
        return;
    };
    let Ok(jws) = CompactJws::parse(token.as_str()).and_then(|jws| jws.decode_header(&expected))
    else {
        assert!(
            token.as_str().len() > CompactJws::MAX_LEN,
            "our own token is refused"
        );
        return;
    };
    let mut buffer = PayloadBuf::new();
    let payload = jws
        .verify(key(), &mut buffer)
        .expect("our own signature holds");
    let bare = payload.decode::<()>();
    if unsigned.len() <= CompactJws::MAX_LEN {
        assert_eq!(
            hints.err(),
            bare.as_ref().err().cloned(),
            "hints and claims are read alike"
        );
    }

    let read = payload.decode::<Map<String, Value>>();
    let judged = wait(GATE.verifier().verify(token.as_str()));
    let Ok(claims) = bare else {
        assert!(
            read.is_err() && judged.is_err(),
            "refused for one reader and not for the other"
        );
        return;
    };
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(raw.get()).expect("accepted claims are a JSON object");
    agree(&claims, &members);
    if let Ok(read) = read {
        agree(&read, &members);
        let registered = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
        let custom: BTreeSet<_> = read.custom.keys().collect();
        let named = members
            .keys()
            .filter(|name| !registered.contains(&name.as_str()));
        assert!(named.eq(custom), "a member is lost, or was there twice");
    }
    match (judged, expected.check(claims, NOW)) {
        (Ok(token), kept) => {
            let kept = kept.expect("the gate accepts what the rules refuse");
            holds(&kept, expected.leeway());
            assert_eq!(Some(token.subject()), kept.subject.as_deref());
            let read_only = members.get("ro").is_some_and(|ro| ro.get() == "true");
            assert_eq!(token.is_read_only(), read_only);
            let tenant: Option<String> = value(&members, "tenant");
            assert_eq!(token.tenant(), tenant.as_deref());
        }
        (Err(Rejected::Invalid(why)), Err(refused)) => {
            // Members that the gate reads itself may be wrong besides.
            let own = matches!(why.reason(), "bad_claim_type" | "malformed");
            assert!(own || why == refused, "{why}, and by the rules {refused}");
        }
        (Err(Rejected::Invalid(why)), Ok(_)) => {
            let own = matches!(why.reason(), "bad_claim_type" | "malformed");
            assert!(own, "{why}, and by the rules nothing");
        }
        (Err(other), _) => unreachable!("{other} says nothing about claims"),
    }
}

/// The rules once more, in other words.
fn holds(kept: &Claims<'_, ()>, leeway: Duration) {
    let latest = NOW.saturating_add(leeway);
    assert_eq!(kept.issuer.as_deref(), Some(ISSUER));
    let audience = kept.audience.as_ref();
    assert!(audience.is_some_and(|audience| audience.contains(AUDIENCE)));
    assert!(
        kept.expires_at
            .is_some_and(|at| NOW < at.saturating_add(leeway))
    );
    assert!(kept.not_before.is_none_or(|at| at <= latest));
    assert!(kept.issued_at.is_none_or(|at| at <= latest));
}

fn key() -> &'static VerifyingKey {
    KEYS.select(Some(SIGNING_KEY.key_id()), SIGNING_KEY.algorithm())
        .next()
        .expect("it was put there")
}

/// The registered claims are what another reader sees.
fn agree<C>(claims: &Claims<'_, C>, members: &BTreeMap<String, &RawValue>) {
    for (claim, name) in [
        (&claims.issuer, "iss"),
        (&claims.subject, "sub"),
        (&claims.jwt_id, "jti"),
    ] {
        let text: Option<String> = value(members, name);
        assert_eq!(claim.as_deref(), text.as_deref(), "{name}");
    }
    let audience = claims
        .audience
        .as_ref()
        .map(|audience| audience.iter().map(str::to_owned).collect());
    let one_or_more = members.get("aud").map(|aud| {
        serde_json::from_str::<Vec<String>>(aud.get()).unwrap_or_else(|_| {
            vec![serde_json::from_str(aud.get()).expect("accepted aud is one string")]
        })
    });
    assert_eq!(audience, one_or_more);
    for (date, name) in [
        (claims.expires_at, "exp"),
        (claims.not_before, "nbf"),
        (claims.issued_at, "iat"),
    ] {
        let number = members.get(name).map(|number| {
            number
                .get()
                .parse::<u64>()
                .map_or_else(|_| whole(number.get()), NumericDate::from_secs)
        });
        assert_eq!(date, number, "{name}");
    }
}

fn whole(number: &str) -> NumericDate {
    let number: f64 = number.parse().expect("an accepted date is a number");
    assert!(
        (0.0..253_402_300_800.0).contains(&number),
        "{number} is out of range"
    );
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    NumericDate::from_secs(number as u64)
}

fn value<T: for<'de> serde::Deserialize<'de>>(
    members: &BTreeMap<String, &RawValue>,
    name: &str,
) -> Option<T> {
    let value = members.get(name)?;
    Some(serde_json::from_str(value.get()).expect("an accepted claim has its type"))
}
