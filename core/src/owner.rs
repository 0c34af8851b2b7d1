//! What an owner of something needs from the machine around it while it takes one step: the time, the catalogue, a way
//! to the engine and a way to those who ask.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use crate::catalogue::image::Image;
use crate::config::BrokerConfig;
use crate::fetch::session::SessionCache;
use crate::ids::{LogId, ShardId, Ticket};
use crate::machine::{Level, Outbox, Output, PeerInfo};
use crate::mutant::{Mutant, is_on};
use crate::protocol::Str;
use crate::record::Codecs;
use crate::request::home::Home;
use crate::request::init_producer_id::ProducerIds;
use crate::settings::Settings;
use crate::shard_message::{Answer, AskRef, Asker, ShardMessage};
use crate::storage::{LogInfo, StorageCommand};
use crate::time::Now;
use crate::topic::partition;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;

/// Commands that the engine has not answered.
#[derive(Debug, Default)]
pub struct Stores {
    next: u64,
    waiting: BTreeMap<Ticket, Waiting>,
}

/// Who gets the engine's answer.
#[derive(Clone, Debug)]
pub enum Waiting {
    Partition(LogId, partition::Wait),
    Catalogue(crate::catalogue_owner::Wait),
    Upkeep(crate::upkeep::Wait),
    /// DescribeLogDirs, first the list, then the volume.
    LogList(Asker),
    LogVolume(Asker, Vec<LogInfo>),
    /// A removal that nobody waits for.
    Deletion(LogId),
}

impl Stores {
    /// Sends a command to the engine and remembers who waits for it.
    pub fn submit(&mut self, out: &mut Outbox, waiting: Waiting, command: StorageCommand) {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.insert(ticket, waiting);
        out.push(Output::Store { ticket, command });
    }

    /// Who waits for this ticket; once.
    pub fn take(&mut self, ticket: Ticket) -> Option<Waiting> {
        self.waiting.remove(&ticket)
    }

    /// How many the engine has not answered.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the engine has answered everything.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// Messages to shards, this one included.
#[derive(Debug)]
pub struct Mail {
    shard: ShardId,
    local: VecDeque<ShardMessage>,
}

impl Mail {
    /// Mail of `shard`.
    pub fn new(shard: ShardId) -> Mail {
        Mail { shard, local: VecDeque::new() }
    }

    /// Sends; what is for this shard waits until the step at hand is done.
    pub fn send(&mut self, out: &mut Outbox, to: ShardId, message: ShardMessage) {
        if to == self.shard {
            self.local.push_back(message);
        } else {
            out.push(Output::ToShard { to, message });
        }
    }

    /// Whether this shard has read all its messages to itself.
    pub fn is_empty(&self) -> bool {
        self.local.is_empty()
    }

    /// The oldest message of this shard to itself.
    pub fn pop(&mut self) -> Option<ShardMessage> {
        if is_on(Mutant::MessagesOvertake) {
            return self.local.pop_back();
        }
        self.local.pop_front()
    }
}

/// What every step of a shard may need, whatever it is about.
pub struct Around {
    pub settings: Settings,
    pub image: Image,
    pub stores: Stores,
    pub mail: Mail,
    pub codecs: Codecs,
    pub sessions: SessionCache,
    pub random: ChaCha12Rng,
    pub producer_ids: ProducerIds,
}

impl Around {
    /// The surroundings of a shard that has not loaded its catalogue.
    pub fn new(settings: Settings) -> Around {
        let image = Image::new(settings.properties.clone());
        Around {
            stores: Stores::default(),
            mail: Mail::new(settings.shard),
            codecs: Codecs::default(),
            sessions: sessions(&settings, image.broker()),
            random: ChaCha12Rng::from_seed(settings.seed),
            producer_ids: ProducerIds::default(),
            image,
            settings,
        }
    }

    /// For a step of something owned here.
    pub fn owner<'a>(&'a mut self, now: Now, out: &'a mut Outbox) -> Owner<'a> {
        Owner {
            now,
            settings: &self.settings,
            broker: self.image.broker(),
            image: &self.image,
            stores: &mut self.stores,
            mail: &mut self.mail,
            codecs: &mut self.codecs,
            random: &mut self.random,
            out,
        }
    }

    /// For a step of a request whose connection is here.
    pub fn home<'a>(
        &'a mut self,
        now: Now,
        peer: &'a PeerInfo,
        ask: AskRef,
        version: i16,
        out: &'a mut Outbox,
    ) -> Home<'a> {
        Home {
            now,
            settings: &self.settings,
            broker: self.image.broker(),
            image: &self.image,
            mail: &mut self.mail,
            codecs: &mut self.codecs,
            sessions: &mut self.sessions,
            random: &mut self.random,
            producer_ids: &mut self.producer_ids,
            out,
            conn: ask.conn,
            peer,
            client_id: Str::default(),
            request: ask.request,
            version,
        }
    }
}

/// Partitions that the fetch sessions of a node may hold together.
const SESSION_PARTITIONS_MAX: usize = 200_000;

/// This shard's part of the node's fetch sessions, with ids of its own.
fn sessions(settings: &Settings, broker: &BrokerConfig) -> SessionCache {
    let shards = i32::from(settings.shards.max(1));
    let span = i32::MAX / shards;
    let first = i32::from(settings.shard.0) * span + 1;
    let slots =
        broker.max_incremental_fetch_session_cache_slots.div_ceil(usize::from(settings.shards.max(1)));
    SessionCache::new(slots, SESSION_PARTITIONS_MAX, first..=first - 1 + span)
}

/// The surroundings of one step.
pub struct Owner<'a> {
    pub now: Now,
    pub settings: &'a Settings,
    pub broker: &'a BrokerConfig,
    pub image: &'a Image,
    pub stores: &'a mut Stores,
    pub mail: &'a mut Mail,
    pub codecs: &'a mut Codecs,
    pub random: &'a mut ChaCha12Rng,
    pub out: &'a mut Outbox,
}

impl Owner<'_> {
    /// Sends a command about a partition to the engine.
    pub fn store(&mut self, log: LogId, wait: partition::Wait, command: StorageCommand) {
        self.stores.submit(self.out, Waiting::Partition(log, wait), command);
    }

    /// Answers a question.
    pub fn tell(&mut self, asker: Asker, answer: Answer) {
        let (shard, message) = match (asker, answer) {
            (Asker::Client { shard, ask }, answer) => (shard, ShardMessage::Told(ask, answer)),
            (Asker::Inquiry { shard, ticket, part }, answer) => {
                (shard, ShardMessage::Found { ticket, part, answer })
            }
            (Asker::Coordinator { log, number }, Answer::Partition(answer)) => {
                (self.settings.shard, ShardMessage::CoordinatorTold { log, number, answer })
            }
            (asker @ Asker::Coordinator { .. }, answer) => panic!("{asker:?} was told {answer:?}"),
        };
        self.mail.send(self.out, shard, message);
    }

    /// Says something that a person should know.
    pub fn note(&mut self, level: Level, text: String) {
        self.out.push(Output::Note { level, text });
    }
}
