//! Why a recording ends.

use std::fmt;

use crate::wire::{Fields, Nonsense, Put};

/// How the series of a shard ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The shard stopped.
    Stopped,
    /// The recording would have become larger than it may.
    Full { max_bytes: u64 },
    /// The disk was slower than the node: the shard did not wait for it.
    TooSlow,
    /// The system refused to write.
    Failed(String),
    /// Nobody said so: the process was killed, or the file cut.
    Cut,
}

impl Ending {
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        match self {
            Ending::Stopped => bytes.raw(&[0]),
            Ending::Full { max_bytes } => {
                bytes.raw(&[1]);
                bytes.uint(*max_bytes);
            }
            Ending::TooSlow => bytes.raw(&[2]),
            Ending::Failed(text) => {
                bytes.raw(&[3]);
                bytes.slice(text.as_bytes());
            }
            Ending::Cut => bytes.raw(&[4]),
        }
    }

    pub(crate) fn decode(fields: &mut Fields) -> Result<Ending, Nonsense> {
        const WHAT: &str = "the reason of the end";
        Ok(match fields.u8(WHAT)? {
            0 => Ending::Stopped,
            1 => Ending::Full { max_bytes: fields.uint(WHAT)? },
            2 => Ending::TooSlow,
            3 => Ending::Failed(fields.text(WHAT)?),
            4 => Ending::Cut,
            _ => return Err(Nonsense { what: WHAT }),
        })
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Stopped => f.write_str("the shard stopped"),
            Ending::Full { max_bytes } => write!(f, "the recording reached its limit of {max_bytes} bytes"),
            Ending::TooSlow => f.write_str("the disk of the recording was too slow"),
            Ending::Failed(text) => write!(f, "the recording could not be written: {text}"),
            Ending::Cut => f.write_str("cut off, as when the process is killed"),
        }
    }
}
