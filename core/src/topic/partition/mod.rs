//! One partition at its owner: what it may do, what waits for it, and where it stands.
//!
//! A partition is opened when it is first asked for something: the engine tells where the log starts and ends, and
//! the batches after the newest snapshot are read back to rebuild producers and leader epochs. Questions that come
//! meanwhile wait, in order.

mod fetch;
mod look;
mod offsets;
mod open;
mod produce;
pub mod ready;

use alloc::collections::VecDeque;

pub use fetch::Watch;
pub use ready::{Ready, answer_without_state};

use crate::ids::LogId;
use crate::machine::Level;
use crate::owner::Owner;
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::{Answer, Asker, PartitionAnswer, PartitionQuestion, ProduceRefusal};
use crate::storage::{StorageCommand, StorageError, StorageReply};

/// Questions that may wait while a partition opens; more are refused with a retriable code.
const WAITING_MAX: usize = 1024;

/// The batches a replay reads at a time.
const REPLAY_BYTES: usize = 1024 * 1024;

/// A partition of which this shard is the owner.
#[derive(Debug)]
pub struct Partition {
    log: LogId,
    topic: Str,
    phase: Phase,
}

/// What a partition is doing.
#[derive(Debug)]
enum Phase {
    /// The engine is finding out, or batches are read back.
    Opening { waiting: VecDeque<(Asker, PartitionQuestion)>, replay: Option<ready::Ready> },
    /// Serving.
    Ready(ready::Ready),
    /// The engine could not open it, for a reason that may pass: the next question tries again.
    Closed,
    /// A stored batch cannot be understood: nothing is served until a restart. Named in the log.
    Fenced,
}

/// What a partition asked its engine for.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    Open,
    Replay {
        from: i64,
    },
    Append {
        base_offset: i64,
    },
    Collect(Asker),
    FindTime {
        asker: Asker,
        timestamp: i64,
    },
    FindMaxTime {
        asker: Asker,
    },
    /// With nobody to tell when retention asked.
    Trim {
        asker: Option<Asker>,
        start: i64,
    },
    Snapshot {
        offset: i64,
    },
}

impl Partition {
    /// A partition whose engine has just been asked to open it.
    pub fn open(log: LogId, topic: Str, owner: &mut Owner<'_>) -> Partition {
        let partition =
            Partition { log, topic, phase: Phase::Opening { waiting: VecDeque::new(), replay: None } };
        partition.ask_to_open(owner);
        partition
    }

    fn ask_to_open(&self, owner: &mut Owner<'_>) {
        let known = owner.image.topic_by_id(self.log.topic).map(|topic| topic.partitions);
        // A topic that is being deleted may be unknown by now: it had this partition at least.
        let partitions = known.unwrap_or(self.log.partition.saturating_add(1));
        let open = StorageCommand::Open { log: self.log, topic: self.topic.clone(), partitions };
        owner.store(self.log, Wait::Open, open);
    }

    /// Takes a question; its answer goes out now or later, once.
    pub fn ask(&mut self, owner: &mut Owner<'_>, asker: Asker, question: PartitionQuestion) {
        match &mut self.phase {
            Phase::Opening { waiting, .. } if waiting.len() < WAITING_MAX => {
                waiting.push_back((asker, question))
            }
            Phase::Opening { .. } => refuse(owner, asker, &question, ErrorCode::KAFKA_STORAGE_ERROR),
            Phase::Fenced => refuse(owner, asker, &question, ErrorCode::KAFKA_STORAGE_ERROR),
            Phase::Closed => {
                let waiting = VecDeque::from([(asker, question)]);
                self.phase = Phase::Opening { waiting, replay: None };
                self.ask_to_open(owner);
            }
            Phase::Ready(ready) => {
                ready.ask(owner, asker, question);
                self.reopen_if_failed(owner);
                self.check_touched();
            }
        }
    }

    /// Takes the engine's answer.
    pub fn stored(&mut self, owner: &mut Owner<'_>, wait: Wait, outcome: Result<StorageReply, StorageError>) {
        match wait {
            Wait::Open => self.opened(owner, outcome),
            Wait::Replay { from } => self.replayed(owner, from, outcome),
            Wait::Append { .. }
            | Wait::Collect(_)
            | Wait::FindTime { .. }
            | Wait::FindMaxTime { .. }
            | Wait::Trim { .. }
            | Wait::Snapshot { .. } => {
                // Late answers of a log that is being opened again concern nobody but those who asked.
                if let Phase::Ready(ready) = &mut self.phase {
                    ready.stored(owner, wait, outcome);
                } else {
                    ready::answer_without_state(owner, wait, outcome);
                }
                self.reopen_if_failed(owner);
                self.check_touched();
            }
        }
    }

    /// The asker no longer waits.
    pub fn forget(&mut self, asker: Asker) {
        match &mut self.phase {
            Phase::Opening { waiting, .. } => waiting.retain(|(other, question)| {
                *other != asker || !matches!(question, PartitionQuestion::Watch { .. })
            }),
            Phase::Ready(ready) => ready.forget(asker),
            Phase::Closed | Phase::Fenced => {}
        }
    }

    /// The state, when the partition is serving.
    pub fn ready(&mut self) -> Option<&mut ready::Ready> {
        match &mut self.phase {
            Phase::Ready(ready) => Some(ready),
            Phase::Opening { .. } | Phase::Closed | Phase::Fenced => None,
        }
    }

    /// The topic is gone: everybody who waits is told.
    pub fn deleted(self, owner: &mut Owner<'_>) {
        match self.phase {
            Phase::Opening { waiting, .. } => {
                for (asker, question) in waiting {
                    refuse(owner, asker, &question, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
                }
            }
            Phase::Ready(ready) => ready.deleted(owner),
            Phase::Closed | Phase::Fenced => {}
        }
    }

    /// After a failed append the engine takes nothing more until the log is opened again (see `storage`). That is done
    /// once every append under way has its answer, so that what is read back is what there is.
    fn reopen_if_failed(&mut self, owner: &mut Owner<'_>) {
        if let Phase::Ready(ready) = &mut self.phase
            && ready.failed
            && ready.in_flight.is_empty()
        {
            let watches = ready.take_watches();
            let waiting = watches.into_iter().map(Watch::into_question).collect();
            self.phase = Phase::Opening { waiting, replay: None };
            self.ask_to_open(owner);
        }
    }

    /// A stored batch cannot be understood.
    fn fence(&mut self, owner: &mut Owner<'_>, why: &dyn core::fmt::Display) {
        owner.note(Level::Error, alloc::format!("partition {} is fenced: {why}", self.log));
        self.give_up(owner, Phase::Fenced);
    }

    /// The engine could not open or read the log for now.
    fn close_for_now(&mut self, owner: &mut Owner<'_>, error: &StorageError) {
        owner.note(Level::Warn, alloc::format!("partition {} cannot be opened now: {error}", self.log));
        self.give_up(owner, Phase::Closed);
    }

    fn give_up(&mut self, owner: &mut Owner<'_>, phase: Phase) {
        if let Phase::Opening { waiting, .. } = core::mem::replace(&mut self.phase, phase) {
            for (asker, question) in waiting {
                refuse(owner, asker, &question, ErrorCode::KAFKA_STORAGE_ERROR);
            }
        }
    }
}

/// Answers a question with an error, in the form that its asker expects.
pub fn refuse(owner: &mut Owner<'_>, asker: Asker, question: &PartitionQuestion, error: ErrorCode) {
    let answer = match question {
        PartitionQuestion::Produce { .. } => PartitionAnswer::Produced(Err(ProduceRefusal::from(error))),
        PartitionQuestion::Probe(_) | PartitionQuestion::Watch { .. } => PartitionAnswer::Probed(Err(error)),
        PartitionQuestion::Collect { .. } => PartitionAnswer::Collected(Err(error)),
        PartitionQuestion::ListOffset { .. } => PartitionAnswer::Offset(Err(error)),
        PartitionQuestion::DeleteRecords { .. } => PartitionAnswer::RecordsDeleted(Err(error)),
        PartitionQuestion::EpochEnd { .. } => PartitionAnswer::EpochEnd(Err(error)),
        PartitionQuestion::Producers => PartitionAnswer::Producers(Err(error)),
    };
    owner.tell(asker, Answer::Partition(answer));
}
