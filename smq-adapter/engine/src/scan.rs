//! Reading log files in the order they were written: what continues a log is taken into its index, everything else is
//! passed over: copies, batches of earlier terms, of deleted topics of the same name, of other programs.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;

use crate::batches;
use crate::frame::{Frame, FrameError, Frames};
use crate::index::Extent;
use crate::message::{MessageKey, Stored};
use crate::partition::PartitionLog;

/// What some bytes of a log file were.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Appends in memory that turned out to be in the file: their last offset and what they count for.
    pub(crate) verified: Vec<(i64, usize)>,
    /// The index has grown.
    pub(crate) grown: bool,
    /// Bytes that are needed to go on, if more than were read.
    pub(crate) needed: usize,
    /// The file cannot be read on from here: what is there is no entry.
    pub(crate) broken: bool,
    /// What is wrong with the file.
    pub(crate) damage: Option<String>,
}

/// Whether the log serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is being opened: what is in its files is what it is.
    Opening,
    /// It serves: what is in its files must be what was published.
    Serving,
}

/// Takes in what continues the log, out of bytes that begin where the file has been read up to.
pub(crate) fn scan(log: &mut PartitionLog, mode: Mode, number: u32, bytes: Bytes) -> Scanned {
    let mut scanned = Scanned::default();
    let Some(at) = log.state.index.files.get(&number).map(|file| file.read) else { return scanned };
    let mut frames = Frames::new(bytes);
    for frame in frames.by_ref() {
        match frame {
            Ok(frame) => look_at(log, mode, (number, at), &frame, &mut scanned),
            Err(FrameError::Cut { needed }) => {
                scanned.needed = needed;
                break;
            }
            Err(FrameError::Bad) => {
                scanned.broken = true;
                scanned.damage = Some("it holds something that is no log entry".into());
                break;
            }
        }
    }
    if let Some(file) = log.state.index.files.get_mut(&number) {
        file.read = at + frames.position() as u64;
    }
    scanned
}

fn look_at(
    log: &mut PartitionLog,
    mode: Mode,
    (number, at): (u32, u64),
    frame: &Frame,
    scanned: &mut Scanned,
) {
    let key = match MessageKey::decode(&frame.key) {
        Stored::Ours(key) if key.log == log.id => key,
        // Of a topic that is gone, or is it another partition's folder after all?
        Stored::Ours(key) if key.log.topic != log.id.topic => return,
        Stored::Ours(_) | Stored::Foreign => {
            if let Some(file) = log.state.index.files.get_mut(&number) {
                file.foreign = true;
            }
            return;
        }
        Stored::Damaged => {
            scanned.damage = Some("a key of ours in it is damaged".into());
            return;
        }
    };
    let first_timestamp = match mode {
        Mode::Serving => is_next_in_memory(log, &key, &frame.value, scanned),
        Mode::Opening => continues(log, &key, &frame.value, scanned),
    };
    let Some(first_timestamp) = first_timestamp else { return };
    log.state.index.add(Extent {
        file: number,
        at: at + frame.at as u64,
        len: frame.len as u64,
        base: key.base,
        end: key.end(),
        bytes: frame.value.len() as u64,
        max_timestamp: key.max_timestamp,
        first_timestamp,
        roll: key.roll,
    });
    scanned.grown = true;
}

/// Whether a message is the oldest that no log file was known to hold, byte for byte; max timestamp of its first batch.
fn is_next_in_memory(
    log: &PartitionLog,
    key: &MessageKey,
    value: &Bytes,
    scanned: &mut Scanned,
) -> Option<i64> {
    let entry = log.tail.get(log.tail_place(log.state.index.end)).filter(|entry| entry.key == *key)?;
    if !batches::same(&entry.value, value) {
        scanned.damage = Some("a message in it is not what was published".into());
        return None;
    }
    scanned.verified.push((key.last, entry.charge()));
    Some(entry.first_timestamp)
}

/// Whether a message is the next of a log that is being opened: whole, and of a term that is valid there.
fn continues(log: &PartitionLog, key: &MessageKey, value: &Bytes, scanned: &mut Scanned) -> Option<i64> {
    let end = log.state.index.end;
    if key.base < end || key.after > end || !log.state.is_valid(key.term, key.base) {
        return None;
    }
    let value = Pieces::from(value.clone());
    match batches::bounds(&value) {
        Ok((base, last, time)) if (base, last) == (key.base, key.last) && batches::are_sound(&value) => {
            Some(time)
        }
        Ok(_) | Err(_) => {
            scanned.damage = Some("a message in it is damaged".into());
            None
        }
    }
}
