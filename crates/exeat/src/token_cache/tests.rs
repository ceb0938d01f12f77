use std::collections::HashSet;
use std::thread;

use super::*;

/// A hash that a test chooses: the set in the high half, the tag in the low one.
const fn hash(set: u64, tag: u64) -> u64 {
    (set * 8) << 32 | tag
}

fn find(table: &Table<u64>, hash: u64, wanted: u64) -> Option<u64> {
    table.find(hash, |held| *held == wanted, |held| *held)
}

#[test]
fn what_was_kept_is_found_and_nothing_else() {
    let table = Table::new(100, 1 << 20);
    table.insert(hash(1, 7), 70, 10);
    assert_eq!(find(&table, hash(1, 7), 70), Some(70));
    assert_eq!(
        find(&table, hash(1, 7), 71),
        None,
        "the same hash, another entry"
    );
    assert_eq!(find(&table, hash(1, 8), 70), None, "another tag");
    assert_eq!(find(&table, hash(2, 7), 70), None, "another set");
}

#[test]
fn a_tag_of_zero_is_not_an_empty_place() {
    let table = Table::new(100, 1 << 20);
    assert_eq!(find(&table, hash(1, 0), 70), None);
    table.insert(hash(1, 0), 70, 10);
    assert_eq!(find(&table, hash(1, 0), 70), Some(70));
}

#[test]
fn a_full_set_gives_up_what_was_not_used_lately() {
    let table = Table::new(1_000, 1 << 20);
    for entry in 1..=8 {
        table.insert(hash(3, entry), entry, 10);
    }
    for entry in (1..=8).filter(|entry| *entry != 5) {
        assert_eq!(find(&table, hash(3, entry), entry), Some(entry));
    }
    table.insert(hash(3, 17), 17, 10);
    assert_eq!(find(&table, hash(3, 5), 5), None);
    assert_eq!(find(&table, hash(3, 17), 17), Some(17));
    assert_eq!(table.len(), 8);
}

#[test]
fn entries_are_bounded_in_number_and_in_bytes() {
    let hasher = RandomState::new();
    for (bytes, most) in [(1, 100), (8_000, 1_000_000 / 8_000)] {
        let table = Table::new(100.max(most), 1_000_000);
        for entry in 0..10_000_u64 {
            table.insert(hasher.hash_one(entry), entry, bytes);
            assert!(
                table.len() <= most,
                "{} entries of {bytes} bytes",
                table.len()
            );
            assert!(table.weight() <= 1_000_000);
        }
        assert!(table.len() > most / 2, "{}", table.len());
    }
}

#[test]
fn what_is_larger_than_the_table_is_not_kept() {
    let table = Table::new(100, 1 << 20);
    table.insert(hash(1, 1), 1, 100);
    table.insert(hash(1, 2), 2, 2 << 20);
    assert_eq!(find(&table, hash(1, 2), 2), None);
    assert_eq!(find(&table, hash(1, 1), 1), Some(1));
}

#[test]
fn a_flood_does_not_drive_out_what_is_in_use() {
    let hasher = RandomState::new();
    let table = Table::new(1_000, 4 << 20);
    let used: Vec<u64> = (0..20).collect();
    for entry in &used {
        table.insert(hasher.hash_one(entry), *entry, 10);
    }
    for stranger in 100..100_000_u64 {
        table.insert(hasher.hash_one(stranger), stranger, 10);
        for entry in &used {
            find(&table, hasher.hash_one(entry), *entry);
        }
    }
    let left = used
        .iter()
        .filter(|entry| find(&table, hasher.hash_one(*entry), **entry).is_some());
    assert!(left.count() >= 18);
}

#[test]
fn threads_that_keep_and_find_at_once_see_whole_entries_and_a_true_weight() {
    let hasher = RandomState::new();
    let table = Table::new(64, 1 << 16);
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (table, hasher) = (&table, &hasher);
            scope.spawn(move || {
                for entry in 0..5_000_u64 {
                    let entry = entry * 4 + thread;
                    table.insert(hasher.hash_one(entry % 97), entry, 100);
                    let other = hasher.hash_one((entry + 13) % 97);
                    table.find(other, |_| true, |found| assert!(*found < 20_000));
                }
            });
        }
    });
    assert!(table.len() <= 64);
    let left: HashSet<_> = (0..97_u64)
        .filter(|n| find_any(&table, hasher.hash_one(n)))
        .collect();
    assert!(!left.is_empty());
    assert!(table.weight() <= 1 << 16);
    assert_eq!(table.weight(), table.counted_weight());
}

fn find_any(table: &Table<u64>, hash: u64) -> bool {
    table.find(hash, |_| true, |_| ()).is_some()
}

#[test]
fn a_bad_signature_is_known_for_ten_seconds_and_for_its_epoch_only() {
    let cache = TokenCache::new(TokenCacheSize::default());
    let start = Duration::from_secs(100);
    assert!(!cache.is_bad("a.b.c", 1, start));
    cache.keep_bad("a.b.c", 1, start);
    assert!(cache.is_bad("a.b.c", 1, start));
    assert!(!cache.is_bad("a.b.c", 2, start));
    assert!(!cache.is_bad("a.b.d", 1, start));
    let end = start + MAX_BAD_AGE;
    assert!(cache.is_bad("a.b.c", 1, end.saturating_sub(Duration::from_nanos(1))));
    assert!(!cache.is_bad("a.b.c", 1, end));
}

#[test]
fn no_more_than_1024_bad_signatures_are_remembered() {
    let cache = TokenCache::new(TokenCacheSize::default());
    for number in 0..5_000 {
        cache.keep_bad(&format!("a.b.{number}"), 1, Duration::ZERO);
    }
    assert!(cache.bad.len() <= MAX_BAD, "{}", cache.bad.len());
    for _ in 0..2_000 {
        cache.keep_bad(&"x".repeat(8_192), 1, Duration::ZERO);
    }
    assert!(cache.bad.weight() <= MAX_BAD_BYTES);
}

#[test]
fn sizes_out_of_range_are_named() {
    let size = |max_entries, max_bytes| TokenCacheSize {
        max_entries,
        max_bytes,
    };
    assert_eq!(TokenCacheSize::default().problem(), None);
    assert_eq!(size(1, 256 << 10).problem(), None);
    assert_eq!(size(1024, 256 << 10).problem(), None);
    assert_eq!(size(10_000_000, 10_000_000 * 256).problem(), None);
    assert_eq!(size(1, 1 << 40).problem(), None);
    for (entries, bytes) in [
        (0, 1 << 20),
        (10_000_001, 1 << 40),
        (1, (256 << 10) - 1),
        (1025, 256 << 10),
        (1, (1 << 40) + 1),
        (1, usize::MAX),
    ] {
        assert!(
            size(entries, bytes).problem().is_some(),
            "{entries} {bytes}"
        );
    }
}
