//! Questions of the node's own administrator, not of a client: answered by the machine as numbers, at any moment.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::catalogue::image::Image;
use crate::ids::{LogId, ShardId, Ticket};
use crate::machine::{Outbox, Output};
use crate::owner::Mail;
use crate::protocol::{ErrorCode, Str};
use crate::request::list_offsets::special;
use crate::shard_message::{Answer, FoundOffset, PartitionAnswer, PartitionQuestion, Question, ShardMessage};

/// What the machine can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminQuestion {
    /// How far is each group behind, in each partition it has committed an offset for?
    GroupLag,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAnswer {
    /// By group, topic and partition. An error while groups are loaded.
    GroupLag(Result<Vec<GroupLag>, ErrorCode>),
}

/// How far a group is behind in one partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupLag {
    pub group: Str,
    pub topic: Str,
    pub partition: i32,
    pub committed: i64,
    /// The high watermark: the offset that the next record to be readable will have.
    pub end: i64,
    /// Records between the two; 0 for an offset past the end, as a topic made anew or a reset can leave it.
    pub lag: u64,
}

/// An offset that a group has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    pub group: Str,
    pub topic: Str,
    pub partition: i32,
    pub offset: i64,
}

/// Questions under way on the shard that was asked.
#[derive(Debug, Default)]
pub struct Inquiries {
    open: BTreeMap<Ticket, Inquiry>,
}

/// A question under way: first every shard tells what is committed, then every partition where it ends.
#[derive(Debug, Default)]
struct Inquiry {
    missing: usize,
    committed: Vec<CommittedOffset>,
    error: Option<ErrorCode>,
    /// The partitions asked, in the order of their parts, and their ends.
    logs: Vec<LogId>,
    ends: BTreeMap<LogId, i64>,
}

impl Inquiries {
    /// How many are under way.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Begins to answer.
    pub fn ask(
        &mut self,
        mail: &mut Mail,
        out: &mut Outbox,
        ticket: Ticket,
        shards: u16,
        question: AdminQuestion,
    ) {
        let AdminQuestion::GroupLag = question;
        self.open.insert(ticket, Inquiry { missing: usize::from(shards), ..Inquiry::default() });
        for shard in (0..shards).map(ShardId) {
            let question = Question::CommittedOffsets;
            mail.send(out, shard, ShardMessage::Inquire { ticket, part: u32::from(shard.0), question });
        }
    }

    /// Takes one answer.
    pub fn told(
        &mut self,
        mail: &mut Mail,
        out: &mut Outbox,
        image: &Image,
        shards: u16,
        (ticket, part): (Ticket, u32),
        answer: Answer,
    ) {
        let Some(inquiry) = self.open.get_mut(&ticket) else { return };
        inquiry.missing -= 1;
        match answer {
            Answer::CommittedOffsets(Ok(committed)) => inquiry.committed.extend(committed),
            Answer::CommittedOffsets(Err(error)) => inquiry.error = Some(error),
            Answer::Partition(PartitionAnswer::Offset(Ok(FoundOffset { offset, .. }))) => {
                if let Some(log) = inquiry.logs.get(part as usize) {
                    inquiry.ends.insert(*log, offset);
                }
            }
            // A partition that cannot be read now, or is gone, has no end to compare with.
            Answer::Partition(PartitionAnswer::Offset(Err(_))) => {}
            answer => panic!("an inquiry was answered with {answer:?}"),
        }
        if inquiry.missing == 0 && inquiry.logs.is_empty() && inquiry.error.is_none() {
            inquiry.ask_ends(mail, out, image, shards, ticket);
        }
        if inquiry.missing == 0
            && let Some(inquiry) = self.open.remove(&ticket)
        {
            let answer = inquiry.error.map_or_else(|| Ok(inquiry.lags(image)), Err);
            out.push(Output::Answer { ticket, answer: AdminAnswer::GroupLag(answer) });
        }
    }
}

impl Inquiry {
    fn ask_ends(&mut self, mail: &mut Mail, out: &mut Outbox, image: &Image, shards: u16, ticket: Ticket) {
        let mut logs: Vec<LogId> = self.committed.iter().filter_map(|offset| log_of(image, offset)).collect();
        logs.sort_unstable();
        logs.dedup();
        for (part, log) in (0u32..).zip(&logs) {
            let latest =
                PartitionQuestion::ListOffset { timestamp: special::LATEST, current_leader_epoch: -1 };
            let question = Question::Partition(*log, latest);
            mail.send(out, log.owner(shards), ShardMessage::Inquire { ticket, part, question });
        }
        self.missing = logs.len();
        self.logs = logs;
    }

    fn lags(&self, image: &Image) -> Vec<GroupLag> {
        let one = |offset: &CommittedOffset| {
            let end = *self.ends.get(&log_of(image, offset)?)?;
            Some(GroupLag {
                group: offset.group.clone(),
                topic: offset.topic.clone(),
                partition: offset.partition,
                committed: offset.offset,
                end,
                lag: u64::try_from(end.saturating_sub(offset.offset)).unwrap_or(0),
            })
        };
        let mut lags: Vec<GroupLag> = self.committed.iter().filter_map(one).collect();
        lags.sort_unstable();
        lags
    }
}

fn log_of(image: &Image, offset: &CommittedOffset) -> Option<LogId> {
    let topic = image.topic(&offset.topic)?;
    let exists = (0..topic.partitions).contains(&offset.partition);
    exists.then_some(LogId { topic: topic.id, partition: offset.partition })
}
