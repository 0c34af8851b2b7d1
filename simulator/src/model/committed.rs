//! Committed offsets: each is a register that several may write at once, and what is read must be a value that nobody
//! has overwritten for certain.

use std::collections::{BTreeMap, BTreeSet};

use kelpgate_core::protocol::ErrorCode;
use kelpgate_core::protocol::Str;
use kelpgate_core::protocol::offset_commit::{OffsetCommitRequest, OffsetCommitResponse};
use kelpgate_core::protocol::offset_fetch::{OffsetFetchRequest, OffsetFetchResponse};

use super::Verdict;
use super::topics::Topics;

/// A moment, by how much had been asked and answered before.
pub type Moment = u64;

/// No offset.
const NONE: i64 = -1;
/// Writes of one register before those are forgotten that nobody can read any more.
const MANY: usize = 24;

/// Which offset: of a group, for a partition of a topic.
type Name = (Str, Str, i32);

/// The committed offsets of a node.
#[derive(Debug, Default)]
pub struct Committed {
    registers: BTreeMap<Name, Vec<Write>>,
    /// Reads under way, by when they were asked for.
    reads: BTreeSet<Moment>,
    /// Offsets of groups without members go after a while.
    pub expire: bool,
    /// Before that, anything may have happened: the power went, and commits need not survive that.
    unknown_before: Option<Moment>,
}

/// A commit, from when it was sent to when its effect is certain, or that it had none any more.
#[derive(Debug)]
struct Write {
    op: Moment,
    offset: i64,
    asked: Moment,
    /// None as long as it may still happen.
    ended: Option<Moment>,
    acknowledged: bool,
}

/// An OffsetCommit or OffsetFetch under way, by the moment it was asked at.
#[derive(Debug)]
pub struct Asked {
    at: Moment,
    group: Str,
}

impl Committed {
    /// A commit is sent.
    pub fn commits(&mut self, topics: &Topics, at: Moment, request: &OffsetCommitRequest) -> Asked {
        for topic in &request.topics {
            let Some(name) = topics.resolve(&topic.name, topic.topic_id) else { continue };
            for one in &topic.partitions {
                let register = (request.group_id.clone(), name.clone(), one.partition_index);
                self.write(register, at, one.committed_offset);
            }
        }
        Asked { at, group: request.group_id.clone() }
    }

    fn write(&mut self, register: Name, at: Moment, offset: i64) {
        let write = Write { op: at, offset, asked: at, ended: None, acknowledged: false };
        let oldest = self.reads.first().copied().unwrap_or(at);
        let writes = self.registers.entry(register).or_default();
        if writes.len() >= MANY {
            let gone: Vec<Moment> =
                writes.iter().filter(|one| is_overwritten(one, writes, oldest)).map(|one| one.op).collect();
            writes.retain(|one| !gone.contains(&one.op));
        }
        writes.push(write);
    }

    /// A commit is answered.
    pub fn committed(&mut self, topics: &Topics, asked: &Asked, at: Moment, response: &OffsetCommitResponse) {
        for topic in &response.topics {
            let Some(name) = topics.resolve(&topic.name, topic.topic_id) else { continue };
            for one in &topic.partitions {
                let register = (asked.group.clone(), name.clone(), one.partition_index);
                let Some(writes) = self.registers.get_mut(&register) else { continue };
                match one.error_code {
                    ErrorCode::NONE => {
                        for write in writes.iter_mut().filter(|write| write.op == asked.at) {
                            (write.ended, write.acknowledged) = (Some(at), true);
                        }
                    }
                    error if did_not_happen(error) => writes.retain(|write| write.op != asked.at),
                    _ => {}
                }
            }
        }
    }

    /// Offsets are asked for.
    pub fn reads(&mut self, at: Moment) -> Asked {
        self.reads.insert(at);
        Asked { at, group: Str::default() }
    }

    /// A read will not be answered.
    pub fn gave_up(&mut self, asked: &Asked) {
        self.reads.remove(&asked.at);
    }

    /// Compares offsets that were read.
    pub fn read(
        &mut self,
        topics: &Topics,
        asked: &Asked,
        request: &OffsetFetchRequest,
        response: &OffsetFetchResponse,
    ) -> Verdict {
        self.reads.remove(&asked.at);
        for topic in &response.topics {
            for one in topic.partitions.iter().filter(|one| one.error_code == ErrorCode::NONE) {
                let register = (request.group_id.clone(), topic.name.clone(), one.partition_index);
                self.may_be(&register, one.committed_offset, asked.at)?;
            }
        }
        for group in response.groups.iter().filter(|group| group.error_code == ErrorCode::NONE) {
            for topic in &group.topics {
                let Some(name) = topics.resolve(&topic.name, topic.topic_id) else { continue };
                for one in topic.partitions.iter().filter(|one| one.error_code == ErrorCode::NONE) {
                    let register = (group.group_id.clone(), name.clone(), one.partition_index);
                    self.may_be(&register, one.committed_offset, asked.at)?;
                }
            }
        }
        Ok(())
    }

    /// Whether a read that began at `asked` may find this offset.
    ///
    /// # Errors
    /// When it was overwritten, or never committed.
    pub fn may_be(&self, register: &Name, offset: i64, asked: Moment) -> Verdict {
        let writes = self.registers.get(register).map(Vec::as_slice).unwrap_or_default();
        let lasting = |write: &&Write| {
            write.acknowledged && write.ended.is_some_and(|ended| ended < asked) && !self.is_forgotten(write)
        };
        let allowed = match offset {
            NONE => self.expire || !writes.iter().any(|write| lasting(&write)),
            _ => false,
        };
        let written =
            writes.iter().any(|write| write.offset == offset && !is_overwritten(write, writes, asked));
        if allowed || written {
            return Ok(());
        }
        let (group, topic, partition) = register;
        let known: Vec<String> = writes
            .iter()
            .filter(|write| !is_overwritten(write, writes, asked))
            .map(|write| format!("{}{}", write.offset, if write.acknowledged { " for certain" } else { "" }))
            .collect();
        Err(format!(
            "group {group} has {offset} for {topic}-{partition}; committed were: {}",
            known.join(", ")
        ))
    }

    /// Each offset that is there for certain was told, or has a reason not to be.
    pub fn none_is_missing(&self, now: Moment, was_told: impl Fn(&Name) -> bool) -> Verdict {
        let mut untold = self.registers.keys().filter(|register| !was_told(register));
        untold.try_for_each(|register| self.may_be(register, NONE, now))
    }

    fn is_forgotten(&self, write: &Write) -> bool {
        self.unknown_before.is_some_and(|moment| write.ended.is_none_or(|ended| ended < moment))
    }

    /// The node's process is gone: what had not happened will not. `keeps`: what was acknowledged is still there.
    pub fn went_down(&mut self, at: Moment, keeps: bool) {
        for write in self.registers.values_mut().flatten() {
            write.ended.get_or_insert(at);
            if !keeps {
                // Any earlier state may be back.
                (write.ended, write.acknowledged) = (None, false);
            }
        }
        if !keeps {
            self.unknown_before = Some(at);
        }
    }

    /// Offsets of a group, of one topic or all, may be deleted from now on.
    pub fn may_be_deleted(&mut self, at: Moment, concerns: impl Fn(&Str, &Str) -> bool) {
        let names: Vec<Name> =
            self.registers.keys().filter(|(group, topic, _)| concerns(group, topic)).cloned().collect();
        for name in names {
            self.write(name, at, NONE);
        }
    }
}

/// Whether a read that begins at `asked` cannot find a write, because another came after it for certain.
fn is_overwritten(write: &Write, writes: &[Write], asked: Moment) -> bool {
    let Some(ended) = write.ended else { return false };
    writes.iter().any(|later| {
        later.acknowledged && later.asked > ended && later.ended.is_some_and(|ended| ended < asked)
    })
}

/// Errors after which a commit will not happen.
fn did_not_happen(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::ILLEGAL_GENERATION
            | ErrorCode::UNKNOWN_MEMBER_ID
            | ErrorCode::STALE_MEMBER_EPOCH
            | ErrorCode::FENCED_MEMBER_EPOCH
            | ErrorCode::FENCED_INSTANCE_ID
            | ErrorCode::REBALANCE_IN_PROGRESS
            | ErrorCode::GROUP_ID_NOT_FOUND
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::UNKNOWN_TOPIC_ID
            | ErrorCode::OFFSET_METADATA_TOO_LARGE
            | ErrorCode::INVALID_GROUP_ID
            | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Name {
        ("g".into(), "t".into(), 0)
    }

    fn with(writes: &[(i64, Moment, Option<Moment>, bool)]) -> Committed {
        let writes = writes.iter().map(|(offset, asked, ended, acknowledged)| Write {
            op: *asked,
            offset: *offset,
            asked: *asked,
            ended: *ended,
            acknowledged: *acknowledged,
        });
        Committed { registers: BTreeMap::from([(name(), writes.collect())]), ..Committed::default() }
    }

    #[test]
    fn an_acknowledged_commit_is_read_until_another_one_may_have_happened() {
        let committed = with(&[(5, 1, Some(2), true), (9, 3, None, false)]);
        assert_eq!(committed.may_be(&name(), 5, 4), Ok(()));
        assert_eq!(committed.may_be(&name(), 9, 4), Ok(()));
        assert!(committed.may_be(&name(), -1, 4).is_err());
        assert!(committed.may_be(&name(), 7, 4).is_err());
    }

    #[test]
    fn an_overwritten_commit_is_read_only_by_who_asked_before() {
        let committed = with(&[(5, 1, Some(2), true), (9, 3, Some(6), true)]);
        assert_eq!(committed.may_be(&name(), 5, 4), Ok(()));
        assert!(committed.may_be(&name(), 5, 7).is_err());
        assert_eq!(committed.may_be(&name(), 9, 7), Ok(()));
    }

    #[test]
    fn a_commit_without_an_answer_happens_before_the_process_ends_or_never() {
        let mut committed = with(&[(5, 1, None, false), (9, 2, Some(3), true)]);
        assert_eq!(committed.may_be(&name(), 5, 4), Ok(()));
        committed.went_down(4, true);
        committed.registers.values_mut().for_each(|writes| {
            writes.push(Write { op: 5, offset: 12, asked: 5, ended: Some(6), acknowledged: true });
        });
        assert!(committed.may_be(&name(), 5, 7).is_err());
        assert_eq!(committed.may_be(&name(), 12, 7), Ok(()));
    }
}
