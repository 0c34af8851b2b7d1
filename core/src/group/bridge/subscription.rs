//! What a classic member says about itself in the subscription of its first protocol, and whether that may be believed.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::catalogue::image::Image;
use crate::config::ClassicMemberCheck;
use crate::group::consumer::member::Member;
use crate::group::consumer::reconcile::must_be_fenced;
use crate::group::embedded::{NamedPartitions, read_subscription};
use crate::protocol::consumer_group_heartbeat::TopicPartitions;
use crate::protocol::{ErrorCode, Str};
use crate::uuid::Uuid;

/// The first version that says in which generation a member got what it owns (KIP-792), or later.
const CHECKABLE: i16 = 3;

/// The embedded generation of a member that is in none.
const NO_GENERATION: i32 = -1;

/// A subscription, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// At most the highest one known: assignments are written in it.
    pub version: i16,
    pub topics: Vec<Str>,
    pub rack_id: Option<Str>,
    /// What the member claims to own, of topics that exist; nothing before version 1.
    pub owned: Vec<TopicPartitions>,
    /// In which generation it got that; -1 for none, and before version 2.
    generation: i32,
    /// Whether it claims anything, of topics that exist or do not.
    claims: bool,
}

impl Subscription {
    /// Reads the metadata of a protocol.
    ///
    /// # Errors
    /// INCONSISTENT_GROUP_PROTOCOL if it cannot be read (Kafka: UNKNOWN_SERVER_ERROR).
    pub fn read(metadata: &Bytes, image: &Image) -> Result<Subscription, ErrorCode> {
        let (version, read) =
            read_subscription(metadata).map_err(|_| ErrorCode::INCONSISTENT_GROUP_PROTOCOL)?;
        Ok(Subscription {
            version,
            topics: read.topics,
            rack_id: read.rack_id.filter(|rack| !rack.is_empty()),
            claims: read.owned_partitions.iter().any(|topic| !topic.partitions.is_empty()),
            owned: by_id(&read.owned_partitions, image),
            generation: read.generation_id,
        })
    }

    /// Whether a consumer group may take a member that says this; `known` is the member it already is.
    ///
    /// Claims of partitions decide when those may go to others, so they must be of the epoch the member has (KIP-848), or
    /// of the one before and within what it has: the answer that told it the new one was lost. A member that claims
    /// nothing and knows no generation has started over. Kafka 4.3 checks none of this.
    ///
    /// What an older client claims is not believed: it gets nothing by it, and keeps only what it was told to give up
    /// until it no longer claims that.
    pub fn check(&self, known: Option<&Member>, check: ClassicMemberCheck) -> Result<(), Unfit> {
        if known.is_some_and(|member| must_be_fenced(member.standing.state, Some(&self.owned))) {
            return Err(Unfit::UnknownState);
        }
        self.check_version(check)?;
        if self.version < CHECKABLE {
            return Ok(());
        }
        if self.generation == NO_GENERATION {
            return if self.claims { Err(Unfit::ClaimsWithoutGeneration) } else { Ok(()) };
        }
        let standing = known.map(|member| &member.standing);
        let is_of_last = standing.is_some_and(|standing| {
            self.generation == standing.previous_epoch && standing.assigned.covers(&self.owned)
        });
        match standing.map(|standing| standing.epoch) {
            Some(epoch) if epoch == self.generation || is_of_last => Ok(()),
            epoch => Err(Unfit::OtherGeneration { claimed: self.generation, epoch }),
        }
    }

    /// Whether the version is one in which claims can be checked, or need not be.
    pub fn check_version(&self, check: ClassicMemberCheck) -> Result<(), Unfit> {
        match check {
            ClassicMemberCheck::Strict if self.version < CHECKABLE => Err(Unfit::OldVersion(self.version)),
            ClassicMemberCheck::Strict | ClassicMemberCheck::Lenient => Ok(()),
        }
    }
}

/// Why a classic member may not be in a consumer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Its subscription is of a version in which claims cannot be checked.
    OldVersion(i16),
    /// It claims partitions of a generation that is not the member's epoch (none: it is no member).
    OtherGeneration { claimed: i32, epoch: Option<i32> },
    /// It claims partitions and cannot say of which generation.
    ClaimsWithoutGeneration,
    /// A newer version of this program left it in a state unknown to us, and it claims partitions.
    UnknownState,
}

impl Unfit {
    /// What the client hears. One that claims wrongly has lost what it owns: UNKNOWN_MEMBER_ID makes it forget that and
    /// join anew.
    pub fn error(self) -> ErrorCode {
        match self {
            Unfit::OldVersion(_) => ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
            Unfit::OtherGeneration { .. } | Unfit::ClaimsWithoutGeneration | Unfit::UnknownState => {
                ErrorCode::UNKNOWN_MEMBER_ID
            }
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::OldVersion(version) => write!(
                f,
                "its subscription is of version {version}, and below {CHECKABLE} what it owns cannot be checked \
                 (kelpgate.classic.member.check=lenient lets it in)"
            ),
            Unfit::OtherGeneration { claimed, epoch: Some(epoch) } => {
                write!(f, "it says that it is in generation {claimed}, and its epoch is {epoch}")
            }
            Unfit::OtherGeneration { claimed, epoch: None } => {
                write!(f, "it says that it is in generation {claimed}, and it is no member")
            }
            Unfit::ClaimsWithoutGeneration => f.write_str("it claims partitions and is in no generation"),
            Unfit::UnknownState => f.write_str("it claims partitions in a state unknown to this version"),
        }
    }
}

/// Partitions by the ids of their topics; those of topics that do not exist are left out.
pub fn by_id(named: &[NamedPartitions], image: &Image) -> Vec<TopicPartitions> {
    let mut partitions: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for topic in named {
        if let Some(known) = image.topic(&topic.topic) {
            partitions.entry(known.id).or_default().extend(&topic.partitions);
        }
    }
    let topic = |(topic_id, partitions)| TopicPartitions { topic_id, partitions, ..Default::default() };
    partitions.into_iter().map(topic).collect()
}
