//! One member of a classic group.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::group::question::Client;
use crate::group::record::MemberMetadata;
use crate::protocol::Str;
use crate::protocol::join_group::JoinGroupRequestProtocol;
use crate::shard_message::Asker;

/// Names a member within its group for as long as it is one, whatever id it goes by. Numbers rise: the lowest is the
/// member that joined first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MemberNo(pub(super) u64);

/// A request that waits for its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parked {
    pub asker: Asker,
    /// Of the request: decides the form of the answer.
    pub version: i16,
}

/// What a member waits for, or what is waited for from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemberState {
    /// Nothing is outstanding. While the group prepares a rebalance, it has not joined again yet.
    Settled,
    /// Its JoinGroup waits for the others; only while the group prepares a rebalance.
    Joining {
        parked: Parked,
        /// It has not been in any generation: should it vanish, its session would not tell (KIP-394).
        first: bool,
    },
    /// It knows its generation and is to ask for its assignment.
    AwaitingSync,
    /// Its SyncGroup waits for the leader's; only while the group completes a rebalance.
    Syncing { parked: Parked },
}

impl MemberState {
    /// The request that waits.
    pub fn parked(self) -> Option<Parked> {
        match self {
            MemberState::Joining { parked, .. } | MemberState::Syncing { parked } => Some(parked),
            MemberState::Settled | MemberState::AwaitingSync => None,
        }
    }
}

/// A way of sharing out the work that a member can follow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Protocol {
    pub name: Str,
    /// Opaque; of consumers a subscription.
    pub metadata: Bytes,
}

/// How long a member may stay away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Without a sign of life.
    pub session_ms: i32,
    /// From joining a rebalance when there is one.
    pub rebalance_ms: i32,
}

impl Timeouts {
    /// As JoinGroup brings them: version 0 has one for both.
    pub fn of_request(session_ms: i32, rebalance_ms: i32, version: i16) -> Timeouts {
        match version {
            0 => Timeouts { session_ms, rebalance_ms: session_ms },
            _ => Timeouts { session_ms, rebalance_ms: rebalance_ms.max(0) },
        }
    }

    pub fn session(self) -> Duration {
        millis(self.session_ms)
    }

    pub fn rebalance(self) -> Duration {
        millis(self.rebalance_ms)
    }
}

fn millis(number: i32) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}

/// A member. All of it lies in memory of its own, none in the frames of requests.
#[derive(Debug)]
pub struct Member {
    /// Changes when a static member starts anew (KIP-345).
    pub id: Str,
    /// Names a static member.
    pub instance_id: Option<Str>,
    pub client: Client,
    pub timeouts: Timeouts,
    /// The one liked best first.
    pub protocols: Vec<Protocol>,
    /// What the leader last gave it; no bytes: nothing.
    pub assignment: Bytes,
    pub(super) state: MemberState,
}

impl Member {
    /// One that waits for nothing, with what its record says and these protocols.
    pub fn settled(recorded: &MemberMetadata, protocols: Vec<Protocol>) -> Member {
        Member {
            id: recorded.member_id.detach(),
            instance_id: recorded.group_instance_id.as_ref().map(Str::detach),
            client: Client { id: recorded.client_id.detach(), host: recorded.client_host.detach() },
            timeouts: Timeouts {
                session_ms: recorded.session_timeout,
                rebalance_ms: match recorded.rebalance_timeout {
                    timeout if timeout < 0 => recorded.session_timeout,
                    timeout => timeout,
                },
            },
            protocols,
            assignment: Bytes::copy_from_slice(&recorded.assignment),
            state: MemberState::Settled,
        }
    }

    pub fn state(&self) -> MemberState {
        self.state
    }

    /// What it said about one protocol; no bytes if it does not follow it.
    pub fn metadata(&self, protocol: Option<&Str>) -> Bytes {
        let of_it = |known: &&Protocol| Some(&known.name) == protocol;
        self.protocols.iter().find(of_it).map(|known| known.metadata.clone()).unwrap_or_default()
    }

    /// Whether a request offers the very same: other metadata, or another order, is a change.
    pub fn offers(&self, protocols: &[JoinGroupRequestProtocol]) -> bool {
        let same = |(known, new): (&Protocol, &JoinGroupRequestProtocol)| {
            known.name == new.name && known.metadata == new.metadata
        };
        self.protocols.len() == protocols.len() && self.protocols.iter().zip(protocols).all(same)
    }
}
