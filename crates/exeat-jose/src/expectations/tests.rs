use super::*;
use crate::claims::decode;

const NOW: u64 = 1_800_000_000;

fn claims(json: &str) -> Claims<'static, ()> {
    decode::<()>(json.as_bytes()).unwrap().into_owned()
}

fn with_times(times: &str) -> Claims<'static, ()> {
    claims(&format!(r#"{{"iss":"i","aud":"a",{times}}}"#))
}

fn check(expectations: &Expectations, claims: Claims<'static, ()>) -> Option<InvalidToken> {
    expectations
        .check(claims, NumericDate::from_secs(NOW))
        .err()
}

fn expect() -> Expectations {
    Expectations::new("i", "a")
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn token_is_accepted_one_second_before_exp_plus_leeway_and_refused_at_exactly_that_second() {
    let times = |exp: u64| with_times(&format!(r#""exp":{exp}"#));
    assert_eq!(check(&expect(), times(NOW - 29)), None);
    let late_by = secs(30);
    assert_eq!(
        check(&expect(), times(NOW - 30)),
        Some(InvalidToken::Expired { late_by })
    );
    let strict = expect().with_leeway(Duration::ZERO);
    assert_eq!(check(&strict, times(NOW + 1)), None);
    let late_by = Duration::ZERO;
    assert_eq!(
        check(&strict, times(NOW)),
        Some(InvalidToken::Expired { late_by })
    );
}

#[test]
fn nbf_may_be_ahead_by_the_leeway_and_not_a_second_more() {
    let times = |nbf: u64| with_times(&format!(r#""exp":{},"nbf":{nbf}"#, NOW + 900));
    assert_eq!(check(&expect(), times(NOW + 30)), None);
    let early_by = secs(31);
    assert_eq!(
        check(&expect(), times(NOW + 31)),
        Some(InvalidToken::NotYetValid { early_by })
    );
}

#[test]
fn iat_may_be_ahead_by_the_leeway_and_not_a_second_more() {
    let times = |iat: u64| with_times(&format!(r#""exp":{},"iat":{iat}"#, NOW + 900));
    assert_eq!(check(&expect(), times(NOW + 30)), None);
    let early_by = secs(31);
    assert_eq!(
        check(&expect(), times(NOW + 31)),
        Some(InvalidToken::IatFuture { early_by })
    );
}

#[test]
fn a_lifetime_at_the_maximum_is_accepted_and_one_second_more_is_not() {
    let capped = expect().with_max_lifetime(secs(300));
    let times = |exp: u64| with_times(&format!(r#""exp":{exp},"iat":{NOW}"#));
    assert_eq!(check(&capped, times(NOW + 300)), None);
    assert_eq!(check(&capped, times(NOW + 301)), Some(InvalidToken::TooOld));
    assert_eq!(check(&expect(), times(NOW + 999_999)), None);
    let without_iat = with_times(&format!(r#""exp":{}"#, NOW + 1));
    assert_eq!(
        check(&capped, without_iat),
        Some(InvalidToken::MissingClaim { claim: "iat" })
    );
}

#[test]
fn exp_is_required() {
    let found = check(&expect(), claims(r#"{"iss":"i","aud":"a"}"#));
    assert_eq!(found, Some(InvalidToken::MissingClaim { claim: "exp" }));
}

#[test]
fn dates_at_the_ends_do_not_overflow() {
    let end = NumericDate::MAX_READ.as_secs();
    assert_eq!(
        check(
            &expect(),
            with_times(&format!(r#""exp":{end},"iat":0,"nbf":0"#))
        ),
        None
    );
    let at_zero = expect().check(with_times(r#""exp":1,"iat":0"#), NumericDate::from_secs(0));
    assert!(at_zero.is_ok());
    let late = expect().check(with_times(r#""exp":1"#), NumericDate::from_secs(u64::MAX));
    assert!(matches!(late, Err(InvalidToken::Expired { .. })));
}

#[test]
fn the_leeway_is_cut_to_five_minutes() {
    assert_eq!(expect().leeway(), secs(30));
    assert_eq!(expect().with_leeway(secs(300)).leeway(), secs(300));
    assert_eq!(expect().with_leeway(secs(301)).leeway(), secs(300));
    assert_eq!(expect().with_leeway(Duration::MAX).leeway(), secs(300));
}

fn bound(members: &str) -> Claims<'static, ()> {
    claims(&format!(r#"{{"exp":{}{members}}}"#, NOW + 60))
}

#[test]
fn iss_is_exact() {
    assert_eq!(check(&expect(), bound(r#","iss":"i","aud":"a""#)), None);
    for iss in ["", "I", "i/", " i", "ii"] {
        let found = check(&expect(), bound(&format!(r#","iss":"{iss}","aud":"a""#)));
        assert_eq!(found, Some(InvalidToken::WrongIssuer), "{iss:?}");
    }
    let found = check(&expect(), bound(r#","aud":"a""#));
    assert_eq!(found, Some(InvalidToken::MissingClaim { claim: "iss" }));
}

#[test]
fn aud_is_or_holds_ours() {
    for (aud, expected) in [
        (r#","aud":"a""#, None),
        (r#","aud":["x","a"]"#, None),
        (r#","aud":"b""#, Some(InvalidToken::WrongAudience)),
        (r#","aud":["x","A"]"#, Some(InvalidToken::WrongAudience)),
        (r#","aud":[]"#, Some(InvalidToken::WrongAudience)),
        ("", Some(InvalidToken::MissingClaim { claim: "aud" })),
    ] {
        assert_eq!(
            check(&expect(), bound(&format!(r#","iss":"i"{aud}"#))),
            expected,
            "{aud}"
        );
    }
}

#[test]
fn app_direct_may_leave_out_iss_and_aud_but_not_have_others() {
    let app = Expectations::dangerously_with_optional_issuer_and_audience;
    for (audience, members, expected) in [
        (None, "", None),
        (None, r#","iss":"i""#, None),
        (None, r#","iss":"j""#, Some(InvalidToken::WrongIssuer)),
        (None, r#","aud":"a""#, Some(InvalidToken::WrongAudience)),
        (None, r#","aud":[]"#, Some(InvalidToken::WrongAudience)),
        (None, r#","aud":"""#, Some(InvalidToken::WrongAudience)),
        (Some("a"), "", None),
        (Some("a"), r#","aud":["a"]"#, None),
        (
            Some("a"),
            r#","aud":"b""#,
            Some(InvalidToken::WrongAudience),
        ),
    ] {
        let expectations = app("i", audience.map(str::to_owned));
        assert_eq!(
            check(&expectations, bound(members)),
            expected,
            "{audience:?} {members}"
        );
        assert_eq!(expectations.audience(), audience);
        let found = check(&expectations, claims("{}"));
        assert_eq!(found, Some(InvalidToken::MissingClaim { claim: "exp" }));
    }
}

#[test]
fn required_claims_must_be_there_and_not_null() {
    let expectations = expect()
        .with_required_claims(&["sub"])
        .with_required_claims(&["tenant"]);
    let with = |members: &str| bound(&format!(r#","iss":"i","aud":"a"{members}"#));
    assert_eq!(check(&expectations, with(r#","sub":"s","tenant":0"#)), None);
    let missing = |claim| Some(InvalidToken::MissingClaim { claim });
    assert_eq!(
        check(&expectations, with(r#","tenant":"t""#)),
        missing("sub")
    );
    assert_eq!(
        check(&expectations, with(r#","sub":"s""#)),
        missing("tenant")
    );
    assert_eq!(
        check(&expectations, with(r#","sub":"s","tenant":null"#)),
        missing("tenant")
    );
}

#[test]
fn rules_answer_in_their_order() {
    let past = NOW - 900;
    let future = NOW + 900;
    let all = expect()
        .with_max_lifetime(secs(1))
        .with_required_claims(&["jti"]);
    let reasons: Vec<_> = [
        format!(r#"{{"exp":{past},"nbf":{future},"iat":{future},"iss":"x","aud":"x"}}"#),
        format!(r#"{{"exp":{future},"nbf":{future},"iat":{future},"iss":"x","aud":"x"}}"#),
        format!(r#"{{"exp":{future},"iat":{future},"iss":"x","aud":"x"}}"#),
        format!(r#"{{"exp":{future},"iat":{past},"iss":"x","aud":"x"}}"#),
        format!(r#"{{"exp":{NOW},"iat":{NOW},"iss":"x","aud":"x"}}"#),
        format!(r#"{{"exp":{NOW},"iat":{NOW},"iss":"i","aud":"x"}}"#),
        format!(r#"{{"exp":{NOW},"iat":{NOW},"iss":"i","aud":"a"}}"#),
    ]
    .iter()
    .map(|json| check(&all, claims(json)).unwrap().reason())
    .collect();
    let expected = [
        "expired",
        "not_yet_valid",
        "iat_future",
        "too_old",
        "wrong_issuer",
        "wrong_audience",
        "missing_claim",
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn times_alone_are_checked_again() {
    let claims = bound(r#","iss":"other","aud":"other""#);
    let now = NumericDate::from_secs(NOW);
    assert_eq!(expect().check_times(claims.times(), now), Ok(()));
    let later = now.saturating_add(secs(90));
    assert!(matches!(
        expect().check_times(claims.times(), later),
        Err(InvalidToken::Expired { .. })
    ));
}

#[test]
fn verified_claims_are_the_claims() {
    let verified = expect().check(
        bound(r#","iss":"i","aud":"a","sub":"s""#),
        NumericDate::from_secs(NOW),
    );
    let verified = verified.unwrap();
    assert_eq!(verified.subject.as_deref(), Some("s"));
    assert_eq!(verified.into_claims().issuer.as_deref(), Some("i"));
}

/// What the payload says of itself, before any signature.
fn hints(json: &str) -> UntrustedHints<'static> {
    let claims = claims(json);
    UntrustedHints {
        issuer: claims.issuer,
        audience: claims.audience,
        expires_at: claims.expires_at,
    }
}

#[test]
fn hints_refuse_what_the_check_would_refuse_and_nothing_else() {
    let expectations = expect();
    let now = NumericDate::from_secs(NOW);
    for iss in [r#""iss":"i","#, r#""iss":"I","#] {
        for aud in ["\"a\"", "\"b\"", r#"["x","a"]"#, "[]"] {
            for exp in [NOW + 1, NOW - 29, NOW - 30] {
                let json = format!(r#"{{{iss}"aud":{aud},"exp":{exp}}}"#);
                assert_eq!(
                    expectations.refuse_by(&hints(&json), now).err(),
                    check(&expectations, claims(&json)),
                    "{json}"
                );
            }
        }
    }
}

#[test]
fn hints_that_are_not_there_refuse_nothing() {
    let now = NumericDate::from_secs(NOW);
    assert_eq!(expect().refuse_by(&hints("{}"), now), Ok(()));
    let unbound = Expectations::dangerously_with_optional_issuer_and_audience("i", None);
    assert_eq!(unbound.refuse_by(&hints("{}"), now), Ok(()));
    assert_eq!(
        unbound.refuse_by(&hints(r#"{"aud":"a"}"#), now),
        Err(InvalidToken::WrongAudience)
    );
    let early = hints(&format!(r#"{{"nbf":{}}}"#, NOW + 900));
    assert_eq!(expect().refuse_by(&early, now), Ok(()));
}

#[test]
fn verified_claims_show_no_personal_claim_either() {
    let claims = bound(r#","iss":"i","aud":"a","sub":"ada@example.com""#);
    let verified = expect().check(claims, NumericDate::from_secs(NOW)).unwrap();
    let text = format!("{verified:?}");
    assert!(
        text.contains("issuer") && !text.contains("ada@example.com"),
        "{text}"
    );
}
