//! What shards of one node say to each other. Requests reach the owner of a partition by message even when the owner
//! is the shard that read them, so that one shard and many behave alike.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::catalogue::record::CatalogueRecord;
use crate::group::question::{GroupAnswer, GroupQuestion, Listing};
use crate::ids::{ConnId, LogId, ShardId, Ticket};
use crate::inquiry::CommittedOffset;
use crate::pieces::Pieces;
use crate::protocol::{ErrorCode, Str};
use crate::request::catalogue::{CatalogueAnswer, CatalogueQuestion};
use crate::storage::LogInfo;

/// One message between two shards; in order for each pair.
#[derive(Debug)]
pub enum ShardMessage {
    /// Please answer this with [`ShardMessage::Told`].
    Ask(AskRef, Question),
    /// The answer to an `Ask`.
    Told(AskRef, Answer),
    /// The answer to a coordinator's question, which never left its shard.
    CoordinatorTold { log: LogId, number: u64, answer: PartitionAnswer },
    /// Please answer this with [`ShardMessage::Found`]: part of a question of the node's administrator.
    Inquire { ticket: Ticket, part: u32, question: Question },
    /// The answer to an `Inquire`.
    Found { ticket: Ticket, part: u32, answer: Answer },
    /// The asker no longer waits for the answer to this (its client is gone, or was answered otherwise).
    Forget(AskRef, LogId),
    /// The whole catalogue as a snapshot: the first that a shard hears of it.
    Loaded { number: u64, image: Bytes },
    /// The catalogue has changed: apply these records and say so.
    Changed { number: u64, records: Arc<Vec<CatalogueRecord>> },
    /// The sender has applied the change of this number.
    Applied { number: u64 },
    /// The node is stopping and the sender has answered all its clients: it asks nothing any more.
    Quiet,
}

/// Names one question: echoed in the answer, so that the asker finds what it belongs to without a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AskRef {
    /// The connection whose request this is part of.
    pub conn: ConnId,
    /// Which request of that connection, counted from 0.
    pub request: u64,
    /// Which part of that request.
    pub part: u32,
}

/// Who asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Asker {
    /// Part of a request, at the shard that is home to it.
    Client { shard: ShardId, ask: AskRef },
    /// Part of a question of the node's administrator, at the shard that was asked.
    Inquiry { shard: ShardId, ticket: Ticket, part: u32 },
    /// The coordinator that keeps its records in this partition, which the same shard owns.
    Coordinator { log: LogId, number: u64 },
}

/// A question to the owner of something.
#[derive(Debug)]
pub enum Question {
    /// For the owner of a partition.
    Partition(LogId, PartitionQuestion),
    /// For the owner of the catalogue.
    Catalogue(CatalogueQuestion),
    /// Which logs does this shard keep, and how large are they?
    LogDirs,
    /// For the coordinator that keeps a group in `log`.
    Group { log: LogId, group: Str, question: Box<GroupQuestion> },
    /// Which groups does this shard coordinate?
    Groups,
    /// Which offsets have its groups committed?
    CommittedOffsets,
}

/// An answer; its kind follows from the question's.
#[derive(Debug)]
pub enum Answer {
    Partition(PartitionAnswer),
    Catalogue(CatalogueAnswer),
    LogDirs(Result<LogDirs, ErrorCode>),
    Group(Box<GroupAnswer>),
    Groups(Listing),
    CommittedOffsets(Result<Vec<CommittedOffset>, ErrorCode>),
}

/// The logs of one shard and the room on its volume.
#[derive(Debug, Default)]
pub struct LogDirs {
    pub logs: Vec<LogInfo>,
    pub total_bytes: i64,
    pub usable_bytes: i64,
}

/// What a partition can be asked.
#[derive(Debug)]
pub enum PartitionQuestion {
    /// Append these records as the client sent them.
    Produce {
        records: Bytes,
        /// Of the Produce request: decides message formats and codecs.
        version: i16,
        /// Answer only once the records are durable: `acks=all`. In internal topics they always are.
        durable: bool,
    },
    /// How much may be read from here?
    Probe(FetchPosition),
    /// As a probe, but answered only once the high watermark differs from the one known to the asker.
    Watch { position: FetchPosition, known_high_watermark: i64 },
    /// Give the batches that hold `from` and what follows below the high watermark, and below `until`: the high watermark
    /// that the reader is told, which may have moved on since.
    Collect { from: i64, until: i64, max_bytes: usize },
    /// Which offset belongs to this timestamp (or special value)?
    ListOffset { timestamp: i64, current_leader_epoch: i32 },
    /// Raise the log start; -1 means the high watermark.
    DeleteRecords { offset: i64 },
    /// Where does this leader epoch end?
    EpochEnd { leader_epoch: i32, current_leader_epoch: i32 },
    /// Who has been producing?
    Producers,
}

/// Where a reader stands in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPosition {
    pub fetch_offset: i64,
    pub max_bytes: i32,
    /// -1: do not check.
    pub current_leader_epoch: i32,
    /// -1: do not check for divergence (KIP-595).
    pub last_fetched_epoch: i32,
}

/// What a partition answers.
#[derive(Debug)]
pub enum PartitionAnswer {
    Produced(Result<Produced, ProduceRefusal>),
    Probed(Result<Probed, ErrorCode>),
    Collected(Result<Pieces, ErrorCode>),
    Offset(Result<FoundOffset, ErrorCode>),
    /// The new log start.
    RecordsDeleted(Result<i64, ErrorCode>),
    /// The epoch found and its end offset; both -1 when unknown.
    EpochEnd(Result<(i32, i64), ErrorCode>),
    Producers(Result<Vec<ActiveProducer>, ErrorCode>),
}

/// Records that were appended, or had been before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Produced {
    pub base_offset: i64,
    /// -1 unless the topic stamps append time.
    pub log_append_time: i64,
    pub log_start: i64,
}

/// Records that were not appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceRefusal {
    pub error: ErrorCode,
    pub message: Option<String>,
    /// The records at fault by their index in the batch, with a reason each (KIP-467).
    pub record_errors: Vec<(i32, String)>,
    /// -1 when unknown.
    pub log_start: i64,
}

impl From<ErrorCode> for ProduceRefusal {
    fn from(error: ErrorCode) -> ProduceRefusal {
        ProduceRefusal { error, message: None, record_errors: Vec::new(), log_start: -1 }
    }
}

/// A partition as a reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probed {
    pub high_watermark: i64,
    pub log_start: i64,
    pub found: Found,
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// At least these bytes can be read now, at most the partition's own maximum.
    Bytes(usize),
    /// The reader is at the end.
    Nothing,
    /// The reader's log is not ours past this point.
    Diverging { epoch: i32, end_offset: i64 },
}

/// The answer of ListOffsets for one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// -1 when there is none.
    pub offset: i64,
    pub timestamp: i64,
    pub leader_epoch: i32,
}

/// One line of DescribeProducers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub last_sequence: i32,
    pub last_timestamp: i64,
}
