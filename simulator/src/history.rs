//! What clients saw, in the order they saw it: the only thing that checkers of promises go by.

use kelpgate_core::protocol::{ErrorCode, Str};

use crate::network::LinkId;
use crate::node::NodeId;
use crate::payload::Value;

/// Which client, counted from 0.
pub type ClientId = usize;

/// A partition of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub node: NodeId,
    pub topic: Str,
    pub partition: i32,
}

impl Place {
    /// Whether it is a partition of this topic.
    pub fn is_of(&self, node: NodeId, topic: &Str) -> bool {
        self.node == node && self.topic == *topic
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}-{}", self.node, self.topic, self.partition)
    }
}

/// One thing a client wanted done, through all its retries; unique in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Op(pub u64);

/// How an operation ended, as its client knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    Done(T),
    /// It certainly did not happen.
    Refused(ErrorCode),
    /// Nobody knows: the answer was lost, or said so.
    Unknown,
}

/// A record that a client was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub offset: i64,
    pub value: Value,
}

/// What a fetch or a poll brought from one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled {
    pub place: Place,
    /// The position asked for.
    pub position: i64,
    pub records: Vec<Read>,
    pub high_watermark: i64,
    pub last_stable: i64,
    /// -1 before version 5, which does not tell.
    pub log_start: i64,
}

/// A member of a group, as it knows itself. Member ids are of the protocol, so the one of an earlier life is another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Membership {
    pub node: NodeId,
    pub group: Str,
    pub member: Str,
}

/// Something that a client saw or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A producer hands over a batch; it may be sent several times. `idempotent` ones must be there once at most.
    Sent {
        op: Op,
        place: Place,
        values: Vec<Value>,
        acks: i16,
        idempotent: bool,
    },
    /// How that ended: with the offset of the first record, -1 if acks=0.
    SendEnded {
        op: Op,
        outcome: Outcome<i64>,
    },
    /// A consumer that was assigned its partitions by hand, or a member, got records.
    Polled(Polled),
    /// A consumer reads a partition on somewhere else from now on, as it was told to.
    Sought {
        place: Place,
    },
    /// A fetch was answered: how long it waited beside how long it was willing to, and what it brought.
    FetchAnswered {
        waited_nanos: u64,
        max_wait_ms: i32,
        min_bytes: i32,
        bytes: usize,
        /// Whether a partition had an error, which is told at once.
        failed: bool,
    },
    /// A member owns these partitions from now on, those it owned before included.
    Owns {
        who: Membership,
        epoch: i32,
        partitions: Vec<Place>,
    },
    /// A member knows that it has lost everything: fenced, left, or timed out by its own clock.
    Lost {
        who: Membership,
    },
    /// A commit is sent.
    Commit {
        op: Op,
        who: Membership,
        epoch: i32,
        offsets: Vec<(Place, i64)>,
    },
    CommitEnded {
        op: Op,
        outcome: Outcome<()>,
    },
    /// Committed offsets of a group were read; -1 for none.
    Committed {
        node: NodeId,
        group: Str,
        offsets: Vec<(Place, i64)>,
    },
    /// A topic is being deleted: what happens to its records from now on is nobody's business.
    TopicDeleted {
        node: NodeId,
        topic: Str,
    },
    /// Records below an offset may go.
    RecordsDeleted {
        place: Place,
        before: i64,
    },
    /// A request got an answer, and it was its turn.
    Answered {
        link: LinkId,
    },
    /// An answer could not be read, came unasked, or was not the next. `what` says so.
    WrongAnswer {
        link: LinkId,
        what: String,
    },
    /// A record is not what was sent.
    Changed {
        place: Place,
        offset: i64,
        what: String,
    },
}
