//! The real SeaweedFS that `tests/harness/seaweedfs.py` has started, and a client of it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kelpgate_core::ids::ShardId;
use kelpgate_core::pieces::Pieces;
use kelpgate_smq::rpc::{
    Assignment, Entry, Rpc, RpcCommand, RpcError, RpcReply, RpcTicket, SmqTopic, StreamId,
};
use kelpgate_smq_client::message::messaging::LogEntry;
use kelpgate_smq_client::{Completion, Completions, SmqClient, SmqConfig, log_entries, parse_addresses};

pub const SHARD: ShardId = ShardId(3);
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the harness says; a test that is asked for without it fails.
pub fn told(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run these tests with tests/harness/seaweedfs.py"))
}

/// Sends an order to the harness and waits until it is carried out.
pub fn order(line: &str) {
    let mut control = TcpStream::connect(told("SEAWEEDFS_CONTROL")).unwrap();
    control.write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(control).read_line(&mut answer).unwrap();
    assert_eq!(answer.trim(), "done", "{line}");
}

/// A process that stands still, until this is dropped.
pub struct Paused(Option<&'static str>);

impl Paused {
    pub fn new(process: &'static str) -> Paused {
        order(&format!("pause {process}"));
        Paused(Some(process))
    }

    /// The process has ended.
    pub fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        if let Some(process) = self.0 {
            order(&format!("resume {process}"));
        }
    }
}

/// A name that no other test and no earlier run has.
pub fn fresh(what: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    format!("{what}-{now}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

pub fn topic(what: &str) -> SmqTopic {
    SmqTopic { namespace: "kelpgate-tests".into(), name: fresh(what) }
}

struct Post(Sender<(ShardId, Completion)>);

impl Completions for Post {
    fn deliver(&self, shard: ShardId, done: Vec<Completion>) {
        done.into_iter().for_each(|one| self.0.send((shard, one)).unwrap());
    }
}

/// A client, its outcomes, and the next names.
pub struct Subject {
    pub client: SmqClient,
    outcomes: Receiver<(ShardId, Completion)>,
    next: AtomicU64,
}

impl Subject {
    pub fn new(config: SmqConfig) -> Subject {
        let (post, outcomes) = channel();
        let client = SmqClient::start(config, Arc::new(Post(post))).unwrap();
        Subject { client, outcomes, next: AtomicU64::new(1) }
    }

    /// A client of the stack.
    pub fn real() -> Subject {
        Subject::new(config(&told("SEAWEEDFS_MASTER")))
    }

    /// Gives a command; returns its ticket.
    pub fn submit(&self, command: RpcCommand, timeout: Duration) -> RpcTicket {
        let ticket = RpcTicket(self.next.fetch_add(1, Ordering::Relaxed));
        self.client.submit(SHARD, Rpc { ticket, timeout, command });
        ticket
    }

    /// The next outcome, of whatever command.
    pub fn outcome(&self) -> Completion {
        let (shard, done) = self.outcomes.recv_timeout(PATIENCE * 2).expect("a command was not answered");
        assert_eq!(shard, SHARD);
        done
    }

    /// Whether no outcome is left.
    pub fn is_idle(&self) -> bool {
        self.outcomes.recv_timeout(Duration::from_millis(100)).is_err()
    }

    /// Gives a command and waits for its outcome, when nothing else is under way.
    pub fn ask_within(&self, command: RpcCommand, timeout: Duration) -> Result<RpcReply, RpcError> {
        let (asked, ticket) = (Instant::now(), self.submit(command, timeout));
        let done = self.outcome();
        assert_eq!(done.ticket, ticket);
        assert!(asked.elapsed() < timeout + Duration::from_secs(1), "answered after {:?}", asked.elapsed());
        done.outcome
    }

    pub fn ask(&self, command: RpcCommand) -> Result<RpcReply, RpcError> {
        self.ask_within(command, PATIENCE)
    }

    /// Asks until it is done, as the engine does while servers come back.
    pub fn ask_until_done(&self, command: &RpcCommand) -> RpcReply {
        let began = Instant::now();
        loop {
            match self.ask(command.clone()) {
                Ok(reply) => return reply,
                Err(error) => assert!(began.elapsed() < PATIENCE * 2, "{command:?}: {error}"),
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub fn put(&self, path: &str, content: impl Into<Bytes>, sync: bool) {
        let content = Pieces::from(content.into());
        assert_eq!(
            self.ask(RpcCommand::Put { path: path.into(), content, sync }),
            Ok(RpcReply::Done),
            "{path}"
        );
    }

    pub fn get(&self, path: &str, from: u64, len: u64) -> Result<(Bytes, u64), RpcError> {
        match self.ask(RpcCommand::Get { path: path.into(), from, len })? {
            RpcReply::Content { bytes, size } => Ok((bytes, size)),
            other => panic!("{other:?}"),
        }
    }

    pub fn list(&self, folder: &str, after: &str, limit: u32) -> Vec<Entry> {
        match self.ask(RpcCommand::List { folder: folder.into(), after: after.into(), limit }) {
            Ok(RpcReply::Listed(entries)) => entries,
            other => panic!("{other:?}"),
        }
    }

    pub fn names(&self, folder: &str) -> Vec<String> {
        self.list(folder, "", 10_000).into_iter().map(|entry| entry.name).collect()
    }

    pub fn ensure(&self, topic: &SmqTopic, partitions: i32) -> Vec<Assignment> {
        loop {
            match self.ask_until_done(&RpcCommand::EnsureTopic { topic: topic.clone(), partitions }) {
                RpcReply::Assignments(found) if found.iter().all(|one| !one.leader.is_empty()) => {
                    return found;
                }
                // A broker that has just started has not found itself yet.
                RpcReply::Assignments(_) => std::thread::sleep(Duration::from_millis(200)),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Opens a stream to the first partition of a topic.
    pub fn open(&self, topic: &SmqTopic, to: &Assignment) -> Result<StreamId, RpcError> {
        let stream = StreamId(self.next.fetch_add(1, Ordering::Relaxed));
        let (broker, partition) = (to.leader.clone(), to.partition);
        self.ask(RpcCommand::OpenStream { stream, broker, topic: topic.clone(), partition }).map(|_| stream)
    }

    /// Looks up and tries until a stream is open, as the engine does.
    pub fn open_at_last(&self, topic: &SmqTopic) -> StreamId {
        let began = Instant::now();
        loop {
            let found = self.ask_until_done(&RpcCommand::LookupTopic { topic: topic.clone() });
            let RpcReply::Assignments(found) = found else { panic!("{found:?}") };
            match self.open(topic, &found[0]) {
                Ok(stream) => return stream,
                Err(error) => assert!(began.elapsed() < PATIENCE * 4, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub fn publish(&self, stream: StreamId, key: &str, value: impl Into<Bytes>) -> RpcTicket {
        let key = Bytes::copy_from_slice(key.as_bytes());
        self.submit(RpcCommand::Publish { stream, key, value: Pieces::from(value.into()) }, PATIENCE)
    }

    /// All that the log files of a topic hold, by file name within each partition's folder.
    pub fn stored(&self, topic: &SmqTopic) -> Vec<LogEntry> {
        let root = format!("/topics/{}/{}", topic.namespace, topic.name);
        let mut entries = Vec::new();
        for generation in self.list(&root, "", 1000).iter().filter(|entry| entry.folder) {
            for range in self.list(&format!("{root}/{}", generation.name), "", 3000) {
                let folder = format!("{root}/{}/{}", generation.name, range.name);
                for file in self
                    .list(&folder, "", 3000)
                    .iter()
                    .filter(|file| !file.folder && !file.name.contains('.'))
                {
                    let (bytes, size) = self.get(&format!("{folder}/{}", file.name), 0, u64::MAX).unwrap();
                    assert_eq!((bytes.len() as u64, file.size), (size, size), "{folder}/{}", file.name);
                    entries.extend(log_entries(bytes).unwrap());
                }
            }
        }
        entries
    }
}

pub fn config(masters: &str) -> SmqConfig {
    SmqConfig::new(parse_addresses(masters).unwrap())
}
