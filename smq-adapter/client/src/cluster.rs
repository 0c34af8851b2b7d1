//! Who is there: masters, filers and brokers, and connections to them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use kelpgate_smq::rpc::RpcError;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};

use crate::address::ServerAddress;
use crate::config::{CONNECT_WITHIN, MASTER_WITHIN, PING_EVERY, PONG_WITHIN, SmqConfig, VIEW_GOOD_FOR};
use crate::connector::Connector;
use crate::fault::{Fault, Role};
use crate::grpc;
use crate::message::master::{ClusterNode, ListClusterNodesRequest, ListClusterNodesResponse};

const LIST_CLUSTER_NODES: &str = "/master_pb.Seaweed/ListClusterNodes";

/// Versions before this one have other messages.
const OLDEST: (u32, u32) = (4, 0);

/// Bytes a server may send on a stream, and on a connection, before it is told to go on.
const WINDOW: u32 = 4 << 20;

/// The cluster, as far as it is known.
pub(crate) struct Cluster {
    config: SmqConfig,
    connector: Connector,
    channels: RefCell<BTreeMap<String, Channel>>,
    view: RefCell<View>,
    /// The master that answered last.
    master: Cell<usize>,
    /// Held while masters are asked, so that many who find nobody ask once.
    asking: Mutex<()>,
}

#[derive(Default)]
struct View {
    /// The first one is used; who fails goes to the end.
    filers: Vec<ServerAddress>,
    /// `HOST:PORT` of gRPC.
    brokers: Vec<String>,
    seen: Option<Instant>,
}

impl Cluster {
    pub(crate) fn new(config: SmqConfig) -> Cluster {
        Cluster {
            connector: Connector::new(config.security.grpc.clone()),
            config,
            channels: RefCell::default(),
            view: RefCell::default(),
            master: Cell::new(0),
            asking: Mutex::new(()),
        }
    }

    /// The channel to `HOST:PORT`. It connects when it is used, and again when the connection was lost.
    pub(crate) fn channel(&self, server: &str) -> Result<Channel, Fault> {
        if let Some(channel) = self.channels.borrow().get(server) {
            return Ok(channel.clone());
        }
        let endpoint = Endpoint::from_shared(format!("http://{server}"))
            .map_err(|error| Fault::Unreachable(error.to_string()))?
            .connect_timeout(CONNECT_WITHIN)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PONG_WITHIN)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        let channel = endpoint.connect_with_connector_lazy(self.connector.clone());
        self.channels.borrow_mut().insert(server.to_owned(), channel.clone());
        Ok(channel)
    }

    /// Filers to try, one after the other; at least one.
    pub(crate) async fn filers(self: &Rc<Self>) -> Result<Vec<ServerAddress>, RpcError> {
        self.look().await?;
        if self.view.borrow().filers.is_empty() {
            self.look_again(Instant::now()).await?;
        }
        let filers = self.view.borrow().filers.clone();
        match filers.is_empty() {
            true => Err(RpcError::NoFiler("the masters know none".to_owned())),
            false => Ok(filers),
        }
    }

    /// `HOST:PORT` of brokers to try, one after the other; at least one. Each answers for the whole cluster.
    pub(crate) async fn brokers(self: &Rc<Self>) -> Result<Vec<String>, RpcError> {
        self.look().await?;
        if self.view.borrow().brokers.is_empty() {
            self.look_again(Instant::now()).await?;
        }
        let brokers = self.view.borrow().brokers.clone();
        match brokers.is_empty() {
            true => Err(RpcError::NoBroker("the masters know none; is `weed mq.broker` running?".to_owned())),
            false => Ok(brokers),
        }
    }

    /// Tries others first from now on, and asks the masters who is there.
    pub(crate) fn suspect_filer(self: &Rc<Self>, filer: &ServerAddress) {
        let filers = &mut self.view.borrow_mut().filers;
        if filers.first() == Some(filer) {
            filers.rotate_left(1);
        }
        self.look_behind();
    }

    /// The same for a broker.
    pub(crate) fn suspect_broker(self: &Rc<Self>, broker: &str) {
        let brokers = &mut self.view.borrow_mut().brokers;
        if brokers.first().is_some_and(|first| first == broker) {
            brokers.rotate_left(1);
        }
        self.look_behind();
    }

    /// Makes sure that something is known; what is old is used, and renewed meanwhile.
    async fn look(self: &Rc<Self>) -> Result<(), RpcError> {
        let seen = self.view.borrow().seen;
        match seen {
            Some(seen) if seen.elapsed() < VIEW_GOOD_FOR => Ok(()),
            Some(_) => {
                self.look_behind();
                Ok(())
            }
            None => self.look_again(Instant::now()).await,
        }
    }

    fn look_behind(self: &Rc<Self>) {
        if self.asking.try_lock().is_err() {
            return;
        }
        let (cluster, since) = (self.clone(), Instant::now());
        tokio::task::spawn_local(async move {
            // Whoever finds nobody asks again, and hears why.
            let _ = cluster.look_again(since).await;
        });
    }

    /// Asks the masters, unless somebody has since that time.
    async fn look_again(&self, since: Instant) -> Result<(), RpcError> {
        let _asking = self.asking.lock().await;
        if self.view.borrow().seen.is_some_and(|seen| seen >= since) {
            return Ok(());
        }
        let mut silent = Vec::new();
        let mut known = None;
        for place in 0..self.config.masters.len() {
            let place = (self.master.get() + place) % self.config.masters.len();
            let Some(master) = self.config.masters.get(place) else { continue };
            match self.ask(master).await {
                Ok(view) if view.filers.is_empty() => known = known.or(Some(view)),
                Ok(view) => {
                    self.master.set(place);
                    self.keep(view);
                    return Ok(());
                }
                // A refusal is for a person to see, and other masters would refuse as well.
                Err(refused @ RpcError::Refused(_)) => return Err(refused),
                Err(RpcError::NoMaster(text)) => silent.push(text),
                Err(error) => silent.push(error.to_string()),
            }
        }
        match known {
            // A master that does not lead knows nobody.
            Some(view) => {
                self.keep(view);
                Ok(())
            }
            None => Err(RpcError::NoMaster(silent.join("; "))),
        }
    }

    /// Those who were in use stay where they were.
    fn keep(&self, mut found: View) {
        let mut view = self.view.borrow_mut();
        let place = |old: &[ServerAddress], one: &ServerAddress| old.iter().position(|known| known == one);
        found.filers.sort_by_key(|filer| place(&view.filers, filer).unwrap_or(usize::MAX));
        let place = |old: &[String], one: &String| old.iter().position(|known| known == one);
        found.brokers.sort_by_key(|broker| place(&view.brokers, broker).unwrap_or(usize::MAX));
        *view = found;
        let servers = view.brokers.iter().cloned().chain(view.filers.iter().map(ServerAddress::grpc));
        let masters = self.config.masters.iter().map(ServerAddress::grpc);
        let alive: Vec<String> = servers.chain(masters).collect();
        self.channels.borrow_mut().retain(|server, _| alive.contains(server));
    }

    async fn ask(&self, master: &ServerAddress) -> Result<View, RpcError> {
        let asked = Instant::now();
        let filers = self.nodes(master, "filer").await?;
        let brokers = self.nodes(master, "broker").await?;
        let unlike = |error: crate::AddressError| RpcError::Other(format!("master {master}: {error}"));
        for node in filers.iter().chain(&brokers) {
            check_version(node)?;
        }
        Ok(View {
            filers: filers
                .iter()
                .map(|node| node.address.parse().map_err(unlike))
                .collect::<Result<_, _>>()?,
            brokers: brokers
                .iter()
                .map(|node| Ok(ServerAddress::broker(&node.address).map_err(unlike)?.grpc()))
                .collect::<Result<_, RpcError>>()?,
            seen: Some(asked),
        })
    }

    async fn nodes(&self, master: &ServerAddress, kind: &str) -> Result<Vec<ClusterNode>, RpcError> {
        let server = master.grpc();
        let request = ListClusterNodesRequest {
            client_type: kind.to_owned(),
            filer_group: self.config.filer_group.clone(),
        };
        let asked = async {
            let channel = self.channel(&server)?;
            let answer =
                grpc::unary::<_, ListClusterNodesResponse>(channel, LIST_CLUSTER_NODES, request).await;
            answer.map_err(|status| Fault::of_status(&status))
        };
        match timeout(MASTER_WITHIN, asked).await {
            Ok(Ok(answer)) => Ok(answer.cluster_nodes),
            // A server with TLS ends a connection without it and says nothing.
            Ok(Err(Fault::Lost(text))) if self.config.security.grpc.is_none() => Err(RpcError::NoMaster(
                format!("{server}: {text}; if it uses TLS, its security.toml must be named"),
            )),
            Ok(Err(fault)) => Err(fault.told(Role::Master, &server)),
            Err(_) => {
                Err(RpcError::NoMaster(format!("{server}: no answer within {} s", MASTER_WITHIN.as_secs())))
            }
        }
    }
}

/// Refuses what is known to speak other messages; a version that cannot be read is let through.
fn check_version(node: &ClusterNode) -> Result<(), RpcError> {
    let version = node.version.split_whitespace().find_map(|word| {
        let (major, minor) = word.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    match version {
        Some(old) if old < OLDEST => {
            let (major, minor) = OLDEST;
            Err(RpcError::Refused(format!(
                "{} is SeaweedFS {}; it must be {major}.{minor} or later",
                node.address, node.version
            )))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_are_refused_by_name() {
        let node = |version: &str| ClusterNode { address: "a:1".into(), version: version.into() };
        assert_eq!(check_version(&node("8000GB 4.48 pypi")), Ok(()));
        assert_eq!(check_version(&node("")), Ok(()));
        let refused = check_version(&node("30GB 3.97 abc")).unwrap_err().to_string();
        assert!(refused.contains("3.97") && refused.contains("4.0"), "{refused}");
    }
}
