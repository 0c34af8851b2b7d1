//! Where recordings lie: one folder for each start of the node, one series of files in it for each shard.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kelpgate_shard::ShardId;

const START: &str = "start-";

/// Why there is nothing to replay.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{}: {error}", folder.display())]
    Unreadable { folder: PathBuf, error: io::Error },
    #[error("{} holds no recording", folder.display())]
    Nothing { folder: PathBuf },
}

/// The file of a part of a shard's series; parts count from 1.
pub fn part_name(shard: ShardId, part: u32) -> String {
    format!("shard-{shard}-{part:06}.kgr")
}

/// The recordings in a folder, by the number of the start, oldest first.
pub fn starts(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(START)?.parse().ok());
        if let Some(number) = number
            && entry.file_type()?.is_dir()
        {
            found.push((number, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The recording meant by a path: the newest of the recordings in a folder, or the folder itself if it is one.
///
/// # Errors
/// When the folder cannot be read or there is none.
pub fn newest_start(folder: &Path) -> Result<PathBuf, FolderError> {
    if folder.join(part_name(ShardId(0), 1)).exists() {
        return Ok(folder.into());
    }
    let unreadable = |error| FolderError::Unreadable { folder: folder.into(), error };
    let newest = starts(folder).map_err(unreadable)?.pop();
    newest.map(|(_, path)| path).ok_or_else(|| FolderError::Nothing { folder: folder.into() })
}

/// Removes recordings, oldest first, until the others take no more than `keep` bytes. Gives what they take.
pub(crate) fn make_room(folder: &Path, keep: u64) -> io::Result<u64> {
    fs::create_dir_all(folder)?;
    let mut sizes = Vec::new();
    for (_, path) in starts(folder)? {
        sizes.push((size(&path)?, path));
    }
    let mut total: u64 = sizes.iter().map(|(size, _)| size).sum();
    for (size, path) in sizes {
        if total <= keep {
            break;
        }
        fs::remove_dir_all(path)?;
        total -= size;
    }
    Ok(total)
}

fn size(folder: &Path) -> io::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

/// The folder of the recording of a start.
pub(crate) fn start_path(folder: &Path, epoch: u64) -> PathBuf {
    folder.join(format!("{START}{epoch:010}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_recordings_go_first() {
        let folder = tempfile::tempdir().unwrap();
        for epoch in 1..=4 {
            let start = start_path(folder.path(), epoch);
            fs::create_dir(&start).unwrap();
            fs::write(start.join(part_name(ShardId(0), 1)), [0; 100]).unwrap();
        }
        assert_eq!(make_room(folder.path(), 250).unwrap(), 200);
        let left: Vec<u64> = starts(folder.path()).unwrap().into_iter().map(|(epoch, _)| epoch).collect();
        assert_eq!(left, [3, 4]);
        let newest = newest_start(folder.path()).unwrap();
        assert!(newest.ends_with("start-0000000004"));
        assert_eq!(newest_start(&newest).unwrap(), newest);
    }

    #[test]
    fn a_folder_without_recordings_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let text = newest_start(folder.path()).unwrap_err().to_string();
        assert!(text.ends_with("holds no recording"), "{text}");
    }
}
