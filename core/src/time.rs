//! Time as the machine knows it: told from outside, never read.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A point of a clock that never goes back, in nanoseconds since an arbitrary start. Deadlines use it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Instant(pub u64);

/// Milliseconds since 1970 as records carry them. May jump either way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct WallTime(pub i64);

/// The two clocks at the moment of one input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// For deadlines.
    pub mono: Instant,
    /// For records.
    pub wall: WallTime,
}

/// What is to go on after a pause in which others have their turn is due this much later than now: all inputs of one turn
/// come with the same time, those of the next with a later one.
pub(crate) const NEXT_TURN: Duration = Duration::from_nanos(1);

impl Instant {
    /// The time from `earlier` to `self`; zero when `earlier` is later.
    pub fn saturating_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, by: Duration) -> Instant {
        Instant(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, by: Duration) -> Instant {
        Instant(self.0.saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}
