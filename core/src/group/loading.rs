//! Reading the groups of a partition of `__consumer_offsets` back from its log.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::{format, string::ToString};

use bytes::Bytes;

use super::any::Group;
use super::record::GroupRecord;
use crate::owner::Owner;
use crate::pieces::Pieces;
use crate::protocol::Str;
use crate::record::{Batch, Records, StoredBatches};
use crate::request::list_offsets::special;
use crate::shard_message::{FoundOffset, PartitionAnswer, PartitionQuestion};

/// How much is read at a time.
const STEP_BYTES: usize = 1024 * 1024;

/// How far the log has been read.
#[derive(Debug, Default)]
pub struct Loading {
    /// The groups as of the last record read.
    pub groups: BTreeMap<Str, Group>,
    /// The number of the question whose answer is next.
    pub asked: Option<u64>,
    /// The next offset to read; none until the start of the log is known.
    at: Option<i64>,
}

impl Loading {
    /// What the partition is to be asked next.
    pub fn next_question(&self) -> PartitionQuestion {
        match self.at {
            None => PartitionQuestion::ListOffset { timestamp: special::EARLIEST, current_leader_epoch: -1 },
            Some(from) => PartitionQuestion::Collect { from, until: i64::MAX, max_bytes: STEP_BYTES },
        }
    }

    /// Whether `number` is the question whose answer is next.
    pub fn expects(&self, number: u64) -> bool {
        self.asked == Some(number)
    }

    /// Takes an answer; says whether all is read.
    pub fn take(&mut self, owner: &mut Owner<'_>, answer: PartitionAnswer) -> Result<bool, String> {
        match answer {
            PartitionAnswer::Offset(Ok(FoundOffset { offset, .. })) => {
                self.at = Some(offset);
                Ok(false)
            }
            PartitionAnswer::Collected(Ok(pieces)) if pieces.is_empty() => Ok(true),
            PartitionAnswer::Collected(Ok(pieces)) => self.replay(owner, pieces).map(|()| false),
            PartitionAnswer::Offset(Err(error)) | PartitionAnswer::Collected(Err(error)) => {
                Err(error.to_string())
            }
            other => panic!("loading was answered with {other:?}"),
        }
    }

    fn replay(&mut self, owner: &mut Owner<'_>, pieces: Pieces) -> Result<(), String> {
        let before = self.at;
        for bytes in StoredBatches::new(pieces) {
            let bytes = bytes.map_err(|error| error.to_string())?;
            let batch = Batch::first(&bytes).map_err(|error| error.to_string())?;
            if batch.is_transactional() {
                return Err(format!("the batch at offset {} belongs to a transaction", batch.base_offset()));
            }
            if !batch.is_control_batch() {
                self.replay_batch(owner, &batch)?;
            }
            self.at = Some(batch.next_offset());
        }
        // Compaction leaves gaps, but what was read is never nothing.
        if self.at == before { Err("nothing could be read".into()) } else { Ok(()) }
    }

    fn replay_batch(&mut self, owner: &mut Owner<'_>, batch: &Batch<'_>) -> Result<(), String> {
        let plain = owner.codecs.open(batch).map_err(|error| error.to_string())?;
        for record in Records::new(batch, plain).map_err(|error| error.to_string())? {
            let record = record.map_err(|error| error.to_string())?;
            let key = Bytes::copy_from_slice(record.key.unwrap_or_default());
            let value = record.value.map(Bytes::copy_from_slice);
            let decoded = GroupRecord::decode(&key, value.as_ref())
                .map_err(|error| format!("the record at offset {} cannot be read: {error}", record.offset))?;
            if let Some(record) = decoded {
                self.apply(&record);
            }
        }
        Ok(())
    }

    fn apply(&mut self, record: &GroupRecord) {
        match self.groups.get_mut(record.group()) {
            Some(group) => {
                group.replay(record);
                if group.is_nothing() {
                    self.groups.remove(record.group());
                }
            }
            None => {
                let id = record.group().detach();
                let mut group = Group::new(id.clone());
                group.replay(record);
                if !group.is_nothing() {
                    self.groups.insert(id, group);
                }
            }
        }
    }
}
