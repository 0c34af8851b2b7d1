use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use kelpgate_runtime_glommio::Glommio;
use kelpgate_runtime_mio::{Mio, Options, Remote, Runtime as _, RuntimeError, StopSignal, Store};
use kelpgate_shard::{Level, ShardId};
use tempfile::TempDir;

use crate::behaviour::{Behaviour, Shard};

/// No test waits longer for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Which runtime a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// epoll or kqueue.
    Mio,
    /// io_uring.
    Glommio,
}

/// A node that runs on threads of this process.
#[derive(Debug)]
pub struct Node {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// Its data folder.
    pub data: TempDir,
    /// What it logged.
    pub log: Arc<Mutex<Vec<(Level, String)>>>,
    stop: StopSignal,
    outcome: Receiver<Result<(), RuntimeError>>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    /// Starts a node on a free port of 127.0.0.1 and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    pub fn start<B, F>(runtime: Runtime, shards: u16, behave: F) -> Node
    where
        B: Behaviour,
        F: Fn(ShardId) -> B + Send + Sync + 'static,
    {
        let (node, listening) = Node::launch(runtime, shards, behave);
        let addresses = listening.recv_timeout(PATIENCE).expect("the node listens");
        Node { addresses, ..node }
    }

    /// Starts a node and does not wait; the receiver hears where it listens.
    ///
    /// # Panics
    /// When the system gives no folder, pipe or thread.
    pub fn launch<B, F>(runtime: Runtime, shards: u16, behave: F) -> (Node, Receiver<Vec<SocketAddr>>)
    where
        B: Behaviour,
        F: Fn(ShardId) -> B + Send + Sync + 'static,
    {
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        Node::launch_on(listen, runtime, shards, behave)
    }

    /// As [`launch`](Node::launch), on these addresses.
    ///
    /// # Panics
    /// When the system gives no folder, pipe or thread.
    pub fn launch_on<B, F>(
        listen: Vec<SocketAddr>,
        runtime: Runtime,
        shards: u16,
        behave: F,
    ) -> (Node, Receiver<Vec<SocketAddr>>)
    where
        B: Behaviour,
        F: Fn(ShardId) -> B + Send + Sync + 'static,
    {
        Node::launch_with(listen, runtime, shards, behave, None)
    }

    /// As [`launch_on`](Node::launch_on), with something remote that carries out what the shards ask for instead of a
    /// folder.
    ///
    /// # Panics
    /// When the system gives no folder, pipe or thread.
    pub fn launch_with<B, F>(
        listen: Vec<SocketAddr>,
        runtime: Runtime,
        shards: u16,
        behave: F,
        remote: Option<Arc<dyn Remote>>,
    ) -> (Node, Receiver<Vec<SocketAddr>>)
    where
        B: Behaviour,
        F: Fn(ShardId) -> B + Send + Sync + 'static,
    {
        let data = tempfile::tempdir().expect("a folder");
        let mut options = Options { shards, ..Options::new(listen, data.path()) };
        if let Some(remote) = remote {
            options.store = Store::Remote(remote);
        }
        let make_shard = move |shard| Shard::new(behave(shard));
        let stop = StopSignal::new().expect("a pipe");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (told, listening) = channel();
        let (ended, outcome) = channel();
        let thread = {
            let (stop, log) = (stop.clone(), log.clone());
            std::thread::spawn(move || {
                let on_listening = |addresses: &[SocketAddr]| {
                    let _ = told.send(addresses.to_vec());
                };
                let write =
                    move |level, text: &str| log.lock().expect("a log").push((level, text.to_owned()));
                let make_shard = move |shard, _: &[SocketAddr]| make_shard(shard);
                let outcome = match runtime {
                    Runtime::Mio => Mio::run(&options, make_shard, on_listening, &stop, write),
                    Runtime::Glommio => Glommio::run(&options, make_shard, on_listening, &stop, write),
                };
                let _ = ended.send(outcome);
            })
        };
        let node = Node { addresses: Vec::new(), data, log, stop, outcome, thread: Some(thread) };
        (node, listening)
    }

    /// Connects, with time limits on everything.
    ///
    /// # Panics
    /// When that is refused.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addresses[0]).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream.set_write_timeout(Some(PATIENCE)).expect("a limit");
        stream
    }

    /// Asks it to stop, without waiting.
    pub fn ask_to_stop(&self) {
        self.stop.trigger();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// What made it end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn wait(&mut self) -> Result<(), RuntimeError> {
        let outcome = self.outcome.recv_timeout(PATIENCE).expect("the node ends");
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the thread of the node");
        }
        outcome
    }

    /// Stops it cleanly.
    ///
    /// # Errors
    /// What went wrong meanwhile.
    pub fn stop(mut self) -> Result<(), RuntimeError> {
        self.ask_to_stop();
        self.wait()
    }
}
