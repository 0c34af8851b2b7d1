//! Records as bytes. Exact bytes were taken from a Kafka 4.3.1 broker's log.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::*;

fn key(group: &str) -> GroupKey {
    GroupKey { group: group.into(), ..Default::default() }
}

fn offset_key() -> OffsetCommitKey {
    OffsetCommitKey { group: "g".into(), topic: "t".into(), partition: 3, ..Default::default() }
}

fn member_key() -> MemberKey {
    MemberKey { group: "g".into(), member: "m".into(), ..Default::default() }
}

/// One of each type, with and without a value.
fn samples() -> Vec<GroupRecord> {
    vec![
        GroupRecord::OffsetCommit(offset_key(), Some(OffsetCommitValue { offset: 7, ..Default::default() })),
        GroupRecord::OffsetCommit(offset_key(), None),
        GroupRecord::GroupMetadata(key("g"), Some(GroupMetadataValue::default())),
        GroupRecord::ConsumerGroupMetadata(key("g"), Some(ConsumerGroupMetadataValue::default())),
        GroupRecord::ConsumerGroupPartitionMetadata(key("g"), None),
        GroupRecord::ConsumerGroupMemberMetadata(
            member_key(),
            Some(ConsumerGroupMemberMetadataValue::default()),
        ),
        GroupRecord::ConsumerGroupTargetAssignmentMetadata(
            key("g"),
            Some(ConsumerGroupTargetAssignmentMetadataValue {
                assignment_timestamp: 5,
                ..Default::default()
            }),
        ),
        GroupRecord::ConsumerGroupTargetAssignmentMember(member_key(), None),
        GroupRecord::ConsumerGroupCurrentMemberAssignment(
            member_key(),
            Some(ConsumerGroupCurrentMemberAssignmentValue::default()),
        ),
        GroupRecord::ConsumerGroupRegularExpression(
            RegexKey { group: "g".into(), regex: "a.*".into(), ..Default::default() },
            Some(ConsumerGroupRegularExpressionValue::default()),
        ),
    ]
}

#[test]
fn every_type_comes_back_as_it_was() {
    for record in samples() {
        let (key, value) = record.encode().expect("it fits");
        assert_eq!(GroupRecord::decode(&key, value.as_ref()), Ok(Some(record)));
    }
}

#[test]
fn a_commit_in_bytes() {
    let value = OffsetCommitValue {
        offset: 258,
        leader_epoch: 4,
        metadata: "x".into(),
        commit_timestamp: 1,
        ..Default::default()
    };
    let (key, value) = GroupRecord::OffsetCommit(offset_key(), Some(value)).encode().expect("it fits");
    assert_eq!(&key[..], b"\0\x01\0\x01g\0\x01t\0\0\0\x03");
    let expected = b"\0\x04\0\0\0\0\0\0\x01\x02\0\0\0\x04\x02x\0\0\0\0\0\0\0\x01\0";
    assert_eq!(value.as_deref(), Some(&expected[..]));
}

#[test]
fn a_commit_that_expires_by_itself_is_of_version_1() {
    let value = OffsetCommitValue { expire_timestamp: 9, ..Default::default() };
    let (_, value) = GroupRecord::OffsetCommit(offset_key(), Some(value)).encode().expect("it fits");
    assert_eq!(value.map(|value| value[..2].to_vec()), Some(vec![0, 1]));
}

#[test]
fn members_of_both_protocols_in_bytes() {
    let value = ConsumerGroupMemberMetadataValue {
        client_id: "a".into(),
        subscribed_topic_names: vec!["t".into()],
        rebalance_timeout_ms: 1,
        classic_member_metadata: None,
        ..Default::default()
    };
    let classic = ConsumerGroupMemberMetadataValue {
        classic_member_metadata: Some(ClassicMemberMetadata { session_timeout_ms: 9, ..Default::default() }),
        ..value.clone()
    };
    // A null must be written: it is not what absence stands for.
    for (value, tagged) in [(value, &b"\x01\0\x01\0"[..]), (classic, b"\x01\0\x07\x01\0\0\0\x09\x01\0")] {
        let record = GroupRecord::ConsumerGroupMemberMetadata(member_key(), Some(value));
        let (key, value) = record.encode().expect("it fits");
        let expected = [b"\0\0\0\0\x02a\x01\x02\x02t\0\0\0\0\x01\0", tagged].concat();
        assert_eq!(value.as_deref(), Some(&expected[..]));
        assert_eq!(GroupRecord::decode(&key, value.as_ref()), Ok(Some(record)));
    }
}

#[test]
fn commits_of_old_nodes_are_read() {
    let key = Bytes::from_static(b"\0\0\0\x01g\0\x01t\0\0\0\x03");
    let value = Bytes::from_static(b"\0\0\0\0\0\0\0\0\0\x05\0\x01m\0\0\0\0\0\0\0\x02");
    let expected =
        OffsetCommitValue { offset: 5, metadata: "m".into(), commit_timestamp: 2, ..Default::default() };
    assert_eq!(
        GroupRecord::decode(&key, Some(&value)),
        Ok(Some(GroupRecord::OffsetCommit(offset_key(), Some(expected))))
    );
}

#[test]
fn unknown_types_are_passed_over_and_broken_ones_are_not() {
    for number in [9i16, 10, 15, 17, 23, 99] {
        let key: Bytes = [&number.to_be_bytes()[..], b"\0\x01g"].concat().into();
        assert_eq!(GroupRecord::decode(&key, None), Ok(None));
    }
    assert!(GroupRecord::decode(&Bytes::from_static(b"\xff\xff"), None).is_err());
    for record in samples() {
        let (key, _) = record.encode().expect("it fits");
        for end in 0..key.len() {
            assert!(GroupRecord::decode(&key.slice(..end), None).is_err(), "{record:?} cut at {end}");
        }
    }
}
