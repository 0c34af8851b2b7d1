//! A partition's own state as bytes, so that opening it need not read the whole log: producers with all their batches,
//! leader epochs, and how far the log has been compacted.
//!
//! Layout, big-endian: version i16; CRC-32C u32 of what follows; offset i64; when it was written, wall clock i64 in ms;
//! compacted to i64; epochs as u32 count of (epoch i32, start offset i64); producers as u32 count of (id i64, epoch i16,
//! idle for u64 ms, batches as u8 count of (first sequence i32, records less one i32, base offset i64, max timestamp
//! i64, append time i64)). Ids, epochs and offsets rise strictly. What is not understood is not used: the owner then
//! rebuilds the state from the log. A version is for what its fields mean; new facts need a new version.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::epochs::Epochs;
use super::producers::{KEPT_BATCHES, KeptBatch, Producer, Producers, next_sequence};
use crate::storage::Snapshot;
use crate::time::Now;

const VERSION: i16 = 1;

/// The state of a partition at an offset.
#[derive(Clone, Debug)]
pub struct PartitionState {
    pub producers: Producers,
    pub epochs: Epochs,
    /// Compaction has seen everything below (Kafka's `cleaner-offset-checkpoint`); 0 when it has not run.
    pub compacted_to: i64,
}

impl PartitionState {
    /// The state of a partition of which nothing is known.
    pub fn new(producer_limit: usize) -> PartitionState {
        PartitionState {
            producers: Producers::new(producer_limit),
            epochs: Epochs::default(),
            compacted_to: 0,
        }
    }
}

/// Why a snapshot is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    #[error("ends early")]
    Truncated,
    #[error("goes on for {0} bytes after its end")]
    TooLong(usize),
    #[error("has version {0}, this program reads {VERSION}")]
    Version(i16),
    #[error("does not match its checksum")]
    Checksum,
    #[error("was written at offset {0}, not where it was found")]
    OtherOffset(i64),
    #[error("holds a {0} out of range or order")]
    Invalid(&'static str),
}

/// Writes the state of everything settled (see [`Producers::settle`]): appends under way are left out.
pub fn encode(now: Now, state: &PartitionState) -> Snapshot {
    let offset = state.producers.settled();
    let mut out: Vec<u8> = Vec::with_capacity(64 + state.producers.len() * 64);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&offset.to_be_bytes());
    out.extend_from_slice(&now.wall.0.to_be_bytes());
    out.extend_from_slice(&state.compacted_to.to_be_bytes());
    let epochs = state.epochs.starts().iter().filter(|start| start.start_offset < offset);
    counted(&mut out, epochs, |out, start| {
        out.extend_from_slice(&start.epoch.to_be_bytes());
        out.extend_from_slice(&start.start_offset.to_be_bytes());
    });
    counted(&mut out, state.producers.iter_settled(), |out, (id, producer)| {
        out.extend_from_slice(&id.to_be_bytes());
        put_producer(out, now, producer);
    });
    let (head, body) = out.split_at_mut(HEAD);
    head[HEAD - 4..].copy_from_slice(&crc_fast::crc32_iscsi(body).to_be_bytes());
    Snapshot { offset, state: out.into() }
}

/// Version and checksum.
const HEAD: usize = 6;

fn counted<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, put: impl Fn(&mut Vec<u8>, T)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut count: u32 = 0;
    for item in items {
        put(out, item);
        count += 1;
    }
    out[at..at + 4].copy_from_slice(&count.to_be_bytes());
}

fn put_producer(out: &mut Vec<u8>, now: Now, producer: &Producer) {
    let idle = u64::try_from(producer.idle(now.mono).as_millis()).unwrap_or(u64::MAX);
    out.extend_from_slice(&producer.epoch().to_be_bytes());
    out.extend_from_slice(&idle.to_be_bytes());
    out.push(producer.batches().len() as u8);
    for kept in producer.batches() {
        let records_less_one = (kept.last_offset - kept.base_offset) as i32;
        out.extend_from_slice(&kept.first_sequence.to_be_bytes());
        out.extend_from_slice(&records_less_one.to_be_bytes());
        out.extend_from_slice(&kept.base_offset.to_be_bytes());
        out.extend_from_slice(&kept.max_timestamp.to_be_bytes());
        out.extend_from_slice(&kept.log_append_time.to_be_bytes());
    }
}

/// Reads what [`encode`] wrote; safe on any bytes. At most `producer_limit` producers are remembered from then on.
pub fn decode(now: Now, producer_limit: usize, snapshot: &Snapshot) -> Result<PartitionState, SnapshotError> {
    let mut reader = Reader(&snapshot.state);
    let version = i16::from_be_bytes(reader.take()?);
    if version != VERSION {
        return Err(SnapshotError::Version(version));
    }
    if u32::from_be_bytes(reader.take()?) != crc_fast::crc32_iscsi(reader.0) {
        return Err(SnapshotError::Checksum);
    }
    let offset = reader.i64()?;
    if offset != snapshot.offset || offset < 0 {
        return Err(SnapshotError::OtherOffset(offset));
    }
    let written = reader.i64()?;
    let compacted_to = reader.i64()?;
    if !(0..=offset).contains(&compacted_to) {
        return Err(SnapshotError::Invalid("compaction offset"));
    }
    let since = u64::try_from(now.wall.0.saturating_sub(written)).unwrap_or(0);
    let epochs = read_epochs(&mut reader, offset)?;
    let producers = read_producers(&mut reader, now, Duration::from_millis(since), offset)?;
    match reader.0.len() {
        0 => {
            let producers = Producers::restore(producer_limit, offset, producers);
            Ok(PartitionState { producers, epochs, compacted_to })
        }
        more => Err(SnapshotError::TooLong(more)),
    }
}

fn read_epochs(reader: &mut Reader<'_>, end: i64) -> Result<Epochs, SnapshotError> {
    let mut epochs = Epochs::default();
    for _ in 0..reader.u32()? {
        let (epoch, start) = (reader.i32()?, reader.i64()?);
        let rises = epochs.latest().is_none_or(|last| epoch > last.epoch && start > last.start_offset);
        if !rises || epoch < 0 || !(0..end).contains(&start) {
            return Err(SnapshotError::Invalid("leader epoch"));
        }
        epochs.assign(epoch, start);
    }
    Ok(epochs)
}

fn read_producers(
    reader: &mut Reader<'_>,
    now: Now,
    since: Duration,
    end: i64,
) -> Result<BTreeMap<i64, Producer>, SnapshotError> {
    let mut producers = BTreeMap::new();
    for _ in 0..reader.u32()? {
        let id = reader.i64()?;
        if id < 0 || producers.last_key_value().is_some_and(|(last, _)| id <= *last) {
            return Err(SnapshotError::Invalid("producer id"));
        }
        producers.insert(id, read_producer(reader, now, since, end)?);
    }
    Ok(producers)
}

fn read_producer(
    reader: &mut Reader<'_>,
    now: Now,
    since: Duration,
    end: i64,
) -> Result<Producer, SnapshotError> {
    let epoch = i16::from_be_bytes(reader.take()?);
    let idle = Duration::from_millis(u64::from_be_bytes(reader.take()?)).saturating_add(since);
    let [count] = reader.take()?;
    let mut batches = [KeptBatch::default(); KEPT_BATCHES];
    let kept = batches.get_mut(..usize::from(count)).ok_or(SnapshotError::Invalid("number of batches"))?;
    let mut above = 0;
    for batch in kept.iter_mut() {
        *batch = read_batch(reader, above, end)?;
        above = batch.last_offset + 1;
    }
    let producer = Producer::restore(now.mono, idle, epoch, kept).filter(|_| epoch >= 0);
    producer.ok_or(SnapshotError::Invalid("producer without batches or epoch"))
}

/// A batch whose offsets lie in `from..end`.
fn read_batch(reader: &mut Reader<'_>, from: i64, end: i64) -> Result<KeptBatch, SnapshotError> {
    let (first_sequence, records_less_one) = (reader.i32()?, reader.i32()?);
    let (base_offset, max_timestamp, log_append_time) = (reader.i64()?, reader.i64()?, reader.i64()?);
    if first_sequence < 0 || records_less_one < 0 || base_offset < from {
        return Err(SnapshotError::Invalid("batch"));
    }
    let last_offset = base_offset.saturating_add(i64::from(records_less_one));
    if last_offset >= end {
        return Err(SnapshotError::Invalid("batch offset"));
    }
    let last_sequence = next_sequence(first_sequence, records_less_one);
    Ok(KeptBatch { first_sequence, last_sequence, base_offset, last_offset, max_timestamp, log_append_time })
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(SnapshotError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn i64(&mut self) -> Result<i64, SnapshotError> {
        self.take().map(i64::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, SnapshotError> {
        self.take().map(i32::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, SnapshotError> {
        self.take().map(u32::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Instant, WallTime};
    use crate::topic::producers::{ProducerBatch, Verdict};
    use bytes::Bytes;
    use proptest::prelude::*;

    fn now(seconds: u64) -> Now {
        Now {
            mono: Instant(seconds * 1_000_000_000),
            wall: WallTime(1_700_000_000_000 + seconds as i64 * 1000),
        }
    }

    fn append(
        state: &mut PartitionState,
        at: Now,
        id: i64,
        epoch: i16,
        sequence: i32,
        base: i64,
        count: i32,
    ) {
        let batch = ProducerBatch::new(id, epoch, sequence, count - 1).unwrap().unwrap();
        let kept = KeptBatch {
            first_sequence: sequence,
            last_sequence: batch.last_sequence,
            base_offset: base,
            last_offset: base + i64::from(count) - 1,
            max_timestamp: base * 3,
            log_append_time: -1,
        };
        state.producers.append(at.mono, &batch, kept);
    }

    fn empty() -> PartitionState {
        PartitionState::new(100)
    }

    /// Seven batches of producer 5, the last over the wrap; one of producer 9; offsets 0 to 16, all settled.
    fn sample() -> PartitionState {
        let mut state = empty();
        for n in 0..6 {
            append(&mut state, now(n), 5, 2, i32::MAX - 12 + 2 * n as i32, n as i64 * 2, 2);
        }
        append(&mut state, now(6), 5, 2, i32::MAX, 12, 4);
        append(&mut state, now(7), 9, 0, 0, 16, 1);
        state.epochs.assign(1, 0);
        state.epochs.assign(4, 10);
        state.compacted_to = 7;
        state.producers.settle(17);
        state
    }

    fn same(one: &PartitionState, other: &PartitionState) -> bool {
        one.producers.iter().eq(other.producers.iter())
            && one.epochs == other.epochs
            && one.compacted_to == other.compacted_to
    }

    #[test]
    fn all_five_batches_survive() {
        let state = sample();
        let snapshot = encode(now(10), &state);
        assert_eq!(snapshot.offset, 17);
        let read = decode(now(10), 100, &snapshot).unwrap();
        assert!(same(&state, &read));
        assert_eq!(read.producers.settled(), 17);
        let fifth_last = ProducerBatch::new(5, 2, i32::MAX - 12 + 4, 1).unwrap().unwrap();
        assert!(
            matches!(read.producers.check(&fifth_last), Verdict::Duplicate(kept) if kept.base_offset == 4)
        );
    }

    #[test]
    fn idleness_goes_on_while_the_node_is_down() {
        let snapshot = encode(now(100), &sample());
        // A restart: the monotonic clock begins anew, the wall clock has moved by a minute.
        let later = Now { mono: Instant(0), wall: now(160).wall };
        let read = decode(later, 100, &snapshot).unwrap();
        let idle: Vec<_> =
            read.producers.iter().map(|(id, known)| (id, known.idle(later.mono).as_secs())).collect();
        assert_eq!(idle, [(5, 154), (9, 153)]);
        // A wall clock that went back adds nothing.
        let earlier = Now { mono: Instant(0), wall: now(0).wall };
        let read = decode(earlier, 100, &snapshot).unwrap();
        let idle: Vec<_> =
            read.producers.iter().map(|(_, known)| known.idle(earlier.mono).as_secs()).collect();
        assert_eq!(idle, [94, 93]);
    }

    #[test]
    fn appends_under_way_are_left_out() {
        let settled = sample();
        let mut state = settled.clone();
        append(&mut state, now(8), 5, 3, 0, 17, 1);
        append(&mut state, now(8), 5, 3, 1, 18, 1);
        append(&mut state, now(8), 77, 0, 0, 19, 1);
        state.epochs.assign(6, 17);
        assert_eq!(encode(now(10), &state), encode(now(10), &settled));
        state.producers.settle(20);
        let read = decode(now(10), 100, &encode(now(10), &state)).unwrap();
        assert!(same(&state, &read));
    }

    #[test]
    fn nothing_at_all_is_a_state_too() {
        let read = decode(now(0), 100, &encode(now(0), &empty())).unwrap();
        assert!(same(&read, &empty()));
    }

    #[test]
    fn every_damage_is_noticed() {
        let snapshot = encode(now(10), &sample());
        let bytes = snapshot.state.to_vec();
        for at in 0..bytes.len() {
            let cut = Snapshot { state: Bytes::copy_from_slice(&bytes[..at]), ..snapshot };
            assert!(decode(now(10), 100, &cut).is_err(), "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x40;
            let flipped = Snapshot { state: flipped.into(), ..snapshot };
            assert!(decode(now(10), 100, &flipped).is_err(), "flipped at {at}");
        }
        let moved = Snapshot { offset: 18, ..snapshot.clone() };
        assert_eq!(decode(now(10), 100, &moved).unwrap_err(), SnapshotError::OtherOffset(17));
        let mut newer = bytes;
        newer[1] = 2;
        let newer = Snapshot { state: newer.into(), ..snapshot };
        assert_eq!(decode(now(10), 100, &newer).unwrap_err(), SnapshotError::Version(2));
    }

    /// Puts a right version and checksum before any bytes.
    fn sealed(offset: i64, body: &[u8]) -> Snapshot {
        let mut state = VERSION.to_be_bytes().to_vec();
        let mut rest = offset.to_be_bytes().to_vec();
        rest.extend_from_slice(body);
        state.extend_from_slice(&crc_fast::crc32_iscsi(&rest).to_be_bytes());
        state.extend_from_slice(&rest);
        Snapshot { offset, state: state.into() }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_safe(body in prop::collection::vec(any::<u8>(), 0..300), offset in 0i64..100) {
            let _ = decode(now(0), 100, &Snapshot { offset, state: body.clone().into() });
            if let Ok(state) = decode(now(0), 100, &sealed(offset, &body)) {
                prop_assert!(state.compacted_to <= offset);
            }
        }

        /// Bytes of a good snapshot with one changed and the checksum put right again: read or refused, never a panic,
        /// and what is read can be written again.
        #[test]
        fn changed_fields_are_safe(at in 8usize..250, value in any::<u8>()) {
            let mut body = encode(now(10), &sample()).state[HEAD + 8..].to_vec();
            let at = at % body.len();
            body[at] = value;
            if let Ok(state) = decode(now(10), 100, &sealed(17, &body)) {
                let again = decode(now(10), 100, &encode(now(10), &state)).unwrap();
                prop_assert!(same(&state, &again));
            }
        }
    }
}
