use super::*;

const NOW: NumericDate = NumericDate::from_secs(1_000);
const TTL: Duration = Duration::from_mins(5);

fn at(seconds: u64) -> NumericDate {
    NumericDate::from_secs(seconds)
}

#[test]
fn a_life_ends_with_the_first_of_ttl_session_and_key() {
    for (session, key, expected) in [
        (9_000, None, 1_300),
        (1_300, None, 1_300),
        (1_299, None, 1_299),
        (9_000, Some(1_200), 1_200),
        (1_100, Some(1_200), 1_100),
    ] {
        let life = Life::clamp(TTL, at(session), key.map(at), NOW).unwrap();
        assert_eq!(
            (life.issued_at, life.expires_at),
            (NOW, at(expected)),
            "{session} {key:?}"
        );
    }
}

#[test]
fn ten_seconds_are_enough_and_nine_are_not() {
    assert_eq!(
        Life::clamp(TTL, at(1_010), None, NOW).unwrap().expires_in(),
        MIN_LIFE
    );
    assert_eq!(
        Life::clamp(TTL, at(1_009), None, NOW),
        Err(TooLate::Session)
    );
    assert_eq!(
        Life::clamp(TTL, at(5_000), Some(at(1_010)), NOW)
            .unwrap()
            .expires_in(),
        MIN_LIFE
    );
    assert_eq!(
        Life::clamp(TTL, at(5_000), Some(at(1_009)), NOW),
        Err(TooLate::Key)
    );
    assert_eq!(
        Life::clamp(TTL, at(0), Some(at(0)), NOW),
        Err(TooLate::Session)
    );
}

#[test]
fn a_client_renews_after_seventy_percent() {
    for (ttl, expected) in [(300, 210), (10, 7), (11, 7), (86_400, 60_480)] {
        let life = Life::clamp(Duration::from_secs(ttl), at(u64::MAX), None, NOW).unwrap();
        assert_eq!(life.refresh_after().as_secs(), expected, "{ttl}");
    }
}

#[test]
fn times_at_the_end_of_the_calendar_do_not_overflow() {
    let last = NumericDate::from_secs(u64::MAX);
    let life = Life::clamp(TTL, last, None, NumericDate::from_secs(u64::MAX - 20)).unwrap();
    assert_eq!(life.expires_at, last);
}
