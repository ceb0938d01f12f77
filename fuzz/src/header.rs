//! Input: the text of a JOSE header.

use std::collections::BTreeMap;

use exeat_jose::{Algorithm, CompactJws, InvalidToken, UntrustedHeader};
use serde_json::value::RawValue;

use super::fixture::{base64url, expectations};

pub fn run(json: &[u8]) {
    let read = match read(json) {
        Ok(read) => read,
        Err(InvalidToken::TooLarge { len, .. }) => {
            assert!(len > CompactJws::MAX_LEN);
            return;
        }
        Err(why) => {
            let reasons = [
                "malformed",
                "bad_header",
                "alg_not_allowed",
                "crit_unsupported",
                "typ_mismatch",
            ];
            assert!(
                reasons.contains(&why.reason()),
                "{why} is not about a header"
            );
            return;
        }
    };
    assert!(
        json.len() <= UntrustedHeader::MAX_LEN,
        "accepted over the limit"
    );
    // As another reader of the same JSON library sees them: of two with one name, the last.
    let members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(json).expect("an accepted header is a JSON object");
    assert!(
        members.len() <= UntrustedHeader::MAX_MEMBERS,
        "accepted over the limit"
    );
    assert_eq!(
        read.alg,
        Algorithm::from_name(&text(&members, "alg").expect("alg is there")).expect("alg is known")
    );
    assert_eq!(read.kid, text(&members, "kid"));
    assert_eq!(read.has_typ, members.contains_key("typ"));
    for forbidden in ["crit", "zip", "enc"] {
        assert!(
            !members.contains_key(forbidden),
            "accepted with {forbidden}"
        );
    }
    assert!(
        members.get("b64").is_none_or(|b64| b64.get() == "true"),
        "accepted with b64"
    );

    // Written again, sorted and without white space, it says the same: no member was there twice.
    let again = serde_json::to_vec(&members).expect("it was JSON before");
    if again.len() <= UntrustedHeader::MAX_LEN {
        assert_eq!(self::read(&again).expect("accepted before"), read);
    }
}

#[derive(Debug, Eq, PartialEq)]
struct Read {
    alg: Algorithm,
    kid: Option<String>,
    has_typ: bool,
}

fn read(json: &[u8]) -> Result<Read, InvalidToken> {
    let token = format!("{}.e30.AA", base64url(json));
    let jws = CompactJws::parse(&token)?.decode_header(&expectations())?;
    let header = jws.untrusted_header();
    Ok(Read {
        alg: header.algorithm(),
        kid: header.key_id().map(ToString::to_string),
        has_typ: header.typ().is_some(),
    })
}

fn text(members: &BTreeMap<String, Box<RawValue>>, name: &str) -> Option<String> {
    let value = members.get(name)?;
    Some(serde_json::from_str(value.get()).expect("an accepted alg or kid is a string"))
}
