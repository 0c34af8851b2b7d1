//! Incremental fetch sessions (KIP-227; `FetchManager`, `FetchContext`, `FetchSessionCacheShard`): the partitions a
//! reader follows are kept here between its requests, so that it sends and is sent only what has changed.
//!
//! A request first becomes a [`Resolved`] list of targets, in the order in which their records are to be fetched. When all
//! of them are answered, [`SessionCache::answer`] says which go into the response and under which session id. Refusing a
//! session is always legal (id 0): a full cache costs bytes on the wire, nothing else.
//!
//! Followers are not served, so Kafka's rule that they push out consumers has no part here. That a partition's topic id
//! differs from the session's (INCONSISTENT_TOPIC_ID, 103) cannot happen: partitions are looked up by id, and an id
//! that is gone is UNKNOWN_TOPIC_ID (100) for that partition. A topic made anew has a new id and is another partition.

mod cached;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::time::Duration;

use cached::Session;

use crate::time::Instant;
use crate::uuid::Uuid;

/// A session unused for longer may be pushed out by any other; younger ones are not pushed out by larger ones
/// (`MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`).
pub const EVICTION_AGE: Duration = Duration::from_secs(120);

/// No session (`FetchMetadata.INVALID_SESSION_ID`).
pub const NO_SESSION: i32 = 0;

const INITIAL_EPOCH: i32 = 0;
const FINAL_EPOCH: i32 = -1;

/// Names one partition as its reader does: by topic name before Fetch v13 (the id is zero), by topic id from then on (the
/// name is empty).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PartitionName {
    pub topic_id: Uuid,
    pub topic: Arc<str>,
    pub partition: i32,
}

/// A partition to be read, and from where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    pub name: PartitionName,
    pub fetch_offset: i64,
    pub max_bytes: i32,
    /// -1: not to be checked.
    pub current_leader_epoch: i32,
    /// -1: not to be checked.
    pub last_fetched_epoch: i32,
}

/// The part of a Fetch request that concerns sessions. Before v7 there is none: id 0 and epoch -1.
#[derive(Clone, Debug)]
pub struct SessionRequest {
    pub session_id: i32,
    pub session_epoch: i32,
    /// Topics are named by id (v13 and up).
    pub by_id: bool,
    /// A partition named twice is read as it was named last.
    pub targets: Vec<Target>,
    pub forgotten: Vec<PartitionName>,
}

/// The whole request is refused: the answer has this error, no partition, and session id 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// FETCH_SESSION_ID_NOT_FOUND (70): closed, pushed out, or never there. The reader starts a new one.
    #[error("no fetch session {0}")]
    NotFound(i32),
    /// INVALID_FETCH_SESSION_EPOCH (71): a request was lost or came twice.
    #[error("fetch session {id} is at epoch {expected}, not {sent}")]
    WrongEpoch { id: i32, expected: i32, sent: i32 },
    /// FETCH_SESSION_TOPIC_ID_ERROR (106): the session names topics the other way.
    #[error("fetch session {0} mixes topic names and topic ids")]
    MixedTopicIds(i32),
}

/// What is to be read.
#[derive(Debug)]
pub struct Resolved {
    pub kind: Kind,
    /// Topics are named by id.
    pub by_id: bool,
    /// In the order in which bytes are to be given out.
    pub targets: Vec<Target>,
}

/// How the answer relates to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It does not.
    Sessionless,
    /// It begins one, if there is room.
    Full,
    /// It is a step of this one, with the epoch that the next request must have.
    Incremental { session_id: i32, next_epoch: i32 },
}

/// What was found out about one target.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    pub target: &'a Target,
    pub has_records: bool,
    /// -1 with an error.
    pub high_watermark: i64,
    /// -1 with an error.
    pub log_start: i64,
    pub has_error: bool,
    /// The answer tells the reader where its history diverges (KIP-595).
    pub is_diverging: bool,
}

/// What the response says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionAnswer {
    /// 0 for no session.
    pub session_id: i32,
    /// For each answered target whether it goes into the response; or an error for the whole, without partitions.
    pub included: Result<Vec<bool>, SessionError>,
}

/// The sessions of one shard.
///
/// Memory: about 300 bytes for each cached partition, and at most `max_partitions` of them.
#[derive(Debug)]
pub struct SessionCache {
    slots: usize,
    max_partitions: usize,
    ids: RangeInclusive<i32>,
    sessions: BTreeMap<i32, Session>,
    /// By when they were last used.
    last_used: BTreeSet<(Instant, i32)>,
    /// By size: those old enough to be pushed out by a larger one.
    evictable: BTreeSet<(usize, i32)>,
    partitions: usize,
    evictions: u64,
}

impl SessionCache {
    /// A cache of at most `slots` sessions (`max.incremental.fetch.session.cache.slots`; with several shards, this
    /// one's part) and `max_partitions` partitions. Session ids are drawn from `ids`, which must be positive and more
    /// than there are slots; shards of a node have ranges of their own, so that an id is never taken for another's.
    pub fn new(slots: usize, max_partitions: usize, ids: RangeInclusive<i32>) -> SessionCache {
        let room = usize::try_from(ids.end().saturating_sub(*ids.start())).unwrap_or(0);
        assert!(*ids.start() > NO_SESSION && room >= slots, "{ids:?} is no range for {slots} sessions");
        SessionCache {
            slots,
            max_partitions,
            ids,
            sessions: BTreeMap::new(),
            last_used: BTreeSet::new(),
            evictable: BTreeSet::new(),
            partitions: 0,
            evictions: 0,
        }
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// How many partitions all sessions hold.
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    /// How many sessions were pushed out by others.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Asserts what must hold after each step; the cost is that of looking at all sessions.
    pub fn check_invariants(&self) {
        let total: usize = self.sessions.values().map(Session::len).sum();
        assert!(total == self.partitions && total <= self.max_partitions, "{total} partitions");
        assert!(self.sessions.len() <= self.slots && self.sessions.len() == self.last_used.len());
        for (id, session) in &self.sessions {
            assert!(self.ids.contains(id) && session.epoch > 0, "session {id} at epoch {}", session.epoch);
            assert!(self.last_used.contains(&(session.last_used, *id)), "session {id} is in order of use");
        }
        for (size, id) in &self.evictable {
            let found = self.sessions.get(id).is_some_and(|session| session.len() == *size);
            assert!(found, "session {id} is listed with {size} partitions");
        }
    }

    /// Finds out what a request wants read (`FetchManager.newContext`).
    pub fn resolve(&mut self, now: Instant, request: SessionRequest) -> Result<Resolved, SessionError> {
        let SessionRequest { session_id, session_epoch, by_id, targets, forgotten } = request;
        let targets = without_repeats(targets);
        match session_epoch {
            INITIAL_EPOCH | FINAL_EPOCH => {
                // A full request closes the session that it names.
                self.remove(session_id);
                let kind = if session_epoch == FINAL_EPOCH { Kind::Sessionless } else { Kind::Full };
                Ok(Resolved { kind, by_id, targets })
            }
            sent => {
                let session = self.sessions.get(&session_id).ok_or(SessionError::NotFound(session_id))?;
                if session.epoch != sent {
                    return Err(SessionError::WrongEpoch { id: session_id, expected: session.epoch, sent });
                }
                if session.by_id != by_id {
                    return Err(SessionError::MixedTopicIds(session_id));
                }
                self.step(now, session_id, targets, &forgotten)
            }
        }
    }

    /// Applies the changes of an incremental request.
    fn step(
        &mut self,
        now: Instant,
        session_id: i32,
        targets: Vec<Target>,
        forgotten: &[PartitionName],
    ) -> Result<Resolved, SessionError> {
        let mut session = self.take(session_id).ok_or(SessionError::NotFound(session_id))?;
        targets.iter().for_each(|target| session.update(target));
        forgotten.iter().for_each(|name| session.forget(name));
        let by_id = session.by_id;
        if session.is_empty() {
            return Ok(Resolved { kind: Kind::Sessionless, by_id, targets });
        }
        if self.partitions + session.len() > self.max_partitions {
            // It has outgrown the cache. Its reader starts over and is served without a session.
            self.evictions += 1;
            return Err(SessionError::NotFound(session_id));
        }
        session.epoch = next_epoch(session.epoch);
        session.last_used = now;
        let kind = Kind::Incremental { session_id, next_epoch: session.epoch };
        let targets = session.targets().cloned().collect();
        self.put(now, session_id, session);
        Ok(Resolved { kind, by_id, targets })
    }

    /// Decides what the response to a resolved request holds, and remembers what it says. `answered` has one entry for
    /// each target, in order. `draw` gives uniform random numbers.
    pub fn answer(
        &mut self,
        now: Instant,
        draw: impl FnMut() -> u32,
        resolved: &Resolved,
        answered: &[Answered<'_>],
    ) -> SessionAnswer {
        let all = || Ok(answered.iter().map(|_| true).collect());
        match resolved.kind {
            Kind::Sessionless => SessionAnswer { session_id: NO_SESSION, included: all() },
            Kind::Full => {
                let session_id = self.create(now, draw, resolved.by_id, answered);
                SessionAnswer { session_id, included: all() }
            }
            Kind::Incremental { session_id, next_epoch } => {
                let included = match self.sessions.get_mut(&session_id) {
                    Some(session) if session.epoch == next_epoch => {
                        Ok(answered.iter().map(|answer| session.answer(answer)).collect())
                    }
                    // Another request of the same session overtook this one.
                    Some(session) => Err(SessionError::WrongEpoch {
                        id: session_id,
                        expected: session.epoch,
                        sent: next_epoch,
                    }),
                    // Closed or pushed out meanwhile: what was read is still right, the next request learns of it.
                    None => all(),
                };
                SessionAnswer { session_id, included }
            }
        }
    }

    /// Begins a session, if there is room or some can be made; gives its id, else 0.
    fn create(
        &mut self,
        now: Instant,
        mut draw: impl FnMut() -> u32,
        by_id: bool,
        answered: &[Answered<'_>],
    ) -> i32 {
        if !self.fits(answered.len()) && answered.len() <= self.max_partitions {
            self.evict(now, answered.len());
        }
        if !self.fits(answered.len()) {
            return NO_SESSION;
        }
        let span = self.ids.end().abs_diff(*self.ids.start()) + 1;
        let mut step = draw() % span;
        let id = loop {
            let id = self.ids.start().saturating_add_unsigned(step);
            if !self.sessions.contains_key(&id) {
                break id;
            }
            step = (step + 1) % span;
        };
        self.put(now, id, Session::new(now, by_id, next_epoch(INITIAL_EPOCH), answered));
        id
    }

    fn fits(&self, size: usize) -> bool {
        self.sessions.len() < self.slots && self.partitions + size <= self.max_partitions
    }

    /// Pushes out one session for a new one of `size` partitions (`FetchSessionCacheShard.tryEvict`): the one longest
    /// unused if that is long enough, else the smallest of those old enough, if it is smaller than the new one.
    fn evict(&mut self, now: Instant, size: usize) {
        let is_stale = |used: Instant| now.saturating_since(used) > EVICTION_AGE;
        let stale = self.last_used.first().and_then(|(used, id)| is_stale(*used).then_some(*id));
        let smaller = self.evictable.first().and_then(|(other, id)| (*other < size).then_some(*id));
        if let Some(id) = stale.or(smaller) {
            self.remove(id);
            self.evictions += 1;
        }
    }

    fn remove(&mut self, id: i32) {
        drop(self.take(id));
    }

    /// Takes a session out of every index; [`SessionCache::put`] brings it back.
    fn take(&mut self, id: i32) -> Option<Session> {
        let session = self.sessions.remove(&id)?;
        self.last_used.remove(&(session.last_used, id));
        self.evictable.remove(&(session.len(), id));
        self.partitions -= session.len();
        Some(session)
    }

    fn put(&mut self, now: Instant, id: i32, session: Session) {
        self.last_used.insert((session.last_used, id));
        if now.saturating_since(session.created) > EVICTION_AGE {
            self.evictable.insert((session.len(), id));
        }
        self.partitions += session.len();
        self.sessions.insert(id, session);
    }
}

/// The epoch after this one: 1 follows the greatest (`FetchMetadata.nextEpoch`).
fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

/// Keeps the first place and the last values of a partition named more than once.
fn without_repeats(targets: Vec<Target>) -> Vec<Target> {
    let mut places: BTreeMap<PartitionName, usize> = BTreeMap::new();
    let mut kept: Vec<Target> = Vec::with_capacity(targets.len());
    for target in targets {
        match places.get(&target.name).and_then(|place| kept.get_mut(*place)) {
            Some(earlier) => *earlier = target,
            None => {
                places.insert(target.name.clone(), kept.len());
                kept.push(target);
            }
        }
    }
    kept
}

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;
