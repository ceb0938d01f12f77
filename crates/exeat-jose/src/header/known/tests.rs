use super::*;
use crate::{
    Algorithm, AlgorithmSet, CompactJws, Expectations, InvalidToken, TypPolicy, base64url,
};

fn token(header: &str) -> String {
    format!("{}.e30.AA", base64url::encode(header.as_bytes()))
}

fn expect() -> Expectations {
    Expectations::new("i", "a")
}

fn remember(known: &KnownHeaders, header: &str) -> KnownHeaders {
    let token = token(header);
    let jws = CompactJws::parse(&token).unwrap();
    let jws = jws.decode_header_with(&expect(), known).unwrap();
    known.with(&jws, &VerifiedPayload::new(b"{}"))
}

fn is_known(known: &KnownHeaders, header: &str) -> bool {
    let token = token(header);
    let jws = CompactJws::parse(&token).unwrap();
    let jws = jws.decode_header_with(&expect(), known).unwrap();
    jws.has_known_header()
}

#[test]
fn a_known_header_reads_as_it_did_before() {
    let header = r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#;
    let known = KnownHeaders::new();
    assert!(!is_known(&known, header));
    let known = remember(&known, header);
    assert!(is_known(&known, header));
    let token = token(header);
    let jws = CompactJws::parse(&token).unwrap();
    let jws = jws.decode_header_with(&expect(), &known).unwrap();
    let read = jws.untrusted_header();
    assert_eq!(read.algorithm(), Algorithm::Es256);
    assert_eq!(read.key_id().unwrap().as_str(), "k");
    assert_eq!(read.typ(), Some(crate::Typ::Jwt));
}

#[test]
fn only_the_very_same_bytes_are_known() {
    let known = remember(&KnownHeaders::new(), r#"{"alg":"ES256","kid":"k"}"#);
    for other in [
        r#"{"alg":"ES256","kid":"K"}"#,
        r#"{"alg":"ES256","kid":"k" }"#,
        r#"{"kid":"k","alg":"ES256"}"#,
        r#"{"alg":"ES256"}"#,
    ] {
        assert!(!is_known(&known, other), "{other}");
    }
}

#[test]
fn expectations_are_asked_of_known_headers_too() {
    let header = r#"{"alg":"ES256","typ":"JWT"}"#;
    let known = remember(&KnownHeaders::new(), header);
    let token = token(header);
    let refusal = |expected: &Expectations| {
        let jws = CompactJws::parse(&token).unwrap();
        jws.decode_header_with(expected, &known).err()
    };
    assert_eq!(refusal(&expect()), None);
    let rsa = AlgorithmSet::EMPTY.with(Algorithm::Rs256);
    assert_eq!(
        refusal(&expect().with_algorithms(rsa)),
        Some(InvalidToken::AlgNotAllowed)
    );
    assert_eq!(
        refusal(&expect().with_typ(TypPolicy::AccessToken)),
        Some(InvalidToken::TypMismatch)
    );
}

#[test]
fn the_last_eight_are_remembered_each_once() {
    let header = |number: usize| format!(r#"{{"alg":"ES256","kid":"{number}"}}"#);
    let mut known = KnownHeaders::new();
    for number in 0..KnownHeaders::MAX {
        known = remember(&known, &header(number));
    }
    assert!((0..KnownHeaders::MAX).all(|number| is_known(&known, &header(number))));
    known = remember(&known, &header(0));
    assert_eq!(known.latest_first.len(), KnownHeaders::MAX);
    known = remember(&known, &header(KnownHeaders::MAX));
    assert!(!is_known(&known, &header(1)), "the oldest goes");
    assert!(is_known(&known, &header(0)));
}
