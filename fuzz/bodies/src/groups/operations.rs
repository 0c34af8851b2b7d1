//! What is done to a group, as the fuzzer's bytes say it.

use arbitrary::{Arbitrary, Unstructured};

/// The operations that bytes stand for: all of the bytes are used, and a change of some changes few of them.
pub fn operations(bytes: &[u8]) -> Vec<Operation<'_>> {
    let mut source = Unstructured::new(bytes);
    let mut all = Vec::new();
    while !source.is_empty() && all.len() < MOST {
        match Operation::arbitrary(&mut source) {
            Ok(operation) => all.push(operation),
            Err(_) => break,
        }
    }
    all
}

/// More only take time.
const MOST: usize = 300;

/// One operation.
#[derive(Debug, Arbitrary)]
pub enum Operation<'a> {
    Join(Join<'a>),
    Sync(Sync<'a>),
    Heartbeat {
        member: Member,
        generation: Epoch,
        instance: Option<Instance>,
    },
    Leave {
        version: u8,
        members: [(Member, Option<Instance>); 2],
    },
    ConsumerHeartbeat(ConsumerHeartbeat<'a>),
    Commit {
        member: Member,
        epoch: Epoch,
        version: u8,
        retained: bool,
        offsets: [(Place, i64); 2],
    },
    Fetch {
        member: Option<Member>,
        epoch: Epoch,
        places: Option<[Place; 2]>,
    },
    DeleteOffsets([Place; 2]),
    Describe {
        version: u8,
    },
    ConsumerDescribe,
    Delete,
    /// Time passes, and everything happens that is due meanwhile.
    Pass(Time),
    /// The coordinator looks for offsets whose time is over.
    Expire,
    /// A topic is made, gets partitions, or is gone.
    Topic {
        number: u8,
        change: TopicChange,
    },
    /// The group or its node is configured otherwise.
    Configure(Setting),
    /// The records of the next step will not fit the log.
    Refuse,
    /// The coordinator starts anew from its log, all of it or what compaction leaves of it.
    Restart {
        compacted: bool,
    },
}

/// A JoinGroup.
#[derive(Debug, Arbitrary)]
pub struct Join<'a> {
    pub member: Member,
    pub version: u8,
    pub instance: Option<Instance>,
    pub session: Session,
    pub rebalance: u8,
    pub is_consumer: bool,
    pub protocols: [(u8, Metadata<'a>); 2],
}

/// A SyncGroup.
#[derive(Debug, Arbitrary)]
pub struct Sync<'a> {
    pub member: Member,
    pub generation: Epoch,
    pub version: u8,
    pub instance: Option<Instance>,
    pub parts: [Option<(Member, Part<'a>)>; 2],
}

/// A ConsumerGroupHeartbeat.
#[derive(Debug, Arbitrary)]
pub struct ConsumerHeartbeat<'a> {
    pub member: Member,
    pub epoch: Epoch,
    pub version: u8,
    pub instance: Option<Instance>,
    pub rebalance: u8,
    pub topics: Option<Topics>,
    pub regex: Option<Regex<'a>>,
    pub assignor: Option<u8>,
    pub owned: Owned,
}

/// Which member: one of those that the group has named, one that names itself, or none.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Member {
    Known(u8),
    Own(u8),
    None,
}

/// An instance id, of few.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub struct Instance(pub u8);

/// A generation or a member's epoch.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Epoch {
    /// What the member was told last.
    Told,
    /// That, or thereabouts.
    Near(i8),
    /// 0, -1, -2 and thereabouts.
    Fixed(i8),
}

/// A session timeout.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Session {
    Short,
    Usual,
    Long,
    Refused,
}

/// What a classic consumer says of itself.
#[derive(Debug, Arbitrary)]
pub enum Metadata<'a> {
    Subscription { version: u8, topics: Topics, owned: Owned, generation: Epoch },
    Raw(&'a [u8]),
}

/// A member's part of a classic assignment.
#[derive(Debug, Arbitrary)]
pub enum Part<'a> {
    Assignment { version: u8, topics: Topics },
    Raw(&'a [u8]),
}

/// Topics, one bit each; the last is none that there is.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub struct Topics(pub u8);

/// A pattern of topics.
#[derive(Debug, Arbitrary)]
pub enum Regex<'a> {
    All,
    Nothing,
    Some(u8),
    Raw(&'a str),
}

/// What a member says it owns.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Owned {
    Unsaid,
    /// What it was told to own.
    Told,
    Nothing,
    Some {
        topic: u8,
        partitions: u8,
    },
}

/// A partition of a topic.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub struct Place {
    pub topic: u8,
    pub partition: u8,
}

/// How much time passes.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Time {
    Milliseconds(u8),
    Seconds(u8),
    Minutes(u8),
    /// Until something is due.
    Deadline,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum TopicChange {
    Made(u8),
    Grown(u8),
    Gone,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Setting {
    Migration(u8),
    AssignmentInterval(u8),
    Lenient(bool),
    SessionTimeout(u8),
}
