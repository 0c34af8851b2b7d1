//! Several file commands of one lane that only matter as a whole.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use kelpgate_core::time::Now;

use crate::file::{FileCommand, FileError, FileHandle, Lane};
use crate::log::{Log, Op};
use crate::outbox::LogOutbox;
use crate::partition::LogKey;
use crate::snapshot::Saving;

/// What happens when the last one is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// A journal file is ready.
    JournalPrepared,
    /// The journal is cut back to its last good group (the first command) and has room again (the second).
    JournalRepaired,
    /// Folders are synced for the checkpoint.
    FoldersSynced,
    /// The manifest is beside the old one, in its place.
    ManifestWritten,
    ManifestPlaced,
    /// A snapshot is beside the old one, in its place.
    SnapshotWritten(Saving),
    SnapshotPlaced(Saving),
    /// A replacement is complete and on disk, in the place of its segment.
    ReplacementSynced {
        log: LogKey,
        handle: FileHandle,
    },
    ReplacementPlaced {
        log: LogKey,
    },
}

/// The first command that failed, by its place, and why.
pub(crate) type SequenceOutcome = Result<(), (usize, FileError)>;

#[derive(Debug)]
struct Sequence {
    waiting: usize,
    outcome: SequenceOutcome,
    then: Then,
}

/// Sequences under way.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    last: u64,
    running: BTreeMap<u64, Sequence>,
}

impl Log {
    /// Asks for several commands; `then` follows the last answer, whether they succeeded or not.
    pub(crate) fn sequence(
        &mut self,
        lane: Lane,
        commands: Vec<FileCommand>,
        then: Then,
        out: &mut LogOutbox,
    ) {
        self.sequences.last += 1;
        let sequence = self.sequences.last;
        self.sequences.running.insert(sequence, Sequence { waiting: commands.len(), outcome: Ok(()), then });
        for (place, command) in commands.into_iter().enumerate() {
            self.file(Op::Step { sequence, place }, lane, command, out);
        }
    }

    pub(crate) fn step_done(
        &mut self,
        now: Now,
        sequence: u64,
        place: usize,
        outcome: Result<(), FileError>,
        out: &mut LogOutbox,
    ) {
        let Some(running) = self.sequences.running.get_mut(&sequence) else { return };
        let before = running.outcome.as_ref().err().map_or(usize::MAX, |(place, _)| *place);
        if let Err(error) = outcome
            && place < before
            && !(running.then == Then::FoldersSynced && error == FileError::NotFound)
        {
            running.outcome = Err((place, error));
        }
        running.waiting -= 1;
        if running.waiting > 0 {
            return;
        }
        let Some(Sequence { outcome, then, .. }) = self.sequences.running.remove(&sequence) else { return };
        let whole = outcome.clone().map_err(|(_, error)| error);
        match then {
            Then::JournalPrepared => self.journal_prepared(now, whole, out),
            Then::JournalRepaired => self.journal_repaired(outcome, out),
            Then::FoldersSynced => self.folders_synced(whole, out),
            Then::ManifestWritten => self.manifest_written(now, whole, out),
            Then::ManifestPlaced => self.manifest_placed(now, whole, out),
            Then::SnapshotWritten(saving) => self.snapshot_written(saving, whole, out),
            Then::SnapshotPlaced(saving) => self.snapshot_placed(saving, whole, out),
            Then::ReplacementSynced { log, handle } => self.replacement_synced(log, handle, whole, out),
            Then::ReplacementPlaced { log } => self.replacement_placed(log, whole, out),
        }
    }
}
