//! The bridge between the two protocols (KIP-848, online migration): members of the classic protocol in groups that speak
//! the new one, and groups that go from one protocol to the other while their members read on.
//!
//! A classic member of a consumer group is a member like any other. What it cannot do is report in a heartbeat what it
//! owns, so it does that by joining again, and a heartbeat's answer only tells it to (REBALANCE_IN_PROGRESS):
//!
//! | the new protocol | is for a classic member |
//! | --- | --- |
//! | joining, reporting what it owns | JoinGroup; what it owns stands in the subscription of its first protocol |
//! | the member epoch | the generation |
//! | the assignment | the answer to SyncGroup, in the version of the member's own subscription |
//! | another assignment waits for it | REBALANCE_IN_PROGRESS to its Heartbeat or SyncGroup |
//! | the time to revoke | the time to join again, and then to ask for the assignment |
//!
//! All of them are followers: nobody computes an assignment but the group itself.
//!
//! | file | what |
//! | --- | --- |
//! | [`subscription`] | what a classic member says about itself, and whether it may be believed |
//! | [`join`], [`sync`], [`heartbeat`], [`leave`] | their requests |
//! | [`upgrade`], [`downgrade`] | groups that change their protocol |

mod downgrade;
mod heartbeat;
mod join;
mod leave;
pub mod subscription;
mod sync;
#[cfg(test)]
mod tests;
mod upgrade;

pub use downgrade::downgrade;
pub use join::join;
pub use upgrade::upgrade;

use bytes::Bytes;

use super::assignor::Partitions;
use super::consumer::ConsumerGroup;
use super::consumer::member::Member;
use super::embedded::{ConsumerProtocolAssignment, NamedPartitions, write_assignment};
use super::record::ClassicProtocol;
use crate::catalogue::image::Image;
use crate::protocol::{ErrorCode, Str};

impl ConsumerGroup {
    /// The classic member that a request claims to be from.
    ///
    /// # Errors
    /// UNKNOWN_MEMBER_ID, also for a member of the new protocol; FENCED_INSTANCE_ID if the instance is another member by now.
    fn classic_member(&self, id: &Str, instance_id: Option<&Str>) -> Result<&Member, ErrorCode> {
        let member = match instance_id {
            None => self.member(id),
            Some(instance) => match self.static_member(instance) {
                Some(holder) if holder.id != *id => return Err(ErrorCode::FENCED_INSTANCE_ID),
                holder => holder,
            },
        };
        member.filter(|member| member.is_classic()).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)
    }
}

/// The protocols a classic member can follow, the one liked best first; none of a member of the new protocol.
fn protocols(member: &Member) -> &[ClassicProtocol] {
    member.description.classic.as_ref().map_or(&[], |classic| &classic.supported_protocols)
}

/// Partitions in the embedded form that a member understands which writes its subscription in `version`. Topics that
/// are gone have no name to be told by.
///
/// # Errors
/// UNKNOWN_SERVER_ERROR for an assignment too large to be written at all.
fn embedded(partitions: &Partitions, version: i16, image: &Image) -> Result<Bytes, ErrorCode> {
    let named = |(topic, partitions): (&crate::uuid::Uuid, &alloc::vec::Vec<i32>)| {
        Some(NamedPartitions {
            topic: image.topic_by_id(*topic)?.name.clone(),
            partitions: partitions.clone(),
            ..Default::default()
        })
    };
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions: partitions.iter().filter_map(named).collect(),
        ..Default::default()
    };
    write_assignment(&assignment, version).map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)
}
