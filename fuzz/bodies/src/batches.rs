//! Record batches v2. The input is a byte that chooses the topic's configuration, one that chooses the request's version
//! and whether lengths and checksums are put right first, and the bytes that a Produce request has for a partition.

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::record::batch::{HEADER_LEN, LOG_OVERHEAD};
use kelpgate_core::record::compact::filter;
use kelpgate_core::record::crc::crc32c;
use kelpgate_core::record::legacy::{MessageFormat, down_convert, up_convert};
use kelpgate_core::record::time_index::{first_at_or_after, max_timestamp};
use kelpgate_core::record::{Batch, Batches, Codecs, StoredBatches, accept};

use crate::memory;
use crate::records::{LIMITS, Owned, bound, check_accepted, records, rules, topic_config};

/// Versions of Produce, from the first with batches to the newest.
const VERSIONS: [i16; 8] = [0, 3, 6, 7, 8, 10, 11, 12];

/// Cutting, accepting, converting, compacting, searching.
pub fn run(data: &[u8]) {
    let Some(([topic, request], bytes)) = data.split_first_chunk::<2>() else { return };
    let mut bytes = bytes.to_vec();
    if request & 0x80 != 0 {
        mend(&mut bytes);
    }
    let bytes = Bytes::from(bytes);
    memory::within(bound(bytes.len()), || {
        let mut codecs = Codecs::new(LIMITS);
        cut(&bytes, usize::from(*topic));
        let config = topic_config(*topic);
        let version = VERSIONS[usize::from(request & 7)];
        let rules = rules(&config, version, request & 0x40 != 0);
        match accept(&bytes, &rules, &mut codecs) {
            Ok(accepted) => {
                check_accepted(&accepted, &rules, &mut codecs);
                kept(&accepted.batch, &mut codecs);
            }
            Err(refusal) => assert!(refusal.error.0 != 0),
        }
        // The log may hold what would not be accepted today.
        kept(&bytes, &mut codecs);
    });
}

/// Gives the bytes what a batch needs to be looked into: its format, its length and its checksum.
pub fn mend(bytes: &mut [u8]) {
    if bytes.len() < HEADER_LEN {
        return;
    }
    let length = (bytes.len() - LOG_OVERHEAD) as u32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[16] = 2;
    let crc = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
}

/// However an engine cuts what it read into pieces, the same batches come out.
fn cut(bytes: &Bytes, at: usize) {
    let mut cut = Batches::new(bytes.clone());
    let whole: Vec<Bytes> = cut.by_ref().map_while(Result::ok).collect();
    let taken = bytes.len() - cut.into_rest().len();
    assert_eq!(whole.concat(), bytes[..taken]);
    let mut pieces = Pieces::new();
    for piece in bytes[..taken].chunks(at.max(1)) {
        pieces.push(Bytes::copy_from_slice(piece));
    }
    let stored: Vec<Bytes> = StoredBatches::new(pieces).map(|batch| batch.expect("it is whole")).collect();
    assert_eq!(stored, whole);
}

/// What is done with a batch that is in the log.
fn kept(bytes: &Bytes, codecs: &mut Codecs) {
    let Ok(batch) = Batch::first(bytes) else { return };
    let bytes = bytes.slice(..batch.size_in_bytes());
    let known = records(&bytes, codecs);
    search(&batch, known.as_deref().ok(), codecs);
    compact(&bytes, known.as_deref().ok(), codecs);
    for format in [MessageFormat::V0, MessageFormat::V1] {
        convert(&bytes, format, known.as_deref().ok(), codecs);
    }
}

/// A search by time finds what a walk finds.
fn search(batch: &Batch<'_>, known: Option<&[Owned]>, codecs: &mut Codecs) {
    let (greatest, first) = (max_timestamp(batch, codecs), first_at_or_after(batch, 0, 0, codecs));
    let Some(known) = known else { return };
    let greatest = greatest.expect("records that are read are searched");
    assert_eq!(greatest.map(|found| found.timestamp), known.iter().map(|record| record.timestamp).max());
    let first = first.expect("records that are read are searched").map(|found| found.offset);
    let walked = known.iter().find(|record| record.timestamp >= 0 && record.offset >= 0);
    if batch.max_timestamp() >= 0 && batch.last_offset() >= 0 {
        assert_eq!(first, walked.map(|record| record.offset));
    }
}

/// Compaction keeps what it is told to keep, and offsets.
fn compact(bytes: &Bytes, known: Option<&[Owned]>, codecs: &mut Codecs) {
    let all = filter(bytes, None, codecs, &mut |_| true);
    let mut odd = false;
    let half = filter(bytes, Some(5), codecs, &mut |_| {
        odd = !odd;
        odd
    });
    let none = filter(bytes, None, codecs, &mut |_| false);
    let Some(known) = known else { return };
    assert!(all.as_ref() == Ok(bytes), "nothing was removed and something has changed");
    let batch = Batch::first(bytes).expect("it was read");
    for (kept, step) in [(half, 2), (none, usize::MAX)] {
        let kept = kept.expect("records that are read are filtered");
        let expected: Vec<&Owned> = match step {
            2 => known.iter().step_by(2).collect(),
            _ => Vec::new(),
        };
        if kept == *bytes {
            continue;
        }
        let view = Batch::checked(&kept).expect("a compacted batch is whole");
        assert_eq!((view.base_offset(), view.last_offset()), (batch.base_offset(), batch.last_offset()));
        assert_eq!(view.producer_id(), batch.producer_id());
        let left = records(&kept, codecs).expect("a compacted batch is read");
        assert!(left.iter().eq(expected), "{left:?} are left of {known:?}");
    }
}

/// Old clients get every record, and what they would send of it is the same again.
fn convert(bytes: &Bytes, format: MessageFormat, known: Option<&[Owned]>, codecs: &mut Codecs) {
    let from = Batch::first(bytes).map_or(0, |batch| batch.base_offset());
    let Ok(converted) = down_convert(bytes.clone(), format, from, usize::MAX, codecs) else { return };
    let Some(known) = known else { return };
    if converted.records.is_empty() {
        return;
    }
    let config = topic_config(0);
    let version = if format == MessageFormat::V0 { 1 } else { 2 };
    let Ok(back) = up_convert(&converted.records, &rules(&config, version, true), codecs) else { return };
    let back = records(&back.batch, codecs).expect("what was converted is read");
    let same = |known: &Owned, back: &Owned| (&known.key, &known.value) == (&back.key, &back.value);
    let expected: Vec<&Owned> = known.iter().filter(|record| record.offset >= from).collect();
    let plain =
        expected.len() == back.len() && expected.iter().zip(&back).all(|(known, back)| same(known, back));
    let whole = known.len() == back.len() && known.iter().zip(&back).all(|(known, back)| same(known, back));
    assert!(plain || whole, "{back:?} came back of {known:?}");
}
