//! A hash of what a shard asks for, step after step.

use crc_fast::{CrcAlgorithm, Digest};
use kelpgate_shard::{Action, FileCommand, Level, Pieces, StopReason};

use crate::wire::Put;

/// Pieces up to this size are hashed together with what is around them.
const SMALL: usize = 256;

/// CRC-64 over all actions so far. Every byte that goes to a client or into a file is in it. Of messages between shards
/// only where they go: what they say shows in what the other shard does.
#[derive(Clone, Debug)]
pub struct OutputHash {
    digest: Digest,
    scratch: Vec<u8>,
}

impl Default for OutputHash {
    fn default() -> OutputHash {
        OutputHash { digest: Digest::new(CrcAlgorithm::Crc64Nvme), scratch: Vec::new() }
    }
}

impl OutputHash {
    /// The hash so far.
    pub fn value(&self) -> u64 {
        self.digest.finalize()
    }

    /// Adds what a step asked for.
    pub fn add<M>(&mut self, actions: &[Action<M>]) {
        actions.iter().for_each(|action| self.action(action));
        self.flush();
    }

    fn action<M>(&mut self, action: &Action<M>) {
        match action {
            Action::Send { conn, pieces } => {
                self.head(0, conn.0);
                self.pieces(pieces);
            }
            Action::PauseReading { conn } => self.head(1, conn.0),
            Action::ResumeReading { conn } => self.head(2, conn.0),
            Action::Close { conn } => self.head(3, conn.0),
            Action::File { ticket, lane, command } => {
                self.head(4, ticket.0);
                self.scratch.raw(&[*lane as u8]);
                self.command(command);
            }
            Action::Rpc(_) => panic!("a node that stores in SeaweedMQ is not recorded"),
            Action::ToShard { to, .. } => self.head(5, u64::from(to.0)),
            Action::Answer { ticket, answer } => {
                self.head(6, ticket.0);
                self.scratch.slice(format!("{answer:?}").as_bytes());
            }
            Action::Log { level, text } => {
                self.head(7, level_number(*level));
                self.scratch.slice(text.as_bytes());
            }
            Action::Ready => self.head(8, 0),
            Action::Stopped { reason: StopReason::Asked } => self.head(9, 0),
            Action::Stopped { reason: StopReason::Failed(text) } => {
                self.head(10, 0);
                self.scratch.slice(text.as_bytes());
            }
        }
    }

    fn head(&mut self, kind: u8, number: u64) {
        self.scratch.raw(&[kind]);
        self.scratch.uint(number);
    }

    fn command(&mut self, command: &FileCommand) {
        match command {
            FileCommand::Open { handle, path, create } => {
                self.head(if *create { 0 } else { 1 }, handle.0);
                self.scratch.slice(path.as_bytes());
            }
            FileCommand::Close { handle } => self.head(2, handle.0),
            FileCommand::Write { handle, at, pieces } => {
                self.head(3, handle.0);
                self.scratch.uint(*at);
                self.pieces(pieces);
            }
            FileCommand::Allocate { handle, len } => {
                self.head(4, handle.0);
                self.scratch.uint(*len);
            }
            FileCommand::Sync { handle } => self.head(5, handle.0),
            FileCommand::Read { handle, at, len } => {
                self.head(6, handle.0);
                self.scratch.uint(*at);
                self.scratch.uint(*len as u64);
            }
            FileCommand::Truncate { handle, len } => {
                self.head(7, handle.0);
                self.scratch.uint(*len);
            }
            FileCommand::Rename { from, to } => {
                self.path(8, from);
                self.scratch.slice(to.as_bytes());
            }
            FileCommand::Remove { path } => self.path(9, path),
            FileCommand::RemoveFolder { path } => self.path(10, path),
            FileCommand::List { path } => self.path(11, path),
            FileCommand::SyncFolder { path } => self.path(12, path),
            FileCommand::ReadWhole { path } => self.path(13, path),
            FileCommand::Volume => self.head(14, 0),
        }
    }

    fn path(&mut self, kind: u8, path: &str) {
        self.scratch.raw(&[kind]);
        self.scratch.slice(path.as_bytes());
    }

    /// The bytes, however they are cut into pieces.
    fn pieces(&mut self, pieces: &Pieces) {
        self.scratch.uint(pieces.len() as u64);
        for piece in pieces {
            if piece.len() <= SMALL {
                self.scratch.raw(piece);
            } else {
                self.flush();
                self.digest.update(piece);
            }
        }
    }

    fn flush(&mut self) {
        if !self.scratch.is_empty() {
            self.digest.update(&self.scratch);
            self.scratch.clear();
        }
    }
}

fn level_number(level: Level) -> u64 {
    match level {
        Level::Error => 0,
        Level::Warn => 1,
        Level::Info => 2,
        Level::Debug => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use kelpgate_shard::ConnId;

    fn hash(pieces: &[&'static [u8]]) -> u64 {
        let pieces = pieces.iter().map(|piece| Bytes::from_static(piece)).collect();
        let mut hash = OutputHash::default();
        hash.add::<()>(&[Action::Send { conn: ConnId(1), pieces }]);
        hash.value()
    }

    #[test]
    fn pieces_do_not_matter_and_bytes_do() {
        static LONG: [u8; 1000] = [7; 1000];
        assert_eq!(hash(&[b"ab", b"c"]), hash(&[b"abc"]));
        assert_eq!(hash(&[&LONG, b"c"]), hash(&[&LONG[..300], &LONG[300..], b"c"]));
        assert_ne!(hash(&[b"abd"]), hash(&[b"abc"]));
    }
}
