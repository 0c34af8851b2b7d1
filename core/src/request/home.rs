//! The shard that read a request from its connection is home to it: it splits the request by owner, gathers the
//! answers and replies.

use alloc::string::String;
use alloc::vec::Vec;

use crate::catalogue::Context;
use crate::catalogue::image::{Image, Topic};
use crate::catalogue_owner;
use crate::config::BrokerConfig;
use crate::fetch::session::SessionCache;
use crate::group::question::{GroupAnswer, GroupQuestion};
use crate::ids::{ConnId, LogId};
use crate::machine::{Level, Outbox, Output, PeerInfo};
use crate::owner::Mail;
use crate::protocol::{ErrorCode, Str};
use crate::record::Codecs;
use crate::request::init_producer_id::ProducerIds;
use crate::settings::Settings;
use crate::shard_message::{AskRef, PartitionQuestion, Question, ShardMessage};
use crate::time::Now;
use crate::uuid::Uuid;
use rand_chacha::ChaCha12Rng;

/// The surroundings of one request at home.
pub struct Home<'a> {
    pub now: Now,
    pub settings: &'a Settings,
    pub broker: &'a BrokerConfig,
    pub image: &'a Image,
    pub mail: &'a mut Mail,
    pub codecs: &'a mut Codecs,
    pub sessions: &'a mut SessionCache,
    pub random: &'a mut ChaCha12Rng,
    pub producer_ids: &'a mut ProducerIds,
    pub out: &'a mut Outbox,
    pub conn: ConnId,
    pub peer: &'a PeerInfo,
    /// The name the client gives itself; known while a request begins.
    pub client_id: Str,
    /// Which request of the connection this is.
    pub request: u64,
    /// Of the request.
    pub version: i16,
}

impl Home<'_> {
    /// Asks the owner of a partition something, as part `part` of this request.
    pub fn ask(&mut self, part: usize, log: LogId, question: PartitionQuestion) {
        let owner = log.owner(self.settings.shards);
        let message = ShardMessage::Ask(self.ask_ref(part), Question::Partition(log, question));
        self.mail.send(self.out, owner, message);
    }

    /// Names part `part` of this request.
    pub fn ask_ref(&self, part: usize) -> AskRef {
        AskRef { conn: self.conn, request: self.request, part: part as u32 }
    }

    /// Finds the log of a partition named by topic name, or by id from the version on that has ids.
    pub fn find(&self, name: &str, id: Uuid, by_id: bool, partition: i32) -> Result<LogId, ErrorCode> {
        let topic = if by_id {
            self.image.topic_by_id(id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?
        } else {
            self.image.topic(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?
        };
        log_of(topic, partition).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }

    /// What the catalogue's answers depend on.
    pub fn catalogue_context(&self) -> Context<'_> {
        catalogue_owner::context(self.image, self.settings, self.version, self.peer.listener)
    }

    /// Says something that a person should know.
    pub fn note(&mut self, level: Level, text: String) {
        self.out.push(Output::Note { level, text });
    }
}

/// The log of one of a topic's partitions, if it has that many.
fn log_of(topic: &Topic, partition: i32) -> Option<LogId> {
    (0..topic.partitions).contains(&partition).then_some(LogId { topic: topic.id, partition })
}

/// A response that fills up as the answers of owners come in.
#[derive(Debug)]
pub struct Gather<R> {
    /// The response so far.
    pub response: R,
    parts: Parts<(usize, usize)>,
}

impl<R: Default> Gather<R> {
    /// Nothing asked yet.
    pub fn new(response: R) -> Gather<R> {
        Gather { response, parts: Parts::default() }
    }

    /// Asks the owner of `log`; the answer belongs to partition `place.1` of topic `place.0` in the response.
    pub fn ask(
        &mut self,
        home: &mut Home<'_>,
        place: (usize, usize),
        log: LogId,
        question: PartitionQuestion,
    ) {
        home.ask(self.parts.expect(place), log, question);
    }

    /// Asks the coordinator of `group`; `fill` puts the refusal in its place if there is none.
    pub fn ask_group(
        &mut self,
        home: &mut Home<'_>,
        place: (usize, usize),
        group: &Str,
        question: GroupQuestion,
        fill: impl FnOnce(&mut R, (usize, usize), GroupAnswer),
    ) {
        match home.coordinator_of(group) {
            Ok(log) => home.ask_group(self.parts.expect(place), log, group, question),
            Err(error) => fill(&mut self.response, place, question.refusal(group, error)),
        }
    }

    /// Takes the answer of a part and gives the response once every part has come.
    pub fn told<A>(
        &mut self,
        part: u32,
        answer: A,
        fill: impl FnOnce(&mut R, (usize, usize), A),
    ) -> Option<R> {
        if let Some(place) = self.parts.take(part) {
            fill(&mut self.response, place, answer);
        }
        self.finish()
    }

    /// The response now; `fill` puts something in the place of what is missing.
    pub fn expire(&mut self, mut fill: impl FnMut(&mut R, (usize, usize))) -> R {
        for (_, place) in self.parts.cancel() {
            fill(&mut self.response, place);
        }
        core::mem::take(&mut self.response)
    }

    /// The response, if nothing is missing.
    pub fn finish(&mut self) -> Option<R> {
        self.parts.is_complete().then(|| core::mem::take(&mut self.response))
    }
}

/// Parts of an answer that come back one by one; each part names its place in the response.
#[derive(Debug)]
pub struct Parts<P> {
    places: Vec<Option<P>>,
    missing: usize,
}

impl<P> Default for Parts<P> {
    fn default() -> Self {
        Parts { places: Vec::new(), missing: 0 }
    }
}

impl<P> Parts<P> {
    /// Expects one more part; its number is given back.
    pub fn expect(&mut self, place: P) -> usize {
        self.places.push(Some(place));
        self.missing += 1;
        self.places.len() - 1
    }

    /// The place of a part that has come; none when it is not expected (any more).
    pub fn take(&mut self, part: u32) -> Option<P> {
        let place = self.places.get_mut(part as usize)?.take()?;
        self.missing -= 1;
        Some(place)
    }

    /// Expects a part once more that has come: so what is asked again and again takes no more room.
    pub fn expect_again(&mut self, part: usize, place: P) {
        let known = self.places.get_mut(part).map(|known| known.replace(place).is_none());
        assert!(known == Some(true), "part {part} is still to come, or was never asked for");
        self.missing += 1;
    }

    /// Expects nothing any more; gives the numbers and places of what was expected.
    pub fn cancel(&mut self) -> impl Iterator<Item = (usize, P)> {
        self.missing = 0;
        self.places.iter_mut().enumerate().filter_map(|(part, place)| Some((part, place.take()?)))
    }

    /// Whether every part has come.
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }
}
