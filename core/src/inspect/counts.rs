//! What waits and what is held, counted.

use core::fmt;
use core::ops::AddAssign;

/// Everything of a shard that waits for something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Storage commands that the engine has not answered.
    pub tickets: usize,
    pub connections: usize,
    /// Requests whose answers have not left.
    pub requests: usize,
    /// Fetches of this shard's connections that wait for records.
    pub parked_fetches: usize,
    /// Watches that partitions of this shard keep for fetches of any shard.
    pub watches: usize,
    /// JoinGroups that wait for other members.
    pub parked_joins: usize,
    /// SyncGroups that wait for a leader.
    pub parked_syncs: usize,
    /// Appends of coordinators that are not durable.
    pub group_writes: usize,
    /// Answers of groups that wait for those.
    pub held_answers: usize,
    /// Questions that wait for a partition to open.
    pub opening: usize,
    /// Changes of the catalogue that wait for their turn.
    pub catalogue_waiting: usize,
    /// Questions of the administrator under way.
    pub inquiries: usize,
    pub timers: usize,
    pub fetch_sessions: usize,
    /// Partitions of all fetch sessions.
    pub session_partitions: usize,
    pub held: HeldBytes,
}

/// Bytes that connections keep alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldBytes {
    /// Reserved for frames that are not whole.
    pub partial: usize,
    /// Whole frames that have not begun.
    pub queued: usize,
    /// Frames of requests under way.
    pub in_flight: usize,
    /// Answers that peers have not taken.
    pub unsent: usize,
}

impl HeldBytes {
    /// All of them.
    pub fn total(&self) -> usize {
        self.partial + self.queued + self.in_flight + self.unsent
    }
}

impl AddAssign for HeldBytes {
    fn add_assign(&mut self, other: HeldBytes) {
        self.partial += other.partial;
        self.queued += other.queued;
        self.in_flight += other.in_flight;
        self.unsent += other.unsent;
    }
}

impl fmt::Display for HeldBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HeldBytes { partial, queued, in_flight, unsent } = self;
        write!(f, "bytes: partial {partial} queued {queued} in-flight {in_flight} unsent {unsent}")
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tickets {} connections {} requests {}", self.tickets, self.connections, self.requests)?;
        write!(f, " parked: fetches {} watches {}", self.parked_fetches, self.watches)?;
        write!(f, " joins {} syncs {}", self.parked_joins, self.parked_syncs)?;
        write!(f, "; group writes {} answers held {}", self.group_writes, self.held_answers)?;
        write!(f, "; waiting: opening {} catalogue {}", self.opening, self.catalogue_waiting)?;
        write!(f, " inquiries {}; timers {}", self.inquiries, self.timers)?;
        write!(f, "; sessions {} of {} partitions", self.fetch_sessions, self.session_partitions)?;
        write!(f, "; {}", self.held)
    }
}
