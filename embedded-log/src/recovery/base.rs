//! What is known without the journals: manifests where there are good ones, else what a scan of the segments finds.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kelpgate_core::ids::LogId;
use kelpgate_core::machine::Level;

use crate::disk::{Disk, Files};
use crate::file::FileHandle;
use crate::journal::format::{FILE_HEADER_LEN, FileHeader};
use crate::layout;
use crate::manifest::Manifest;
use crate::recovery::replay::Found;
use crate::recovery::{Doing, RecoveryError, scan};

/// A journal file to be replayed.
#[derive(Debug)]
pub(super) struct JournalPart {
    pub(super) handle: FileHandle,
    pub(super) path: String,
    pub(super) len: u64,
    pub(super) header: FileHeader,
}

/// The journal of one shard.
#[derive(Debug)]
pub(super) struct ShardJournal {
    pub(super) shard: u16,
    /// The last group that a manifest covers.
    pub(super) covered: u64,
    /// In the order they were written.
    pub(super) parts: Vec<JournalPart>,
}

/// What there is to begin with.
#[derive(Debug)]
pub(super) struct Base {
    /// The last start that wrote anything.
    pub(super) epoch: u64,
    pub(super) logs: BTreeMap<LogId, Found>,
    pub(super) journals: Vec<ShardJournal>,
    /// Files that are of no use once recovery is done.
    pub(super) outdated: Vec<String>,
}

type Notes = Vec<(Level, String)>;

/// Epoch, shard, number of shards.
type ManifestName = (u64, u16, u16);

/// Looks at manifests, journals and, if need be, at everything.
pub(super) fn find(files: &mut Files<'_, impl Disk>, notes: &mut Notes) -> Result<Base, RecoveryError> {
    let mut outdated = Vec::new();
    let (names, manifests) = read_manifests(files, &mut outdated, notes)?;
    let parts = read_journals(files, &mut outdated)?;
    let written = parts.iter().map(|part| part.header.epoch);
    let epoch = names.iter().map(|(epoch, _, _)| *epoch).chain(written).max().unwrap_or(0);
    let mut shards = parts.iter().map(|part| &part.header).filter(|header| header.epoch == epoch);
    let shards = shards.next().map(|header| header.shards);
    let shards = shards.or_else(|| names.iter().filter(|name| name.0 == epoch).map(|name| name.2).max());
    let logs = begin(files, &manifests, (epoch, shards.unwrap_or(1)), notes)?;
    let mut journals: BTreeMap<u16, ShardJournal> = BTreeMap::new();
    for part in parts {
        if part.header.epoch != epoch {
            files.close(part.handle).doing("closing a journal")?;
            continue;
        }
        let shard = part.header.shard;
        let covered = (manifests.iter())
            .filter(|manifest| {
                (manifest.epoch, manifest.shard, manifest.shards) == (epoch, shard, part.header.shards)
            })
            .map(|manifest| manifest.group)
            .max();
        let journal = journals.entry(shard).or_insert_with(|| ShardJournal {
            shard,
            covered: covered.unwrap_or(0),
            parts: Vec::new(),
        });
        journal.parts.push(part);
    }
    let mut journals: Vec<ShardJournal> = journals.into_values().collect();
    for journal in &mut journals {
        journal.parts.sort_by_key(|part| part.header.number);
    }
    Ok(Base { epoch, logs, journals, outdated })
}

/// All manifests: the names there are, and the contents of the good ones.
fn read_manifests(
    files: &mut Files<'_, impl Disk>,
    outdated: &mut Vec<String>,
    notes: &mut Notes,
) -> Result<(Vec<ManifestName>, Vec<Manifest>), RecoveryError> {
    let entries = files.list(layout::MANIFESTS.into()).doing("listing manifests")?;
    let (mut names, mut manifests) = (Vec::new(), Vec::new());
    for entry in entries.into_iter().filter(|entry| !entry.is_folder) {
        let path = format!("{}/{}", layout::MANIFESTS, entry.name);
        outdated.push(path.clone());
        let Some(name) = layout::parse_manifest(&entry.name) else { continue };
        names.push(name);
        let contents = files.read_whole(path.clone()).doing("reading a manifest")?.unwrap_or_default();
        match Manifest::decode(&contents) {
            Some(manifest) if (manifest.epoch, manifest.shard, manifest.shards) == name => {
                manifests.push(manifest)
            }
            Some(_) | None => {
                notes.push((Level::Error, format!("{path} is damaged; segments are read instead")))
            }
        }
    }
    Ok((names, manifests))
}

/// All journal files that say what they are.
fn read_journals(
    files: &mut Files<'_, impl Disk>,
    outdated: &mut Vec<String>,
) -> Result<Vec<JournalPart>, RecoveryError> {
    let mut parts = Vec::new();
    for folder in files.list(layout::JOURNALS.into()).doing("listing journals")? {
        let Some(shard) = folder.name.parse::<u16>().ok().filter(|_| folder.is_folder) else { continue };
        for entry in files.list(layout::journal_folder(shard)).doing("listing journals")? {
            let Some(number) = layout::parse_journal_file(&entry.name) else { continue };
            let path = layout::journal_file(shard, number);
            outdated.push(path.clone());
            let (handle, len) = files.open(path.clone(), false).doing("opening a journal")?;
            let start = files.read(handle, 0, FILE_HEADER_LEN).doing("reading a journal")?;
            match FileHeader::decode(&start).filter(|header| header.shard == shard) {
                Some(header) => parts.push(JournalPart { handle, path, len, header }),
                // Made ready, never written to.
                None => files.close(handle).doing("closing a journal")?,
            }
        }
    }
    Ok(parts)
}

/// The logs as of the last checkpoints of that start.
fn begin(
    files: &mut Files<'_, impl Disk>,
    manifests: &[Manifest],
    (epoch, shards): (u64, u16),
    notes: &mut Notes,
) -> Result<BTreeMap<LogId, Found>, RecoveryError> {
    let of = |shard: u16, shards: u16| {
        manifests.iter().find(|known| (known.epoch, known.shard, known.shards) == (epoch, shard, shards))
    };
    let mut logs = BTreeMap::new();
    let mut missing = Vec::new();
    for shard in 0..shards {
        match of(shard, shards).or_else(|| of(0, 1)) {
            Some(manifest) => {
                let ours = manifest.logs.iter().filter(|log| log.log.owner(shards).0 == shard);
                logs.extend(ours.map(|log| (log.log, Found::from_manifest(log))));
            }
            None => missing.push(shard),
        }
    }
    if missing.is_empty() {
        return Ok(logs);
    }
    for entry in files.list(layout::TOPICS.into()).doing("listing logs")? {
        let Some(log) = layout::parse_log_folder(&entry.name) else { continue };
        if missing.contains(&log.owner(shards).0) {
            logs.insert(log, scan::log(files, log, notes)?);
        }
    }
    Ok(logs)
}
