//! A bounded table that is read without a lock: sets of [`WAYS`] places, each a pointer that is swapped as a whole. Beside the places
//! lie short tags of the hashes, so that a look-up that finds nothing touches one line of memory.
//!
//! Every operation takes a bounded number of steps, whatever is stored: a stranger who fills the table makes others' entries go, and
//! nobody's look-up slower.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;

/// What is kept, and the bounds of it.
pub(super) struct Table<E> {
    tags: Box<[AtomicU32]>,
    places: Box<[ArcSwapOption<Kept<E>>]>,
    /// What the entries weigh, in bytes.
    weight: AtomicUsize,
    max_weight: usize,
    /// No entry counts for less, which bounds their number.
    least_weight: usize,
    /// Where the search for something to give up goes on.
    hand: AtomicUsize,
}

/// An entry in its place.
pub(super) struct Kept<E> {
    pub(super) entry: E,
    weight: usize,
    /// Found since the hand last passed: it is given another chance.
    was_used: AtomicBool,
}

impl<E> Table<E> {
    /// For at most `max_entries`, which together with the table take at most `max_bytes`.
    pub(super) fn new(max_entries: usize, max_bytes: usize) -> Self {
        // Twice the places, so that hardly ever a set is full while the table is not.
        let places = max_entries.saturating_mul(2).next_power_of_two().max(WAYS);
        let per_place = size_of::<AtomicU32>() + size_of::<ArcSwapOption<Kept<E>>>();
        let max_weight = max_bytes.saturating_sub(places.saturating_mul(per_place));
        Self {
            tags: (0..places).map(|_| AtomicU32::new(EMPTY)).collect(),
            places: (0..places).map(|_| ArcSwapOption::empty()).collect(),
            weight: AtomicUsize::new(0),
            max_weight,
            least_weight: max_weight.div_ceil(max_entries.max(1)).max(1),
            hand: AtomicUsize::new(0),
        }
    }

    /// The entry of this hash for which `is_it` says yes, given to `read`.
    pub(super) fn find<T>(
        &self,
        hash: u64,
        is_it: impl Fn(&E) -> bool,
        read: impl FnOnce(&E) -> T,
    ) -> Option<T> {
        let (first, tag) = self.locate(hash);
        for (held, place) in self.set(first) {
            if held.load(Ordering::Relaxed) != tag {
                continue;
            }
            let kept = place.load();
            if let Some(kept) = &*kept
                && is_it(&kept.entry)
            {
                // Written only when it changes: two cores that read the same entry do not take its line from each other.
                if !kept.was_used.load(Ordering::Relaxed) {
                    kept.was_used.store(true, Ordering::Relaxed);
                }
                return Some(read(&kept.entry));
            }
        }
        None
    }

    /// Keeps an entry of `bytes` bytes, in place of others if the table or the set is full.
    pub(super) fn insert(&self, hash: u64, entry: E, bytes: usize) {
        let weight = (bytes + ENTRY_BYTES + size_of::<Kept<E>>()).max(self.least_weight);
        if weight > self.max_weight {
            return;
        }
        // Counted before it is there, so that all that is there has been counted.
        self.weight.fetch_add(weight, Ordering::Relaxed);
        while self.weight.load(Ordering::Relaxed) > self.max_weight {
            if !self.evict_one() {
                // What weighs so much are entries that other threads are about to keep.
                self.weight.fetch_sub(weight, Ordering::Relaxed);
                return;
            }
        }
        let (first, tag) = self.locate(hash);
        let Some((held, place)) = self.choose(first, tag) else {
            return;
        };
        held.store(tag, Ordering::Relaxed);
        let kept = Kept {
            entry,
            weight,
            was_used: AtomicBool::new(false),
        };
        self.forget(place.swap(Some(Arc::new(kept))));
    }

    /// The place of the same tag, which most likely holds an older state of the same thing; an empty one; one that was not used
    /// lately; any.
    fn choose(&self, first: usize, tag: u32) -> Option<(&AtomicU32, &ArcSwapOption<Kept<E>>)> {
        let tagged = |wanted| {
            self.set(first)
                .find(|(held, _)| held.load(Ordering::Relaxed) == wanted)
        };
        tagged(tag)
            .or_else(|| tagged(EMPTY))
            .or_else(|| {
                self.set(first).find(|(_, place)| {
                    let kept = place.load();
                    kept.as_ref()
                        .is_none_or(|kept| !kept.was_used.swap(false, Ordering::Relaxed))
                })
            })
            .or_else(|| self.set(first).next())
    }

    /// Gives up one entry. False if there is none.
    fn evict_one(&self) -> bool {
        let mut chances = SECOND_CHANCES;
        for _ in 0..self.places.len() {
            let at = self.hand.fetch_add(1, Ordering::Relaxed) & self.mask();
            let (Some(held), Some(place)) = (self.tags.get(at), self.places.get(at)) else {
                return false;
            };
            // The tag may lag behind: whether there is an entry is for the place to say.
            let Some(was_used) = place
                .load()
                .as_ref()
                .map(|kept| kept.was_used.swap(false, Ordering::Relaxed))
            else {
                continue;
            };
            if was_used && chances > 0 {
                chances -= 1;
                continue;
            }
            held.store(EMPTY, Ordering::Relaxed);
            if self.forget(place.swap(None)) {
                return true;
            }
        }
        false
    }

    fn forget(&self, gone: Option<Arc<Kept<E>>>) -> bool {
        let Some(gone) = gone else { return false };
        self.weight.fetch_sub(gone.weight, Ordering::Relaxed);
        true
    }

    /// The first place of the set, and the tag in it.
    fn locate(&self, hash: u64) -> (usize, u32) {
        let [high, low] =
            [hash >> 32, hash & 0xffff_ffff].map(|half| u32::try_from(half).unwrap_or(0));
        let first = usize::try_from(high).unwrap_or(0) & self.mask() & !(WAYS - 1);
        (first, low.max(EMPTY + 1))
    }

    fn set(&self, first: usize) -> impl Iterator<Item = (&AtomicU32, &ArcSwapOption<Kept<E>>)> {
        let tags = self.tags.get(first..first + WAYS).unwrap_or_default();
        let places = self.places.get(first..first + WAYS).unwrap_or_default();
        tags.iter().zip(places)
    }

    /// The number of places is a power of two.
    fn mask(&self) -> usize {
        self.places.len() - 1
    }

    #[cfg(test)]
    pub(super) fn weight(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn counted_weight(&self) -> usize {
        let kept = self.places.iter().filter_map(ArcSwapOption::load_full);
        kept.map(|kept| kept.weight).sum()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places
            .iter()
            .filter(|place| place.load().is_some())
            .count()
    }
}

/// Places that a hash may be in. With at least twice as many places as entries, fewer than one entry in a hundred finds all of them
/// taken.
const WAYS: usize = 8;
/// The tag of an empty place.
const EMPTY: u32 = 0;
/// How many used entries one eviction passes over.
const SECOND_CHANCES: usize = 8;
/// What an allocator adds to the allocations of an entry, about.
const ENTRY_BYTES: usize = 64;
