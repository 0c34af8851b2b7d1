//! What disks do to files.

use arbitrary::Arbitrary;
use kelpgate_core::pieces::Pieces;
use kelpgate_log::disk::Disk;
use kelpgate_log::file::{FileCommand, FileHandle, FileReply};

use kelpgate_simulator::disk::SimDisk;

/// Far from the handles that logs and recovery use.
const HANDLE: FileHandle = FileHandle(u64::MAX - 1);

/// Which file, and where in it, as a share of its length.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub struct At {
    file: u16,
    place: u16,
}

/// One damage.
#[derive(Debug, Arbitrary)]
pub enum Damage<'a> {
    /// Bits are flipped.
    Flip { at: At, with: u8 },
    /// Bits of the first bytes of a file, where headers are.
    FlipHead { file: u16, at: u8, with: u8 },
    /// Other bytes are there.
    Noise { at: At, bytes: &'a [u8] },
    /// A part was never written.
    Zeroes { at: At, length: u16 },
    /// The end is missing.
    Cut { at: At },
    /// There is more than was written.
    Longer { file: u16, bytes: &'a [u8] },
    /// The file is gone.
    Lost { file: u16 },
}

impl Damage<'_> {
    /// Does it; gives the path of the file, if there is one that it changes.
    pub fn inflict(&self, disk: &mut SimDisk) -> Option<String> {
        let file = match self {
            Damage::Flip { at, .. }
            | Damage::Noise { at, .. }
            | Damage::Zeroes { at, .. }
            | Damage::Cut { at } => at.file,
            Damage::FlipHead { file, .. } | Damage::Longer { file, .. } | Damage::Lost { file } => *file,
        };
        let files: Vec<(String, usize)> = disk.files().into_iter().collect();
        let (path, length) = files.get(usize::from(file) % files.len().max(1))?;
        let place = |at: &At| length * usize::from(at.place) / (usize::from(u16::MAX) + 1);
        match self {
            Damage::Flip { at, with } => disk.damage(path, place(at), &[*with]),
            Damage::FlipHead { at, with, .. } => disk.damage(path, usize::from(*at), &[*with]),
            Damage::Noise { at, bytes } => overwrite(disk, path, place(at), bytes),
            Damage::Zeroes { at, length } => {
                overwrite(disk, path, place(at), &vec![0; usize::from(*length)]);
            }
            Damage::Cut { at } => {
                let len = place(at) as u64;
                change(disk, path, |handle| FileCommand::Truncate { handle, len });
            }
            Damage::Longer { bytes, .. } => {
                let at = *length as u64;
                let pieces = Pieces::from(bytes::Bytes::copy_from_slice(bytes));
                change(disk, path, |handle| FileCommand::Write { handle, at, pieces });
            }
            Damage::Lost { .. } => disk.lose(path),
        }
        Some(path.clone())
    }
}

/// Puts other bytes in place of those that are there; the file does not grow.
fn overwrite(disk: &mut SimDisk, path: &str, at: usize, bytes: &[u8]) {
    let there = disk.contents(path).unwrap_or_default();
    let changes: Vec<u8> = there.iter().skip(at).zip(bytes).map(|(old, new)| old ^ new).collect();
    disk.damage(path, at, &changes);
}

/// Changes a file for good.
fn change(disk: &mut SimDisk, path: &str, command: impl FnOnce(FileHandle) -> FileCommand) {
    let opened = disk.execute(FileCommand::Open { handle: HANDLE, path: path.into(), create: false });
    assert!(matches!(opened, Ok(FileReply::Opened { .. })), "{opened:?}");
    for command in
        [command(HANDLE), FileCommand::Sync { handle: HANDLE }, FileCommand::Close { handle: HANDLE }]
    {
        let done = disk.execute(command);
        assert_eq!(done, Ok(FileReply::Done));
    }
}
