use std::time::{Duration, Instant as SystemInstant, SystemTime, UNIX_EPOCH};

use kelpgate_shard::{Instant, Now, WallTime};

/// The two clocks, with one start for all shards of a node so that their instants compare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: SystemInstant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { start: SystemInstant::now() }
    }

    pub(crate) fn now(self) -> Now {
        Now { mono: self.mono(), wall: wall() }
    }

    fn mono(self) -> Instant {
        Instant(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The system's name for an instant, to wait for. One too far for the system to name is centuries away.
    pub(crate) fn at(self, instant: Instant) -> Option<SystemInstant> {
        self.start.checked_add(Duration::from_nanos(instant.0))
    }
}

/// A clock set before 1970 counts backwards, as Java's does.
fn wall() -> WallTime {
    let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    };
    WallTime(millis)
}
