use std::ops::RangeInclusive;
use std::time::Duration;

use super::Redirects;

/// How the keys of a remote issuer are held. Every field has a range; [`crate::ExternalApi::build`] names the ones outside it.
///
/// A key that the issuer removes dies here within the lifetime of the set, or within lifetime + `max_stale` while the issuer
/// cannot be reached.
///
/// ```
/// use std::time::Duration;
/// let settings = exeat::JwksSettings { max_stale: Duration::ZERO, ..exeat::JwksSettings::default() };
/// assert_eq!(settings.cooldown, Duration::from_secs(10));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JwksSettings {
    /// Lifetime of a key set whose answer names none (`no-store`, `no-cache` or no `max-age`). 60 s to `max_lifetime`; default 10 min.
    pub lifetime: Duration,
    /// Upper bound of a lifetime that the answer names. 60 s to 24 h; default 1 h.
    pub max_lifetime: Duration,
    /// How long after its lifetime a set is still used while the issuer cannot be reached. 0 to 24 h; default 1 h; 0 for high-risk APIs.
    pub max_stale: Duration,
    /// Time after which one more fetch for an unknown `kid` is allowed (two may come at once). 1 s to 5 min; default 10 s.
    pub cooldown: Duration,
    /// Total time of one fetch, discovery included. 10 ms to 30 s; default 5 s.
    pub timeout: Duration,
    /// Which redirects are followed. Default none.
    pub redirects: Redirects,
}

impl Default for JwksSettings {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_mins(10),
            max_lifetime: Duration::from_hours(1),
            max_stale: Duration::from_hours(1),
            cooldown: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            redirects: Redirects::Refuse,
        }
    }
}

impl JwksSettings {
    /// The fields outside their range, each with the range it should be in.
    pub(crate) fn out_of_range(
        &self,
    ) -> impl Iterator<Item = (&'static str, Duration, RangeInclusive<Duration>)> {
        [
            (
                "lifetime",
                self.lifetime,
                MIN_LIFETIME..=self.max_lifetime.clamp(MIN_LIFETIME, DAY),
            ),
            ("max_lifetime", self.max_lifetime, MIN_LIFETIME..=DAY),
            ("max_stale", self.max_stale, Duration::ZERO..=DAY),
            (
                "cooldown",
                self.cooldown,
                Duration::from_secs(1)..=Duration::from_mins(5),
            ),
            (
                "timeout",
                self.timeout,
                Duration::from_millis(10)..=Duration::from_secs(30),
            ),
        ]
        .into_iter()
        .filter(|(_, value, range)| !range.contains(value))
    }
}

/// No set lives shorter than this, whatever the answer says: it bounds what a bad `max-age` can cost the issuer.
pub(crate) const MIN_LIFETIME: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
