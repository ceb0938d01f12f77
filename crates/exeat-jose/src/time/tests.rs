use super::*;

fn read(json: &str) -> Option<u64> {
    serde_json::from_str::<NumericDate>(json)
        .ok()
        .map(NumericDate::as_secs)
}

#[test]
fn whole_seconds_from_zero_to_the_year_9999_are_read() {
    assert_eq!(read("0"), Some(0));
    assert_eq!(read("1764000000"), Some(1_764_000_000));
    assert_eq!(read("253402300799"), Some(253_402_300_799));
    assert_eq!(read("253402300800"), None);
    assert_eq!(read("18446744073709551615"), None);
    assert_eq!(read("18446744073709551616"), None);
}

#[test]
fn a_fraction_is_cut_off() {
    assert_eq!(read("1764000000.999"), Some(1_764_000_000));
    assert_eq!(read("0.5"), Some(0));
    assert_eq!(read("1e3"), Some(1_000));
    assert_eq!(read("253402300799.9"), Some(253_402_300_799));
    assert_eq!(read("253402300800.0"), None);
}

#[test]
fn negative_non_finite_and_other_types_are_refused() {
    for json in [
        "-1", "-0.5", "-0.0", "1e400", "null", "\"1\"", "true", "[1]", "{}", "NaN",
    ] {
        assert_eq!(read(json), None, "{json}");
    }
}

#[test]
fn arithmetic_stops_at_the_ends() {
    let zero = NumericDate::from_secs(0);
    let end = NumericDate::from_secs(u64::MAX);
    let second = Duration::from_secs(1);
    assert_eq!(zero.saturating_sub(second), zero);
    assert_eq!(end.saturating_add(second), end);
    assert_eq!(zero.saturating_duration_since(end), Duration::ZERO);
    assert_eq!(
        zero.saturating_add(second).saturating_duration_since(zero),
        second
    );
}

#[test]
fn the_system_clock_is_past_2025_and_its_monotonic_time_does_not_go_back() {
    let clock = Arc::new(SystemClock);
    assert!(clock.now().as_secs() > 1_735_689_600);
    let first = clock.monotonic();
    assert!(clock.monotonic() >= first);
}
