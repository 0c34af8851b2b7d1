use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use kelpgate_files::Files;
use kelpgate_shard::{Drive, Level, RpcError, RpcReply, RpcTicket, ShardId, StopReason};

use crate::carrier::{Carrier, Means};
use crate::census::Census;
use crate::clock::Clock;
use crate::lanes::Lanes;
use crate::listen::Bound;
use crate::mailbox::{Delivery, Mailbox};
use crate::{Options, Remote, RuntimeError, StopSignal, Store};

/// After a failure the other shards have this long to come to rest.
const REST_WITHIN: Duration = Duration::from_secs(5);

/// After a failure threads have this long to end before they are left behind.
const END_WITHIN: Duration = Duration::from_secs(2);

pub(crate) type Log = Arc<dyn Fn(Level, &str) + Send + Sync>;
pub(crate) type Notices = Sender<Notice>;

/// What threads tell the one that watches them.
#[derive(Debug)]
pub(crate) enum Notice {
    StopAsked,
    Ready(ShardId),
    Stopped(ShardId, StopReason),
    /// The runtime cannot go on with a shard.
    Broken(RuntimeError),
    Panicked {
        thread: String,
        text: String,
    },
    /// The shard's thread is over.
    Ended(ShardId),
}

/// A shard's place in the node: how it is reached, and whom it reaches.
pub struct Seat<M> {
    /// Which shard.
    pub shard: ShardId,
    /// Where the node will listen, with the ports the system chose, in the order of the options.
    pub addresses: Arc<[SocketAddr]>,
    pub(crate) mailbox: Mailbox<M>,
    pub(crate) clock: Clock,
    pub(crate) log: Log,
    pub(crate) census: Census,
    all: Arc<[Mailbox<M>]>,
    notices: Notices,
    store: Store,
}

impl<M: Send + 'static> Seat<M> {
    /// How other threads wake this shard when something was delivered for it. Said once, before the first turn.
    pub fn on_post(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.mailbox.on_post(wake);
    }

    pub(crate) fn carrier(&self) -> Carrier<M> {
        let means = match &self.store {
            Store::Folder(data) => {
                let (files, mailbox) = (Files::new(data), self.mailbox.clone());
                Means::Files(Lanes::new(self.shard, files, mailbox, self.notices.clone()))
            }
            Store::Remote(remote) => Means::Remote(remote.clone()),
        };
        Carrier::new(self.shard, self.mailbox.clone(), means)
    }

    pub(crate) fn post_to(&self, to: ShardId, message: M) {
        match self.all.get(usize::from(to.0)) {
            Some(mailbox) => mailbox.post(Delivery::FromShard { from: self.shard, message }),
            None => {
                let text = format!("it has a message for shard {to}, which does not exist");
                self.notify(Notice::Broken(RuntimeError::Failed { shard: self.shard, text }));
            }
        }
    }

    /// The watching thread outlives the shards, unless it gave them up.
    pub(crate) fn notify(&self, notice: Notice) {
        let _ = self.notices.send(notice);
    }
}

/// A way to wait and to use sockets: what makes one runtime differ from another.
pub trait Runtime: 'static {
    /// Asks the system whether this runtime works here. By default it does.
    ///
    /// # Errors
    /// [`RuntimeError::Unavailable`], with cause and remedy.
    fn probe() -> Result<(), RuntimeError> {
        Ok(())
    }

    /// Drives a shard on this thread until it has ended.
    ///
    /// # Errors
    /// When it cannot go on.
    fn run_shard<D: Drive>(drive: D, seat: Seat<D::Message>) -> Result<(), RuntimeError>;

    /// Runs a node until it is asked to stop. `make_shard` is called once on the thread of each shard, so shards need not
    /// be `Send`; `on_listening` is called once, when every shard said `Action::Ready` and connections are accepted. Both
    /// are told the real addresses in the order of `options.listen`. `log` is called from the threads of the shards.
    ///
    /// # Errors
    /// When the runtime does not work here, when the node cannot start, when a shard says that it cannot go on, and when
    /// a thread panics. All shards are stopped then, cleanly if they can within seconds.
    fn run<D, F>(
        options: &Options,
        make_shard: F,
        on_listening: impl FnOnce(&[SocketAddr]),
        stop: &StopSignal,
        log: impl Fn(Level, &str) + Send + Sync + 'static,
    ) -> Result<(), RuntimeError>
    where
        D: Drive,
        F: Fn(ShardId, &[SocketAddr]) -> D + Send + Sync + 'static,
    {
        Self::probe()?;
        let run_shard = move |seat: Seat<D::Message>| {
            let drive = make_shard(seat.shard, &seat.addresses);
            Self::run_shard(drive, seat)
        };
        run_node(options, run_shard, on_listening, stop, log)
    }
}

/// Starts a thread per shard with `run_shard`, listens when all are ready, stops all when asked or when one fails.
/// Returns when all threads have ended.
fn run_node<M, R>(
    options: &Options,
    run_shard: R,
    on_listening: impl FnOnce(&[SocketAddr]),
    stop: &StopSignal,
    log: impl Fn(Level, &str) + Send + Sync + 'static,
) -> Result<(), RuntimeError>
where
    M: Send + 'static,
    R: Fn(Seat<M>) -> Result<(), RuntimeError> + Send + Sync + 'static,
{
    if options.listen.is_empty() {
        return Err(RuntimeError::NoAddress);
    }
    if options.shards == 0 {
        return Err(RuntimeError::NoShards);
    }
    let bound = Bound::bind(options)?;
    if let Store::Folder(folder) = &options.store {
        std::fs::create_dir_all(folder)
            .map_err(|source| RuntimeError::Data { folder: folder.clone(), source })?;
    }
    let (notices, received) = channel();
    let watcher = {
        let (stop, notices) = (stop.clone(), notices.clone());
        let wait = move || {
            stop.wait();
            let _ = notices.send(Notice::StopAsked);
        };
        spawn("stop".to_owned(), wait)?
    };
    let started = start_shards(options, bound.addresses().into(), run_shard, &notices, Arc::new(log));
    let outcome = started.and_then(|(mailboxes, threads)| {
        Node::new(mailboxes, bound, options.backlog, received).watch(threads, on_listening)
    });
    if let Store::Remote(remote) = &options.store {
        remote.stop();
    }
    stop.trigger();
    let _ = watcher.join();
    outcome
}

type Started<M> = (Arc<[Mailbox<M>]>, Vec<JoinHandle<()>>);

fn start_shards<M, R>(
    options: &Options,
    addresses: Arc<[SocketAddr]>,
    run_shard: R,
    notices: &Notices,
    log: Log,
) -> Result<Started<M>, RuntimeError>
where
    M: Send + 'static,
    R: Fn(Seat<M>) -> Result<(), RuntimeError> + Send + Sync + 'static,
{
    let mailboxes: Arc<[Mailbox<M>]> = (0..options.shards).map(|_| Mailbox::new()).collect();
    if let Store::Remote(remote) = &options.store {
        start_remote(remote.as_ref(), mailboxes.clone())?;
    }
    let run_shard = Arc::new(run_shard);
    let (clock, census) = (Clock::start(), Census::default());
    let mut threads = Vec::new();
    for (shard, mailbox) in (0..options.shards).map(ShardId).zip(mailboxes.iter()) {
        let seat = Seat {
            shard,
            addresses: addresses.clone(),
            mailbox: mailbox.clone(),
            clock,
            log: log.clone(),
            census: census.clone(),
            all: mailboxes.clone(),
            notices: notices.clone(),
            store: options.store.clone(),
        };
        let (run_shard, notices) = (run_shard.clone(), notices.clone());
        let body = {
            let notices = notices.clone();
            move || {
                let _ended = EndedOnDrop { shard, notices: notices.clone() };
                if let Err(error) = run_shard(seat) {
                    let _ = notices.send(Notice::Broken(error));
                }
            }
        };
        let name = format!("shard-{shard}");
        let started = spawn_watched(name.clone(), &notices, body);
        threads
            .push(started.map_err(|source| RuntimeError::Start { what: format!("thread {name}"), source })?);
    }
    Ok((mailboxes, threads))
}

fn start_remote<M: Send + 'static>(
    remote: &dyn Remote,
    mailboxes: Arc<[Mailbox<M>]>,
) -> Result<(), RuntimeError> {
    let answers = move |shard: ShardId, outcomes: Vec<(RpcTicket, Result<RpcReply, RpcError>)>| {
        if let Some(mailbox) = mailboxes.get(usize::from(shard.0)) {
            let delivery = |(ticket, outcome)| Delivery::Rpc { ticket, outcome };
            mailbox.post_all(outcomes.into_iter().map(delivery));
        }
    };
    let what = "to reach what the node stores in".to_owned();
    remote.start(Box::new(answers)).map_err(|source| RuntimeError::Start { what, source })
}

struct EndedOnDrop {
    shard: ShardId,
    notices: Notices,
}

impl Drop for EndedOnDrop {
    fn drop(&mut self) {
        let _ = self.notices.send(Notice::Ended(self.shard));
    }
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, RuntimeError> {
    let what = format!("thread {name}");
    Builder::new().name(name).spawn(body).map_err(|source| RuntimeError::Start { what, source })
}

/// Starts a thread whose panic is told to the node instead of being forgotten.
pub(crate) fn spawn_watched(
    name: String,
    notices: &Notices,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let notices = notices.clone();
    Builder::new().name(name.clone()).spawn(move || {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
            let _ = notices.send(Notice::Panicked { thread: name, text: text_of(panic.as_ref()) });
        }
    })
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "no message".to_owned(),
    }
}

/// How far a shard has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Starting,
    Ready,
    /// At rest, or unable to go on.
    Stopped,
    /// Its thread is over.
    Ended,
}

/// How far the node has come.
enum Phase {
    /// Shards load; nobody can connect.
    Starting {
        bound: Bound,
    },
    Serving,
    /// Shards finish what they accepted.
    Stopping,
    /// Connections are closed, threads end.
    Ending,
}

struct Node<M> {
    mailboxes: Arc<[Mailbox<M>]>,
    backlog: u16,
    notices: Receiver<Notice>,
    shards: Vec<Progress>,
    phase: Phase,
    failure: Option<RuntimeError>,
    /// Set once something failed: nobody is waited for longer.
    deadline: Option<Instant>,
}

impl<M> Node<M> {
    fn new(mailboxes: Arc<[Mailbox<M>]>, bound: Bound, backlog: u16, notices: Receiver<Notice>) -> Node<M> {
        let shards = vec![Progress::Starting; mailboxes.len()];
        let phase = Phase::Starting { bound };
        Node { mailboxes, backlog, notices, shards, phase, failure: None, deadline: None }
    }

    fn watch(
        mut self,
        threads: Vec<JoinHandle<()>>,
        on_listening: impl FnOnce(&[SocketAddr]),
    ) -> Result<(), RuntimeError> {
        let mut on_listening = Some(on_listening);
        while self.shards.iter().any(|progress| *progress != Progress::Ended) {
            match self.next_notice() {
                Some(notice) => self.note(notice),
                // Late after a failure: those at rest already end; those that hang are left behind with the process.
                None if matches!(self.phase, Phase::Ending) => return self.outcome(),
                None => self.end(),
            }
            if let Some(addresses) = self.listen_when_ready()
                && let Some(on_listening) = on_listening.take()
            {
                on_listening(&addresses);
            }
            if matches!(self.phase, Phase::Stopping) && self.all_are(Progress::Stopped) {
                self.end();
            }
        }
        for thread in threads {
            let _ = thread.join();
        }
        // A panic is told after the end of its thread.
        while let Ok(notice) = self.notices.try_recv() {
            self.note(notice);
        }
        self.outcome()
    }

    fn outcome(self) -> Result<(), RuntimeError> {
        self.failure.map_or(Ok(()), Err)
    }

    /// `None` when the deadline has passed.
    fn next_notice(&self) -> Option<Notice> {
        match self.deadline {
            // Fails only when every sender is gone, and the caller holds one through the stop watcher.
            None => self.notices.recv().ok(),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.notices.recv_timeout(left).ok()
            }
        }
    }

    fn note(&mut self, notice: Notice) {
        match notice {
            Notice::StopAsked => self.stop(),
            Notice::Ready(shard) => self.reached(shard, Progress::Ready),
            Notice::Stopped(shard, StopReason::Asked) => {
                self.reached(shard, Progress::Stopped);
                self.stop();
            }
            Notice::Stopped(shard, StopReason::Failed(text)) => {
                self.reached(shard, Progress::Stopped);
                self.fail(RuntimeError::Failed { shard, text });
            }
            Notice::Broken(error) => self.fail(error),
            Notice::Panicked { thread, text } => self.fail(RuntimeError::Panicked { thread, text }),
            Notice::Ended(shard) => self.reached(shard, Progress::Ended),
        }
    }

    fn reached(&mut self, shard: ShardId, progress: Progress) {
        if let Some(known) = self.shards.get_mut(usize::from(shard.0)) {
            *known = progress.max(*known);
        }
    }

    fn all_are(&self, progress: Progress) -> bool {
        self.shards.iter().all(|known| *known >= progress)
    }

    fn listen_when_ready(&mut self) -> Option<Vec<SocketAddr>> {
        if !matches!(self.phase, Phase::Starting { .. }) || !self.all_are(Progress::Ready) {
            return None;
        }
        let Phase::Starting { bound } = std::mem::replace(&mut self.phase, Phase::Serving) else {
            return None;
        };
        let addresses = bound.addresses();
        match bound.listen(self.backlog) {
            Ok(by_shard) => {
                for (mailbox, listeners) in self.mailboxes.iter().zip(by_shard) {
                    mailbox.post(Delivery::Listen(listeners));
                }
                Some(addresses)
            }
            Err(error) => {
                self.fail(error);
                None
            }
        }
    }

    fn stop(&mut self) {
        match self.phase {
            Phase::Starting { .. } | Phase::Serving => {
                self.phase = Phase::Stopping;
                self.mailboxes.iter().for_each(|mailbox| mailbox.post(Delivery::Stop));
            }
            Phase::Stopping | Phase::Ending => {}
        }
    }

    /// The first failure is the one that is told; the others may follow from it.
    fn fail(&mut self, error: RuntimeError) {
        if self.failure.is_none() {
            self.failure = Some(error);
            self.deadline = Some(Instant::now() + REST_WITHIN);
        }
        self.stop();
    }

    fn end(&mut self) {
        self.phase = Phase::Ending;
        if self.failure.is_some() {
            self.deadline = Some(Instant::now() + END_WITHIN);
        }
        self.mailboxes.iter().for_each(|mailbox| mailbox.post(Delivery::End));
    }
}
