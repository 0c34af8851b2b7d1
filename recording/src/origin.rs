//! What a shard was made of: enough to make it again.

use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::settings::Settings;
use kelpgate_log::manifest::Manifest;
use kelpgate_log::{Boot, Log, LogConfig, LogDescription, Sync};
use kelpgate_shard::{Shard, ShardId};

use crate::wire::{Fields, Nonsense, Put};

/// Version of the format that this program writes, and the only one that it reads.
pub const FORMAT_VERSION: u16 = 1;

/// Everything a shard begins with. Holds the node's seed: secret.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Of the program that recorded; another one may do other things with the same input.
    pub program: String,
    pub settings: Settings,
    pub log: LogConfig,
    /// The logs that recovery found for this shard.
    pub recovered: Vec<LogDescription>,
}

impl Origin {
    /// Makes the shard.
    pub fn shard(&self) -> Shard {
        Shard::new(self.settings.clone(), Log::new(self.log.clone(), self.recovered.clone()))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let Origin { program, settings, log, recovered } = self;
        let mut bytes = Vec::new();
        bytes.raw(&FORMAT_VERSION.to_le_bytes());
        bytes.slice(program.as_bytes());
        bytes.uint(settings.shard.0.into());
        bytes.uint(settings.shards.into());
        bytes.raw(&settings.seed);
        bytes.slice(settings.log_dir.as_bytes());
        bytes.uint(settings.advertised.len() as u64);
        for (host, port) in &settings.advertised {
            bytes.slice(host.as_bytes());
            bytes.int((*port).into());
        }
        bytes.uint(settings.properties.len() as u64);
        for (key, value) in &settings.properties {
            bytes.slice(key.as_bytes());
            bytes.slice(value.as_bytes());
        }
        encode_log(log, &mut bytes);
        let manifest = Manifest {
            epoch: log.boot.epoch,
            shard: log.shard.0,
            shards: log.shards,
            group: 0,
            logs: recovered.clone(),
        };
        bytes.slice(&manifest.encode());
        bytes
    }

    pub(crate) fn decode(fields: &mut Fields) -> Result<Origin, NotReadable> {
        let version = fields.u16("the format version")?;
        if version != FORMAT_VERSION {
            return Err(NotReadable::Version(version));
        }
        let program = fields.text("the program's version")?;
        let (shard, shards) = (ShardId(fields.number("the shard")?), fields.number("the number of shards")?);
        let seed = fields.array("the seed")?;
        let log_dir = fields.text("the data folder")?;
        let mut advertised = Vec::new();
        for _ in 0..fields.uint("the addresses")? {
            let host = fields.text("an address")?;
            let port = fields.int("a port")?;
            advertised.push((host, i32::try_from(port).map_err(|_| Nonsense { what: "a port" })?));
        }
        let mut properties = std::collections::BTreeMap::new();
        for _ in 0..fields.uint("the properties")? {
            properties.insert(fields.text("a property")?, fields.text("a property's value")?);
        }
        let log = decode_log(fields, shard, shards)?;
        let manifest = Manifest::decode(&fields.slice("the logs")?).ok_or(Nonsense { what: "the logs" })?;
        let settings = Settings { shard, shards, advertised, log_dir, properties, seed };
        Ok(Origin { program, settings, log, recovered: manifest.logs })
    }
}

/// Why what a shard was made of cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReadable {
    #[error("it has format version {0}; this program knows version {FORMAT_VERSION}")]
    Version(u16),
    #[error(transparent)]
    Nonsense(#[from] Nonsense),
}

fn encode_log(log: &LogConfig, bytes: &mut Vec<u8>) {
    bytes.uint(log.boot.epoch);
    bytes.uint(log.boot.nonce);
    bytes.raw(&[u8::from(log.sync == Sync::Os)]);
    let sizes = [log.cache_bytes, log.journal_files, log.group_bytes, log.open_files, log.index_bytes];
    sizes.into_iter().chain([log.read_bytes]).for_each(|size| bytes.uint(size as u64));
    bytes.uint(log.journal_file_bytes);
    for time in [log.sync_pause, log.os_sync_delay, log.retry_pause] {
        bytes.uint(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }
}

fn decode_log(fields: &mut Fields, shard: ShardId, shards: u16) -> Result<LogConfig, Nonsense> {
    const WHAT: &str = "the settings of the log";
    let boot = Boot { epoch: fields.uint(WHAT)?, nonce: fields.uint(WHAT)? };
    let sync = if fields.u8(WHAT)? == 0 { Sync::Disk } else { Sync::Os };
    Ok(LogConfig {
        shard,
        shards,
        boot,
        sync,
        cache_bytes: fields.number(WHAT)?,
        journal_files: fields.number(WHAT)?,
        group_bytes: fields.number(WHAT)?,
        open_files: fields.number(WHAT)?,
        index_bytes: fields.number(WHAT)?,
        read_bytes: fields.number(WHAT)?,
        journal_file_bytes: fields.uint(WHAT)?,
        sync_pause: Duration::from_nanos(fields.uint(WHAT)?),
        os_sync_delay: Duration::from_nanos(fields.uint(WHAT)?),
        retry_pause: Duration::from_nanos(fields.uint(WHAT)?),
    })
}

/// Reads the first chunk of a series.
pub(crate) fn read(contents: Bytes) -> Result<Origin, NotReadable> {
    Origin::decode(&mut Fields(contents))
}

#[cfg(test)]
pub(crate) fn example(shards: u16) -> Vec<Origin> {
    let one = |shard| Origin {
        program: "0".into(),
        settings: Settings {
            shard: ShardId(shard),
            shards,
            advertised: vec![("localhost".into(), 9092)],
            log_dir: "/data".into(),
            properties: [("num.partitions".to_owned(), "3".to_owned())].into(),
            seed: [shard as u8 + 1; 32],
        },
        log: LogConfig::new(ShardId(shard), shards, Boot { epoch: 7, nonce: u64::MAX }),
        recovered: Vec::new(),
    };
    (0..shards).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kelpgate_core::ids::LogId;
    use kelpgate_log::SnapshotPlace;

    #[test]
    fn what_a_shard_was_made_of_comes_back() {
        let mut origin = example(3).remove(1);
        origin.recovered.push(LogDescription {
            log: LogId::CATALOGUE,
            start: 1,
            end: 9,
            segments: Vec::new(),
            snapshot: SnapshotPlace::At(4),
            damage: Vec::new(),
        });
        let read = read(origin.encode().into()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{origin:?}"));
        let mut newer = origin.encode();
        newer[0] = 9;
        assert_eq!(super::read(newer.into()).unwrap_err(), NotReadable::Version(9));
    }
}
