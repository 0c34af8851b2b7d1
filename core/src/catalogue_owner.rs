//! The owner of the catalogue, on shard 0: loads it, makes changes durable one after the other, tells every shard, and
//! answers once all have applied them.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::Rng;

use crate::catalogue::image::Image;
use crate::catalogue::init_producer_id::BLOCK;
use crate::catalogue::record::{self, CatalogueRecord};
use crate::catalogue::{self, Change, Context, names};
use crate::ids::{LogId, ShardId};
use crate::machine::{Level, Output};
use crate::mutant::{Mutant, is_on};
use crate::owner::{Owner, Waiting};
use crate::pieces::Pieces;
use crate::protocol::{ErrorCode, Str};
use crate::record::StoredBatches;
use crate::request::catalogue::{CatalogueAnswer, CatalogueQuestion};
use crate::settings::Settings;
use crate::shard_message::{Asker, ShardMessage};
use crate::storage::{Append, Opened, Snapshot, StorageCommand, StorageError, StorageReply};
use crate::time::Instant;
use crate::uuid::Uuid;

/// Questions that may wait for their turn.
const WAITING_MAX: usize = 4096;
/// Changes after which a snapshot is saved and what lies below it is dropped.
const SNAPSHOT_EVERY: i64 = 1000;
/// The part of the log that is read at a time.
const LOAD_BYTES: usize = 1024 * 1024;

/// The catalogue's log and the changes under way.
#[derive(Debug, Default)]
pub struct CatalogueOwner {
    phase: Phase,
    waiting: VecDeque<Queued>,
    /// The offset of the next change.
    end: i64,
    /// The offset that the newest snapshot covers.
    covered: i64,
    number: u64,
}

/// A question that waits for its turn.
#[derive(Debug)]
struct Queued {
    asker: Asker,
    question: CatalogueQuestion,
    /// When it is refused instead, if the client said how long it waits.
    until: Option<Instant>,
}

/// One change at a time: each is judged by what all before it have made of the catalogue.
#[derive(Debug, Default)]
enum Phase {
    /// The log is being read into an image of its own.
    #[default]
    Loading,
    Replaying {
        image: Image,
        end: i64,
    },
    Idle,
    /// The records are on their way to the disk.
    Storing {
        records: Vec<CatalogueRecord>,
        reply: Reply,
    },
    /// Shards are applying them.
    Applying {
        missing: u16,
        reply: Reply,
    },
    /// The log took no more: nothing can be changed until a restart.
    Failed,
}

/// Who is told when a change is done.
#[derive(Debug)]
enum Reply {
    /// The node's own record of its start: every shard is given the whole catalogue then.
    Start(Bytes),
    Client(Asker, CatalogueAnswer),
}

/// What the engine was asked for.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    Open,
    Replay,
    Append,
    Snapshot { offset: i64 },
    Trim,
}

impl CatalogueOwner {
    /// Begins to read the log.
    pub fn load(&mut self, owner: &mut Owner<'_>) {
        submit(
            owner,
            Wait::Open,
            StorageCommand::Open {
                log: LogId::CATALOGUE,
                topic: Str::from_static(names::CLUSTER_METADATA),
                partitions: 1,
            },
        );
    }

    /// Whether no change is under way and none waits.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Failed) && self.waiting.is_empty()
    }

    /// How many questions wait for their turn.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes a question; changes are made in the order of their questions.
    pub fn ask(&mut self, owner: &mut Owner<'_>, asker: Asker, question: CatalogueQuestion) {
        let full = self.waiting.len() >= WAITING_MAX;
        if full || matches!(self.phase, Phase::Failed) {
            let answer = refusal(owner, question, ErrorCode::KAFKA_STORAGE_ERROR);
            return owner.tell(asker, answer.into());
        }
        let until = question.timeout().map(|timeout| owner.now.mono + timeout);
        self.waiting.push_back(Queued { asker, question, until });
        self.next(owner);
    }

    /// When the first question that waits is refused; see [`CatalogueOwner::expire`].
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waiting.iter().filter_map(|queued| queued.until).min()
    }

    /// Refuses what has waited for longer than its client does, unjudged (`QuorumController`: events with a deadline).
    pub fn expire(&mut self, owner: &mut Owner<'_>) {
        let late = |queued: &Queued| queued.until.is_some_and(|until| until <= owner.now.mono);
        let (late, waiting) = core::mem::take(&mut self.waiting).into_iter().partition::<Vec<_>, _>(late);
        self.waiting = waiting.into();
        for Queued { asker, question, .. } in late {
            owner.tell(asker, question.too_late().into());
        }
    }

    /// Takes the engine's answer.
    pub fn stored(&mut self, owner: &mut Owner<'_>, wait: Wait, outcome: Result<StorageReply, StorageError>) {
        match (wait, outcome) {
            (Wait::Open, Ok(StorageReply::Opened(opened))) => self.opened(owner, opened),
            (Wait::Replay, Ok(StorageReply::Read(pieces))) => self.replayed(owner, pieces),
            (Wait::Open | Wait::Replay, Err(error)) => fail_node(owner, &error),
            (Wait::Append, Ok(_)) => self.appended(owner),
            (Wait::Append, Err(error)) => self.append_failed(owner, &error),
            (Wait::Snapshot { offset }, Ok(_)) => {
                self.covered = offset;
                submit(owner, Wait::Trim, StorageCommand::Trim { log: LogId::CATALOGUE, start: offset });
            }
            (Wait::Trim, Ok(_)) => {}
            (Wait::Snapshot { .. } | Wait::Trim, Err(error)) => {
                owner.note(Level::Warn, format!("the catalogue's log could not be shortened: {error}"));
            }
            (wait, Ok(reply)) => panic!("{wait:?} was answered with {reply:?}"),
        }
    }

    fn opened(&mut self, owner: &mut Owner<'_>, opened: Opened) {
        let (image, from) = match &opened.snapshot {
            None => (Image::new(owner.settings.properties.clone()), opened.start),
            Some(snapshot) => match Image::restore(&snapshot.state, owner.settings.properties.clone()) {
                Ok(image) => (image, snapshot.offset),
                Err(error) => return fail_node(owner, &error),
            },
        };
        self.covered = from;
        self.end = from;
        self.phase = Phase::Replaying { image, end: opened.end };
        self.replay_on(owner);
    }

    fn replay_on(&mut self, owner: &mut Owner<'_>) {
        let Phase::Replaying { end, .. } = &self.phase else { return };
        if self.end < *end {
            let (log, from, until) = (LogId::CATALOGUE, self.end, *end);
            submit(owner, Wait::Replay, StorageCommand::Read { log, from, until, max_bytes: LOAD_BYTES });
        } else if let Phase::Replaying { image, .. } = core::mem::take(&mut self.phase) {
            self.begin_start(owner, image);
        }
    }

    fn replayed(&mut self, owner: &mut Owner<'_>, pieces: Pieces) {
        let before = self.end;
        for bytes in StoredBatches::new(pieces) {
            let Phase::Replaying { image, .. } = &mut self.phase else { return };
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(error) => return fail_node(owner, &error),
            };
            match record::decode_batch(&bytes) {
                Ok((records, next)) => {
                    if let Some(error) = records.iter().find_map(|record| image.apply(record).err()) {
                        return fail_node(owner, &error);
                    }
                    self.end = next;
                }
                Err(error) => return fail_node(owner, &error),
            }
        }
        if self.end == before {
            return fail_node(owner, &format_args!("nothing was read at offset {before}"));
        }
        self.replay_on(owner);
    }

    /// Every start of the node is a record: its number is the leader epoch of all partitions.
    fn begin_start(&mut self, owner: &mut Owner<'_>, mut image: Image) {
        let mut records = Vec::new();
        if image.cluster_id().is_zero() {
            records.push(CatalogueRecord::Cluster { id: Uuid(random_bytes(owner.random)) });
        }
        records.push(CatalogueRecord::Started { number: image.leader_epoch() + 1 });
        if let Some(error) = records.iter().find_map(|record| image.apply(record).err()) {
            return fail_node(owner, &error);
        }
        self.store(owner, image.leader_epoch(), records, Reply::Start(image.snapshot()));
    }

    fn store(&mut self, owner: &mut Owner<'_>, epoch: i32, records: Vec<CatalogueRecord>, reply: Reply) {
        let bytes = record::encode_batch(&records, self.end, epoch, owner.now.wall);
        let last_offset = self.end + records.len() as i64 - 1;
        let append = Append {
            base_offset: self.end,
            last_offset,
            max_timestamp: owner.now.wall.0,
            roll: false,
            durable: true,
            batches: Pieces::from(bytes),
        };
        self.end = last_offset + 1;
        self.phase = Phase::Storing { records, reply };
        submit(owner, Wait::Append, StorageCommand::Append { log: LogId::CATALOGUE, append });
    }

    /// The records are durable: every shard is told.
    fn appended(&mut self, owner: &mut Owner<'_>) {
        let Phase::Storing { records, reply } = core::mem::take(&mut self.phase) else {
            panic!("the catalogue was answered about a change it did not make");
        };
        self.number += 1;
        let records = Arc::new(records);
        for shard in 0..owner.settings.shards {
            let message = match &reply {
                Reply::Start(image) => ShardMessage::Loaded { number: self.number, image: image.clone() },
                Reply::Client(..) => ShardMessage::Changed { number: self.number, records: records.clone() },
            };
            owner.mail.send(owner.out, ShardId(shard), message);
        }
        self.phase = Phase::Applying { missing: owner.settings.shards, reply };
    }

    /// A shard has applied the change; after the last the client is answered.
    pub fn applied(&mut self, owner: &mut Owner<'_>, number: u64) {
        let Phase::Applying { missing, .. } = &mut self.phase else { return };
        assert!(number == self.number, "change {number} was applied while {} is under way", self.number);
        *missing -= 1;
        if *missing > 0 {
            return;
        }
        match core::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Applying { reply: Reply::Client(asker, answer), .. } => owner.tell(asker, answer.into()),
            Phase::Applying { reply: Reply::Start(image), .. } => self.save(owner, image),
            other => unreachable!("{other:?}"),
        }
        self.next(owner);
    }

    /// Begins the oldest change that waits.
    fn next(&mut self, owner: &mut Owner<'_>) {
        while matches!(self.phase, Phase::Idle)
            && let Some(Queued { asker, question, .. }) = self.waiting.pop_front()
        {
            self.save_now_and_then(owner);
            let (records, answer) = decide(owner, question);
            if records.is_empty() {
                owner.tell(asker, answer.into());
            } else {
                self.store(owner, owner.image.leader_epoch(), records, Reply::Client(asker, answer));
            }
        }
    }

    /// The log takes no more: what waited is refused, and what can be answered without a change still is.
    fn append_failed(&mut self, owner: &mut Owner<'_>, error: &StorageError) {
        owner.note(Level::Error, format!("the catalogue cannot be changed until a restart: {error}"));
        let phase = core::mem::replace(&mut self.phase, Phase::Failed);
        match phase {
            Phase::Storing { reply: Reply::Client(asker, answer), .. } => {
                owner.tell(asker, failed(answer, ErrorCode::KAFKA_STORAGE_ERROR).into());
            }
            Phase::Storing { reply: Reply::Start(_), .. } => return fail_node(owner, error),
            other => unreachable!("{other:?}"),
        }
        for Queued { asker, question, .. } in core::mem::take(&mut self.waiting) {
            let answer = refusal(owner, question, ErrorCode::KAFKA_STORAGE_ERROR);
            owner.tell(asker, answer.into());
        }
    }

    fn save_now_and_then(&mut self, owner: &mut Owner<'_>) {
        if self.end - self.covered >= SNAPSHOT_EVERY {
            self.save(owner, owner.image.snapshot());
        }
    }

    /// Saves the whole catalogue; the log below it is dropped afterwards.
    fn save(&mut self, owner: &mut Owner<'_>, state: Bytes) {
        let offset = self.end;
        self.covered = offset;
        let snapshot = Snapshot { offset, state };
        submit(
            owner,
            Wait::Snapshot { offset },
            StorageCommand::SaveSnapshot { log: LogId::CATALOGUE, snapshot, durable: true },
        );
    }
}

/// What a question makes of the catalogue, and its answer once that is durable.
fn decide(owner: &mut Owner<'_>, question: CatalogueQuestion) -> (Vec<CatalogueRecord>, CatalogueAnswer) {
    match question {
        CatalogueQuestion::Change { request, version, listener } => {
            let context = context(owner.image, owner.settings, version, listener);
            let random = &mut *owner.random;
            match catalogue::change(&context, &request, &mut || random_bytes(random)) {
                Some(Change { records, response }) => (records, CatalogueAnswer::Changed(response)),
                None => panic!("{:?} changes nothing", request.api_key()),
            }
        }
        CatalogueQuestion::CreateOnDemand(names) => {
            let context = context(owner.image, owner.settings, 0, 0);
            let random = &mut *owner.random;
            let records = catalogue::on_demand(&context, &names, &mut || random_bytes(random));
            (records, CatalogueAnswer::Created)
        }
        CatalogueQuestion::ProducerIds => {
            let first = owner.image.next_producer_id();
            let next = first + i64::from(BLOCK);
            let answer = CatalogueAnswer::ProducerIds(Some((first, BLOCK)));
            match is_on(Mutant::ProducerIdHandedOutTwice) {
                true => (Vec::new(), answer),
                false => (vec![CatalogueRecord::ProducerIds { next }], answer),
            }
        }
    }
}

/// The answer to a question that was not looked at.
fn refusal(owner: &mut Owner<'_>, question: CatalogueQuestion, error: ErrorCode) -> CatalogueAnswer {
    failed(decide(owner, question).1, error)
}

/// The answer to a change that did not happen: every success in it becomes `error`.
fn failed(answer: CatalogueAnswer, error: ErrorCode) -> CatalogueAnswer {
    match answer {
        CatalogueAnswer::Changed(response) => CatalogueAnswer::Changed(catalogue::not_done(response, error)),
        CatalogueAnswer::Created => CatalogueAnswer::Created,
        CatalogueAnswer::ProducerIds(_) => CatalogueAnswer::ProducerIds(None),
    }
}

fn submit(owner: &mut Owner<'_>, wait: Wait, command: StorageCommand) {
    owner.stores.submit(owner.out, Waiting::Catalogue(wait), command);
}

fn fail_node(owner: &mut Owner<'_>, error: &dyn core::fmt::Display) {
    owner.out.push(Output::Failed { text: format!("the catalogue cannot be read: {error}") });
}

/// What requests are judged by.
pub fn context<'a>(image: &'a Image, settings: &'a Settings, version: i16, listener: u16) -> Context<'a> {
    let advertised = settings.advertised.get(usize::from(listener)).or(settings.advertised.first());
    let (host, port) = advertised.map_or(("", -1), |(host, port)| (host.as_str(), *port));
    Context { image, version, advertised: (host, port) }
}

/// A random id as Kafka's are (version 4, RFC 9562), so that it is neither zero nor one of the reserved.
fn random_bytes(random: &mut ChaCha12Rng) -> [u8; 16] {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes
}
