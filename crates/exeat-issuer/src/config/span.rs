//! Durations as operators write them.

use std::time::Duration;

/// Parses a whole number and one unit: `s`, `m`, `h` or `d`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (number, seconds_each) = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)]
        .into_iter()
        .find_map(|(unit, each)| Some((text.strip_suffix(unit)?, each)))?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = number.parse().ok()?;
    count.checked_mul(seconds_each).map(Duration::from_secs)
}

/// Writes a duration in the largest unit that fits it exactly.
pub(super) fn show(span: Duration) -> String {
    let seconds = span.as_secs();
    [(86_400, 'd'), (3_600, 'h'), (60, 'm')]
        .into_iter()
        .find(|(each, _)| seconds > 0 && seconds.is_multiple_of(*each))
        .map_or_else(
            || format!("{seconds}s"),
            |(each, unit)| format!("{}{unit}", seconds / each),
        )
}
