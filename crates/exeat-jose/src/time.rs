use std::{fmt, sync::Arc, time::Duration};
#[cfg(not(all(target_os = "linux", not(miri))))]
use std::{sync::LazyLock, time::Instant};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// RFC 7519 §2 `NumericDate`: whole seconds since 1970-01-01T00:00:00Z.
///
/// Read from JSON it is a number from 0 to [`NumericDate::MAX_READ`]; a fraction is accepted and cut off (RFC 7519 allows it, some
/// issuers send it), which moves `exp` less than a second earlier and `nbf` and `iat` less than a second earlier too.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NumericDate(u64);

impl NumericDate {
    /// 9999-12-31T23:59:59Z, the latest date a token may name. Beyond it lie milliseconds mistaken for seconds.
    pub const MAX_READ: Self = Self(253_402_300_799);

    /// From whole seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// As whole seconds.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// Later by the whole seconds of `duration`.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }

    /// Earlier by the whole seconds of `duration`.
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration.as_secs()))
    }

    /// The time from `earlier` to this date; zero when `earlier` is later.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

impl Serialize for NumericDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(NumericDateVisitor)
    }
}

struct NumericDateVisitor;

impl de::Visitor<'_> for NumericDateVisitor {
    type Value = NumericDate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds since 1970, from 0 to 253402300799")
    }

    fn visit_u64<E: de::Error>(self, secs: u64) -> Result<NumericDate, E> {
        let date = NumericDate(secs);
        if date <= NumericDate::MAX_READ {
            Ok(date)
        } else {
            Err(E::invalid_value(de::Unexpected::Unsigned(secs), &self))
        }
    }

    fn visit_f64<E: de::Error>(self, secs: f64) -> Result<NumericDate, E> {
        const END: f64 = 253_402_300_800.0;
        if !secs.is_sign_negative() && secs < END {
            #[expect(
                clippy::as_conversions,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range was checked, and cutting off the fraction is the rule"
            )]
            let whole = secs as u64;
            Ok(NumericDate(whole))
        } else {
            Err(E::invalid_value(de::Unexpected::Float(secs), &self))
        }
    }
}

/// Where drivers get the time from; pure code takes `now` as an argument.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> NumericDate;

    /// The time since an arbitrary fixed point of this process; never goes back. It should go on while the machine sleeps: keys age by it.
    fn monotonic(&self) -> Duration;
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> NumericDate {
        (**self).now()
    }

    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }
}

/// The operating system's clock: the one place in the workspace that reads it.
///
/// On Linux [`Clock::monotonic`] counts the time that the machine was suspended (`CLOCK_BOOTTIME`). On other systems it may stand still
/// meanwhile, and a key set then lives longer than its bound by the time slept.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> NumericDate {
        // A clock set before 1970 reads as 1970, where every token is not valid yet.
        NumericDate(wall_clock_secs().unwrap_or_default())
    }

    #[cfg(all(target_os = "linux", not(miri)))]
    fn monotonic(&self) -> Duration {
        // Since boot, and never negative.
        Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::Boottime))
            .unwrap_or_default()
    }

    #[cfg(not(all(target_os = "linux", not(miri))))]
    fn monotonic(&self) -> Duration {
        /// Fixed once, so that every `SystemClock` of the process counts from the same point.
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock that the others ask"
        )]
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

/// The kernel's own copy of the time, a few milliseconds old: whole seconds are wanted, and it is read four times as fast.
#[cfg(target_os = "linux")]
fn wall_clock_secs() -> Option<u64> {
    use rustix::time::{ClockId, clock_gettime};
    u64::try_from(clock_gettime(ClockId::RealtimeCoarse).tv_sec).ok()
}

#[cfg(not(target_os = "linux"))]
fn wall_clock_secs() -> Option<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that the others ask"
    )]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.ok().map(|since| since.as_secs())
}

#[cfg(test)]
mod tests;
