//! A Kelpgate node in virtual time for other programs' tests: clients without input and output of their own are connected
//! by hand, real ones over loopback; the clock goes when it is told to, faults strike when they are asked for, and the
//! node's state can be read at any moment.
//!
//! ```
//! use std::time::Duration;
//! use kelpgate_core::protocol::Response;
//! use kelpgate_core::protocol::api_versions::ApiVersionsRequest;
//! use kelpgate_simulator::server::{ServerOptions, TestServer};
//!
//! let mut server = TestServer::start(ServerOptions::default()).unwrap();
//! let mut client = server.connect().unwrap();
//! let Response::ApiVersions(answer) = client.ask(&mut server, 2, ApiVersionsRequest::default()).unwrap() else {
//!     panic!("another answer")
//! };
//! assert!(!answer.api_keys.is_empty());
//! server.advance(Duration::from_secs(3600)).unwrap(); // takes no time
//! ```

mod connection;
mod loopback;

use std::collections::BTreeMap;
use std::time::Duration;

use kelpgate_core::inquiry::{AdminAnswer, AdminQuestion};
use kelpgate_core::inspect::ShardView;
use kelpgate_core::time::Instant;
use kelpgate_log::Sync;

use crate::check::Violation;
use crate::disk::Survives;
use crate::faults::Swarm;
use crate::node::{Clock, Node, NodeOptions, Phase, WALL_START};
use crate::random::Random;
use crate::transcript::Transcript;
use crate::world::World;

pub use connection::{AskError, Connection};
pub use loopback::Loopback;

/// How long a node may take to load, a connection to stand, and an answer to come, in virtual time.
const PATIENCE: Duration = Duration::from_secs(60);
/// How far the clock goes before it is looked whether what is waited for has come.
const GLANCE: Duration = Duration::from_micros(100);

/// What a node is started with.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    pub shards: u16,
    /// Kafka's broker properties, and Kelpgate's own.
    pub properties: BTreeMap<String, String>,
    /// Host and port that clients are told: where a [`Loopback`] listens.
    pub advertised: (String, i32),
    /// Everything that is left to chance follows from this.
    pub seed: u64,
    /// Milliseconds since 1970 when the node starts.
    pub wall_ms: i64,
}

impl Default for ServerOptions {
    /// One shard, defaults, and always the same chance.
    fn default() -> ServerOptions {
        ServerOptions {
            shards: 1,
            properties: BTreeMap::new(),
            advertised: ("node".into(), 9092),
            seed: 1,
            wall_ms: WALL_START,
        }
    }
}

/// A node in virtual time. Time passes only in [`TestServer::advance`] and, as far as needed, while something is waited for.
pub struct TestServer {
    world: World,
}

impl TestServer {
    /// Starts a node on an empty disk and waits until it listens.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn start(options: ServerOptions) -> Result<TestServer, Violation> {
        let mut random = Random::new(options.seed);
        let mut world = World::new(Swarm::calm(), Vec::new(), Transcript::default(), random.fork());
        let ServerOptions { shards, properties, wall_ms, advertised, .. } = options;
        let node = NodeOptions { shards, properties, sync: Sync::Disk };
        let mut node = Node::new(node, Clock { skew: 0, wall: wall_ms }, random.fork());
        node.advertised = advertised;
        world.add_node(node);
        let mut server = TestServer { world };
        server.until_serving()?;
        Ok(server)
    }

    /// The time since the start.
    pub fn now(&self) -> Duration {
        self.world.now().saturating_since(Instant::default())
    }

    /// Lets time pass, and everything happen that is due.
    ///
    /// # Errors
    /// When the node breaks down without a fault.
    pub fn advance(&mut self, time: Duration) -> Result<(), Violation> {
        let until = self.world.now() + time;
        self.world.run_until(until)
    }

    /// The wall clock of the node jumps.
    pub fn jump_wall_clock(&mut self, by_ms: i64) {
        self.world.nodes[0].clock.wall += by_ms;
    }

    /// The process is killed, or its machine loses power: `survives` says what is left of what was not synced.
    /// Connections break. The node is down until [`TestServer::restart`].
    pub fn crash(&mut self, survives: Survives) {
        let links = self.world.nodes[0].crash(survives);
        self.world.went_down(0, links, survives);
    }

    /// Starts a node that is down on the disk it left, with so many shards, and waits until it listens.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn restart(&mut self, shards: u16) -> Result<(), Violation> {
        self.world.nodes[0].options.shards = shards;
        self.world.start_node(0)?;
        self.until_serving()
    }

    /// The next file commands fail.
    pub fn fail_file_commands(&mut self, count: usize) {
        self.world.disks.fail(0, count);
    }

    /// The disk of the node, for other faults: a full one, failing syncs, changed bytes.
    pub fn disk(&mut self) -> &mut crate::disk::SimDisk {
        self.world.disks.touch();
        &mut self.world.nodes[0].disk
    }

    /// What each shard holds: partitions, groups with their members, connections, counts. Empty while the node is down.
    pub fn look(&self) -> Vec<ShardView> {
        self.world.nodes[0]
            .shards()
            .filter_map(|shard| shard.gateway())
            .map(|gateway| gateway.look())
            .collect()
    }

    /// Asks the node as its administrator.
    ///
    /// # Errors
    /// When the node is down or breaks down.
    pub fn inquire(&mut self, question: AdminQuestion) -> Result<AdminAnswer, Violation> {
        self.world.ask_node(0, question)?;
        let mut told = None;
        self.until("the node answers its administrator", |server| {
            told = server.world.told().pop().map(|(_, answer)| answer);
            told.is_some()
        })?;
        told.ok_or(Violation { check: "the node answers its administrator", what: "it did not".into() })
    }

    fn until_serving(&mut self) -> Result<(), Violation> {
        self.until("the node listens", |server| server.world.nodes[0].phase == Phase::Serving)
    }

    /// Lets time pass until something has come.
    fn until(
        &mut self,
        what: &'static str,
        mut come: impl FnMut(&mut TestServer) -> bool,
    ) -> Result<(), Violation> {
        let until = self.world.now() + PATIENCE;
        while !come(self) {
            if self.world.now() >= until {
                return Err(Violation { check: what, what: format!("not within {PATIENCE:?}") });
            }
            self.advance(GLANCE)?;
        }
        Ok(())
    }
}
