//! `<kid>.pub.jwk.json`: the public key as a JWK, with the row's times in one more member, which other readers of JWKs ignore.

use exeat_jose::{Jwk, NumericDate};
use serde::{Deserialize, Serialize};

use crate::key_ring::Times;

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    jwk: &'a Jwk,
    exeat: StoredTimes,
}

#[derive(Deserialize)]
struct Read {
    exeat: StoredTimes,
}

/// Seconds since 1970.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StoredTimes {
    published_at: u64,
    sign_from: Option<u64>,
    sign_until: Option<u64>,
    remove_at: Option<u64>,
    revoked_at: Option<u64>,
}

pub(super) fn write(jwk: &Jwk, times: &Times) -> Result<String, serde_json::Error> {
    let seconds = |date: Option<NumericDate>| date.map(NumericDate::as_secs);
    let exeat = StoredTimes {
        published_at: times.published_at.as_secs(),
        sign_from: seconds(times.sign_from),
        sign_until: seconds(times.sign_until),
        remove_at: seconds(times.remove_at),
        revoked_at: seconds(times.revoked_at),
    };
    serde_json::to_string_pretty(&Written { jwk, exeat }).map(|text| text + "\n")
}

pub(super) fn read(text: &str) -> Result<(Jwk, Times), &'static str> {
    let Read { exeat } =
        serde_json::from_str(text).map_err(|_| "not a JWK with the times of its key")?;
    let jwk = Jwk::from_json(text).map_err(|why| why.reason())?;
    let date = |seconds: Option<u64>| seconds.map(NumericDate::from_secs);
    let times = Times {
        published_at: NumericDate::from_secs(exeat.published_at),
        sign_from: date(exeat.sign_from),
        sign_until: date(exeat.sign_until),
        remove_at: date(exeat.remove_at),
        revoked_at: date(exeat.revoked_at),
    };
    Ok((jwk, times))
}
