//! What is to be done at some time: data, so that it can be counted and looked at.

use alloc::collections::BTreeSet;
use alloc::string::String;
use core::time::Duration;

use kelpgate_core::ids::LogId;
use kelpgate_core::time::Instant;

/// Something whose time comes. A timer that comes too early or twice changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The publish stream may be opened again, or has been idle.
    Stream(LogId),
    /// Log files are to be looked at.
    Look(LogId),
    /// The state file is to be written.
    Save(LogId),
    /// The topic may be asked for again.
    Topic(String),
    /// A write-ahead file is to be written again.
    Group(u64),
    /// A write-ahead file may be removed.
    Linger,
    /// What predecessors left is to be read on.
    WalLoad,
    /// An opening goes on.
    Open(LogId),
    /// A read goes on.
    Read(u64),
    /// A removal goes on.
    Removal(LogId),
    /// A part of a replacement is to be written again.
    Part(LogId),
    /// Memory is short: brokers are made to write out.
    Pressure,
    /// Stopping has taken long enough.
    DrainOver,
}

/// Timers in the order of their times.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Instant, Due)>,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Instant, due: Due) {
        self.due.insert((at, due));
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The first whose time has come.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Due> {
        if self.next()? > now {
            return None;
        }
        self.due.pop_first().map(|(_, due)| due)
    }
}

/// How long to wait after so many failures in a row: twice as long after each, up to a limit.
pub(crate) fn pause(first: Duration, most: Duration, failures: u32) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(most)
}
