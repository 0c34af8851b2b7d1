//! The checkpoint: what the journal holds goes into synced segments, a manifest says so, journal files are free again.
//!
//! It begins between two groups, with the state of all logs at that moment (the cut). From then on it waits for the
//! bytes of the cut to be written, syncs each segment that got some, syncs folders with new names, and puts the
//! manifest in place. Whatever happens to the logs meanwhile is in later groups, which recovery replays on top.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

use bytes::Bytes;
use kelpgate_core::machine::Level;
use kelpgate_core::mutant::{Mutant, is_on};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::time::{Instant, Now};

use crate::file::{FileCommand, FileError, FileHandle, Lane};
use crate::journal::writer::Health;
use crate::layout;
use crate::log::{Log, Op};
use crate::manifest::ManifestBytes;
use crate::open_files::{Acquired, FileKey, Role, Waiter};
use crate::outbox::LogOutbox;
use crate::partition::LogKey;
use crate::sequence::Then;

/// Syncs of segments that a checkpoint may cost for each journal file that it frees, before half of the journal is full.
const SYNCS_PER_FILE: usize = 16;
/// A manifest of that many logs costs about as much as the sync of a segment.
const LOGS_PER_SYNC: usize = 64;

/// A segment to be synced up to a length.
#[derive(Clone, Copy, Debug)]
struct Target {
    log: LogKey,
    segment: i64,
    bytes: u64,
}

/// What a checkpoint makes durable.
#[derive(Debug)]
struct Cut {
    group: u64,
    manifest: Bytes,
}

/// Where the checkpoint is.
#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    /// Segments are synced one after the other; the first is waited for if its bytes are not written yet.
    Segments { cut: Cut, targets: VecDeque<Target> },
    /// The first segment's file is being opened.
    Opening { cut: Cut, targets: VecDeque<Target> },
    /// The first segment is being synced, up to that length.
    Syncing { cut: Cut, targets: VecDeque<Target>, handle: FileHandle, bytes: u64 },
    /// Folders are being synced.
    Folders { cut: Cut },
    /// The manifest is being written beside the old one, then put in its place.
    Manifest { group: u64 },
}

/// The state of the checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Checkpoint {
    phase: Phase,
    /// The last group that a manifest on disk covers.
    pub(crate) covered: u64,
    /// Somebody waits for a checkpoint that covers this group.
    pub(crate) wanted: u64,
    /// No sync before this moment.
    pause_until: Option<Instant>,
    /// After a drain: the journal is removed.
    drained: bool,
}

impl Checkpoint {
    pub(crate) fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Idle)
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.drained
    }

    /// When it goes on by itself.
    pub(crate) fn resume_at(&self) -> Option<Instant> {
        self.pause_until
    }
}

impl Log {
    /// Begins a checkpoint if one is due, or goes on with the one there is.
    pub(crate) fn pump_checkpoint(&mut self, now: Now, out: &mut LogOutbox) {
        if self.checkpoint.pause_until.is_some_and(|until| until <= now.mono) {
            self.checkpoint.pause_until = None;
        }
        if self.retry_at.is_some() || self.checkpoint.drained {
            return;
        }
        match &self.checkpoint.phase {
            Phase::Idle => self.begin_checkpoint(now, out),
            Phase::Segments { .. } => self.sync_next_segment(now, out),
            Phase::Opening { .. }
            | Phase::Syncing { .. }
            | Phase::Folders { .. }
            | Phase::Manifest { .. } => {}
        }
    }

    fn begin_checkpoint(&mut self, now: Now, out: &mut LogOutbox) {
        if self.journal.in_flight.is_some() || self.placing > 0 {
            return;
        }
        if let Health::Lost { .. } = self.journal.health {
            if self.draining {
                self.give_up_drain(out);
            }
            return;
        }
        let abandoned = matches!(self.journal.health, Health::Abandoned { .. });
        let behind = self.checkpoint.covered < self.journal.last_written;
        let drain = self.draining && self.intake.is_empty();
        if drain && !behind && !abandoned {
            self.finish_drain(out);
            return;
        }
        let wanted = self.checkpoint.covered < self.checkpoint.wanted;
        if !(drain || abandoned || (behind && (wanted || self.checkpoint_pays()))) {
            return;
        }
        let unsynced = core::mem::take(&mut self.unsynced);
        let mut targets = VecDeque::with_capacity(unsynced.len());
        for (log, segment) in unsynced {
            if let Some(found) = self.logs.get_mut(&log).and_then(|known| known.segment_mut(segment)) {
                found.in_unsynced = false;
                targets.push_back(Target { log, segment, bytes: found.info.bytes });
            }
        }
        let cut = Cut { group: self.journal.last_written, manifest: self.manifest() };
        self.checkpoint.phase = Phase::Segments { cut, targets };
        self.pump_flushes(out);
        self.sync_next_segment(now, out);
    }

    /// Whether enough of the journal is full: half of it, or less where a checkpoint costs little. A file that is used
    /// again soon is still in the system's memory, and writing over it there takes a fraction of the processor time of
    /// filling a new one.
    fn checkpoint_pays(&self) -> bool {
        let full = self.journal.full.len();
        let costs = self.unsynced.len() + self.logs.len() / LOGS_PER_SYNC;
        full * 2 >= self.config.journal_files.max(2) || (full > 0 && costs <= full * SYNCS_PER_FILE)
    }

    /// The state of all logs as bytes.
    fn manifest(&self) -> Bytes {
        let config = &self.config;
        let (epoch, group) = (config.boot.epoch, self.journal.last_written);
        let mut bytes = ManifestBytes::new(epoch, config.shard.0, config.shards, group);
        for log in self.logs.values() {
            let segments = log.segments.iter().map(|segment| segment.info);
            bytes.add(log.id, (log.start, log.end), log.snapshot, &log.damage, segments);
        }
        bytes.finish().into()
    }

    fn sync_next_segment(&mut self, now: Now, out: &mut LogOutbox) {
        let Phase::Segments { cut, mut targets } = core::mem::take(&mut self.checkpoint.phase) else {
            return;
        };
        if is_on(Mutant::CheckpointWithoutSync) {
            return self.sync_folders(cut, out);
        }
        while let Some(target) = targets.front().copied() {
            let found = self.logs.get(&target.log).and_then(|log| log.segment(target.segment));
            let Some(found) = found.filter(|found| found.synced < target.bytes) else {
                targets.pop_front();
                continue;
            };
            let bytes = found.written;
            if bytes < target.bytes || self.pauses(now) {
                self.checkpoint.phase = Phase::Segments { cut, targets };
                return;
            }
            let key = FileKey { log: target.log, segment: target.segment, role: Role::Writer };
            self.checkpoint.phase = match self.files.acquire(key, Waiter::Checkpoint) {
                Acquired::Ready(handle) => {
                    self.file(Op::SegmentSync, Lane::Background, FileCommand::Sync { handle }, out);
                    Phase::Syncing { cut, targets, handle, bytes }
                }
                Acquired::Opening => Phase::Opening { cut, targets },
                Acquired::ToOpen(handle) => {
                    self.open_segment(handle, key, out);
                    Phase::Opening { cut, targets }
                }
            };
            return;
        }
        self.sync_folders(cut, out);
    }

    /// Syncs of the background leave the disk to the journal for a while after each, unless the journal is nearly full.
    fn pauses(&mut self, now: Now) -> bool {
        let urgent = self.draining
            || self.journal.health != Health::Good
            || self.journal.full.len() + 1 >= self.config.journal_files.max(2);
        !urgent && self.checkpoint.pause_until.is_some_and(|until| until > now.mono)
    }

    pub(crate) fn checkpoint_opened(
        &mut self,
        now: Now,
        outcome: Result<(), FileError>,
        out: &mut LogOutbox,
    ) {
        let phase = core::mem::take(&mut self.checkpoint.phase);
        let Phase::Opening { cut, targets } = phase else {
            self.checkpoint.phase = phase;
            return;
        };
        self.checkpoint.phase = Phase::Segments { cut, targets };
        match outcome {
            Ok(()) => self.sync_next_segment(now, out),
            Err(error) => self.background_failed(now, "opening a segment", &error, out),
        }
    }

    pub(crate) fn segment_synced(&mut self, now: Now, outcome: Result<(), FileError>, out: &mut LogOutbox) {
        let phase = core::mem::take(&mut self.checkpoint.phase);
        let Phase::Syncing { cut, mut targets, handle, bytes } = phase else {
            self.checkpoint.phase = phase;
            return;
        };
        self.files.release(handle);
        if let Err(error) = outcome {
            self.lose_journal(error, out);
            return;
        }
        if let Some(target) = targets.pop_front()
            && let Some(log) = self.logs.get_mut(&target.log)
            && let Some(segment) = log.segment_mut(target.segment)
        {
            segment.synced = segment.synced.max(bytes);
        }
        self.checkpoint.pause_until = Some(now.mono + self.config.sync_pause);
        self.checkpoint.phase = Phase::Segments { cut, targets };
        self.sync_next_segment(now, out);
    }

    fn sync_folders(&mut self, cut: Cut, out: &mut LogOutbox) {
        let mut folders: Vec<String> =
            core::mem::take(&mut self.folders).into_iter().map(layout::log_folder).collect();
        if core::mem::take(&mut self.topics_changed) {
            folders.push(layout::TOPICS.into());
            folders.push(layout::ROOT.into());
        }
        if folders.is_empty() {
            self.write_manifest(cut, out);
            return;
        }
        self.checkpoint.phase = Phase::Folders { cut };
        let commands = folders.into_iter().map(|path| FileCommand::SyncFolder { path }).collect();
        self.sequence(Lane::Background, commands, Then::FoldersSynced, out);
    }

    /// Folders that were never made, or are gone again, have no names to lose.
    pub(crate) fn folders_synced(&mut self, outcome: Result<(), FileError>, out: &mut LogOutbox) {
        let phase = core::mem::take(&mut self.checkpoint.phase);
        let Phase::Folders { cut } = phase else {
            self.checkpoint.phase = phase;
            return;
        };
        match outcome {
            Ok(()) => self.write_manifest(cut, out),
            Err(error) => self.lose_journal(error, out),
        }
    }

    fn write_manifest(&mut self, cut: Cut, out: &mut LogOutbox) {
        let handle = self.files.new_handle();
        let path = layout::unfinished(&self.manifest_path());
        let commands = write_whole(handle, path, Pieces::from(cut.manifest), true);
        self.checkpoint.phase = Phase::Manifest { group: cut.group };
        self.sequence(Lane::Background, commands, Then::ManifestWritten, out);
    }

    pub(crate) fn manifest_written(&mut self, now: Now, outcome: Result<(), FileError>, out: &mut LogOutbox) {
        if let Err(error) = outcome {
            self.checkpoint.phase = Phase::Idle;
            self.background_failed(now, "writing the manifest", &error, out);
            return;
        }
        let path = self.manifest_path();
        let commands = vec![
            FileCommand::Rename { from: layout::unfinished(&path), to: path },
            FileCommand::SyncFolder { path: layout::MANIFESTS.into() },
        ];
        self.sequence(Lane::Background, commands, Then::ManifestPlaced, out);
    }

    pub(crate) fn manifest_placed(&mut self, now: Now, outcome: Result<(), FileError>, out: &mut LogOutbox) {
        let phase = core::mem::take(&mut self.checkpoint.phase);
        let Phase::Manifest { group } = phase else {
            self.checkpoint.phase = phase;
            return;
        };
        match outcome {
            Ok(()) => self.covered(group, out),
            Err(error) => self.background_failed(now, "placing the manifest", &error, out),
        }
    }

    fn manifest_path(&self) -> String {
        layout::manifest(self.config.boot.epoch, self.config.shard.0, self.config.shards)
    }

    /// Everything up to that group is safe without the journal.
    fn covered(&mut self, group: u64, out: &mut LogOutbox) {
        self.checkpoint.covered = group;
        self.journal.durable = self.journal.durable.max(group);
        self.background_works(out);
        if matches!(self.journal.health, Health::Abandoned { .. }) && group == self.journal.last_written {
            self.journal.health = Health::Good;
            out.note(
                Level::Warn,
                String::from("the journal begins anew; logs take appends once opened again"),
            );
        }
        let keep = self.journal.full.partition_point(|file| file.last_group <= group);
        let free: Vec<_> = self.journal.full.drain(..keep).collect();
        for file in free {
            let usable =
                file.len == self.config.journal_file_bytes && self.journal.files() < self.max_spare_files();
            match usable {
                true => self.journal.spares.push(file),
                false => self.remove_journal_file(file, out),
            }
        }
        self.rewrites_may_go_on(out);
    }

    fn max_spare_files(&self) -> usize {
        self.config.journal_files.max(2).div_ceil(2) + 1
    }

    /// All is in segments: the journal has nothing to say any more.
    fn finish_drain(&mut self, out: &mut LogOutbox) {
        if self.journal.preparing.is_some() {
            return;
        }
        self.journal.retire_current();
        let spares = core::mem::take(&mut self.journal.spares);
        let full: Vec<_> = core::mem::take(&mut self.journal.full).into_iter().collect();
        for file in spares.into_iter().chain(full) {
            self.remove_journal_file(file, out);
        }
        self.checkpoint.drained = true;
        out.note(Level::Debug, format!("shard {}: the journal is drained", self.config.shard));
    }

    /// The journal stays, for the next start to read.
    pub(crate) fn give_up_drain(&mut self, out: &mut LogOutbox) {
        self.checkpoint.drained = true;
        out.note(Level::Warn, format!("shard {}: the journal is kept for the next start", self.config.shard));
    }
}

/// Commands that write a whole file under a name nobody reads yet.
pub(crate) fn write_whole(handle: FileHandle, path: String, pieces: Pieces, sync: bool) -> Vec<FileCommand> {
    let len = pieces.len() as u64;
    let mut commands = vec![
        FileCommand::Open { handle, path, create: true },
        FileCommand::Write { handle, at: 0, pieces },
        FileCommand::Truncate { handle, len },
    ];
    if sync {
        commands.push(FileCommand::Sync { handle });
    }
    commands.push(FileCommand::Close { handle });
    commands
}
