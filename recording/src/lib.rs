//! Writes down what happens to the shards of a node, and lets it happen again.
//!
//! A shard is a pure machine, so the list of its events is its run. [`Recorder`] stands between a runtime and a shard and
//! writes that list to files; [`Replay`] reads the files, gives the same events to the same machine, and checks that it
//! asks for the same things as it did then. What replays need not be stored is left out: messages between shards (all
//! shards are replayed together, so they are made again) and bytes read from files that were written during the recording
//! (so are the writes).
//!
//! ```text
//! DIR/start-0000000007/shard-0-000001.kgr      a recording of the node's 7th start: for each shard a series of parts
//!                      shard-0-000002.kgr
//!                      shard-1-000001.kgr
//! ```
//!
//! A part begins with a line of text that says what it is, and goes on with chunks: length, CRC-32C, contents. The first
//! chunk of a series holds what the shard was made of ([`Origin`]), the seed included: **recordings are secret**.
#![forbid(unsafe_code)]

mod chunk;
mod coverage;
mod ending;
mod folder;
mod hash;
mod origin;
mod recorder;
mod replay;
mod sim_files;
mod step;
mod story;
mod tape;
mod transcript;
mod wire;
mod writer;

pub use ending::Ending;
pub use folder::{FolderError, newest_start, starts};
pub use origin::Origin;
pub use recorder::Recorder;
pub use replay::{Divergence, DivergenceKind, Player, Replay, ReplayError, Stepped, What};

pub use story::Story;
pub use tape::TapeError;
pub use transcript::transcript;
pub use writer::{Limits, Pen, Recording, RecordingError};
