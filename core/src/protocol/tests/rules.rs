//! The rules of the notation, one by one, against bytes written out by hand.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::api_versions::{ApiVersion, ApiVersionsResponse, SupportedFeatureKey};
use super::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use super::describe_topic_partitions::{Cursor, DescribeTopicPartitionsRequest};
use super::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use super::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use super::metadata::{MetadataRequest, MetadataResponse, MetadataResponseTopic};
use super::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use super::wire::{
    DecodeErrorKind, EncodeErrorKind, FieldType, Records, SPLICE_FROM, StructInfo, UnknownTag,
};
use super::*;
use crate::pieces::Pieces;
use crate::uuid::Uuid;

fn body(version: i16, request: impl Into<Request>) -> Vec<u8> {
    let request = request.into();
    let key = request.api_key();
    let start = 8 + 8 + usize::from(key.is_flexible(version));
    request_frame(key, version, &request)[start..].to_vec()
}

fn encode_fault(version: i16, response: impl Into<Response>) -> EncodeError {
    encode_response(&response.into(), 1, version).expect_err("refused")
}

fn decode_fault(key: ApiKey, version: i16, body: &[u8]) -> DecodeError {
    let mut frame = Vec::new();
    frame.extend_from_slice(&key.number().to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 1, 0xff, 0xff]);
    frame.extend(key.is_flexible(version).then_some(0));
    frame.extend_from_slice(body);
    match decode_request(&frame.into(), BUDGET) {
        Err(RequestError::Malformed(_, error)) => error,
        other => panic!("not malformed: {other:?}"),
    }
}

fn produce(records: Bytes) -> ProduceRequest {
    ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: Str::from_static("t"),
            partition_data: vec![PartitionProduceData {
                index: 5,
                records: Some(Records(records)),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

#[test]
fn produce_in_plain_and_flexible_form() {
    let records = Bytes::from_static(b"rec");
    assert_eq!(
        body(3, produce(records.clone())),
        b"\xff\xff\xff\xff\0\0\x75\x30\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x05\0\0\0\x03rec"
    );
    assert_eq!(body(9, produce(records)), b"\0\xff\xff\0\0\x75\x30\x02\x02t\x02\0\0\0\x05\x04rec\0\0\0");
}

#[test]
fn an_ignorable_field_is_dropped_where_the_version_lacks_it() {
    let request = body(13, produce(Bytes::new()));
    // The name is gone; the id, zero, stands in its place.
    assert_eq!(request[7..24], [&[2][..], &[0; 16]].concat());
}

#[test]
fn a_field_that_matters_is_not_dropped() {
    let response = FetchResponse {
        responses: vec![FetchableTopicResponse {
            partitions: vec![PartitionData { preferred_read_replica: 3, ..Default::default() }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let error = encode_fault(10, response.clone());
    assert_eq!(error.kind(), EncodeErrorKind::NotInVersion(10));
    assert!(
        error.to_string().starts_with("FetchResponse.responses[0].partitions[0].preferred_read_replica: ")
    );
    assert!(encode_response(&response.into(), 1, 11).is_ok());
}

#[test]
fn a_version_that_is_not_declared_cannot_be_written() {
    let error = encode_fault(14, MetadataResponse::default());
    assert_eq!(error.to_string(), "MetadataResponse: there is no version 14");
}

#[test]
fn null_needs_a_version_that_has_it() {
    let topic = MetadataResponseTopic { name: None, ..Default::default() };
    let response = MetadataResponse { topics: vec![topic], ..Default::default() };
    assert_eq!(encode_fault(11, response.clone()).kind(), EncodeErrorKind::UnexpectedNull(11));
    assert!(encode_response(&response.into(), 1, 12).is_ok());
}

#[test]
fn null_is_refused_where_it_has_no_meaning() {
    let error = decode_fault(ApiKey::Metadata, 0, b"\xff\xff\xff\xff");
    assert_eq!(error.kind(), DecodeErrorKind::UnexpectedNull);
    assert_eq!(error.to_string(), "MetadataRequest.topics at byte 14: null is not allowed in this version");
    let error = decode_fault(ApiKey::DeleteTopics, 3, b"\0\0\0\x01\xff\xff\0\0\0\0");
    assert_eq!(
        error.to_string(),
        "DeleteTopicsRequest.topic_names[0] at byte 16: null is not allowed in this version"
    );
    let error = decode_fault(ApiKey::DeleteTopics, 3, b"\xff\xff\xff\xff\0\0\0\0");
    assert_eq!(error.kind(), DecodeErrorKind::UnexpectedNull);
}

#[test]
fn lengths_below_minus_one_are_refused() {
    let error = decode_fault(ApiKey::Metadata, 1, b"\xff\xff\xff\xfe");
    assert_eq!(error.kind(), DecodeErrorKind::BadLength(-2));
    let error = decode_fault(ApiKey::FindCoordinator, 0, b"\x80\0");
    assert_eq!(error.kind(), DecodeErrorKind::BadLength(-32768));
}

#[test]
fn strings_are_at_most_32767_bytes_and_utf8() {
    let mut long = vec![0x81, 0x80, 0x02];
    long.resize(3 + 0x8000 + 2, b'x');
    assert_eq!(decode_fault(ApiKey::FindCoordinator, 3, &long).kind(), DecodeErrorKind::BadLength(0x8000));
    let error = decode_fault(ApiKey::FindCoordinator, 3, b"\x02\xff\0\0");
    assert_eq!(error.to_string(), "FindCoordinatorRequest.key at byte 13: text is not UTF-8");
    let key = Str::from("x".repeat(0x8000));
    let response = ApiVersionsResponse {
        supported_features: vec![SupportedFeatureKey { name: key, ..Default::default() }],
        ..Default::default()
    };
    assert_eq!(encode_fault(3, response).kind(), EncodeErrorKind::TooLong(0x8000));
}

#[test]
fn varints_have_at_most_32_bits() {
    assert_eq!(decode_fault(ApiKey::Metadata, 9, b"\xff\xff\xff\xff\x10").kind(), DecodeErrorKind::BadVarint);
    assert_eq!(
        decode_fault(ApiKey::Metadata, 9, b"\x80\x80\x80\x80\x80\x01").kind(),
        DecodeErrorKind::BadVarint
    );
    let longest = decode_fault(ApiKey::Metadata, 9, b"\xff\xff\xff\xff\x0f");
    assert_eq!(longest.kind(), DecodeErrorKind::BadCount { count: 0xffff_fffe, left: 0 });
}

/// ApiVersions 3 with two empty strings, then this tagged section.
fn tag_fault(section: &[u8]) -> DecodeErrorKind {
    decode_fault(ApiKey::ApiVersions, 3, &[b"\x01\x01", section].concat()).kind()
}

#[test]
fn tags_rise_and_end_where_they_say() {
    assert_eq!(tag_fault(b"\x02\x05\0\x05\0"), DecodeErrorKind::TagOrder(5));
    assert_eq!(tag_fault(b"\x02\x05\0\x04\0"), DecodeErrorKind::TagOrder(4));
    assert_eq!(tag_fault(b"\x01\x05\x01"), DecodeErrorKind::Short { missing: 1 });
    // Fetch 12 has tag 0, the cluster id; here with one byte more than it needs.
    let fixed = [0; 4 * 5 + 1];
    let fetch = |section: &[u8]| {
        decode_fault(ApiKey::Fetch, 12, &[&fixed[..], b"\0\0\0\0\x01\x01\x01", section].concat()).kind()
    };
    let longer = DecodeErrorKind::TagLength { tag: 0, declared: 3, actual: 2 };
    assert_eq!(fetch(b"\x01\0\x03\x02cX"), longer);
    // Tag 1, the replica's state, comes with version 15.
    assert_eq!(fetch(b"\x01\x01\x0d\0\0\0\0\0\0\0\0\0\0\0\0\0"), DecodeErrorKind::TagVersion(1));
}

#[test]
fn tagged_fields_are_written_when_they_say_something() {
    let plain = ApiVersionsResponse::default();
    let full = ApiVersionsResponse {
        error_code: ErrorCode::NONE,
        api_keys: vec![ApiVersion { api_key: 3, min_version: 0, max_version: 13, ..Default::default() }],
        finalized_features_epoch: 0,
        zk_migration_ready: true,
        unknown_tags: [UnknownTag { tag: 9, value: Bytes::from_static(b"?") }].into_iter().collect(),
        ..Default::default()
    };
    assert_eq!(response_frame(3, &plain.into())[4..], *b"\0\0\x01\0\0\0\0\0");
    assert_eq!(
        response_frame(3, &full.into())[4..],
        *b"\0\0\x02\0\x03\0\0\0\x0d\0\0\0\0\0\x03\x01\x08\0\0\0\0\0\0\0\0\x03\x01\x01\x09\x01?"
    );
}

#[test]
fn unknown_tags_need_a_section_and_a_number_of_their_own() {
    let response = |tag| ApiVersionsResponse {
        zk_migration_ready: true,
        unknown_tags: [UnknownTag { tag, value: Bytes::new() }].into_iter().collect(),
        ..Default::default()
    };
    assert_eq!(encode_fault(2, response(9)).kind(), EncodeErrorKind::NotFlexible(2));
    assert_eq!(encode_fault(3, response(3)).kind(), EncodeErrorKind::TagTaken(3));
}

#[test]
fn a_long_tagged_field_gets_a_long_length() {
    for length in [120usize, 127, 128, 200, 16_500] {
        let name = Str::from("n".repeat(length));
        let feature = SupportedFeatureKey { name, min_version: 1, max_version: 2, ..Default::default() };
        let response = ApiVersionsResponse {
            supported_features: vec![feature],
            finalized_features_epoch: 4,
            ..Default::default()
        };
        let frame = response_frame(3, &response.clone().into());
        let decoded = decode_response(&frame, ApiKey::ApiVersions, 3, BUDGET).expect("decodes");
        assert_eq!(decoded.1, response.into());
    }
}

#[test]
fn a_nullable_struct_has_a_byte_in_front() {
    let cursor = Cursor { topic_name: Str::from_static("t"), partition_index: 1, ..Default::default() };
    let request =
        |cursor| DescribeTopicPartitionsRequest { response_partition_limit: 2, cursor, ..Default::default() };
    assert_eq!(body(0, request(None)), b"\x01\0\0\0\x02\xff\0");
    assert_eq!(body(0, request(Some(cursor))), b"\x01\0\0\0\x02\x01\x02t\0\0\0\x01\0\0");
}

#[test]
fn defaults_are_as_declared() {
    let fetch = FetchRequest::default();
    assert_eq!((fetch.replica_id, fetch.max_bytes, fetch.session_epoch), (-1, i32::MAX, -1));
    assert_eq!(MetadataRequest::default().topics, Some(vec![]));
    assert_eq!(DeleteTopicState::default().name, None);
    assert_eq!(PartitionData::default().records, None);
}

#[test]
fn a_version_without_the_field_reads_its_default() {
    let partition =
        ListOffsetsPartition { partition_index: 1, timestamp: -2, max_num_offsets: 9, ..Default::default() };
    let topic =
        ListOffsetsTopic { name: Str::from_static("t"), partitions: vec![partition], ..Default::default() };
    let request = Request::from(ListOffsetsRequest { topics: vec![topic], ..Default::default() });
    let frame = request_frame(ApiKey::ListOffsets, 0, &request);
    let Ok((_, Request::ListOffsets(read))) = decode_request(&frame, BUDGET) else { panic!("not read") };
    let partition = &read.topics[0].partitions[0];
    assert_eq!((partition.max_num_offsets, partition.current_leader_epoch), (9, -1));
}

#[test]
fn topic_ids_are_sixteen_bytes() {
    let topic = DeleteTopicState { topic_id: Uuid::METADATA, ..Default::default() };
    let request = DeleteTopicsRequest { topics: vec![topic], timeout_ms: 1, ..Default::default() };
    let expected = [&[2, 0][..], &[0; 15], &[1, 0, 0, 0, 0, 1, 0]].concat();
    assert_eq!(body(6, request), expected);
}

#[test]
fn large_records_are_parts_of_their_own_and_small_ones_are_not() {
    let large = Bytes::from(vec![b'L'; SPLICE_FROM]);
    let small = Bytes::from(vec![b's'; SPLICE_FROM - 1]);
    let records = [large.clone(), small.clone(), large.clone()].into_iter().collect::<Pieces>();
    let partition = |records| PartitionData { records: Some(records), ..Default::default() };
    let topic = FetchableTopicResponse {
        partitions: vec![partition(records), partition(small.into()), partition(large.clone().into())],
        ..Default::default()
    };
    let response = Response::from(FetchResponse { responses: vec![topic], ..Default::default() });
    let pieces = encode_response(&response, 3, 16).expect("encodes");
    let shared: Vec<&Bytes> = pieces.iter().filter(|part| part.as_ptr() == large.as_ptr()).collect();
    assert_eq!((pieces.as_slice().len(), shared.len()), (7, 3));
    let frame = pieces.concat().slice(4..);
    let (_, Response::Fetch(read)) = decode_response(&frame, ApiKey::Fetch, 16, BUDGET).expect("decodes")
    else {
        panic!("not a fetch")
    };
    let lengths: Vec<_> = read.responses[0]
        .partitions
        .iter()
        .map(|partition| partition.records.as_ref().map_or(0, Pieces::len))
        .collect();
    assert_eq!(lengths, [3 * SPLICE_FROM - 1, SPLICE_FROM - 1, SPLICE_FROM]);
}

#[test]
fn what_is_read_shares_the_frame() {
    let records = Bytes::from(vec![7; 1000]);
    let frame = request_frame(ApiKey::Produce, 9, &produce(records).into());
    let Ok((_, Request::Produce(read))) = decode_request(&frame, BUDGET) else { panic!("not read") };
    let inside = |slice: &Bytes| frame.as_ptr_range().contains(&slice.as_ptr());
    let topic = &read.topic_data[0];
    assert!(inside(topic.name.as_bytes()));
    assert!(!inside(topic.name.detach().as_bytes()));
    assert!(topic.partition_data[0].records.as_ref().is_some_and(|records| inside(&records.0)));
}

/// Calls `check` for a struct and all inside it.
fn each_struct(body: &'static StructInfo, check: &mut impl FnMut(&'static StructInfo)) {
    check(body);
    for field in body.fields {
        let mut ty = &field.ty;
        while let FieldType::Array(element) = ty {
            ty = element;
        }
        if let FieldType::Struct(inner) = ty {
            each_struct(inner, check);
        }
    }
}

#[test]
fn tags_are_declared_in_rising_order_and_only_in_flexible_versions() {
    for key in ApiKey::ALL {
        for message in [key.request(), key.response()] {
            each_struct(message.body, &mut |body| {
                let tagged: Vec<_> = body.fields.iter().filter(|field| field.tag.is_some()).collect();
                assert!(tagged.is_sorted_by(|one, two| one.tag < two.tag), "{}", body.name);
                assert!(tagged.iter().all(|field| field.versions.first >= message.flexible.first));
            });
        }
    }
}
