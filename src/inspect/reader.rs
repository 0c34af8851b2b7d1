//! Reads the logs of a data folder with the log itself, on an overlay: journals are replayed, checksums are verified, and
//! nothing on disk is changed.

use std::path::Path;

use kelpgate_core::catalogue::image::Image;
use kelpgate_core::catalogue::record::decode_batch;
use kelpgate_core::config::Overrides;
use kelpgate_core::ids::{LogId, ShardId, Ticket};
use kelpgate_core::machine::Level;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::protocol::Str;
use kelpgate_core::record::batch::Batches;
use kelpgate_core::storage::{Opened, StorageCommand, StorageError, StorageReply};
use kelpgate_core::time::Now;
use kelpgate_log::disk::Disk;
use kelpgate_log::recovery::recover;
use kelpgate_log::{Log, LogConfig, LogDescription, LogOutbox, LogOutput};

use super::overlay::Overlay;

/// Bytes read at a time.
const CHUNK: usize = 4 << 20;

/// The logs of a data folder.
pub(crate) struct Reader {
    disk: Overlay,
    log: Log,
    last_ticket: u64,
    /// As recovery found them.
    pub(crate) logs: Vec<LogDescription>,
    /// What recovery, and the log since, had to say.
    pub(crate) notes: Vec<(Level, String)>,
}

impl Reader {
    /// Replays the journals of a folder, in memory.
    ///
    /// # Errors
    /// What recovery says.
    pub(crate) fn open(root: &Path) -> Result<Reader, String> {
        let mut disk = Overlay::new(root);
        let recovered = recover(&mut disk, 0).map_err(|error| error.to_string())?;
        let logs = recovered.logs;
        let log = Log::new(LogConfig::new(ShardId(0), 1, recovered.boot), logs.clone());
        Ok(Reader { disk, log, last_ticket: 0, logs, notes: recovered.notes })
    }

    /// Has the log carry out a command, with all the file commands that takes.
    fn ask(&mut self, command: StorageCommand) -> Result<StorageReply, StorageError> {
        self.last_ticket += 1;
        let asked = Ticket(self.last_ticket);
        let (now, mut out) = (Now::default(), LogOutbox::default());
        self.log.submit(now, asked, command, &mut out);
        loop {
            match out.pop() {
                Some(LogOutput::File { ticket, lane: _, command }) => {
                    let outcome = self.disk.execute(command);
                    self.log.file_done(now, ticket, outcome, &mut out);
                }
                Some(LogOutput::Reply { ticket, outcome }) if ticket == asked => return outcome,
                Some(LogOutput::Reply { .. }) => {}
                Some(LogOutput::Note { level, text }) => self.notes.push((level, text)),
                None => return Err(StorageError::Other("the log does not answer".to_owned())),
            }
        }
    }

    /// Where a log starts and ends, and the machine's own state of it.
    pub(crate) fn opened(&mut self, log: LogId) -> Result<Opened, StorageError> {
        match self.ask(StorageCommand::Open { log, topic: Str::default(), partitions: 1 })? {
            StorageReply::Opened(opened) => Ok(opened),
            other => Err(unexpected(&other)),
        }
    }

    /// Whole batches from the one that holds `from` on.
    pub(crate) fn read(&mut self, log: LogId, from: i64, until: i64) -> Result<Pieces, StorageError> {
        match self.ask(StorageCommand::Read { log, from, until, max_bytes: CHUNK })? {
            StorageReply::Read(pieces) => Ok(pieces),
            other => Err(unexpected(&other)),
        }
    }

    /// The catalogue, which knows the names of topics.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn catalogue(&mut self) -> Result<Image, String> {
        let opened = self.opened(LogId::CATALOGUE).map_err(|error| error.to_string())?;
        let (mut image, mut next) = match &opened.snapshot {
            None => (Image::new(Overrides::new()), opened.start),
            Some(snapshot) => {
                let image = Image::restore(&snapshot.state, Overrides::new());
                (image.map_err(|error| error.to_string())?, snapshot.offset)
            }
        };
        while next < opened.end {
            let before = next;
            let pieces = self.read(LogId::CATALOGUE, next, opened.end).map_err(|error| error.to_string())?;
            for batch in pieces.into_iter().flat_map(Batches::new) {
                let bytes = batch.map_err(|error| error.to_string())?;
                let (records, after) = decode_batch(&bytes).map_err(|error| error.to_string())?;
                for record in records {
                    image.apply(&record).map_err(|error| error.to_string())?;
                }
                next = after;
            }
            if next == before {
                return Err(format!("the catalogue ends at offset {before}, before its end {}", opened.end));
            }
        }
        Ok(image)
    }
}

fn unexpected(reply: &StorageReply) -> StorageError {
    StorageError::Other(format!("unexpected answer: {reply:?}"))
}
