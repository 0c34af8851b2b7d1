//! Requests that change the catalogue: carried to its owner, answered once the change is durable and applied on every
//! shard.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::group::find_coordinator;
use super::home::Home;
use super::{Begun, Pending};
use crate::catalogue::{self as change, metadata};
use crate::ids::ShardId;
use crate::protocol::find_coordinator::FindCoordinatorRequest;
use crate::protocol::metadata::MetadataRequest;
use crate::protocol::{ErrorCode, Str};
use crate::protocol::{Request, Response};
use crate::shard_message::{Answer, Question, ShardMessage};

/// What the owner of the catalogue can be asked.
#[derive(Debug)]
pub enum CatalogueQuestion {
    /// An administrator's request, whole.
    Change { request: Box<Request>, version: i16, listener: u16 },
    /// Topics that a client wants and that are made on demand (`auto.create.topics.enable`).
    CreateOnDemand(Vec<Str>),
    /// A block of producer ids for one shard.
    ProducerIds,
}

impl CatalogueQuestion {
    /// How long it may wait for its turn, if its client said so.
    pub fn timeout(&self) -> Option<Duration> {
        match self {
            CatalogueQuestion::Change { request, .. } => {
                let millis = change::timeout_ms(request)?;
                Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
            }
            CatalogueQuestion::CreateOnDemand(_) | CatalogueQuestion::ProducerIds => None,
        }
    }

    /// The answer when it has waited for that long.
    pub fn too_late(self) -> CatalogueAnswer {
        match self {
            CatalogueQuestion::Change { request, version, .. } => {
                match change::refused(version, &request, ErrorCode::REQUEST_TIMED_OUT) {
                    Some(response) => CatalogueAnswer::Changed(response),
                    None => panic!("{:?} has no timeout", request.api_key()),
                }
            }
            CatalogueQuestion::CreateOnDemand(_) => CatalogueAnswer::Created,
            CatalogueQuestion::ProducerIds => CatalogueAnswer::ProducerIds(None),
        }
    }
}

/// What the owner of the catalogue answers.
#[derive(Debug)]
pub enum CatalogueAnswer {
    /// The response to a change.
    Changed(Response),
    /// The topics exist now, or cannot be made; looking again tells.
    Created,
    /// The first id and how many, or none when they could not be made durable.
    ProducerIds(Option<(i64, u32)>),
}

/// A request that waits for the catalogue.
#[derive(Debug)]
pub enum Awaiting {
    Change,
    /// Answered from the image once the missing topics were made.
    Metadata(MetadataRequest),
    /// Answered once the topic of groups was made.
    Coordinator(FindCoordinatorRequest),
}

/// Carries a change to the owner.
pub fn ask(home: &mut Home<'_>, request: Request) -> Pending {
    let (version, listener) = (home.version, home.peer.listener);
    send(home, CatalogueQuestion::Change { request: Box::new(request), version, listener });
    Pending::Catalogue(Awaiting::Change)
}

/// Answers Metadata (3) from the image, after having missing topics made if the client and the broker allow it.
pub fn metadata(home: &mut Home<'_>, request: MetadataRequest) -> Begun {
    let missing = metadata::to_create(&home.catalogue_context(), &request);
    if missing.is_empty() {
        return Begun::Answer(Response::Metadata(metadata::answer(&home.catalogue_context(), &request)));
    }
    send(home, CatalogueQuestion::CreateOnDemand(missing));
    Begun::Pending(Pending::Catalogue(Awaiting::Metadata(request)))
}

/// Asks the owner of the catalogue for something.
pub fn send(home: &mut Home<'_>, question: CatalogueQuestion) {
    let message = ShardMessage::Ask(home.ask_ref(0), Question::Catalogue(question));
    home.mail.send(home.out, ShardId(0), message);
}

impl Awaiting {
    /// The owner has answered.
    pub fn told(&mut self, home: &mut Home<'_>, answer: CatalogueAnswer) -> Response {
        match (self, answer) {
            (Awaiting::Change, CatalogueAnswer::Changed(response)) => response,
            (Awaiting::Metadata(request), CatalogueAnswer::Created) => {
                Response::Metadata(metadata::answer(&home.catalogue_context(), request))
            }
            (Awaiting::Coordinator(request), CatalogueAnswer::Created) => {
                find_coordinator::answer(home, request)
            }
            (awaiting, answer) => panic!("{awaiting:?} was answered with {answer:?}"),
        }
    }
}

/// Wraps an answer for the way home.
impl From<CatalogueAnswer> for Answer {
    fn from(answer: CatalogueAnswer) -> Answer {
        Answer::Catalogue(answer)
    }
}
