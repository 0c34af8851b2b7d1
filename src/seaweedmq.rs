//! What a node on SeaweedMQ is made of: shards without anything on a disk here, and the client that carries out what their
//! engines ask for.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use kelpgate_runtime_mio::{Answers, Remote};
use kelpgate_shard::{Rpc, Shard, ShardId};
use kelpgate_smq::{SmqConfig, SmqEngine};
use kelpgate_smq_client::{self as client, Completion, Completions, Security, SmqClient, parse_addresses};

use crate::error::Failure;
use crate::node::{draw, of_shard};
use crate::settings::Settings;

/// Makes the shards of a node.
pub(crate) struct SmqShardMaker {
    settings: Settings,
    /// What administrators are told of where records are: SeaweedFS's own path of the namespace.
    place: PathBuf,
    /// One for each shard.
    seeds: Vec<[u8; 32]>,
}

impl SmqShardMaker {
    /// # Errors
    /// When the system has no entropy.
    pub(crate) fn new(settings: Settings) -> Result<SmqShardMaker, Failure> {
        let mut seeds = vec![[0; 32]; usize::from(settings.shards())];
        for seed in &mut seeds {
            draw(seed)?;
        }
        let place = Path::new("/topics").join(settings.text("kelpgate.smq.namespace"));
        Ok(SmqShardMaker { settings, place, seeds })
    }

    /// Makes a shard of a node that will listen at `addresses`.
    pub(crate) fn make(&self, shard: ShardId, addresses: &[SocketAddr]) -> Shard {
        let seed = self.seeds.get(usize::from(shard.0)).copied().unwrap_or_default();
        let namespace = self.settings.text("kelpgate.smq.namespace");
        let gateway = format!("node-{}", self.settings.text("node.id"));
        let config = SmqConfig::new(shard, self.settings.shards(), namespace, gateway);
        Shard::new(of_shard(&self.settings, shard, addresses, &self.place, seed), SmqEngine::new(config))
    }
}

/// A SeaweedFS, for as long as the node runs.
#[derive(Debug)]
pub(crate) struct SeaweedFs {
    config: client::SmqConfig,
    client: RwLock<Option<SmqClient>>,
}

impl SeaweedFs {
    /// # Errors
    /// Addresses that are none, a `security.toml` that cannot be used.
    pub(crate) fn new(settings: &Settings) -> Result<SeaweedFs, Failure> {
        let masters = parse_addresses(&settings.text("kelpgate.smq.master"))?;
        let mut config = client::SmqConfig::new(masters);
        config.filer_group = settings.text("kelpgate.smq.filer.group");
        let security = settings.text("kelpgate.smq.security");
        if !security.is_empty() {
            config.security = Security::from_file(Path::new(&security))?;
        }
        Ok(SeaweedFs { config, client: RwLock::new(None) })
    }
}

impl Remote for SeaweedFs {
    fn start(&self, answers: Answers) -> io::Result<()> {
        let client = SmqClient::start(self.config.clone(), Arc::new(Deliveries(answers)))?;
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = Some(client);
        Ok(())
    }

    fn submit(&self, shard: ShardId, rpc: Rpc) {
        // After the end nobody waits for an answer.
        if let Some(client) = &*self.client.read().unwrap_or_else(PoisonError::into_inner) {
            client.submit(shard, rpc);
        }
    }

    fn stop(&self) {
        drop(self.client.write().unwrap_or_else(PoisonError::into_inner).take());
    }
}

struct Deliveries(Answers);

impl Completions for Deliveries {
    fn deliver(&self, shard: ShardId, done: Vec<Completion>) {
        let outcomes = done.into_iter().map(|Completion { ticket, outcome }| (ticket, outcome));
        (self.0)(shard, outcomes.collect());
    }
}
