//! Requests of somebody without a key who wants to cost us as much as possible: each of them is refused before any signature is checked.

use std::fmt::Write as _;

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, Method, Request, header};

use super::Flaw;
use crate::service::PAGE;

/// A request and what is bad about it.
#[derive(Debug)]
pub struct Hostile {
    /// Short, for a table.
    pub name: String,
    /// To be refused.
    pub request: Request<()>,
}

/// The largest token that is read, and the largest header of one.
const TOKEN: usize = 8 * 1024;
const HEADER: usize = 1024;

/// A header that every rule accepts, of a key that nobody publishes.
pub(super) const UNKNOWN_KEY: &str = r#"{"alg":"ES256","kid":"2026-11","typ":"JWT"}"#;

/// All of them, at the sizes where our limits are and one past them. `good` is a token that would be let in.
///
/// # Errors
/// A request cannot be made.
pub fn requests(good: &str) -> anyhow::Result<Vec<Hostile>> {
    let mut all = Vec::new();
    for flaw in Flaw::ALL {
        all.push(bearer(flaw.name(), &flaw.put_into(good)?)?);
    }
    for (name, token) in shapes().into_iter().chain(headers()).chain(payloads()) {
        all.push(bearer(name, &token)?);
    }
    all.extend(lines(good)?);
    all.extend(preflights()?);
    Ok(all)
}

/// Not three segments, or no text.
fn shapes() -> Vec<(&'static str, String)> {
    let past = TOKEN + 1;
    vec![
        ("token: empty", String::new()),
        ("token: 8 KiB without a dot", "A".repeat(TOKEN)),
        ("token: 8 KiB and one more", "A".repeat(past)),
        ("token: 8 KiB of dots", ".".repeat(TOKEN)),
        (
            "token: 8 KiB of empty and short segments",
            "A.".repeat(TOKEN / 2),
        ),
        (
            "token: 8 KiB of padding",
            format!("A{}", "=".repeat(TOKEN - 1)),
        ),
        (
            "token: 8 KiB, last character wrong",
            format!("{}!", "A".repeat(TOKEN - 1)),
        ),
        (
            "token: 8 KiB of signature",
            format!("e30.e30.{}", "A".repeat(TOKEN - 8)),
        ),
        (
            "token: 8 KiB of payload",
            format!("e30.{}.AA", "A".repeat(TOKEN - 7)),
        ),
        (
            "token: 8 KiB of header",
            format!("{}.e30.AA", "A".repeat(TOKEN - 7)),
        ),
    ]
}

/// Headers that are dear to read.
fn headers() -> Vec<(&'static str, String)> {
    let start = UNKNOWN_KEY.trim_end_matches('}');
    let mut json = Vec::new();
    let mut few = |name, member: &str| {
        let members = (10..23).map(|number| format!("\"{member}{number}\":0"));
        let members = members.collect::<Vec<_>>().join(",");
        json.push((name, format!("{start},{members}}}")));
    };
    few("header: as many members as may be", "");
    few("header: long names", &"n".repeat(60));
    few("header: names that escape", &"\\u0061".repeat(9));
    let within = format!("{start},\"x\":");
    for (name, open, fill, close) in [
        ("header: arrays, never closed", "", "[", ""),
        ("header: a long string", "\"", "s", "\"}"),
        ("header: a string of escapes", "\"", "\\n", "\"}"),
        ("header: a string of pairs", "\"", "\\ud83d\\ude00", "\"}"),
        ("header: a long number", "", "9", "}"),
        ("header: a long fraction", "0.", "3", "e-9}"),
        ("header: spaces", "0", " ", "}"),
        ("header: 1 KiB of small members", "0", ",\"a\":0", "}"),
        ("header: a list of small values", "[0", ",0", "]}"),
        (
            "header: a key of its own",
            "0,\"jwk\":{\"kty\":\"RSA\",\"n\":\"",
            "A",
            "\"}}",
        ),
    ] {
        json.push((
            name,
            filled(HEADER, &format!("{within}{open}"), fill, close),
        ));
    }
    for (name, open, fill, close) in [
        (
            "header: a long kid",
            "{\"alg\":\"ES256\",\"kid\":\"",
            "k",
            "\"}",
        ),
        (
            "header: a kid of escapes",
            "{\"alg\":\"ES256\",\"kid\":\"",
            "\\u006b",
            "\"}",
        ),
        ("header: a long alg", "{\"alg\":\"", "E", "\"}"),
        (
            "header: a long typ",
            "{\"alg\":\"ES256\",\"typ\":\"",
            "J",
            "\"}",
        ),
        (
            "header: crit with many names",
            "{\"alg\":\"ES256\",\"crit\":[\"a\"",
            ",\"a\"",
            "]}",
        ),
        ("header: no object", "[", "0,", "0]"),
        ("header: 1 KiB of zero bytes", "", "\0", ""),
    ] {
        json.push((name, filled(HEADER, open, fill, close)));
    }
    json.push((
        "header: arrays in arrays",
        nested(HEADER, &within, "[", "]"),
    ));
    let objects = nested(HEADER, &within, "{\"a\":", "}").replace(":}", ":0}");
    json.push(("header: objects in objects", objects));
    let encoded = |json: String| format!("{}.e30.{}", URL_SAFE_NO_PAD.encode(json), "A".repeat(86));
    json.into_iter()
        .map(|(name, json)| (name, encoded(json)))
        .collect()
}

/// As often `fill` as there is room for.
fn filled(room: usize, open: &str, fill: &str, close: &str) -> String {
    let times = (room - open.len() - close.len()) / fill.len();
    format!("{open}{}{close}", fill.repeat(times))
}

/// As deep as there is room for, closed again, in the last member of an object.
fn nested(room: usize, start: &str, open: &str, close: &str) -> String {
    let depth = (room - start.len() - 2) / (open.len() + close.len());
    format!("{start}{}{}}}", open.repeat(depth), close.repeat(depth))
}

/// Payloads that are dear to read, below a header whose `kid` is unknown: these are read before the signature, for a hint whose token it is.
fn payloads() -> Vec<(&'static str, String)> {
    let header = URL_SAFE_NO_PAD.encode(UNKNOWN_KEY);
    let room = (TOKEN - header.len() - 86 - 2) / 4 * 3;
    let mut numbered = String::from("{\"a\":0");
    for number in 0.. {
        if numbered.len() + 12 > room {
            break;
        }
        let _ = write!(numbered, ",\"{number}\":0");
    }
    numbered.push('}');
    let filled = |open, fill, close| filled(room, open, fill, close);
    let json = [
        ("payload: 8 KiB of small members", numbered),
        (
            "payload: the same name again",
            filled("{\"a\":0", ",\"a\":0", "}"),
        ),
        (
            "payload: names that escape",
            filled("{\"a\":0", ",\"\\u0061\\u0062\":0", "}"),
        ),
        (
            "payload: arrays in arrays",
            nested(room, "{\"x\":", "[", "]"),
        ),
        ("payload: arrays, never closed", filled("{\"x\":", "[", "")),
        (
            "payload: objects, never closed",
            filled("{\"x\":", "{\"x\":", ""),
        ),
        ("payload: a long string", filled("{\"x\":\"", "s", "\"}")),
        (
            "payload: a string of escapes",
            filled("{\"x\":\"", "\\n", "\"}"),
        ),
        (
            "payload: a string of pairs",
            filled("{\"x\":\"", "\\ud83d\\ude00", "\"}"),
        ),
        ("payload: a long number", filled("{\"x\":", "9", "}")),
        (
            "payload: many audiences",
            filled("{\"aud\":[\"a\"", ",\"a\"", "]}"),
        ),
        ("payload: a long issuer", filled("{\"iss\":\"", "i", "\"}")),
        (
            "payload: an issuer of escapes",
            filled("{\"iss\":\"", "\\u0069", "\"}"),
        ),
        (
            "payload: an exp in the long run",
            filled("{\"exp\":1", "0", "}"),
        ),
        ("payload: spaces", filled("{", " ", "}")),
        ("payload: no object", filled("[0", ",0", "]")),
    ];
    let encoded = |json: String| {
        let payload = URL_SAFE_NO_PAD.encode(json);
        format!("{header}.{payload}.{}", "A".repeat(86))
    };
    json.into_iter()
        .map(|(name, json)| (name, encoded(json)))
        .collect()
}

/// The credential in more lines, or in none that can be read.
fn lines(good: &str) -> anyhow::Result<Vec<Hostile>> {
    let with = |name: &str, values: &[Vec<u8>]| {
        let mut hostile = Hostile {
            name: format!("authorization: {name}"),
            request: Request::new(()),
        };
        for value in values {
            let value = HeaderValue::from_bytes(value)?;
            hostile
                .request
                .headers_mut()
                .append(header::AUTHORIZATION, value);
        }
        anyhow::Ok(hostile)
    };
    let bearer = format!("Bearer {good}").into_bytes();
    Ok(vec![
        with("none", &[])?,
        with("many lines", &vec![bearer.clone(); 64])?,
        with(
            "another scheme, 8 KiB",
            &[format!("Basic {}", "A".repeat(TOKEN)).into_bytes()],
        )?,
        with(
            "8 KiB of spaces",
            &[[b"Bearer".to_vec(), vec![b' '; TOKEN], b"A".to_vec()].concat()],
        )?,
        with(
            "8 KiB that is no text",
            &[[b"Bearer ".to_vec(), vec![0xff; TOKEN]].concat()],
        )?,
        with(
            "a list",
            &[[bearer.clone(), b", ".to_vec(), bearer].concat()],
        )?,
        with(
            "64 KiB",
            &[[b"Bearer ".to_vec(), vec![b'A'; 64 * 1024]].concat()],
        )?,
    ])
}

/// Pages that may not, and questions that are dear to answer.
fn preflights() -> anyhow::Result<Vec<Hostile>> {
    let asked = |name: &str, origin: &[u8], method: &str, headers: Vec<String>| {
        let mut request = Request::new(());
        *request.method_mut() = Method::OPTIONS;
        let map = request.headers_mut();
        map.insert(header::ORIGIN, HeaderValue::from_bytes(origin)?);
        map.insert(
            header::ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_str(method)?,
        );
        for line in headers {
            map.append(
                header::ACCESS_CONTROL_REQUEST_HEADERS,
                HeaderValue::from_str(&line)?,
            );
        }
        anyhow::Ok(Hostile {
            name: format!("preflight: {name}"),
            request,
        })
    };
    let page = PAGE.as_bytes();
    Ok(vec![
        asked("an origin of 8 KiB", &vec![b'o'; TOKEN], "GET", vec![])?,
        asked(
            "an origin that is no text",
            &vec![0xff; TOKEN],
            "GET",
            vec![],
        )?,
        asked("a method of 8 KiB", page, &"M".repeat(TOKEN), vec![])?,
        asked(
            "8 KiB of header names",
            page,
            "GET",
            vec!["a,".repeat(TOKEN / 2)],
        )?,
        asked("8 KiB of commas", page, "GET", vec![",".repeat(TOKEN)])?,
        asked("one name of 8 KiB", page, "GET", vec!["a".repeat(TOKEN)])?,
        asked(
            "known names, and one that is not",
            page,
            "GET",
            vec![format!("{}x", "authorization,".repeat(500))],
        )?,
        asked(
            "64 lines of names",
            page,
            "GET",
            vec!["x-a,x-b".to_owned(); 64],
        )?,
    ])
}

fn bearer(name: &str, token: &str) -> anyhow::Result<Hostile> {
    let request = Request::get("/").header(header::AUTHORIZATION, format!("Bearer {token}"));
    Ok(Hostile {
        name: name.to_owned(),
        request: request.body(()).with_context(|| name.to_owned())?,
    })
}
