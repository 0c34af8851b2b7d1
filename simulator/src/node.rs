//! A node: the shards that ship, on a clock, sockets and a disk that are simulated.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::inquiry::{AdminAnswer, AdminQuestion};
use kelpgate_core::inspect::PartitionView;
use kelpgate_core::protocol::Str;
use kelpgate_core::settings::Settings;
use kelpgate_core::shard_message::ShardMessage;
use kelpgate_core::time::{Instant, Now, WallTime};
use kelpgate_log::disk::Disk;
use kelpgate_log::recovery::{RecoveryError, recover};
use kelpgate_log::{Log, LogConfig, Sync};
use kelpgate_shard::{
    Action, ConnId, Drive, Event, FileCommand, FileError, FileReply, FileTicket, Lane, Level, Others,
    READ_BUDGET, Shard, ShardId,
};

use crate::disk::{SimDisk, Survives};
use crate::network::LinkId;
use crate::random::Random;

/// Which node, counted from 0.
pub type NodeId = usize;

/// What a node is started with.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    pub shards: u16,
    /// Kafka's broker properties.
    pub properties: BTreeMap<String, String>,
    pub sync: Sync,
}

/// Milliseconds since 1970 when a world begins, by a clock that is right.
pub const WALL_START: i64 = 1_700_000_000_000;

/// How a node's clock goes.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Parts per million that it is too fast, or too slow.
    pub skew: i64,
    /// Wall-clock milliseconds when the world began; jumps are added.
    pub wall: i64,
}

impl Clock {
    /// What it shows.
    pub fn now(&self, world: Instant) -> Now {
        let skewed = i128::from(world.0) + i128::from(world.0) * i128::from(self.skew) / 1_000_000;
        // The monotonic clock of a real machine does not begin at 0 either.
        let mono = Instant(1_000_000_000 + skewed as u64);
        Now { mono, wall: WallTime(self.wall + (skewed / 1_000_000) as i64) }
    }

    /// The first moment of the world at which this clock shows `mono`.
    fn when(&self, mono: Instant) -> Instant {
        let nanos = i128::from(mono.0.saturating_sub(1_000_000_000));
        let world = nanos * 1_000_000 / i128::from(1_000_000 + self.skew) + 1;
        Instant(u64::try_from(world).unwrap_or(u64::MAX))
    }
}

/// How far a node has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not running.
    Down,
    /// Shards load; connections are refused.
    Starting,
    Serving,
    /// It was asked to stop, cleanly.
    Stopping,
}

/// What a node wants from the world around it.
#[derive(Debug)]
pub enum Want {
    /// There is something to send, or to end: tell with [`Node::write`] how much room there is.
    Write {
        link: LinkId,
    },
    /// These bytes go on the way.
    Send {
        link: LinkId,
        bytes: Vec<Bytes>,
    },
    /// Our side of the connection is closed.
    End {
        link: LinkId,
    },
    /// A turn of a shard, then at the latest.
    Turn {
        shard: usize,
        at: Instant,
    },
    /// A lane has a command to carry out.
    Work {
        shard: usize,
        lane: Lane,
    },
    Log {
        shard: usize,
        level: Level,
        text: String,
    },
    /// The answer to what was asked with [`Node::ask`].
    Answer {
        answer: AdminAnswer,
    },
    Listening,
    /// A shard cannot go on: the process ends.
    Failed {
        text: String,
    },
    /// Every shard has come to rest after it was asked to stop.
    Stopped,
}

/// A bit that was flipped.
#[derive(Debug)]
pub struct Flipped {
    pub topic: Str,
    pub partition: i32,
    pub log: LogId,
    pub path: String,
    /// In the file.
    pub at: usize,
}

/// A running or stopped node with its disk.
pub struct Node {
    pub options: NodeOptions,
    pub clock: Clock,
    pub disk: SimDisk,
    pub phase: Phase,
    /// Host and port that clients are told.
    pub advertised: (String, i32),
    /// Starts so far.
    pub boots: u64,
    seats: Vec<Seat>,
    /// Which shard reads a connection, and under which name.
    conns: BTreeMap<LinkId, (usize, ConnId)>,
    questions: u64,
    random: Random,
}

/// One shard and what the runtime keeps for it.
struct Seat {
    shard: Shard,
    inbox: VecDeque<Event<ShardMessage>>,
    sockets: BTreeMap<ConnId, Socket>,
    /// Those with something to read, or an end to tell.
    readable: BTreeSet<ConnId>,
    lanes: BTreeMap<Lane, VecDeque<(FileTicket, FileCommand)>>,
    last_conn: u64,
    turn_at: Option<Instant>,
    ready: bool,
    stopped: bool,
}

struct Socket {
    link: LinkId,
    /// Arrived, not read yet.
    arrived: VecDeque<Bytes>,
    /// To be sent when there is room.
    unsent: VecDeque<Bytes>,
    paused: bool,
    /// The peer is gone; told once what arrived before was read.
    ended: bool,
    /// Our side closes once all is sent.
    closing: bool,
}

impl Node {
    pub fn new(options: NodeOptions, clock: Clock, random: Random) -> Node {
        Node {
            options,
            clock,
            disk: SimDisk::default(),
            phase: Phase::Down,
            advertised: ("node".into(), 9092),
            boots: 0,
            seats: Vec::new(),
            conns: BTreeMap::new(),
            questions: 0,
            random,
        }
    }

    /// Starts the process: recovery, then the shards with their first turn.
    ///
    /// # Errors
    /// When the data folder cannot be used.
    pub fn start(&mut self, now: Instant, wants: &mut Vec<Want>) -> Result<(), RecoveryError> {
        let recovered = recover(&mut self.disk, self.random.number())?;
        self.boots += 1;
        self.phase = Phase::Starting;
        let shards = self.options.shards;
        for (level, text) in recovered.notes {
            wants.push(Want::Log { shard: 0, level, text });
        }
        for shard in (0..shards).map(ShardId) {
            let mut seed = [0; 32];
            self.random.fill(&mut seed);
            let settings = Settings {
                shard,
                shards,
                advertised: vec![self.advertised.clone()],
                log_dir: "/data".into(),
                properties: self.options.properties.clone(),
                seed,
            };
            let config = LogConfig { sync: self.options.sync, ..small(shard, shards, recovered.boot) };
            let logs = recovered.logs.iter().filter(|log| log.log.owner(shards) == shard).cloned().collect();
            self.seats.push(Seat::new(Shard::new(settings, Log::new(config, logs))));
            self.tell(now, usize::from(shard.0), Event::Tick, wants);
        }
        Ok(())
    }

    /// The process is gone, and with it what the disk did not keep.
    pub fn crash(&mut self, survives: Survives) -> Vec<LinkId> {
        self.seats.clear();
        self.phase = Phase::Down;
        let random = &mut self.random;
        self.disk.crash(survives, random);
        std::mem::take(&mut self.conns).into_keys().collect()
    }

    /// Asks for a clean stop.
    pub fn stop(&mut self, now: Instant, wants: &mut Vec<Want>) {
        self.phase = Phase::Stopping;
        for shard in 0..self.seats.len() {
            self.tell(now, shard, Event::Stop, wants);
        }
    }

    /// Asks a shard as the node's administrator.
    pub fn ask(&mut self, now: Instant, shard: usize, question: AdminQuestion, wants: &mut Vec<Want>) {
        self.questions += 1;
        let ticket = Ticket(self.questions);
        self.tell(now, shard, Event::Asked { ticket, question }, wants);
    }

    /// A client connects; false if nobody listens.
    pub fn accept(&mut self, now: Instant, link: LinkId, wants: &mut Vec<Want>) -> bool {
        if self.phase != Phase::Serving {
            return false;
        }
        let shard = self.random.below(self.seats.len());
        let others = Others { all: self.conns.len(), same_address: self.conns.len() };
        let seat = &mut self.seats[shard];
        seat.last_conn += 1;
        let conn = ConnId(seat.last_conn);
        seat.sockets.insert(conn, Socket::new(link));
        self.conns.insert(link, (shard, conn));
        let (peer, local) = (format!("10.0.0.1:{}", link.0), "10.0.0.2:9092".into());
        self.tell(now, shard, Event::Opened { conn, peer, local, listener: 0, others }, wants);
        true
    }

    /// Bytes come from a client.
    pub fn arrived(&mut self, now: Instant, link: LinkId, bytes: Bytes, wants: &mut Vec<Want>) {
        let Some((shard, conn)) = self.conns.get(&link).copied() else { return };
        if self.seats[shard].arrived(conn, bytes) {
            self.want_turn(now, shard, wants);
        }
    }

    /// A client is gone.
    pub fn ended(&mut self, now: Instant, link: LinkId, wants: &mut Vec<Want>) {
        let Some((shard, conn)) = self.conns.remove(&link) else { return };
        self.seats[shard].ended(conn);
        self.want_turn(now, shard, wants);
    }

    /// There may be room on the way to a client again.
    pub fn write(&mut self, now: Instant, link: LinkId, room: usize, wants: &mut Vec<Want>) {
        let Some((shard, conn)) = self.conns.get(&link).copied() else { return };
        self.seats[shard].write(conn, room, wants);
        if !self.seats[shard].sockets.contains_key(&conn) {
            self.conns.remove(&link);
        }
        if self.seats[shard].has_news() {
            self.want_turn(now, shard, wants);
        }
    }

    /// One turn of a shard, if it is due: everything that happened is told, then what it asks for is carried out.
    /// Says how many events there were.
    pub fn turn(&mut self, now: Instant, shard: usize, wants: &mut Vec<Want>) -> Option<usize> {
        let clock = self.clock.now(now);
        let seat = self.seats.get_mut(shard)?;
        if seat.turn_at.is_none_or(|at| at > now) {
            return None;
        }
        seat.turn_at = None;
        let mut actions = Vec::new();
        let mut events = 0;
        seat.read_sockets();
        let mut ticked = false;
        while let Some(event) = seat.inbox.pop_front() {
            ticked |= matches!(event, Event::Tick);
            seat.shard.handle(clock, event, &mut actions);
            events += 1;
        }
        if !ticked && seat.shard.next_deadline().is_some_and(|deadline| deadline <= clock.mono) {
            seat.shard.handle(clock, Event::Tick, &mut actions);
            events += 1;
        }
        seat.shard.end_turn(clock, &mut actions);
        for action in actions {
            self.carry_out(now, shard, action, wants);
        }
        self.want_next(now, shard, wants);
        Some(events)
    }

    /// A stalled shard has no turn before then.
    pub fn stall(&mut self, shard: usize, until: Instant, wants: &mut Vec<Want>) {
        if let Some(seat) = self.seats.get_mut(shard) {
            seat.turn_at = Some(until);
            wants.push(Want::Turn { shard, at: until });
        }
    }

    /// Carries out the next file command of a lane. `error` is what the system says instead, if anything.
    pub fn work(
        &mut self,
        now: Instant,
        shard: usize,
        lane: Lane,
        error: Option<FileError>,
        wants: &mut Vec<Want>,
    ) -> Option<FileTicket> {
        let queue = self.seats.get_mut(shard)?.lanes.get_mut(&lane)?;
        let (ticket, command) = queue.pop_front()?;
        if !queue.is_empty() {
            wants.push(Want::Work { shard, lane });
        }
        let outcome: Result<FileReply, FileError> = match error {
            Some(error) => {
                self.disk.fail(command, &mut self.random);
                Err(error)
            }
            None => self.disk.execute(command),
        };
        self.tell(now, shard, Event::File { ticket, outcome }, wants);
        Some(ticket)
    }

    /// Flips a bit in a segment of some partition that clients use, if there is one.
    pub fn flip_a_bit(&mut self, random: &mut Random) -> Option<Flipped> {
        let gateways = self.seats.iter().filter_map(|seat| seat.shard.gateway());
        let partitions = gateways.flat_map(|gateway| gateway.look().partitions);
        let used: Vec<PartitionView> =
            partitions.filter(|partition| !partition.name.topic.starts_with("__")).collect();
        let PartitionView { name, log, .. } = used.get(random.below(used.len()))?;
        let folder = format!("topics/{log}/");
        let files = self.disk.files().into_iter();
        let segments: Vec<(String, usize)> = files
            .filter(|(path, len)| path.starts_with(&folder) && path.ends_with(".log") && *len > 0)
            .collect();
        let (path, len) = segments.get(random.below(segments.len()))?.clone();
        let at = random.below(len);
        self.disk.damage(&path, at, &[1 << random.below(8)]);
        Some(Flipped { topic: name.topic.clone(), partition: name.partition, log: *log, path, at })
    }

    /// The next command of a lane.
    pub fn next_command(&self, shard: usize, lane: Lane) -> Option<&FileCommand> {
        self.seats.get(shard)?.lanes.get(&lane)?.front().map(|(_, command)| command)
    }

    /// The shards, for those who look into them.
    pub fn shards(&self) -> impl Iterator<Item = &Shard> {
        self.seats.iter().map(|seat| &seat.shard)
    }

    /// Connections that clients have, as far as the shards can know.
    pub fn connections(&self) -> usize {
        self.seats.iter().map(|seat| seat.sockets.len()).sum()
    }

    fn tell(&mut self, now: Instant, shard: usize, event: Event<ShardMessage>, wants: &mut Vec<Want>) {
        self.seats[shard].inbox.push_back(event);
        self.want_turn(now, shard, wants);
    }

    /// A turn soon: how soon is chance, so that shards overtake each other.
    fn want_turn(&mut self, now: Instant, shard: usize, wants: &mut Vec<Want>) {
        let at = now + Duration::from_nanos(self.random.within(1_000..=20_000));
        self.seats[shard].turn_by(shard, at, wants);
    }

    fn want_next(&mut self, now: Instant, shard: usize, wants: &mut Vec<Want>) {
        if self.seats[shard].has_news() {
            self.want_turn(now, shard, wants);
        }
        if let Some(deadline) = self.seats[shard].shard.next_deadline() {
            let at = self.clock.when(deadline).max(now + Duration::from_nanos(1_000));
            self.seats[shard].turn_by(shard, at, wants);
        }
    }

    fn carry_out(&mut self, now: Instant, shard: usize, action: Action<ShardMessage>, wants: &mut Vec<Want>) {
        let seat = &mut self.seats[shard];
        match action {
            Action::Send { conn, pieces } => {
                if let Some(socket) = seat.sockets.get_mut(&conn) {
                    socket.unsent.extend(pieces);
                    // The world tells how much room there is.
                    wants.push(Want::Write { link: socket.link });
                }
            }
            Action::PauseReading { conn } => seat.pause(conn, true),
            Action::ResumeReading { conn } => seat.pause(conn, false),
            Action::Close { conn } => {
                if let Some(socket) = seat.sockets.get_mut(&conn) {
                    socket.closing = true;
                    wants.push(Want::Write { link: socket.link });
                }
            }
            Action::File { ticket, lane, command } => {
                let queue = seat.lanes.entry(lane).or_default();
                queue.push_back((ticket, command));
                if queue.len() == 1 {
                    wants.push(Want::Work { shard, lane });
                }
            }
            Action::Rpc(rpc) => panic!("the embedded log asked for {:?}", rpc.command),
            Action::ToShard { to, message } => {
                let from = ShardId(shard as u16);
                self.tell(now, usize::from(to.0), Event::FromShard { from, message }, wants);
            }
            Action::Answer { answer, .. } => wants.push(Want::Answer { answer }),
            Action::Log { level, text } => wants.push(Want::Log { shard, level, text }),
            Action::Ready => {
                seat.ready = true;
                if self.phase == Phase::Starting && self.seats.iter().all(|seat| seat.ready) {
                    self.phase = Phase::Serving;
                    wants.push(Want::Listening);
                }
            }
            Action::Stopped { reason: kelpgate_shard::StopReason::Failed(text) } => {
                wants.push(Want::Failed { text });
            }
            Action::Stopped { reason: kelpgate_shard::StopReason::Asked } => {
                seat.stopped = true;
                if self.seats.iter().all(|seat| seat.stopped) {
                    wants.push(Want::Stopped);
                }
            }
        }
    }
}

impl Seat {
    fn new(shard: Shard) -> Seat {
        Seat {
            shard,
            inbox: VecDeque::new(),
            sockets: BTreeMap::new(),
            readable: BTreeSet::new(),
            lanes: BTreeMap::new(),
            last_conn: 0,
            turn_at: None,
            ready: false,
            stopped: false,
        }
    }

    fn turn_by(&mut self, shard: usize, at: Instant, wants: &mut Vec<Want>) {
        if self.turn_at.is_none_or(|earlier| earlier > at) {
            self.turn_at = Some(at);
            wants.push(Want::Turn { shard, at });
        }
    }

    /// Says whether there is something to read now.
    fn arrived(&mut self, conn: ConnId, bytes: Bytes) -> bool {
        let Some(socket) = self.sockets.get_mut(&conn) else { return false };
        socket.arrived.push_back(bytes);
        if !socket.paused {
            self.readable.insert(conn);
        }
        !socket.paused
    }

    fn ended(&mut self, conn: ConnId) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.ended = true;
            self.readable.insert(conn);
        }
    }

    /// Hands over what arrived, within the budget of each connection.
    fn read_sockets(&mut self) {
        for conn in std::mem::take(&mut self.readable) {
            let Some(socket) = self.sockets.get_mut(&conn) else { continue };
            let mut budget = READ_BUDGET;
            while !socket.paused && budget > 0 {
                let Some(mut bytes) = socket.arrived.pop_front() else { break };
                if bytes.len() > budget {
                    socket.arrived.push_front(bytes.split_off(budget));
                }
                budget -= bytes.len();
                self.inbox.push_back(Event::Received { conn, bytes });
            }
            if socket.ended && (socket.paused || socket.arrived.is_empty()) {
                self.sockets.remove(&conn);
                self.inbox.push_back(Event::Closed { conn });
            } else if !socket.paused && !socket.arrived.is_empty() {
                self.readable.insert(conn);
            }
        }
    }

    fn has_news(&self) -> bool {
        !self.inbox.is_empty() || !self.readable.is_empty()
    }

    fn pause(&mut self, conn: ConnId, paused: bool) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.paused = paused;
            if !paused && !socket.arrived.is_empty() {
                self.readable.insert(conn);
            }
        }
    }

    /// Puts on the way what there is room for, and closes when that was asked for and all is sent.
    fn write(&mut self, conn: ConnId, mut room: usize, wants: &mut Vec<Want>) {
        let Some(socket) = self.sockets.get_mut(&conn) else { return };
        let mut sent = 0;
        let mut bytes = Vec::new();
        while room > 0 {
            let Some(mut piece) = socket.unsent.pop_front() else { break };
            if piece.len() > room {
                socket.unsent.push_front(piece.split_off(room));
            }
            room -= piece.len();
            sent += piece.len();
            bytes.push(piece);
        }
        if sent > 0 {
            self.inbox.push_back(Event::Flushed { conn, bytes: sent });
            wants.push(Want::Send { link: socket.link, bytes });
        }
        if socket.closing && socket.unsent.is_empty() {
            wants.push(Want::End { link: socket.link });
            self.inbox.push_back(Event::Closed { conn });
            self.sockets.remove(&conn);
        }
    }
}

impl Socket {
    fn new(link: LinkId) -> Socket {
        Socket {
            link,
            arrived: VecDeque::new(),
            unsent: VecDeque::new(),
            paused: false,
            ended: false,
            closing: false,
        }
    }
}

/// A log with files and memory so small that a short run fills and rolls them.
fn small(shard: ShardId, shards: u16, boot: kelpgate_log::Boot) -> LogConfig {
    LogConfig {
        journal_file_bytes: 128 << 10,
        journal_files: 3,
        cache_bytes: 256 << 10,
        open_files: 16,
        index_bytes: 64 << 10,
        read_bytes: 1 << 20,
        ..LogConfig::new(shard, shards, boot)
    }
}
