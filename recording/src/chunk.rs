//! Chunks: what parts are made of. Length (u32), CRC-32C of the contents (u32), contents; numbers are little-endian.
//!
//! | contents begin with | what follows |
//! | --- | --- |
//! | 0 | what the shard was made of |
//! | 1 | steps: the first one's number (u64), the hash of all outputs after the last (u64), then one after the other |
//! | 2 | the same, but the shard did not come back from the last step: the hash is of the outputs before it |
//! | 3 | the end: steps in all (u64), why |

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

use crate::ending::Ending;
use crate::wire::{Fields, Nonsense};

/// The first line of every part.
pub const TITLE: &[u8] =
    b"Kelpgate recording, format 1. SECRET: it holds the seed of a node and what its clients sent.\n";
/// Length and checksum.
pub const HEAD: usize = 8;

pub const ORIGIN: u8 = 0;
pub const STEPS: u8 = 1;
pub const UNFINISHED: u8 = 2;
pub const END: u8 = 3;

/// A chunk as read back.
#[derive(Debug)]
pub enum Chunk {
    Origin(Bytes),
    Steps { first: u64, hash: u64, finished: bool, steps: Fields },
    End { steps: u64, ending: Ending },
}

impl Chunk {
    /// Reads the contents, whose checksum was right.
    pub fn decode(contents: Bytes) -> Result<Chunk, Nonsense> {
        let mut fields = Fields(contents);
        Ok(match fields.u8("a chunk")? {
            ORIGIN => Chunk::Origin(fields.0),
            kind @ (STEPS | UNFINISHED) => {
                let (first, hash) = (fields.u64("a step's number")?, fields.u64("a hash")?);
                Chunk::Steps { first, hash, finished: kind == STEPS, steps: fields }
            }
            END => {
                let steps = fields.u64("the number of steps")?;
                Chunk::End { steps, ending: Ending::decode(&mut fields)? }
            }
            _ => return Err(Nonsense { what: "a chunk" }),
        })
    }
}

/// What goes before the contents.
pub fn head(contents: &[Bytes]) -> [u8; HEAD] {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    contents.iter().for_each(|piece| digest.update(piece));
    let length = contents.iter().map(Bytes::len).sum::<usize>() as u32;
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&(digest.finalize() as u32).to_le_bytes());
    head
}

/// The contents of the end.
pub fn end(steps: u64, ending: &Ending) -> Vec<u8> {
    let mut contents = vec![END];
    contents.extend_from_slice(&steps.to_le_bytes());
    ending.encode(&mut contents);
    contents
}
