//! What a node on the embedded log is made of: shards with the logs that recovery found for them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use kelpgate_core::settings::Settings as ShardSettings;
use kelpgate_files::{FolderLock, Started};
use kelpgate_log::{Boot, LogConfig, LogDescription, Sync};
use kelpgate_recording::{Origin, Pen, Recorder};
use kelpgate_shard::{Shard, ShardId};
use rustix::process::{Resource, getrlimit};

use crate::error::Failure;
use crate::logging;
use crate::settings::Settings;

/// Makes the shards of a node, each once.
pub(crate) struct ShardMaker {
    settings: Settings,
    data: PathBuf,
    boot: Boot,
    /// For each shard that is still to be made.
    parts: Mutex<Vec<Part>>,
    /// The data folder is ours until the node is gone.
    _lock: FolderLock,
}

/// What is one shard's alone.
#[derive(Default)]
struct Part {
    logs: Vec<LogDescription>,
    seed: [u8; 32],
}

impl ShardMaker {
    /// Locks the data folder and brings it in order. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be used, and when the system has no entropy.
    pub(crate) fn new(settings: Settings) -> Result<ShardMaker, Failure> {
        let mut nonce = [0; 8];
        draw(&mut nonce)?;
        let Started { recovered, lock } =
            kelpgate_files::run_recovery(&settings.data(), u64::from_le_bytes(nonce))?;
        for (level, text) in recovered.notes {
            logging::from_shard(level, &text);
        }
        let shards = settings.shards();
        let mut parts: Vec<Part> = (0..shards).map(|_| Part::default()).collect();
        for part in &mut parts {
            draw(&mut part.seed)?;
        }
        for log in recovered.logs {
            if let Some(part) = parts.get_mut(usize::from(log.log.owner(shards).0)) {
                part.logs.push(log);
            }
        }
        let data = std::fs::canonicalize(settings.data())
            .map_err(|source| Failure::FindFolder { folder: settings.data(), source })?;
        Ok(ShardMaker { settings, data, boot: recovered.boot, parts: Mutex::new(parts), _lock: lock })
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// This start of the node.
    pub(crate) fn boot(&self) -> Boot {
        self.boot
    }

    /// Makes a shard of a node that will listen at `addresses`.
    pub(crate) fn make(&self, shard: ShardId, addresses: &[SocketAddr]) -> Shard {
        self.origin(shard, addresses).shard()
    }

    /// Makes a shard whose events are recorded.
    pub(crate) fn make_recorded(
        &self,
        shard: ShardId,
        addresses: &[SocketAddr],
        pen: &Pen,
    ) -> Recorder<Shard> {
        let origin = self.origin(shard, addresses);
        Recorder::new(pen.clone(), &origin, origin.shard())
    }

    /// What a shard is made of; once for each.
    fn origin(&self, shard: ShardId, addresses: &[SocketAddr]) -> Origin {
        let shards = self.settings.shards();
        let part = {
            let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
            parts.get_mut(usize::from(shard.0)).map(std::mem::take).unwrap_or_default()
        };
        let settings = of_shard(&self.settings, shard, addresses, &self.data, part.seed);
        let sync = if self.settings.text("kelpgate.sync") == "os" { Sync::Os } else { Sync::Disk };
        let config =
            LogConfig { sync, open_files: open_files(shards), ..LogConfig::new(shard, shards, self.boot) };
        let program = env!("CARGO_PKG_VERSION").to_owned();
        Origin { program, settings, log: config, recovered: part.logs }
    }
}

/// The settings of a shard of a node that will listen at `addresses`, and that keeps its records in `place`.
pub(crate) fn of_shard(
    settings: &Settings,
    shard: ShardId,
    addresses: &[SocketAddr],
    place: &Path,
    seed: [u8; 32],
) -> ShardSettings {
    let told = settings.told(addresses).into_iter();
    ShardSettings {
        shard,
        shards: settings.shards(),
        advertised: told.map(|listener| (listener.host, i32::from(listener.port))).collect(),
        log_dir: place.display().to_string(),
        properties: settings.properties(addresses, place),
        seed,
    }
}

/// Segment files that each shard may keep open: a quarter of what the process may, so that connections have the rest.
fn open_files(shards: u16) -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let each = limit / 4 / u64::from(shards.max(1));
    each.clamp(8, 512) as usize
}

/// Draws from the system's entropy.
///
/// # Errors
/// When there is none.
pub(crate) fn draw(bytes: &mut [u8]) -> Result<(), Failure> {
    let refused = |error: getrandom::Error| Failure::System { what: "draw a seed", source: error.into() };
    getrandom::fill(bytes).map_err(refused)
}
