use exeat_jose::{Algorithm, KeyId};

use super::budget::{BUDGET_CAPACITY, MAX_MISSES, MISS_MEMORY};
use super::*;

const HALF: f64 = 0.5;
const MS: Duration = Duration::from_millis(1);

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn just_before(time: Duration) -> Duration {
    time.saturating_sub(MS)
}

fn max_age(seconds: u64) -> Freshness {
    Freshness {
        max_age: Some(s(seconds)),
        age: Duration::ZERO,
    }
}

fn key(kid: &str) -> Wanted {
    Wanted {
        kid: Some(KeyId::try_from(kid).unwrap()),
        alg: Algorithm::Es256,
    }
}

/// A cache whose first fetch, at `at`, brought a set that lives for 1000 s: soft at 800, hard at 1000, dead at 4600.
fn fetched(at: Duration) -> Cache {
    let mut cache = Cache::new(JwksSettings::default());
    assert_eq!(cache.next(at), Step::Fetch);
    cache.succeeded(max_age(1000), at, HALF);
    cache
}

fn phase(cache: &Cache, now: Duration) -> Phase {
    cache.validity.unwrap().phase(now)
}

#[test]
fn a_cold_cache_fetches_at_once_and_makes_requests_wait() {
    let mut cache = Cache::new(JwksSettings::default());
    assert_eq!(cache.cold(s(0)), Answer::Join);
    assert_eq!(cache.next(s(0)), Step::Fetch);
    assert_eq!(cache.cold(s(1)), Answer::Join);
}

#[test]
fn a_cold_cache_in_back_off_answers_with_the_time_of_the_next_fetch() {
    let mut cache = Cache::new(JwksSettings::default());
    cache.next(s(0));
    cache.failed(Some(s(20)), s(1), HALF);
    assert_eq!(cache.cold(s(5)), Answer::Unavailable { retry_after: s(15) });
    assert_eq!(cache.cold(s(20)), Answer::Join);
    assert_eq!(cache.next(s(20)), Step::Fetch);
}

#[test]
fn only_one_fetch_is_in_flight() {
    let mut cache = Cache::new(JwksSettings::default());
    assert_eq!(cache.next(s(0)), Step::Fetch);
    assert!(matches!(cache.next(s(1)), Step::Wait(_)));
    cache.refresh();
    assert!(matches!(cache.next(s(2)), Step::Wait(_)));
}

#[test]
fn each_phase_begins_exactly_at_its_bound() {
    let cache = fetched(s(10));
    for (from, begins) in [
        (810, Phase::Refreshing),
        (1010, Phase::Stale),
        (4610, Phase::Expired),
    ] {
        assert_ne!(phase(&cache, just_before(s(from))), begins);
        assert_eq!(phase(&cache, s(from)), begins);
    }
    assert_eq!(phase(&cache, s(10)), Phase::Fresh);
}

#[test]
fn without_max_stale_a_set_expires_with_its_lifetime() {
    let settings = JwksSettings {
        max_stale: Duration::ZERO,
        ..JwksSettings::default()
    };
    let validity = Validity::new(max_age(100), &settings, s(0), HALF);
    assert_eq!(validity.phase(just_before(s(100))), Phase::Refreshing);
    assert_eq!(validity.phase(s(100)), Phase::Expired);
}

#[test]
fn refresh_ahead_happens_once_at_80_percent_of_the_lifetime_give_or_take_a_tenth() {
    for (chance, soft) in [(0.0, 720), (HALF, 800), (1.0, 880)] {
        let validity = Validity::new(max_age(1000), &JwksSettings::default(), s(0), chance);
        assert!(
            validity.soft_at.abs_diff(s(soft)) < MS,
            "{chance}: {:?}",
            validity.soft_at
        );
    }
    let mut cache = fetched(s(0));
    assert_eq!(cache.next(s(799)), Step::Wait(s(1)));
    assert_eq!(cache.next(s(800)), Step::Fetch);
    assert!(matches!(cache.next(s(801)), Step::Wait(_)));
}

#[test]
fn a_lifetime_is_max_age_less_age_within_its_bounds() {
    let settings = JwksSettings::default();
    let lifetime = |max_age: Option<u64>, age| {
        Freshness {
            max_age: max_age.map(s),
            age: s(age),
        }
        .lifetime(&settings)
    };
    for (max_age, age, expected) in [
        (Some(300), 100, 200),
        (Some(60), 0, 60),
        (Some(59), 0, 60),
        (Some(0), 0, 60),
        (Some(300), 400, 60),
        (Some(3600), 0, 3600),
        (Some(3601), 0, 3600),
        (None, 0, 600),
        (None, 500, 600),
    ] {
        assert_eq!(lifetime(max_age, age), s(expected), "{max_age:?} {age}");
    }
}

#[test]
fn the_bound_counts_from_the_start_of_the_fetch() {
    let mut cache = Cache::new(JwksSettings::default());
    cache.next(s(100));
    let validity = cache.succeeded(max_age(1000), s(104), HALF);
    assert_eq!(validity.validated_at, s(100));
    assert_eq!(validity.hard_at, s(1100));
}

#[test]
fn a_failure_keeps_the_set_and_backs_off_doubling_up_to_a_minute() {
    let mut cache = fetched(s(0));
    let before = cache.validity;
    let mut now = s(1000);
    for ceiling in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(cache.next(now), Step::Fetch);
        cache.failed(None, now, 1.0);
        assert_eq!(cache.next(just_before(now + s(ceiling))), Step::Wait(MS));
        now += s(ceiling);
    }
    assert_eq!(cache.validity, before);
    cache.next(now);
    cache.succeeded(max_age(1000), now, HALF);
    cache.next(now + s(800));
    cache.failed(None, now + s(800), 1.0);
    assert_eq!(
        cache.next(now + s(801)),
        Step::Fetch,
        "a success ends the back-off"
    );
}

#[test]
fn back_off_has_full_jitter_and_a_floor() {
    for (chance, wait) in [
        (0.0, Duration::from_millis(100)),
        (0.5, Duration::from_millis(500)),
        (1.0, s(1)),
    ] {
        let mut cache = Cache::new(JwksSettings::default());
        cache.next(s(0));
        cache.failed(None, s(0), chance);
        assert_eq!(cache.next(s(0)), Step::Wait(wait));
    }
}

#[test]
fn back_off_is_measured_from_the_attempt() {
    let mut cache = fetched(s(0));
    cache.next(s(1000));
    cache.failed(Some(s(30)), s(1005), HALF);
    assert_eq!(cache.next(s(1029)), Step::Wait(s(1)));
    assert_eq!(cache.next(s(1030)), Step::Fetch);
}

#[test]
fn retry_after_is_honoured_up_to_five_minutes() {
    for (wish, wait) in [(299, 299), (300, 300), (301, 300), (86_400, 300)] {
        let mut cache = Cache::new(JwksSettings::default());
        cache.next(s(0));
        cache.failed(Some(s(wish)), s(0), HALF);
        assert_eq!(cache.next(s(0)), Step::Wait(s(wait)), "{wish}");
    }
}

#[test]
fn a_failure_while_fresh_waits_for_the_refresh_and_blocks_misses_meanwhile() {
    let mut cache = fetched(s(0));
    assert_eq!(cache.miss(&key("a"), s(1)), Answer::Join);
    cache.next(s(1));
    cache.failed(Some(s(40)), s(1), HALF);
    assert!(
        matches!(cache.miss(&key("a"), s(2)), Answer::Unavailable { retry_after } if retry_after == s(39))
    );
    assert_eq!(cache.next(s(41)), Step::Wait(s(759)));
    assert_eq!(cache.miss(&key("a"), s(41)), Answer::Join);
}

#[test]
fn an_unknown_key_is_absent_only_after_a_fetch_that_started_later_ended_without_it() {
    let mut cache = fetched(s(0));
    cache.refresh();
    cache.next(s(10));
    // Seen while a fetch is in flight: that one may have read the set before the key was published.
    assert_eq!(cache.miss(&key("a"), s(11)), Answer::Join);
    cache.succeeded(max_age(1000), s(12), HALF);
    assert_eq!(cache.miss(&key("a"), s(12)), Answer::Join);
    assert_eq!(cache.next(s(12)), Step::Fetch);
    cache.succeeded(max_age(1000), s(13), HALF);
    assert_eq!(cache.miss(&key("a"), s(13)), Answer::Absent);
}

#[test]
fn a_failed_fetch_proves_nothing_about_an_unknown_key() {
    let mut cache = fetched(s(0));
    cache.miss(&key("a"), s(10));
    cache.next(s(10));
    cache.failed(None, s(11), 1.0);
    assert!(matches!(
        cache.miss(&key("a"), s(10)),
        Answer::Unavailable { .. }
    ));
}

#[test]
fn an_absent_key_is_looked_up_again_after_30_seconds() {
    let mut cache = fetched(s(0));
    cache.miss(&key("a"), s(10));
    cache.next(s(10));
    cache.succeeded(max_age(1000), s(10), HALF);
    assert_eq!(cache.miss(&key("a"), s(10)), Answer::Absent);
    assert_eq!(
        cache.miss(&key("a"), just_before(s(10) + MISS_MEMORY)),
        Answer::Absent
    );
    assert_eq!(cache.miss(&key("a"), s(10) + MISS_MEMORY), Answer::Join);
}

#[test]
fn the_30_seconds_of_absence_count_from_the_fetch_and_not_from_the_next_question() {
    let mut cache = fetched(s(0));
    cache.miss(&key("a"), s(10));
    cache.next(s(10));
    cache.succeeded(max_age(1000), s(12), HALF);
    // Whoever asked first did not wait. The key may have been published right after the fetch.
    assert_eq!(cache.miss(&key("a"), s(39)), Answer::Absent);
    assert_eq!(
        cache.miss(&key("a"), just_before(s(12) + MISS_MEMORY)),
        Answer::Absent
    );
    assert_eq!(cache.miss(&key("a"), s(12) + MISS_MEMORY), Answer::Join);
}

#[test]
fn a_fetch_for_one_key_answers_for_every_key_seen_before_it() {
    let mut cache = fetched(s(0));
    cache.miss(&key("a"), s(10));
    cache.miss(&key("b"), s(10));
    cache.next(s(10));
    cache.succeeded(max_age(1000), s(10), HALF);
    assert_eq!(cache.miss(&key("a"), s(10)), Answer::Absent);
    assert_eq!(cache.miss(&key("b"), s(10)), Answer::Absent);
    assert_eq!(cache.started(), 2);
}

#[test]
fn the_budget_allows_two_fetches_and_one_more_every_cooldown() {
    let mut cache = fetched(s(0));
    let mut ask = |name: &str, now: Duration| {
        let answer = cache.miss(&key(name), now);
        if answer == Answer::Join {
            assert_eq!(cache.next(now), Step::Fetch);
            cache.succeeded(max_age(1000), now, HALF);
        }
        answer
    };
    for name in (0..BUDGET_CAPACITY).map(|number| format!("k{number}")) {
        assert_eq!(ask(&name, s(5)), Answer::Join);
    }
    assert_eq!(ask("c", s(5)), Answer::Unavailable { retry_after: s(10) });
    assert_eq!(
        ask("d", just_before(s(15))),
        Answer::Unavailable { retry_after: MS }
    );
    assert_eq!(ask("d", s(15)), Answer::Join);
    assert_eq!(ask("e", s(15)), Answer::Unavailable { retry_after: s(10) });
    assert_eq!(ask("f", s(100)), Answer::Join);
    assert_eq!(ask("g", s(100)), Answer::Join);
    assert!(
        matches!(ask("h", s(100)), Answer::Unavailable { .. }),
        "a rest fills the bucket, and not more"
    );
}

#[test]
fn the_budget_is_full_at_the_start_so_that_a_first_rotation_is_not_held_up() {
    let mut cache = fetched(s(0));
    assert_eq!(cache.miss(&key("a"), s(0)), Answer::Join);
}

#[test]
fn the_budget_is_charged_for_attempts_not_for_successes() {
    let mut cache = fetched(s(0));
    for name in ["a", "b"] {
        assert_eq!(cache.miss(&key(name), s(1)), Answer::Join);
        cache.next(s(1));
        cache.failed(None, s(1), 0.0);
        cache.blocked_until = Duration::ZERO;
    }
    assert!(matches!(
        cache.miss(&key("c"), s(2)),
        Answer::Unavailable { .. }
    ));
}

#[test]
fn waiting_for_a_fetch_in_flight_costs_no_budget() {
    let mut cache = fetched(s(0));
    cache.miss(&key("a"), s(1));
    for number in 0..1000 {
        assert_eq!(cache.miss(&key(&format!("k{number}")), s(1)), Answer::Join);
    }
    assert_eq!(cache.next_miss_fetch_in(s(1)), Duration::ZERO);
}

#[test]
fn the_list_of_missed_keys_is_bounded() {
    let mut cache = fetched(s(0));
    for number in 0..=MAX_MISSES {
        cache.miss(&key(&format!("k{number}")), s(1));
        assert!(cache.misses.len() <= MAX_MISSES);
    }
    assert_eq!(cache.misses.len(), MAX_MISSES);
}

#[test]
fn a_new_key_under_a_known_kid_is_looked_for_once_in_five_minutes() {
    let mut cache = fetched(s(0));
    assert!(cache.signature_failed(s(1)));
    assert!(
        cache.signature_failed(s(1)),
        "the second request waits for the same fetch"
    );
    cache.next(s(1));
    assert!(cache.signature_failed(s(1)));
    cache.succeeded(max_age(1000), s(2), HALF);
    assert!(!cache.signature_failed(s(2)));
    assert!(!cache.signature_failed(just_before(s(301))));
    assert!(cache.signature_failed(s(301)));
}

#[test]
fn a_new_key_under_a_known_kid_is_looked_for_within_the_budget_only() {
    let mut cache = fetched(s(0));
    for name in ["a", "b"] {
        cache.miss(&key(name), s(1));
        cache.next(s(1));
        cache.succeeded(max_age(1000), s(1), HALF);
    }
    assert!(!cache.signature_failed(s(1)));
    assert!(cache.signature_failed(s(11)));
}

#[test]
fn the_operator_is_not_held_up_by_back_off() {
    let mut cache = fetched(s(0));
    cache.next(s(800));
    cache.failed(Some(s(300)), s(800), HALF);
    let before = cache.started();
    cache.refresh();
    assert_eq!(cache.next(s(801)), Step::Fetch);
    assert_eq!(cache.outcome_after(before), None);
    cache.succeeded(max_age(1000), s(801), HALF);
    assert_eq!(cache.outcome_after(before), Some(true));
    let answer = cache.miss(&key("a"), s(801));
    assert_eq!(answer, Answer::Join, "the success ends the back-off");
}

#[test]
fn a_refresh_during_a_fetch_is_a_fetch_of_its_own() {
    let mut cache = Cache::new(JwksSettings::default());
    cache.next(s(0));
    let before = cache.started();
    cache.refresh();
    cache.failed(None, s(1), HALF);
    assert_eq!(cache.outcome_after(before), None);
    assert_eq!(cache.next(s(1)), Step::Fetch);
    cache.failed(None, s(2), HALF);
    assert_eq!(cache.outcome_after(before), Some(false));
}
