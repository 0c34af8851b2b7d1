//! The thread that carries commands out.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use kelpgate_core::ids::ShardId;
use kelpgate_smq::rpc::{Rpc, RpcCommand, RpcError, RpcReply, RpcTicket};
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::{Instant, timeout_at};

use crate::cluster::Cluster;
use crate::completions::{Collector, Completion, Completions};
use crate::config::SmqConfig;
use crate::files::Files;
use crate::publish::{Streams, Target};
use crate::topics;

/// Commands that are taken in at a time before answers are looked at.
const TAKE: usize = 256;

/// How far behind its time an unanswered publish may be told so.
const EXPIRE_EVERY: Duration = Duration::from_millis(50);

/// Carries out commands of shards on a thread of its own, from which it is told to go by being dropped.
#[derive(Debug)]
pub struct SmqClient {
    commands: Option<mpsc::UnboundedSender<Submitted>>,
    bound: Arc<Bound>,
    thread: Option<JoinHandle<()>>,
}

/// A command with its time and its shard.
struct Submitted {
    shard: ShardId,
    deadline: Instant,
    rpc: Rpc,
}

/// Counts the commands under way.
struct Bound {
    under_way: AtomicUsize,
    most: usize,
    completions: Arc<dyn Completions>,
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} of {} commands", self.under_way.load(Ordering::Relaxed), self.most)
    }
}

impl SmqClient {
    /// Starts the thread. Nothing is asked of SeaweedFS before the first command.
    ///
    /// # Errors
    /// When the system gives no thread or no way to wait for sockets.
    pub fn start(config: SmqConfig, completions: Arc<dyn Completions>) -> std::io::Result<SmqClient> {
        let bound =
            Arc::new(Bound { under_way: AtomicUsize::new(0), most: config.most_commands, completions });
        let (commands, incoming) = mpsc::unbounded_channel();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let for_thread = bound.clone();
        let thread = Builder::new().name("seaweedfs".to_owned()).spawn(move || {
            let local = LocalSet::new();
            local.block_on(&runtime, Worker::new(config).run(incoming, &for_thread));
        })?;
        Ok(SmqClient { commands: Some(commands), bound, thread: Some(thread) })
    }

    /// Takes a command; its outcome is delivered to the shard, exactly once. Never blocks. Commands of a shard about one
    /// publish stream are carried out in this order.
    pub fn submit(&self, shard: ShardId, rpc: Rpc) {
        let ticket = rpc.ticket;
        let deadline = Instant::now() + rpc.timeout;
        let refused = match self.bound.enter() {
            false => Some(format!("{} commands are under way", self.bound.most)),
            true => match &self.commands {
                Some(commands) => commands.send(Submitted { shard, deadline, rpc }).err().map(|_| {
                    self.bound.leave(1);
                    "it has ended".to_owned()
                }),
                None => None,
            },
        };
        if let Some(text) = refused {
            let outcome = Err(RpcError::Busy(text));
            self.bound.completions.deliver(shard, vec![Completion { ticket, outcome }]);
        }
    }
}

impl Drop for SmqClient {
    /// Ends the thread. What is under way is broken off, and nobody hears of it.
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

impl Bound {
    fn enter(&self) -> bool {
        let more = |count: usize| (count < self.most).then_some(count + 1);
        self.under_way.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn leave(&self, count: usize) {
        self.under_way.fetch_sub(count, Ordering::Relaxed);
    }
}

/// What the thread works with.
struct Worker {
    cluster: Rc<Cluster>,
    collector: Rc<Collector>,
    files: Rc<Files>,
    streams: Rc<Streams>,
}

impl Worker {
    fn new(config: SmqConfig) -> Worker {
        let cluster = Rc::new(Cluster::new(config.clone()));
        let collector = Rc::new(Collector::default());
        let files = Rc::new(Files::new(&config, cluster.clone()));
        let streams = Streams::new(cluster.clone(), collector.clone());
        Worker { cluster, collector, files, streams }
    }

    /// Works until nobody can give commands any more.
    async fn run(self, mut incoming: mpsc::UnboundedReceiver<Submitted>, bound: &Arc<Bound>) {
        let (collector, delivering) = (self.collector.clone(), bound.clone());
        tokio::task::spawn_local(async move {
            loop {
                for (shard, done) in collector.take().await {
                    delivering.leave(done.len());
                    delivering.completions.deliver(shard, done);
                }
            }
        });
        let mut expire = tokio::time::interval(EXPIRE_EVERY);
        expire.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut taken = Vec::with_capacity(TAKE);
        loop {
            tokio::select! {
                count = incoming.recv_many(&mut taken, TAKE) => {
                    if count == 0 {
                        return;
                    }
                    taken.drain(..).for_each(|submitted| self.begin(submitted));
                }
                _ = expire.tick(), if self.streams.any_waiting() => self.streams.expire(Instant::now()),
            }
        }
    }

    /// Puts a command on its way.
    fn begin(&self, Submitted { shard, deadline, rpc }: Submitted) {
        let Rpc { ticket, command, .. } = rpc;
        let alone = Alone { collector: self.collector.clone(), shard, ticket, deadline };
        let (cluster, files) = (self.cluster.clone(), self.files.clone());
        match command {
            RpcCommand::Put { path, content, sync } => {
                alone.run(async move { files.put(&path, content, sync).await });
            }
            RpcCommand::Get { path, from, len } => {
                alone.run(async move { files.get(&path, from, len).await })
            }
            RpcCommand::List { folder, after, limit } => {
                alone.run(async move { files.list(&folder, &after, limit).await });
            }
            RpcCommand::Delete { path } => alone.run(async move { files.delete(&path).await }),
            RpcCommand::Rename { from, to } => alone.run(async move { files.rename(&from, &to).await }),
            RpcCommand::Statistics => alone.run(async move { files.statistics().await }),
            RpcCommand::EnsureTopic { topic, partitions } => {
                alone.run(async move { topics::ensure(&cluster, &topic, partitions).await });
            }
            RpcCommand::LookupTopic { topic } => {
                alone.run(async move { topics::look_up(&cluster, &topic).await.map(RpcReply::Assignments) });
            }
            RpcCommand::OpenStream { stream, broker, topic, partition } => {
                let target = Target { broker, topic, partition };
                self.streams.open((shard, stream), ticket, deadline, target);
            }
            RpcCommand::Publish { stream, key, value } => {
                self.streams.publish((shard, stream), (ticket, deadline), key, value);
            }
            RpcCommand::CloseStream { stream } => self.streams.close((shard, stream), ticket, deadline),
        }
    }
}

/// A command that has to do with no other.
struct Alone {
    collector: Rc<Collector>,
    shard: ShardId,
    ticket: RpcTicket,
    deadline: Instant,
}

impl Alone {
    fn run(self, work: impl Future<Output = Result<RpcReply, RpcError>> + 'static) {
        tokio::task::spawn_local(async move {
            let outcome = timeout_at(self.deadline, work).await.unwrap_or(Err(RpcError::Timeout));
            self.collector.done(self.shard, self.ticket, outcome);
        });
    }
}
