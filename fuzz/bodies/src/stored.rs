//! Bytes that come back from disk: what the machine and the log have written, and whatever a disk made of it. The input
//! is a byte that chooses what they are taken for, and the bytes; checksums are put right where there are any, for the
//! disk is not the only one who may have written there.

use bytes::Bytes;
use kelpgate_core::catalogue::image::Image;
use kelpgate_core::catalogue::record::{CatalogueRecord, decode_batch};
use kelpgate_core::config::Overrides;
use kelpgate_core::group::record::GroupRecord;
use kelpgate_core::record::crc::crc32c;
use kelpgate_core::storage::Snapshot;
use kelpgate_core::time::{Instant, Now, WallTime};
use kelpgate_core::topic::snapshot;
use kelpgate_log::journal::format::{ENTRY_HEADER_LEN, decode_entry};
use kelpgate_log::manifest::Manifest;

use crate::{batches, memory};

/// What is read is written and read back the same.
pub fn run(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    // An image of one topic holds its configuration and its logs' counters; a record's arrays may be of small elements.
    let bound = (1 << 20) + 256 * bytes.len();
    memory::within(bound, || match kind % 7 {
        0 => group_record(bytes),
        1 => catalogue_record(bytes),
        2 => catalogue_batch(bytes),
        3 => catalogue_image(bytes),
        4 => partition_snapshot(bytes),
        5 => manifest(bytes),
        _ => journal_entry(bytes),
    });
}

/// The first byte is the length of the key; a value follows if there is anything left.
fn group_record(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first() else { return };
    let (key, value) = rest.split_at(usize::from(*length).min(rest.len()));
    let (key, value) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
    let value = Some(value).filter(|value| !value.is_empty());
    let Ok(Some(record)) = GroupRecord::decode(&key, value.as_ref()) else { return };
    let (key, value) = record.encode().expect("what was read is written");
    let again = GroupRecord::decode(&key, value.as_ref()).expect("what was written is read");
    let again = again.expect("its type is known");
    assert_eq!(again.encode().expect("what was read is written"), (key, value));
}

fn catalogue_record(bytes: &[u8]) {
    let Ok(record) = CatalogueRecord::decode(bytes) else { return };
    assert_eq!(CatalogueRecord::decode(&record.encode()), Ok(record));
}

fn catalogue_batch(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    batches::mend(&mut bytes);
    let _ = decode_batch(&bytes);
}

fn catalogue_image(bytes: &[u8]) {
    let Ok(image) = Image::restore(bytes, Overrides::new()) else { return };
    let again = Image::restore(&image.snapshot(), Overrides::new());
    assert_eq!(again.as_ref(), Ok(&image));
}

/// Version, then the checksum of what follows.
fn partition_snapshot(bytes: &[u8]) {
    let now = Now { mono: Instant(1 << 50), wall: WallTime(1_700_000_000_000) };
    let mut bytes = bytes.to_vec();
    let Some((head, body)) = bytes.split_first_chunk_mut::<6>() else { return };
    head[2..].copy_from_slice(&crc32c(body).to_be_bytes());
    let offset = body.first_chunk::<8>().map_or(0, |offset| i64::from_be_bytes(*offset));
    let found = Snapshot { offset, state: bytes.into() };
    let Ok(state) = snapshot::decode(now, 10, &found) else { return };
    state.epochs.check_invariants();
    state.producers.check_invariants();
    let written = snapshot::encode(now, &state);
    let again = snapshot::decode(now, 10, &written).expect("what was written is read");
    assert_eq!(snapshot::encode(now, &again), written);
}

/// The checksum comes last.
fn manifest(bytes: &[u8]) {
    let bytes = [bytes, &crc32c(bytes).to_be_bytes()].concat();
    let Some(manifest) = Manifest::decode(&bytes) else { return };
    assert_eq!(Manifest::decode(&manifest.encode()), Some(manifest));
}

/// The checksum comes first.
fn journal_entry(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    if let Some(length) = bytes.len().checked_sub(ENTRY_HEADER_LEN) {
        bytes[8..12].copy_from_slice(&(length as u32).to_be_bytes());
        let crc = crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_be_bytes());
    }
    let bytes = Bytes::from(bytes);
    if let Some((_, length)) = decode_entry(&bytes) {
        assert!(length <= bytes.len());
    }
}
