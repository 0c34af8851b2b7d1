//! Names in the data folder.
//!
//! ```text
//! meta                                        format version
//! manifest/<20-digit epoch>-<shard>-of-<n>    what the logs of a shard were at its last checkpoint
//! journal/<shard>/<20-digit number>.journal   everything since
//! topics/<topic uuid>-<partition>/
//!     <20-digit base offset>.log              a segment: batches one after the other
//!     <20-digit base offset>.index            its sparse index; rebuilt when missing
//!     <20-digit base offset>.replacement      what a compacted segment will be
//!     <20-digit offset>.snapshot              the machine's own state of the log
//! ```

use alloc::format;
use alloc::string::{String, ToString};

use kelpgate_core::ids::LogId;
use kelpgate_core::uuid::Uuid;

/// The data folder itself.
pub const ROOT: &str = "";
/// Holds the format version.
pub const META: &str = "meta";
/// Folder of manifests.
pub const MANIFESTS: &str = "manifest";
/// Folder of the shards' journal folders.
pub const JOURNALS: &str = "journal";
/// Folder of the logs' folders.
pub const TOPICS: &str = "topics";

/// What a file in a log's folder is; the number is an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFile {
    Segment(i64),
    Index(i64),
    Replacement(i64),
    Snapshot(i64),
}

impl LogFile {
    /// Its path.
    pub fn path(self, log: LogId) -> String {
        let (offset, suffix) = match self {
            LogFile::Segment(offset) => (offset, "log"),
            LogFile::Index(offset) => (offset, "index"),
            LogFile::Replacement(offset) => (offset, "replacement"),
            LogFile::Snapshot(offset) => (offset, "snapshot"),
        };
        format!("{TOPICS}/{log}/{offset:020}.{suffix}")
    }

    /// Understands a name; `None` for strangers and for files half made.
    pub fn parse(name: &str) -> Option<LogFile> {
        let (offset, suffix) = name.split_once('.')?;
        let offset = i64::try_from(number(offset)?).ok()?;
        match suffix {
            "log" => Some(LogFile::Segment(offset)),
            "index" => Some(LogFile::Index(offset)),
            "replacement" => Some(LogFile::Replacement(offset)),
            "snapshot" => Some(LogFile::Snapshot(offset)),
            _ => None,
        }
    }
}

/// The folder of a log.
pub fn log_folder(log: LogId) -> String {
    format!("{TOPICS}/{log}")
}

/// Understands the name of a log's folder.
pub fn parse_log_folder(name: &str) -> Option<LogId> {
    let (topic, partition) = name.rsplit_once('-')?;
    let topic = Uuid::parse(topic)?;
    let index: i32 = partition.parse().ok()?;
    (index >= 0 && index.to_string() == partition).then_some(LogId { topic, partition: index })
}

/// The folder of a shard's journal.
pub fn journal_folder(shard: u16) -> String {
    format!("{JOURNALS}/{shard}")
}

/// One file of a shard's journal.
pub fn journal_file(shard: u16, number: u64) -> String {
    format!("{JOURNALS}/{shard}/{number:020}.journal")
}

/// Understands the name of a journal file.
pub fn parse_journal_file(name: &str) -> Option<u64> {
    number(name.strip_suffix(".journal")?)
}

/// The manifest of a shard. Recovery's own, of all logs, is that of shard 0 of 1.
pub fn manifest(epoch: u64, shard: u16, shards: u16) -> String {
    format!("{MANIFESTS}/{epoch:020}-{shard}-of-{shards}")
}

/// Understands the name of a manifest: epoch, shard, number of shards.
pub fn parse_manifest(name: &str) -> Option<(u64, u16, u16)> {
    let (epoch, rest) = name.split_once('-')?;
    let (shard, shards) = rest.split_once("-of-")?;
    let (shard, shards): (u16, u16) = (shard.parse().ok()?, shards.parse().ok()?);
    (shard < shards).then_some((number(epoch)?, shard, shards))
}

/// A path to write to before renaming.
pub fn unfinished(path: &str) -> String {
    format!("{path}.new")
}

fn number(digits: &str) -> Option<u64> {
    (digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_as_they_are_made() {
        let log = LogId { topic: Uuid([0xfb; 16]), partition: 12 };
        assert_eq!(log_folder(log).strip_prefix("topics/").and_then(parse_log_folder), Some(log));
        for file in
            [LogFile::Segment(7), LogFile::Index(0), LogFile::Replacement(1), LogFile::Snapshot(i64::MAX)]
        {
            let path = file.path(log);
            assert_eq!(path.rsplit_once('/').and_then(|(_, name)| LogFile::parse(name)), Some(file));
        }
        assert_eq!(parse_manifest("00000000000000000007-1-of-3"), Some((7, 1, 3)));
        assert_eq!(parse_manifest("00000000000000000007-3-of-3"), None);
        assert_eq!(parse_journal_file("00000000000000000009.journal"), Some(9));
    }

    #[test]
    fn strangers_are_left_alone() {
        assert_eq!(LogFile::parse("00000000000000000007.log.new"), None);
        assert_eq!(LogFile::parse("7.log"), None);
        assert_eq!(parse_log_folder("AAAAAAAAAAAAAAAAAAAAAQ-01"), None);
        assert_eq!(parse_log_folder("lost+found"), None);
        assert_eq!(parse_journal_file("99999999999999999999.journal"), None);
    }
}
