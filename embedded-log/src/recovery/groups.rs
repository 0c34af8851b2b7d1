//! Which groups of a shard's journal count.
//!
//! Groups that were known to be on disk when a later one was written must be there; what is missing of them is damage.
//! After those, each group has to follow the one before it: the first that does not is the torn tail of a crash. A
//! group that a later one does not follow was a failed write, and its changes were refused.

use alloc::vec::Vec;

use kelpgate_core::mutant::{Mutant, is_on};

use crate::disk::{Disk, Files};
use crate::journal::format::{FILE_HEADER_LEN, GROUP_HEADER_LEN, GROUP_MAGIC, GroupHeader};
use crate::recovery::base::{JournalPart, ShardJournal};
use crate::recovery::{Doing, RecoveryError};

/// A group, and where its entries are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupAt {
    pub(super) header: GroupHeader,
    /// Index of the file in the shard's journal.
    pub(super) part: usize,
    /// Position of its first entry.
    pub(super) at: u64,
    /// Whether it must be whole.
    pub(super) durable: bool,
}

/// The groups that count, in order, and the numbers of those that are missing and must not be: the last good one
/// before, the first good one after.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) groups: Vec<GroupAt>,
    pub(super) holes: Vec<(u64, u64)>,
}

/// Finds them.
pub(super) fn chain(
    files: &mut Files<'_, impl Disk>,
    journal: &ShardJournal,
) -> Result<Chain, RecoveryError> {
    let mut all = Vec::new();
    for (index, part) in journal.parts.iter().enumerate() {
        find_groups(files, index, part, &mut all)?;
    }
    all.sort_by_key(|group| group.header.group);
    Ok(choose(all, journal.covered))
}

/// Keeps the groups that count.
fn choose(all: Vec<GroupAt>, covered: u64) -> Chain {
    let durable = all.iter().map(|group| group.header.durable).max().unwrap_or(0).max(covered);
    let mut candidates: Vec<GroupAt> = Vec::with_capacity(all.len());
    for mut group in all.into_iter().filter(|group| group.header.group > covered) {
        let GroupHeader { group: number, previous, .. } = group.header;
        group.durable = number <= durable;
        let known = candidates.binary_search_by_key(&previous, |known| known.header.group).is_ok();
        if group.durable || previous <= durable || known {
            candidates.push(group);
        }
    }
    let mut chain = Chain::default();
    let mut limit = u64::MAX;
    for group in candidates.into_iter().rev() {
        if group.header.group > limit && !is_on(Mutant::FailedWriteComesBack) {
            continue;
        }
        if group.header.group < limit && limit != u64::MAX {
            chain.holes.push((group.header.group, limit));
        }
        limit = group.header.previous;
        chain.groups.push(group);
    }
    if limit != u64::MAX && limit > covered {
        chain.holes.push((covered, limit));
    }
    chain.groups.reverse();
    chain
}

/// All groups in a file that can be recognised.
fn find_groups(
    files: &mut Files<'_, impl Disk>,
    index: usize,
    part: &JournalPart,
    all: &mut Vec<GroupAt>,
) -> Result<(), RecoveryError> {
    let mut at = FILE_HEADER_LEN as u64;
    while at < part.len {
        let bytes = files.read(part.handle, at, GROUP_HEADER_LEN).doing("reading a journal")?;
        let header = GroupHeader::decode(&bytes, &part.header);
        let end =
            |header: &GroupHeader| at.saturating_add(GROUP_HEADER_LEN as u64).saturating_add(header.bytes);
        match header.filter(|header| end(header) <= part.len) {
            Some(header) => {
                all.push(GroupAt { header, part: index, at: at + GROUP_HEADER_LEN as u64, durable: false });
                at = end(&header);
            }
            None => at = next_magic(files, part, at + 1)?,
        }
    }
    Ok(())
}

/// The next position where a group may begin.
fn next_magic(files: &mut Files<'_, impl Disk>, part: &JournalPart, from: u64) -> Result<u64, RecoveryError> {
    const PIECE: usize = 1 << 20;
    let mut at = from;
    while at < part.len {
        let bytes = files.read(part.handle, at, PIECE).doing("reading a journal")?;
        let found = memchr::memmem::find(&bytes, &GROUP_MAGIC);
        match found {
            Some(place) => return Ok(at + place as u64),
            None if bytes.len() < PIECE => return Ok(part.len),
            None => at += (bytes.len() - GROUP_MAGIC.len() + 1) as u64,
        }
    }
    Ok(part.len)
}
