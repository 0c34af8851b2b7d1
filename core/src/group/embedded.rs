//! What consumers put into the opaque fields of the classic protocol: subscriptions into JoinGroup, assignments into
//! SyncGroup (`ConsumerProtocol`).

use alloc::vec::Vec;

use bytes::Bytes;

use crate::protocol::wire::message::{message, structure};
use crate::protocol::wire::{decode_versioned, encode_versioned};
use crate::protocol::{DecodeError, EncodeError, Str};

/// The protocol type of consumers.
pub const CONSUMER: &str = "consumer";

message! {
    /// What a consumer wants to read, and what it has.
    both ConsumerProtocolSubscription [0..=3, flexible never] {
        topics: Vec<Str>,
        user_data: Option<Bytes> [0.., null 0..] = None,
        owned_partitions: Vec<NamedPartitions> [1.., ignorable],
        /// In which generation it got them; -1 for none.
        generation_id: i32 [2.., ignorable] = -1,
        rack_id: Option<Str> [3.., null 3.., ignorable] = None,
    }
}

message! {
    /// What a consumer is to read.
    both ConsumerProtocolAssignment [0..=3, flexible never] {
        assigned_partitions: Vec<NamedPartitions>,
        user_data: Option<Bytes> [0.., null 0..] = None,
    }
}

structure! {
    both
    /// Partitions of one topic.
    NamedPartitions {
        topic: Str,
        partitions: Vec<i32>,
    }
}

/// Reads a subscription with the version it is written in.
pub fn read_subscription(metadata: &Bytes) -> Result<(i16, ConsumerProtocolSubscription), DecodeError> {
    decode_versioned(metadata)
}

/// Writes a subscription in `version`.
#[cfg(any(test, feature = "client"))]
pub fn write_subscription(
    subscription: &ConsumerProtocolSubscription,
    version: i16,
) -> Result<Bytes, EncodeError> {
    encode_versioned(subscription, version)
}

/// Reads an assignment with the version it is written in; no bytes at all, which leaders give to members they leave
/// out, mean nothing is assigned.
pub fn read_assignment(assignment: &Bytes) -> Result<(i16, ConsumerProtocolAssignment), DecodeError> {
    match assignment.is_empty() {
        true => Ok((0, ConsumerProtocolAssignment::default())),
        false => decode_versioned(assignment),
    }
}

/// Writes an assignment in `version`.
pub fn write_assignment(assignment: &ConsumerProtocolAssignment, version: i16) -> Result<Bytes, EncodeError> {
    encode_versioned(assignment, version)
}

/// The topics of a subscription alone: they stand first in every version, so that even what a later one adds, or a
/// client got wrong, does not hide them.
pub fn subscribed_topics(metadata: &Bytes) -> Result<Vec<Str>, DecodeError> {
    use crate::protocol::wire::{Read, Reader, Version};
    let mut reader = Reader::new(metadata, metadata.len().saturating_mul(64).saturating_add(1024));
    reader.array::<2>().map_err(|error| error.within("version"))?;
    Vec::<Str>::read(&mut reader, Version { number: 0, flexible: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_subscription_of_each_version() {
        let full = ConsumerProtocolSubscription {
            topics: vec!["a".into(), "b".into()],
            user_data: Some(Bytes::from_static(b"u")),
            owned_partitions: vec![NamedPartitions {
                topic: "a".into(),
                partitions: vec![0, 2],
                ..Default::default()
            }],
            generation_id: 5,
            rack_id: Some("r".into()),
            ..Default::default()
        };
        for version in 0..=3 {
            let bytes = encode_versioned(&full, version).expect("it fits");
            let (read_version, read) = read_subscription(&bytes).expect("it is whole");
            assert_eq!(read_version, version);
            assert_eq!(read.topics, full.topics);
            assert_eq!(read.owned_partitions.is_empty(), version < 1);
            assert_eq!(read.generation_id, if version < 2 { -1 } else { 5 });
            assert_eq!(read.rack_id.is_some(), version >= 3);
            assert_eq!(subscribed_topics(&bytes).expect("they stand first"), full.topics);
        }
    }

    #[test]
    fn a_later_version_is_read_as_the_latest_known() {
        let mut bytes =
            encode_versioned(&ConsumerProtocolAssignment::default(), 3).expect("it fits").to_vec();
        bytes[1] = 9;
        bytes.extend_from_slice(b"more");
        let (version, read) = read_assignment(&bytes.into()).expect("what is known comes first");
        assert_eq!((version, read), (3, ConsumerProtocolAssignment::default()));
    }

    #[test]
    fn no_bytes_are_no_assignment() {
        assert_eq!(
            read_assignment(&Bytes::new()).expect("empty"),
            (0, ConsumerProtocolAssignment::default())
        );
    }
}
