//! Opening a log, and the machine's own state kept with it.
//!
//! A snapshot file is `magic (8), offset (8), state, crc-32c (4)`. It is written beside the older one and renamed.
//! Unless it is to be durable it is not synced: what a crash leaves of it fails its checksum, and the log is opened without.

use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::{Opened, Snapshot, StorageError, StorageReply};

use crate::batch::checksum;
use crate::checkpoint::write_whole;
use crate::file::{FileCommand, FileError, FileReply, Lane};
use crate::layout::{self, LogFile};
use crate::log::{Log, Op, storage_error};
use crate::manifest::SnapshotPlace;
use crate::outbox::LogOutbox;
use crate::sequence::Then;
use crate::wire::{Fields, Put};

const MAGIC: [u8; 8] = *b"KGsnaps1";

/// Bytes of a snapshot file.
fn encode(snapshot: &Snapshot) -> Pieces {
    let mut head = Vec::with_capacity(16);
    head.put(&MAGIC);
    head.put_i64(snapshot.offset);
    let crc = checksum([head.as_slice(), &snapshot.state]);
    [head.into(), snapshot.state.clone(), Bytes::copy_from_slice(&crc.to_be_bytes())].into_iter().collect()
}

/// Reads a snapshot file; `None` if it is not what was written.
pub fn decode(file: &Bytes) -> Option<Snapshot> {
    let (body, crc) = file.split_last_chunk::<4>()?;
    let mut fields = Fields(body);
    if checksum([body]) != u32::from_be_bytes(*crc) || fields.bytes::<8>()? != MAGIC {
        return None;
    }
    let offset = fields.i64()?;
    Some(Snapshot { offset, state: file.slice(16..body.len()) })
}

/// A log that is being opened, and its snapshots that were no good.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    ticket: Ticket,
    log: LogId,
    tried: Vec<i64>,
}

/// A snapshot that is being saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saving {
    ticket: Ticket,
    log: LogId,
    offset: i64,
    /// Whether it must outlive a crash of the machine.
    durable: bool,
}

impl Log {
    pub(crate) fn open(&mut self, ticket: Ticket, log: LogId, out: &mut LogOutbox) {
        let end = self.end_of(log);
        self.intake.reopened(log, end);
        let opening = Opening { ticket, log, tried: Vec::new() };
        match self.partition(log).map(|known| known.snapshot) {
            None | Some(SnapshotPlace::None) => self.opened(&opening, None, out),
            Some(SnapshotPlace::At(offset)) => self.read_snapshot(opening, offset, out),
            Some(SnapshotPlace::Unknown) => self.look_for_snapshot(opening, out),
        }
    }

    fn opened(&mut self, opening: &Opening, snapshot: Option<Snapshot>, out: &mut LogOutbox) {
        let (start, end, active) = match self.partition(opening.log) {
            Some(known) => (known.start, known.end, known.segments.back().map(|segment| segment.info)),
            None => (0, 0, None),
        };
        out.reply(opening.ticket, Ok(StorageReply::Opened(Opened { start, end, active, snapshot })));
    }

    fn read_snapshot(&mut self, mut opening: Opening, offset: i64, out: &mut LogOutbox) {
        opening.tried.push(offset);
        let read = FileCommand::ReadWhole { path: LogFile::Snapshot(offset).path(opening.log) };
        self.file(Op::OpenSnapshot(opening), Lane::Read, read, out);
    }

    fn look_for_snapshot(&mut self, opening: Opening, out: &mut LogOutbox) {
        let list = FileCommand::List { path: layout::log_folder(opening.log) };
        self.file(Op::OpenFolder(opening), Lane::Read, list, out);
    }

    pub(crate) fn snapshot_read(
        &mut self,
        opening: Opening,
        outcome: Result<FileReply, FileError>,
        out: &mut LogOutbox,
    ) {
        let found = match outcome {
            Ok(FileReply::Bytes(file)) => decode(&file),
            Ok(_) | Err(FileError::NotFound) => None,
            Err(error) => return out.reply(opening.ticket, Err(storage_error(error))),
        };
        let end = self.end_of(opening.log);
        match found.filter(|snapshot| snapshot.offset <= end) {
            Some(snapshot) => {
                self.place_snapshot(opening.log, SnapshotPlace::At(snapshot.offset));
                self.opened(&opening, Some(snapshot), out);
            }
            None => self.look_for_snapshot(opening, out),
        }
    }

    pub(crate) fn snapshots_listed(
        &mut self,
        opening: Opening,
        outcome: Result<FileReply, FileError>,
        out: &mut LogOutbox,
    ) {
        let entries = match outcome {
            Ok(FileReply::Listed(entries)) => entries,
            Ok(_) => Vec::new(),
            Err(error) => return out.reply(opening.ticket, Err(storage_error(error))),
        };
        let offsets = entries.iter().filter_map(|entry| match LogFile::parse(&entry.name) {
            Some(LogFile::Snapshot(offset)) => Some(offset),
            Some(LogFile::Segment(_) | LogFile::Index(_) | LogFile::Replacement(_)) | None => None,
        });
        let end = self.end_of(opening.log);
        match offsets.filter(|offset| *offset <= end && !opening.tried.contains(offset)).max() {
            Some(offset) => self.read_snapshot(opening, offset, out),
            None => {
                self.place_snapshot(opening.log, SnapshotPlace::None);
                self.opened(&opening, None, out);
            }
        }
    }

    fn place_snapshot(&mut self, log: LogId, place: SnapshotPlace) {
        if let Some(known) = self.ids.get(&log).and_then(|key| self.logs.get_mut(key)) {
            known.snapshot = place;
        }
    }

    pub(crate) fn save_snapshot(
        &mut self,
        ticket: Ticket,
        log: LogId,
        snapshot: Snapshot,
        durable: bool,
        out: &mut LogOutbox,
    ) {
        if self.partition(log).is_none() {
            out.reply(ticket, Err(StorageError::Gone));
            return;
        }
        let saving = Saving { ticket, log, offset: snapshot.offset, durable };
        let handle = self.files.new_handle();
        let path = layout::unfinished(&LogFile::Snapshot(saving.offset).path(log));
        let commands = write_whole(handle, path, encode(&snapshot), durable);
        self.sequence(Lane::Background, commands, Then::SnapshotWritten(saving), out);
    }

    pub(crate) fn snapshot_written(
        &mut self,
        saving: Saving,
        outcome: Result<(), FileError>,
        out: &mut LogOutbox,
    ) {
        if let Err(error) = outcome {
            out.reply(saving.ticket, Err(storage_error(error)));
            return;
        }
        let path = LogFile::Snapshot(saving.offset).path(saving.log);
        let mut commands = Vec::from([FileCommand::Rename { from: layout::unfinished(&path), to: path }]);
        if saving.durable {
            // The folder itself may be so new that its name is not on disk.
            for path in [layout::log_folder(saving.log), layout::TOPICS.into(), layout::ROOT.into()] {
                commands.push(FileCommand::SyncFolder { path });
            }
        }
        self.sequence(Lane::Background, commands, Then::SnapshotPlaced(saving), out);
    }

    pub(crate) fn snapshot_placed(
        &mut self,
        Saving { ticket, log, offset, .. }: Saving,
        outcome: Result<(), FileError>,
        out: &mut LogOutbox,
    ) {
        let Some(known) = self.ids.get(&log).and_then(|key| self.logs.get_mut(key)) else {
            out.reply(ticket, Err(StorageError::Gone));
            return;
        };
        if let Err(error) = outcome
            && known.snapshot != SnapshotPlace::At(offset)
        {
            out.reply(ticket, Err(storage_error(error)));
            return;
        }
        let older = core::mem::replace(&mut known.snapshot, SnapshotPlace::At(offset));
        out.reply(ticket, Ok(StorageReply::SnapshotSaved));
        if let SnapshotPlace::At(older) = older
            && older != offset
        {
            let remove = FileCommand::Remove { path: LogFile::Snapshot(older).path(log) };
            self.file(Op::Tidy { what: "removing a snapshot" }, Lane::Background, remove, out);
        }
    }
}
