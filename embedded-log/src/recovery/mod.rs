//! At the start, before any shard: the journals' changes are put into segments, damage is named, and what there is is
//! written down anew. It does not matter how many shards there were, or will be.

mod base;
mod groups;
mod replay;
mod scan;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::machine::Level;

use crate::config::Boot;
use crate::disk::{Disk, Files};
use crate::file::FileError;
use crate::layout;
use crate::manifest::{LogDescription, Manifest};
use replay::Replay;

/// Version of the format on disk that this program writes.
pub const FORMAT_VERSION: u32 = 1;
const FORMAT_NAME: &str = "kelpgate-log";

/// What recovery found.
#[derive(Debug)]
pub struct Recovered {
    /// This start, for [`crate::LogConfig`].
    pub boot: Boot,
    /// Every log there is. Each goes to the shard that owns it.
    pub logs: Vec<LogDescription>,
    /// What a person should know.
    pub notes: Vec<(Level, String)>,
}

/// Why a data folder cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// A newer program wrote it.
    #[error("the data folder has format version {found}; this program knows versions up to {known}")]
    Newer { found: u32, known: u32 },
    /// The file that says what it is says something else.
    #[error("the data folder is not one of ours: its file `{}` holds {found:?}", layout::META)]
    Foreign { found: String },
    /// The system refused something.
    #[error("{doing}: {error}")]
    File { doing: &'static str, error: FileError },
}

/// Adds what was being done to what the system said.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, RecoveryError>;
}

impl<T> Doing<T> for Result<T, FileError> {
    fn doing(self, doing: &'static str) -> Result<T, RecoveryError> {
        self.map_err(|error| RecoveryError::File { doing, error })
    }
}

/// Brings a data folder in order. `nonce` is drawn at random for this start.
pub fn recover(disk: &mut impl Disk, nonce: u64) -> Result<Recovered, RecoveryError> {
    let mut files = Files::new(disk);
    check_format(&mut files)?;
    let mut notes = Vec::new();
    let found = base::find(&mut files, &mut notes)?;
    let mut replay = Replay::new(&mut files, found.logs, &mut notes);
    for journal in &found.journals {
        replay.journal(journal)?;
    }
    let logs = replay.finish(!found.journals.is_empty())?;
    let boot = Boot { epoch: found.epoch + 1, nonce };
    let manifest = Manifest { epoch: boot.epoch, shard: 0, shards: 1, group: 0, logs };
    let path = layout::manifest(boot.epoch, 0, 1);
    files.replace(&path, layout::MANIFESTS, manifest.encode().into()).doing("writing the manifest")?;
    files.sync_folder(layout::ROOT.into()).doing("syncing the data folder")?;
    for path in found.outdated {
        files.remove(path).doing("removing what is outdated")?;
    }
    Ok(Recovered { boot, logs: manifest.logs, notes })
}

/// Refuses folders of newer programs, marks a new one.
fn check_format(files: &mut Files<'_, impl Disk>) -> Result<(), RecoveryError> {
    let found = files.read_whole(layout::META.into()).doing("reading the format version")?;
    let Some(found) = found else {
        let contents = Bytes::from(format!("{FORMAT_NAME} {FORMAT_VERSION}\n"));
        return files.replace(layout::META, layout::ROOT, contents).doing("writing the format version");
    };
    let text = String::from_utf8_lossy(&found);
    let version = text.strip_prefix(FORMAT_NAME).and_then(|rest| rest.trim().parse::<u32>().ok());
    match version {
        None => Err(RecoveryError::Foreign { found: text.chars().take(40).collect() }),
        Some(found) if found > FORMAT_VERSION => Err(RecoveryError::Newer { found, known: FORMAT_VERSION }),
        Some(_) => Ok(()),
    }
}
