use std::time::Duration;

use crate::jwks::JwksSettings;
use crate::jwks::settings::MIN_LIFETIME;

/// What the headers of an answer say about its lifetime (RFC 9111 §5.2.2.1, §5.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Freshness {
    /// `max-age`; `None` when absent, or under `no-store` or `no-cache`.
    pub(crate) max_age: Option<Duration>,
    /// `Age`: how long a cache on the way already kept the answer.
    pub(crate) age: Duration,
}

impl Freshness {
    pub(crate) fn lifetime(self, settings: &JwksSettings) -> Duration {
        self.max_age
            .map_or(settings.lifetime, |max_age| {
                max_age.saturating_sub(self.age)
            })
            .clamp(MIN_LIFETIME, settings.max_lifetime.max(MIN_LIFETIME))
    }
}

/// When a key set stops being what. Times are those of [`exeat_jose::Clock::monotonic`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::struct_field_names, reason = "each is a moment, and says so")]
pub(crate) struct Validity {
    /// The start of the fetch that vouches for the set: not its end, so that a slow answer never stretches the bound.
    pub(crate) validated_at: Duration,
    /// From here on one background fetch refreshes the set.
    pub(crate) soft_at: Duration,
    /// From here on the set is stale: used, and flagged.
    pub(crate) hard_at: Duration,
    /// From here on the set must not be used.
    pub(crate) dead_at: Duration,
}

impl Validity {
    /// `chance` in 0.0..1.0 places the refresh at 80 % of the lifetime ± 10 %.
    pub(crate) fn new(
        freshness: Freshness,
        settings: &JwksSettings,
        validated_at: Duration,
        chance: f64,
    ) -> Self {
        let lifetime = freshness.lifetime(settings);
        let hard_at = validated_at + lifetime;
        Self {
            validated_at,
            soft_at: validated_at
                + lifetime
                    .mul_f64(SOFT_SHARE * (1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0))),
            hard_at,
            dead_at: hard_at + settings.max_stale,
        }
    }

    pub(crate) fn phase(&self, now: Duration) -> Phase {
        if now < self.soft_at {
            Phase::Fresh
        } else if now < self.hard_at {
            Phase::Refreshing
        } else if now < self.dead_at {
            Phase::Stale
        } else {
            Phase::Expired
        }
    }
}

/// The states of a remote key set, after the first success.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    Fresh,
    Refreshing,
    Stale,
    Expired,
}

const SOFT_SHARE: f64 = 0.8;
const JITTER: f64 = 0.1;
