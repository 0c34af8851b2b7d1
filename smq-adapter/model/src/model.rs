//! All of it together: commands are carried out after a while, in an order that chance decides, and answered later.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use kelpgate_core::time::Instant;
use kelpgate_smq::rpc::{Rpc, RpcCommand, RpcError, RpcReply, RpcTicket, StreamId};

use crate::broker::Broker;
use crate::filer::Filer;
use crate::random::Random;

/// What goes wrong by chance, in times of a thousand commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A command is refused before anything of it is done.
    pub refused: u64,
    /// A command is carried out and its answer lost.
    pub unanswered: u64,
    /// The longest time from a command to its effect, and from there to its answer, in microseconds.
    pub latency_us: u64,
}

/// An answer for the engine.
pub type Answer = (RpcTicket, Result<RpcReply, RpcError>);

#[derive(Debug)]
enum Event {
    Effect(Rpc),
    Answer { answer: Answer, of_broker: bool },
}

/// A SeaweedFS.
#[derive(Debug)]
pub struct Model {
    pub filer: Filer,
    pub broker: Broker,
    /// The filer is there.
    pub filer_running: bool,
    pub faults: Faults,
    /// Commands that were carried out, for tests that count them.
    pub carried_out: u64,
    random: Random,
    events: BTreeMap<(Instant, u64), Event>,
    last_event: u64,
    /// When the last command of a stream takes effect and is answered: they keep their order.
    streams: BTreeMap<StreamId, (Instant, Instant)>,
}

impl Model {
    /// An empty SeaweedFS whose broker writes out every so often.
    pub fn new(seed: u64, flush_interval: Duration, faults: Faults) -> Model {
        Model {
            filer: Filer::default(),
            broker: Broker::new(flush_interval),
            filer_running: true,
            faults,
            carried_out: 0,
            random: Random::new(seed),
            events: BTreeMap::new(),
            last_event: 0,
            streams: BTreeMap::new(),
        }
    }

    /// Takes a command.
    pub fn submit(&mut self, now: Instant, rpc: Rpc) {
        let mut at = now + self.latency();
        if let Some(stream) = stream_of(&rpc.command) {
            let (effect, _) = self.streams.entry(stream).or_default();
            at = at.max(*effect);
            *effect = at;
        }
        self.push(at, Event::Effect(rpc));
    }

    /// Lets time pass up to `now`; gives the answers of that time in order.
    pub fn run(&mut self, now: Instant) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some(entry) = self.events.first_entry()
            && entry.key().0 <= now
        {
            let ((at, _), event) = entry.remove_entry();
            self.flush_until(at);
            match event {
                Event::Answer { answer, .. } => answers.push(answer),
                Event::Effect(rpc) => self.carry_out(at, rpc),
            }
        }
        self.flush_until(now);
        answers
    }

    /// When something happens next.
    pub fn next_deadline(&self) -> Option<Instant> {
        let event = self.events.first_key_value().map(|((at, _), _)| *at);
        let flush = self.broker.next_flush().filter(|_| self.filer_running);
        event.into_iter().chain(flush).min()
    }

    fn flush_until(&mut self, now: Instant) {
        if self.filer_running && self.broker.running {
            self.broker.tick(now, &mut self.filer);
        }
    }

    fn latency(&mut self) -> Duration {
        Duration::from_micros(1 + self.random.below(self.faults.latency_us))
    }

    fn push(&mut self, at: Instant, event: Event) {
        self.last_event += 1;
        self.events.insert((at, self.last_event), event);
    }

    fn carry_out(&mut self, now: Instant, rpc: Rpc) {
        self.carried_out += 1;
        let of_broker = is_of_broker(&rpc.command);
        let stream = stream_of(&rpc.command);
        let opens = matches!(rpc.command, RpcCommand::OpenStream { .. });
        let mut outcome = if self.random.chance(self.faults.refused) {
            Err(RpcError::Busy("by chance".into()))
        } else {
            self.effect(now, rpc.command)
        };
        if outcome.is_ok() && self.random.chance(self.faults.unanswered) {
            outcome = Err(RpcError::Timeout);
        }
        if outcome.is_err()
            && let Some(stream) = stream
        {
            // A stream is broken by the first error on it.
            self.break_stream(now, stream, opens);
        }
        let mut at = now + self.latency();
        if let Some(stream) = stream {
            let (_, answer) = self.streams.entry(stream).or_default();
            at = at.max(*answer);
            *answer = at;
        }
        self.push(at, Event::Answer { answer: (rpc.ticket, outcome), of_broker });
    }

    fn break_stream(&mut self, now: Instant, stream: StreamId, opening: bool) {
        if self.broker.has(stream) && (opening || self.random.chance(500)) {
            self.broker.close_stream(now, &mut self.filer, stream);
        } else {
            self.broker.drop_stream(stream);
        }
    }

    fn effect(&mut self, now: Instant, command: RpcCommand) -> Result<RpcReply, RpcError> {
        if is_of_broker(&command) && !self.broker.running {
            return match command {
                RpcCommand::CloseStream { .. } => Ok(RpcReply::Done),
                _ => Err(RpcError::NoBroker("connection refused".into())),
            };
        }
        let needs_filer = !matches!(command, RpcCommand::Publish { .. });
        if needs_filer && !self.filer_running {
            return Err(RpcError::NoFiler("connection refused".into()));
        }
        let Model { filer, broker, .. } = self;
        match command {
            RpcCommand::Put { path, content, sync } => filer.put(now, &path, content.concat().to_vec(), sync),
            RpcCommand::Get { path, from, len } => filer.get(&path, from, len),
            RpcCommand::List { folder, after, limit } => Ok(filer.list(&folder, &after, limit)),
            RpcCommand::Delete { path } => {
                filer.delete(&path);
                Ok(RpcReply::Done)
            }
            RpcCommand::Rename { from, to } => filer.rename(&from, &to),
            RpcCommand::Statistics => Ok(RpcReply::Volume { total: -1, usable: -1 }),
            RpcCommand::EnsureTopic { topic, partitions } => broker.ensure(now, filer, &topic, partitions),
            RpcCommand::LookupTopic { topic } => broker.lookup(filer, &topic),
            RpcCommand::OpenStream { stream, broker: address, topic, partition } => {
                broker.open_stream(stream, &address, topic, partition)
            }
            RpcCommand::Publish { stream, key, value } => broker.publish(now, stream, &key, &value.concat()),
            RpcCommand::CloseStream { stream } => {
                broker.close_stream(now, filer, stream);
                Ok(RpcReply::Done)
            }
        }
    }

    /// The broker ends, by SIGTERM or SIGKILL: its memory is lost, and answers that are on their way may be.
    pub fn kill_broker(&mut self) {
        self.broker.kill();
        self.lose_answers(true);
    }

    /// It is there again, and knows nothing of what it had in memory.
    pub fn start_broker(&mut self) {
        self.broker.running = true;
    }

    /// The filer and its volume servers end, with their machine if `power` is lost too.
    pub fn kill_filer(&mut self, now: Instant, power: bool) {
        self.filer_running = false;
        if power {
            self.filer.crash(now);
        }
        self.lose_answers(false);
    }

    /// The filer is there again.
    pub fn start_filer(&mut self) {
        self.filer_running = true;
    }

    fn lose_answers(&mut self, broker: bool) {
        for event in self.events.values_mut() {
            if let Event::Answer { answer: (_, outcome), of_broker } = event
                && *of_broker == broker
                && self.random.chance(500)
            {
                *outcome =
                    Err(if broker { RpcError::Broken("by its end".into()) } else { RpcError::Timeout });
            }
        }
    }

    /// The engine's process ends: commands on their way may still arrive, nobody waits for answers, streams end.
    pub fn client_gone(&mut self, now: Instant) {
        let events = core::mem::take(&mut self.events);
        for (_, event) in events {
            if let Event::Effect(rpc) = event
                && self.random.chance(500)
            {
                // What it does is seen, what it answers is not.
                drop(self.effect(now, rpc.command));
            }
        }
        if self.filer_running && self.random.chance(500) {
            self.broker.abandon_streams(now, &mut self.filer);
        } else {
            self.broker.drop_streams();
        }
        self.streams.clear();
    }
}

fn stream_of(command: &RpcCommand) -> Option<StreamId> {
    match command {
        RpcCommand::OpenStream { stream, .. }
        | RpcCommand::Publish { stream, .. }
        | RpcCommand::CloseStream { stream } => Some(*stream),
        RpcCommand::Put { .. }
        | RpcCommand::Get { .. }
        | RpcCommand::List { .. }
        | RpcCommand::Delete { .. }
        | RpcCommand::Rename { .. }
        | RpcCommand::Statistics
        | RpcCommand::EnsureTopic { .. }
        | RpcCommand::LookupTopic { .. } => None,
    }
}

fn is_of_broker(command: &RpcCommand) -> bool {
    let topic = matches!(command, RpcCommand::EnsureTopic { .. } | RpcCommand::LookupTopic { .. });
    topic || stream_of(command).is_some()
}
