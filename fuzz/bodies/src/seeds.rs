//! Where fuzzing begins: what clients and servers really said, and what our own encoders write, in the form that each body
//! reads. `cargo run -p kelpgate-fuzz-bodies --example seeds -- DIR` writes them for the fuzzer.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kelpgate_compression::{Codec, Compressor, Levels};
use kelpgate_core::catalogue::record::{CatalogueRecord, Configured};
use kelpgate_core::group::embedded::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, NamedPartitions, write_assignment,
    write_subscription,
};
use kelpgate_core::group::record::{GroupKey, GroupRecord, OffsetCommitKey, OffsetCommitValue};
use kelpgate_core::group::testing::World;
use kelpgate_core::ids::LogId;
use kelpgate_core::protocol::wire::{Source, UnknownTags};
use kelpgate_core::protocol::{ApiKey, Request, RequestHeader, Response, encode_request, encode_response};
use kelpgate_core::record::legacy::{MessageFormat, down_convert};
use kelpgate_core::record::{BatchBuilder, BatchFields, Codecs};
use kelpgate_core::storage::SegmentInfo;
use kelpgate_core::time::{Instant, Now, WallTime};
use kelpgate_core::topic::snapshot::{self, PartitionState};
use kelpgate_core::uuid::Uuid;
use kelpgate_log::journal::format::{Change, Entry, FileHeader, GroupHeader, encode_group};
use kelpgate_log::manifest::{DamagedRange, LogDescription, Manifest, SnapshotPlace};

/// Longer captured frames only fill the corpus.
const CAPTURED_MAX: usize = 400;

/// The first inputs of a body.
pub fn seeds(body: &str) -> Vec<Vec<u8>> {
    match body {
        "requests" => frames(true),
        "responses" => frames(false),
        "batches" => batches(),
        "messages" => messages(),
        "compression" => compression(),
        "embedded_protocol" => embedded_protocol(),
        "stored" => stored(),
        // Any bytes are operations.
        _ => (0..24).map(|seed| noise(&mut Source::new(seed), 40 << (seed % 5))).collect(),
    }
}

/// So many bytes that a seed gives, small ones more often.
pub fn noise(source: &mut Source, length: usize) -> Vec<u8> {
    (0..length)
        .map(|_| match source.below(4) {
            0 => source.below(8) as u8,
            _ => source.bits() as u8,
        })
        .collect()
}

/// The shortest captured frame of each key and version, and a random one where none was captured.
fn frames(requests: bool) -> Vec<Vec<u8>> {
    let mut found: BTreeMap<(i16, i16), Vec<u8>> = captured(requests);
    for &key in ApiKey::ALL {
        for version in key.versions().iter() {
            let frame = || made(key, version, requests);
            found.entry((key.number(), version)).or_insert_with(frame);
        }
    }
    let with_key = |((key, version), frame): ((i16, i16), Vec<u8>)| match requests {
        true => frame,
        false => [&key.to_be_bytes()[..], &version.to_be_bytes(), &frame].concat(),
    };
    found.into_iter().map(with_key).collect()
}

fn captured(requests: bool) -> BTreeMap<(i16, i16), Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/tests/frames");
    let mut found: BTreeMap<(i16, i16), Vec<u8>> = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the folder of captured frames") {
        let text = fs::read_to_string(entry.expect("a file").path()).expect("text");
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [key, version, direction, digits] = words[..] else { panic!("not a captured frame: {line}") };
            let number = |word: &str| word.parse().expect("a number");
            let place = (number(key), number(version));
            let (pairs, _) = digits.as_bytes().as_chunks::<2>();
            let is_shorter = found.get(&place).is_none_or(|known| pairs.len() < known.len());
            if (direction == "request") == requests && is_shorter && pairs.len() <= CAPTURED_MAX {
                let byte = |pair: &[u8; 2]| {
                    std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
                };
                found.insert(place, pairs.iter().map(|pair| byte(pair).expect("two digits")).collect());
            }
        }
    }
    found
}

fn made(key: ApiKey, version: i16, requests: bool) -> Vec<u8> {
    let mut source = Source::new(u64::from(key.number() as u16) << 16 | u64::from(version as u16));
    let frame = if requests {
        let request = Request::generate(key, version, &mut source);
        let header = RequestHeader {
            api_key: key,
            api_version: version,
            correlation_id: 1,
            client_id: Some("c".into()),
            unknown_tags: UnknownTags::NONE,
        };
        encode_request(&header, &request)
    } else {
        encode_response(&Response::generate(key, version, &mut source), 1, version)
    };
    frame.expect("what is made for a version fits it").concat().slice(4..).to_vec()
}

/// A batch of a few records.
fn batch(fields: BatchFields, codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new(fields);
    builder.append(1_700_000_000_000, Some(b"key"), Some(b"value value value value"), &[]);
    builder.append(1_700_000_000_001, None, None, &[(b"h", Some(b"1")), (b"h", None)]);
    builder.append(1_700_000_000_000, Some(b""), Some(b""), &[]);
    let levels = Levels::default();
    builder.build_with(codec, &levels, &mut Codecs::default()).expect("it fits").to_vec()
}

fn batches() -> Vec<Vec<u8>> {
    let idempotent =
        BatchFields { producer_id: 5, producer_epoch: 1, base_sequence: 9, ..Default::default() };
    let stored = BatchFields { base_offset: 100, log_append_time: Some(7), ..Default::default() };
    let compacted = BatchFields { delete_horizon_ms: Some(3), ..Default::default() };
    let mut all = Vec::new();
    for codec in Codec::ALL {
        for (choice, fields) in [(0, idempotent), (8, stored), (16, compacted), (32, BatchFields::default())]
        {
            all.push([&[choice, 0xc7][..], &batch(fields, codec)].concat());
        }
    }
    let two = [batch(idempotent, Codec::None), batch(idempotent, Codec::Gzip)].concat();
    all.push([&[0, 0x47][..], &two].concat());
    all
}

fn messages() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4] {
        for (format, version) in [(MessageFormat::V0, 1), (MessageFormat::V1, 2)] {
            let batch = batch(BatchFields::default(), codec).into();
            let set =
                down_convert(batch, format, 0, usize::MAX, &mut Codecs::default()).expect("it converts");
            all.push([&[0, 0x80 | version][..], &set.records].concat());
        }
    }
    all
}

fn compression() -> Vec<Vec<u8>> {
    let (mut compressor, mut all) = (Compressor::new(), Vec::new());
    let plain = noise(&mut Source::new(1), 60);
    for text in [&b""[..], b"a", &plain, &[7; 3000]] {
        for (choice, codec) in (0..).zip(Codec::ALL) {
            let mut compressed = vec![choice + 15];
            compressor.compress(codec, &Levels::default(), text, &mut compressed).expect("it is compressed");
            all.push(compressed);
        }
    }
    all
}

fn embedded_protocol() -> Vec<Vec<u8>> {
    let named = NamedPartitions { topic: "topic".into(), partitions: vec![0, 1, 7], ..Default::default() };
    let subscription = ConsumerProtocolSubscription {
        topics: vec!["topic".into(), "b".into()],
        user_data: Some(b"user"[..].into()),
        owned_partitions: vec![named.clone()],
        generation_id: 3,
        rack_id: Some("r".into()),
        ..Default::default()
    };
    let assignment = ConsumerProtocolAssignment { assigned_partitions: vec![named], ..Default::default() };
    let mut all = Vec::new();
    for version in 0..=3 {
        let subscription = write_subscription(&subscription, version).expect("it fits");
        let assignment = write_assignment(&assignment, version).expect("it fits");
        all.push([&[0][..], &subscription].concat());
        all.push([&[1][..], &assignment].concat());
    }
    let patterns =
        [".*", "a|b", "(?i)orders-[0-9]{2,4}", r"\pL+\.x", "[[:alpha:]]+?", r"^t\Q.*\E\d$", "(a(b(c)*)+){3}"];
    all.extend(patterns.iter().map(|pattern| [b"\x02", pattern.as_bytes()].concat()));
    all
}

fn stored() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for record in group_records() {
        let (key, value) = record.encode().expect("it fits");
        let length = key.len() as u8;
        all.push([&[0, length][..], &key, &value.unwrap_or_default()].concat());
    }
    let mut world = World::new(&[]);
    world.topic("orders", 3);
    for record in catalogue_records() {
        world.change(record.clone());
        all.push([vec![1], record.encode()].concat());
    }
    all.push([&[2][..], &batch(BatchFields::default(), Codec::None)].concat());
    all.push([&[3][..], &world.image.snapshot()].concat());
    let now = Now { mono: Instant(1), wall: WallTime(1_700_000_000_000) };
    all.push([&[4][..], &snapshot::encode(now, &PartitionState::new(10)).state].concat());
    let mut manifest = manifest().encode();
    manifest.truncate(manifest.len() - 4);
    all.push([vec![5], manifest].concat());
    all.extend(journal_entries());
    all
}

fn group_records() -> Vec<GroupRecord> {
    let key = || GroupKey { group: "g".into(), ..Default::default() };
    let offset = OffsetCommitKey { group: "g".into(), topic: "t".into(), partition: 1, ..Default::default() };
    let value = OffsetCommitValue { offset: 5, metadata: "m".into(), ..Default::default() };
    vec![
        GroupRecord::OffsetCommit(offset.clone(), Some(value)),
        GroupRecord::OffsetCommit(offset, None),
        GroupRecord::GroupMetadata(key(), Some(Default::default())),
        GroupRecord::ConsumerGroupMetadata(key(), Some(Default::default())),
        GroupRecord::ConsumerGroupPartitionMetadata(key(), Some(Default::default())),
        GroupRecord::ConsumerGroupMemberMetadata(Default::default(), Some(Default::default())),
        GroupRecord::ConsumerGroupTargetAssignmentMetadata(key(), Some(Default::default())),
        GroupRecord::ConsumerGroupTargetAssignmentMember(Default::default(), Some(Default::default())),
        GroupRecord::ConsumerGroupCurrentMemberAssignment(Default::default(), Some(Default::default())),
        GroupRecord::ConsumerGroupRegularExpression(Default::default(), Some(Default::default())),
    ]
}

fn catalogue_records() -> Vec<CatalogueRecord> {
    let overrides = [("cleanup.policy".into(), "compact".into())].into();
    vec![
        CatalogueRecord::Cluster { id: Uuid([9; 16]) },
        CatalogueRecord::Started { number: 1 },
        CatalogueRecord::Topic { id: Uuid([8; 16]), name: "t".into(), partitions: 2, overrides },
        CatalogueRecord::Partitions { topic: Uuid([8; 16]), count: 4 },
        CatalogueRecord::Configs {
            of: Configured::Group("g".into()),
            overrides: [("consumer.session.timeout.ms".into(), "50000".into())].into(),
        },
        CatalogueRecord::ProducerIds { next: 1000 },
    ]
}

fn segment() -> SegmentInfo {
    SegmentInfo { base_offset: 10, end_offset: 20, bytes: 500, max_timestamp: 7, first_timestamp: 6 }
}

fn log() -> LogId {
    LogId { topic: Uuid([8; 16]), partition: 1 }
}

fn manifest() -> Manifest {
    let log = LogDescription {
        log: log(),
        start: 10,
        end: 20,
        segments: vec![segment()],
        snapshot: SnapshotPlace::At(15),
        damage: vec![DamagedRange { from: 12, until: 13 }],
    };
    Manifest { epoch: 3, shard: 0, shards: 1, group: 9, logs: vec![log] }
}

fn journal_entries() -> Vec<Vec<u8>> {
    let file = FileHeader { epoch: 1, nonce: 2, shard: 0, shards: 1, number: 1 };
    let header = GroupHeader { group: 1, previous: 0, durable: 0, bytes: 0, entries: 1 };
    let changes = [
        Change::Trim { start: 5 },
        Change::Delete,
        Change::Rewritten { segment: segment(), last: 10 },
        Change::Append {
            append: kelpgate_log::journal::format::describe_batches(
                bytes::Bytes::from(batch(BatchFields::default(), Codec::None)).into(),
                true,
            )
            .expect("a batch"),
            gap: false,
        },
    ];
    let entry = |change| {
        let entry = Entry { log: log(), change };
        let group = encode_group(&file, false, &header, std::iter::once(&entry)).concat();
        [&[6][..], &group[kelpgate_log::journal::format::GROUP_HEADER_LEN..]].concat()
    };
    changes.into_iter().map(entry).collect()
}
