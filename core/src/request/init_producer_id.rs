//! InitProducerId (22), versions 0-6: ids for idempotent producers (KIP-98). Each shard hands out ids of a block that
//! the catalogue made durable before any of them was used, so none is ever handed out twice.

use super::catalogue::{CatalogueAnswer, CatalogueQuestion, send};
use super::home::Home;
use super::{Begun, Pending};
use crate::catalogue::init_producer_id as rules;
use crate::protocol::ErrorCode;
use crate::protocol::Response;
use crate::protocol::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

/// Ids that this shard may hand out.
#[derive(Debug, Default)]
pub struct ProducerIds {
    next: i64,
    left: u32,
}

impl ProducerIds {
    fn take(&mut self) -> Option<i64> {
        self.left = self.left.checked_sub(1)?;
        let id = self.next;
        self.next += 1;
        Some(id)
    }
}

/// Answers at once while there are ids; the catalogue is asked for more when there are none.
pub fn begin(home: &mut Home<'_>, request: &InitProducerIdRequest) -> Begun {
    if let Err(error) = rules::check(home.image, request) {
        return Begun::Answer(refused(error));
    }
    match home.producer_ids.take() {
        Some(id) => Begun::Answer(given(id)),
        None => {
            send(home, CatalogueQuestion::ProducerIds);
            Begun::Pending(Pending::ProducerId)
        }
    }
}

/// The catalogue has given a block. Of several that were on their way, the last stays; ids may be skipped.
pub fn told(home: &mut Home<'_>, answer: CatalogueAnswer) -> Response {
    let CatalogueAnswer::ProducerIds(block) = answer else {
        panic!("a block of producer ids was answered with {answer:?}");
    };
    if let Some((next, left)) = block {
        *home.producer_ids = ProducerIds { next, left };
    }
    // Old clients take any other code for a reason to give up.
    home.producer_ids.take().map_or_else(|| refused(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS), given)
}

fn given(producer_id: i64) -> Response {
    Response::InitProducerId(InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() })
}

fn refused(error: ErrorCode) -> Response {
    Response::InitProducerId(InitProducerIdResponse {
        error_code: error,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    })
}
