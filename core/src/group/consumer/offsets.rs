//! Who may commit and fetch offsets of a consumer group: members, at the epoch they have.

use super::ConsumerGroup;
use super::member::Member;
use crate::group::question::Claim;
use crate::mutant::{Mutant, is_on};
use crate::protocol::ErrorCode;
use crate::uuid::Uuid;

/// The first version of OffsetCommit whose client knows member epochs.
const EPOCHS_SINCE: i16 = 9;

/// How offsets are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committer {
    /// By OffsetCommit of this version.
    Plain { version: i16 },
    /// By TxnOffsetCommit, whose clients know generations but not member epochs.
    Transactional,
}

impl ConsumerGroup {
    /// Whether these partitions' offsets may be committed: all or none. A member whose epoch has risen meanwhile may
    /// still commit what it had at the one it sends (KIP-1251).
    ///
    /// # Errors
    /// UNKNOWN_MEMBER_ID, UNSUPPORTED_VERSION, and for another epoch STALE_MEMBER_EPOCH, or ILLEGAL_GENERATION if the
    /// client knows generations only.
    pub fn check_commit(
        &self,
        claim: &Claim,
        committer: Committer,
        partitions: impl IntoIterator<Item = (Uuid, i32)>,
    ) -> Result<(), ErrorCode> {
        let sent = claim.generation_or_epoch;
        if sent < 0 && self.members.is_empty() {
            return Ok(());
        }
        let is_nobody = claim.member_id.is_empty() && sent == -1 && claim.instance_id.is_none();
        if is_nobody && committer == Committer::Transactional {
            return Ok(());
        }
        let member = self.members.get(&claim.member_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if let Committer::Plain { version } = committer
            && version < EPOCHS_SINCE
            && !member.is_classic()
        {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        let had =
            |(topic, partition)| member.standing.epoch_of(topic, partition).is_some_and(|at| at <= sent);
        let is_fine = is_on(Mutant::MemberEpochNotChecked)
            || sent == member.standing.epoch
            || sent < member.standing.epoch && partitions.into_iter().all(had);
        match (is_fine, committer) {
            (true, _) => Ok(()),
            (false, Committer::Plain { .. }) => Err(other_epoch(member)),
            (false, Committer::Transactional) => Err(ErrorCode::ILLEGAL_GENERATION),
        }
    }

    /// Whether offsets may be fetched by who says who it is; whoever does not say may always.
    ///
    /// # Errors
    /// As of [`ConsumerGroup::check_commit`].
    pub fn check_fetch(&self, claim: Option<&Claim>) -> Result<(), ErrorCode> {
        let Some(claim) = claim else { return Ok(()) };
        let member = self.members.get(&claim.member_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if claim.generation_or_epoch != member.standing.epoch {
            return Err(other_epoch(member));
        }
        Ok(())
    }
}

fn other_epoch(member: &Member) -> ErrorCode {
    if member.is_classic() { ErrorCode::ILLEGAL_GENERATION } else { ErrorCode::STALE_MEMBER_EPOCH }
}
