use proptest::prelude::*;

use super::*;

fn untrusted(payload: &[u8]) -> Result<UntrustedHints<'static>, InvalidToken> {
    let header = base64url::encode(br#"{"alg":"ES256"}"#);
    let token = format!("{header}.{}.AA", base64url::encode(payload));
    let jws = CompactJws::parse(&token)?;
    let mut buffer = PayloadBuf::new();
    let hints = jws
        .decode_header(&Expectations::new("i", "a"))?
        .untrusted_hints(&mut buffer)?;
    Ok(UntrustedHints {
        issuer: hints.issuer.map(|issuer| issuer.into_owned().into()),
        audience: hints.audience.map(Audience::into_owned),
        expires_at: hints.expires_at,
    })
}

#[test]
fn a_token_of_8192_bytes_is_split_and_one_of_8193_is_too_large() {
    let mut token = format!("a.{}.a", "a".repeat(CompactJws::MAX_LEN - 4));
    assert!(CompactJws::parse(&token).is_ok());
    token.push('a');
    let too_large = InvalidToken::TooLarge {
        len: 8193,
        max: 8192,
    };
    assert_eq!(CompactJws::parse(&token).err(), Some(too_large));
}

#[test]
fn anything_but_three_segments_is_malformed() {
    for token in [
        "",
        ".",
        "..",
        "...",
        "a",
        "a.b",
        "a.b.c.d",
        ".b.c",
        "a..c",
        "a.b.c.d.e",
        "a.b.",
    ] {
        let expected = (token != "a.b.").then_some(InvalidToken::Malformed);
        assert_eq!(CompactJws::parse(token).err(), expected, "{token:?}");
    }
}

#[test]
fn hints_are_issuer_audience_and_expiry() {
    let hints = untrusted(br#"{"iss":"i","aud":["a","b"],"exp":7,"sub":"s"}"#).unwrap();
    assert_eq!(hints.issuer.as_deref(), Some("i"));
    assert_eq!(
        hints.audience.unwrap().iter().collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(hints.expires_at, Some(NumericDate::from_secs(7)));
    let none = untrusted(b"{}").unwrap();
    assert_eq!(
        (none.issuer, none.audience, none.expires_at),
        (None, None, None)
    );
}

#[test]
fn hints_of_the_wrong_type_refuse() {
    let found = untrusted(br#"{"exp":"7"}"#).unwrap_err();
    assert_eq!(found, InvalidToken::BadClaimType { claim: "exp" });
    assert_eq!(untrusted(b"[]").unwrap_err(), InvalidToken::Malformed);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(token in ".{0,200}") {
        let expectations = Expectations::new("i", "a");
        if let Ok(jws) = CompactJws::parse(&token).and_then(|jws| jws.decode_header(&expectations)) {
            let _ = jws.untrusted_hints(&mut PayloadBuf::new());
        }
    }

    #[test]
    fn no_bytes_in_header_or_payload_make_the_parser_panic(
        header in proptest::collection::vec(any::<u8>(), 0..200),
        payload in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let token = format!("{}.{}.AA", base64url::encode(&header), base64url::encode(&payload));
        let expectations = Expectations::new("i", "a");
        prop_assert!(CompactJws::parse(&token).and_then(|jws| jws.decode_header(&expectations)).is_err());
        let _ = untrusted(&payload);
    }

    #[test]
    fn no_json_like_header_makes_the_parser_panic(json in "[{}\\[\\]\",:a-z0-9\\\\ ]{0,100}") {
        let token = format!("{}.e30.AA", base64url::encode(format!("{{\"alg\":\"ES256\",{json}}}").as_bytes()));
        let expectations = Expectations::new("i", "a");
        let _ = CompactJws::parse(&token).and_then(|jws| jws.decode_header(&expectations));
    }
}
