//! Records of `__consumer_offsets`, with the keys and values of Kafka, so that tools that read that topic understand
//! ours and we can go on where a Kafka stopped.

mod keys;
#[cfg(test)]
mod tests;
mod values;

use bytes::Bytes;

pub use keys::{GroupKey, MemberKey, OffsetCommitKey, RegexKey};
pub use values::{
    ClassicMemberMetadata, ClassicProtocol, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataValue,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataValue, GroupMetadataValue, LegacyOffsetCommitValue, MemberMetadata,
    OffsetCommitValue, PartitionMetadata, TopicMetadata, TopicPartition, TopicPartitions,
};

use crate::protocol::wire::{
    DecodeErrorKind, Read, Reader, Version, Write, decode_versioned, encode_behind, encode_versioned,
};
use crate::protocol::{DecodeError, EncodeError, Str};

/// Keys are never flexible; their version is the record's type.
const KEY: Version = Version { number: 0, flexible: false };

/// Type 0, written by very old nodes and read as type 1.
const LEGACY_OFFSET_COMMIT: i16 = 0;

macro_rules! group_records {
    ($($(#[$doc:meta])* $number:literal $name:ident($key:ident, $value:ident, $version:literal),)*) => {
        /// A change of one group. A value of `None` is a tombstone: what the key names is gone.
        #[derive(Clone, Debug, PartialEq)]
        pub enum GroupRecord {
            $($(#[$doc])* $name($key, Option<$value>),)*
        }

        impl GroupRecord {
            /// The group it is about.
            pub fn group(&self) -> &Str {
                match self {
                    $(GroupRecord::$name(key, _) => &key.group,)*
                }
            }

            /// Key and value as they stand in the log.
            pub fn encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
                Ok(match self {
                    $(GroupRecord::$name(key, value) => (
                        encode_key(key, $number)?,
                        value.as_ref().map(|value| encode_versioned(value, self.value_version())).transpose()?,
                    ),)*
                })
            }

            /// The version Kafka 4.3 writes the value in.
            fn value_version(&self) -> i16 {
                match self {
                    // Only version 1 has a place for it.
                    GroupRecord::OffsetCommit(_, Some(value)) if value.expire_timestamp != -1 => 1,
                    $(GroupRecord::$name(..) => $version,)*
                }
            }

            /// Reads a record; none for a type that is not ours (share and streams groups, or newer ones), which is to
            /// be passed over.
            pub fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<GroupRecord>, DecodeError> {
                let mut reader = Reader::new(key, key.len());
                let number = reader.array().map(i16::from_be_bytes).map_err(|error| error.within("type"))?;
                Ok(Some(match number {
                    LEGACY_OFFSET_COMMIT => {
                        GroupRecord::OffsetCommit(read_key(&mut reader)?, value.map(read_legacy).transpose()?)
                    }
                    $($number => GroupRecord::$name(
                        read_key(&mut reader)?,
                        value.map(|value| decode_versioned(value).map(|(_, value)| value)).transpose()?,
                    ),)*
                    number if number < 0 => return Err(reader.fail(DecodeErrorKind::NoVersion(number)).within("type")),
                    _ => return Ok(None),
                }))
            }
        }
    };
}

group_records! {
    /// An offset, committed or forgotten.
    1 OffsetCommit(OffsetCommitKey, OffsetCommitValue, 4),
    /// A classic group.
    2 GroupMetadata(GroupKey, GroupMetadataValue, 3),
    /// A consumer group's epoch.
    3 ConsumerGroupMetadata(GroupKey, ConsumerGroupMetadataValue, 0),
    /// What a consumer group of Kafka 4.0 knew of its topics.
    4 ConsumerGroupPartitionMetadata(GroupKey, ConsumerGroupPartitionMetadataValue, 0),
    /// A member of a consumer group.
    5 ConsumerGroupMemberMetadata(MemberKey, ConsumerGroupMemberMetadataValue, 0),
    /// The epoch of a consumer group's target assignment.
    6 ConsumerGroupTargetAssignmentMetadata(GroupKey, ConsumerGroupTargetAssignmentMetadataValue, 0),
    /// What a member of a consumer group is to have.
    7 ConsumerGroupTargetAssignmentMember(MemberKey, ConsumerGroupTargetAssignmentMemberValue, 0),
    /// What a member of a consumer group has.
    8 ConsumerGroupCurrentMemberAssignment(MemberKey, ConsumerGroupCurrentMemberAssignmentValue, 0),
    /// What a regular expression stands for.
    16 ConsumerGroupRegularExpression(RegexKey, ConsumerGroupRegularExpressionValue, 0),
}

fn encode_key(key: &impl Write, number: i16) -> Result<Bytes, EncodeError> {
    encode_behind(number, key, KEY)
}

fn read_key<K: Read>(reader: &mut Reader<'_>) -> Result<K, DecodeError> {
    K::read(reader, KEY).map_err(|error| error.within("key"))
}

fn read_legacy(value: &Bytes) -> Result<OffsetCommitValue, DecodeError> {
    let (_, legacy) = decode_versioned::<LegacyOffsetCommitValue>(value)?;
    Ok(OffsetCommitValue {
        offset: legacy.offset,
        metadata: legacy.metadata,
        commit_timestamp: legacy.commit_timestamp,
        ..Default::default()
    })
}
