//! What is known of a log beside its batches, in one file of ours that is always written whole and synced: whose it is,
//! where it starts, the terms it was written in, and the index of what log files hold.
//!
//! `KGS1`, bytes of batches in the index (8), CRC-32C of the rest (4), the rest.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::record::crc::crc32c;

use crate::index::Index;
use crate::wire::{Fields, Put};

const MAGIC: &[u8; 4] = b"KGS1";
/// Bytes that tell how large a log is.
pub(crate) const HEAD_LEN: usize = 16;

/// One term of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) number: u64,
    /// Where the log ended when the term began: nothing from here on is of an earlier term.
    pub(crate) start: i64,
}

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogState {
    /// Name of the topic, of Kafka and of SeaweedMQ.
    pub(crate) topic: String,
    /// How many partitions it had.
    pub(crate) partitions: i32,
    /// First offset that may be read.
    pub(crate) start: i64,
    /// Everything was in log files, and read there, when the file was written: brokers hold nothing more.
    pub(crate) clean: bool,
    /// Oldest first.
    pub(crate) terms: Vec<Term>,
    pub(crate) index: Index,
}

impl LogState {
    /// Whether a message of that term may begin at that offset: no later term began at or below it.
    pub(crate) fn is_valid(&self, term: u64, base: i64) -> bool {
        let last = self.terms.last().map_or(0, |term| term.number);
        term <= last && self.terms.iter().rev().take_while(|t| t.number > term).all(|t| base < t.start)
    }

    /// Begins a term; those that it makes meaningless are forgotten.
    pub(crate) fn begin_term(&mut self, start: i64) -> u64 {
        let number = self.terms.last().map_or(0, |term| term.number) + 1;
        while self.terms.last().is_some_and(|term| term.start >= start) {
            self.terms.pop();
        }
        let below = self.terms.partition_point(|term| term.start <= self.start);
        self.terms.drain(..below.saturating_sub(1));
        self.terms.push(Term { number, start });
        number
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut rest = Vec::new();
        rest.put_text(&self.topic);
        rest.put_i32(self.partitions);
        rest.put_i64(self.start);
        rest.push(u8::from(self.clean));
        rest.put_u32(self.terms.len() as u32);
        for term in &self.terms {
            rest.put_u64(term.number);
            rest.put_i64(term.start);
        }
        self.index.encode(&mut rest);
        let mut content = Vec::with_capacity(HEAD_LEN + rest.len());
        content.put(MAGIC);
        content.put_u64(self.index.bytes());
        content.put_u32(crc32c(&rest));
        content.put(&rest);
        content.into()
    }

    pub(crate) fn decode(content: &[u8]) -> Option<LogState> {
        let (head, rest) = content.split_at_checked(HEAD_LEN)?;
        let mut head = Fields(head.strip_prefix(MAGIC)?);
        let (_, crc) = (head.u64()?, head.u32()?);
        if crc32c(rest) != crc {
            return None;
        }
        let mut fields = Fields(rest);
        let mut state = LogState {
            topic: String::from(fields.text()?),
            partitions: fields.i32()?,
            start: fields.i64()?,
            clean: fields.u8()? != 0,
            terms: Vec::new(),
            index: Index::default(),
        };
        for _ in 0..fields.u32()? {
            state.terms.push(Term { number: fields.u64()?, start: fields.i64()? });
        }
        state.index = Index::decode(&mut fields)?;
        (fields.0.is_empty() && state.start >= 0).then_some(state)
    }
}

/// How large the batches of a log are, from the first bytes of its file.
pub(crate) fn bytes_of(head: &[u8]) -> Option<u64> {
    Fields(head.strip_prefix(MAGIC)?).u64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Extent;

    fn extent(file: u32, at: u64, base: i64, roll: bool) -> Extent {
        let (max_timestamp, first_timestamp) = (base, base);
        let (len, end, bytes) = (100, base + 10, 80);
        Extent { file, at, len, base, end, bytes, max_timestamp, first_timestamp, roll }
    }

    fn state() -> LogState {
        let mut state = LogState { topic: "topic".into(), partitions: 3, ..LogState::default() };
        let folder = state.index.folder("/topics/kafka/topic/v/0000-2520");
        let (one, two) = (state.index.file(folder, "1", false), state.index.file(folder, "2", false));
        state.index.add(extent(one, 0, 0, false));
        state.index.add(extent(one, 100, 10, false));
        state.index.add(extent(one, 200, 20, true));
        state.index.add(extent(two, 0, 30, false));
        state
    }

    #[test]
    fn is_read_as_it_was_written_or_not_at_all() {
        let mut state = state();
        state.begin_term(5);
        state.begin_term(30);
        let content = state.encode();
        assert_eq!(LogState::decode(&content).as_ref(), Some(&state));
        assert_eq!(bytes_of(&content[..HEAD_LEN]), Some(320));
        for at in 0..content.len() {
            assert!(LogState::decode(&content[..at]).is_none(), "{at}");
            let mut bad = content.to_vec();
            bad[at] ^= 0x10;
            assert!((4..12).contains(&at) || LogState::decode(&bad).is_none(), "{at}");
        }
    }

    #[test]
    fn earlier_terms_are_void_above_the_start_of_later_ones() {
        let mut state = LogState::default();
        assert!(!state.is_valid(1, 0), "nothing was written yet");
        state.begin_term(0);
        state.begin_term(100);
        state.begin_term(90);
        assert!(state.is_valid(1, 89) && !state.is_valid(1, 90), "the third began below the second");
        assert!(!state.is_valid(2, 100) && state.is_valid(3, 100) && !state.is_valid(4, 100));
        state.start = 95;
        assert_eq!(state.begin_term(200), 4);
        assert_eq!(state.terms.len(), 2, "the first is void in all of the log");
    }

    #[test]
    fn extents_are_joined_cut_and_replaced() {
        let mut index = state().index;
        assert_eq!(index.extents.len(), 3);
        let mut segments = Vec::new();
        index.add_segments(&mut segments);
        let bounds: Vec<_> =
            segments.iter().map(|segment| (segment.base_offset, segment.end_offset)).collect();
        assert_eq!(bounds, [(0, 20), (20, 40)]);

        let part = index.file(0, "part", true);
        index.replace(0, 20, alloc::vec![extent(part, 0, 5, true)]);
        assert_eq!(index.extents.iter().map(|extent| extent.base).collect::<Vec<_>>(), [5, 20, 30]);
        assert_eq!(index.files.values().map(|file| file.extents).collect::<Vec<_>>(), [1, 1, 1]);

        index.cut(1);
        assert_eq!((index.end, index.files[&0].read, index.files[&1].read), (20, 0, 0));
        index.drop_below(15);
        assert!(index.extents.is_empty());
    }
}
