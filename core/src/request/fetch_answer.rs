//! Puts the answer to a Fetch together: what fits, in the order of the request, in the format the client reads.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use rand_chacha::rand_core::Rng;

use super::fetch::{Fetching, ReadState, session_error};
use super::home::Home;
use crate::fetch::session::{Answered, SessionAnswer, Target};
use crate::pieces::Pieces;
use crate::protocol::ErrorCode;
use crate::protocol::Str;
use crate::protocol::fetch::{EpochEndOffset, FetchResponse, FetchableTopicResponse, PartitionData};
use crate::record::legacy::{self, MessageFormat};
use crate::record::{Batch, Codec, StoredBatches};
use crate::shard_message::{Found, Probed};

/// First version whose readers know zstd; older ones get UNSUPPORTED_COMPRESSION_TYPE (KIP-110).
const ZSTD: i16 = 10;
/// First version whose readers know batches v2; older ones get message sets.
const BATCHES_V2: i16 = 4;

/// The response to a fetch whose every read has ended.
pub(super) fn finish(fetching: &mut Fetching, home: &mut Home<'_>) -> FetchResponse {
    let mut room = Room { left: fetching.max_bytes, any: false };
    let mut data = Vec::with_capacity(fetching.reads.len());
    for (target, read) in fetching.session.targets.iter().zip(&mut fetching.reads) {
        let state = core::mem::replace(&mut read.state, ReadState::Asked);
        data.push(partition(target, state, &mut room, fetching.read_committed));
    }
    let answered: Vec<Answered<'_>> = fetching.session.targets.iter().zip(&data).map(outcome).collect();
    let random = &mut *home.random;
    let SessionAnswer { session_id, included } =
        home.sessions.answer(home.now.mono, || random.next_u32(), &fetching.session, &answered);
    match included {
        Err(error) => FetchResponse { error_code: session_error(error), session_id, ..Default::default() },
        Ok(included) => {
            let mut response = FetchResponse { session_id, ..Default::default() };
            let kept =
                fetching.session.targets.iter().zip(data).zip(included).filter(|(_, included)| *included);
            kept.for_each(|((target, data), _)| add(&mut response, target, data));
            response
        }
    }
}

fn outcome<'a>((target, data): (&'a Target, &PartitionData)) -> Answered<'a> {
    Answered {
        target,
        has_records: data.records.as_ref().is_some_and(|records| !records.is_empty()),
        high_watermark: data.high_watermark,
        log_start: data.log_start_offset,
        has_error: data.error_code != ErrorCode::NONE,
        is_diverging: data.diverging_epoch != EpochEndOffset::default(),
    }
}

/// Adds a partition to the last topic if it is of that one, else to a new one: the order of partitions is kept.
fn add(response: &mut FetchResponse, target: &Target, data: PartitionData) {
    let name = &target.name;
    match response.responses.last_mut() {
        Some(last) if *last.topic == *name.topic && last.topic_id == name.topic_id => {
            last.partitions.push(data)
        }
        _ => response.responses.push(FetchableTopicResponse {
            topic: Str::from(&*name.topic),
            topic_id: name.topic_id,
            partitions: vec![data],
            ..Default::default()
        }),
    }
}

/// What the whole answer may still hold.
struct Room {
    left: usize,
    any: bool,
}

impl Room {
    /// Takes records into the answer; the first ones fit whatever their size (KIP-74).
    fn take(&mut self, pieces: Pieces, limit: i32) -> Pieces {
        let fits = pieces.len() <= self.left && pieces.len() <= usize::try_from(limit).unwrap_or(0);
        if pieces.is_empty() || (self.any && !fits) {
            return Pieces::new();
        }
        self.any = true;
        self.left = self.left.saturating_sub(pieces.len());
        pieces
    }
}

fn partition(target: &Target, state: ReadState, room: &mut Room, read_committed: bool) -> PartitionData {
    let index = target.name.partition;
    let mut data = match state {
        ReadState::Refused(error) => refused(index, error),
        ReadState::Probed(probed) => seen(index, &probed),
        ReadState::Collected(probed, pieces) => {
            PartitionData { records: Some(room.take(pieces, target.max_bytes)), ..seen(index, &probed) }
        }
        ReadState::Asked => panic!("a fetch was answered before its reads"),
    };
    // No transaction is ever open here, so none was aborted: an empty list for those who ask, null for the others.
    data.aborted_transactions = read_committed.then(Vec::new);
    data
}

fn refused(partition_index: i32, error: ErrorCode) -> PartitionData {
    PartitionData {
        partition_index,
        error_code: error,
        high_watermark: -1,
        last_stable_offset: -1,
        log_start_offset: -1,
        records: Some(Pieces::new()),
        ..Default::default()
    }
}

fn seen(partition_index: i32, probed: &Probed) -> PartitionData {
    let mut data = PartitionData {
        partition_index,
        high_watermark: probed.high_watermark,
        last_stable_offset: probed.high_watermark,
        log_start_offset: probed.log_start,
        records: Some(Pieces::new()),
        ..Default::default()
    };
    if let Found::Diverging { epoch, end_offset } = probed.found {
        data.diverging_epoch = EpochEndOffset { epoch, end_offset, ..Default::default() };
    }
    data
}

/// Records as the reader gets them.
pub(super) struct Readable {
    pub(super) records: Pieces,
    /// The offset after what was converted for a reader of old formats; none for others, who see it themselves.
    pub(super) next: Option<i64>,
}

/// The records in a format that readers of this version know.
pub(super) fn readable(
    home: &mut Home<'_>,
    pieces: Pieces,
    from: i64,
    max_bytes: usize,
) -> Result<Readable, ErrorCode> {
    if home.version < BATCHES_V2 {
        let format = if home.version < 2 { MessageFormat::V0 } else { MessageFormat::V1 };
        let converted = legacy::down_convert(pieces.concat(), format, from, max_bytes, home.codecs);
        let converted = converted.map_err(|error| error.code())?;
        return Ok(Readable { records: converted.records.into(), next: Some(converted.next_offset) });
    }
    if home.version < ZSTD {
        let mut batches = StoredBatches::new(pieces.clone());
        let is_zstd =
            |whole: &Bytes| Batch::first(whole).is_ok_and(|batch| batch.codec() == Some(Codec::Zstd));
        if batches.any(|whole| whole.is_ok_and(|whole| is_zstd(&whole))) {
            return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
        }
    }
    Ok(Readable { records: pieces, next: None })
}
