//! No two producers get the same id and epoch.

use std::collections::BTreeMap;

use kelpgate_core::protocol::{ErrorCode, Response};
use kelpgate_core::time::Instant;
use kelpgate_log::Sync;

use super::{Check, Seen, Verdict};
use crate::client::Sent;
use crate::disk::Survives;
use crate::history::ClientId;
use crate::network::LinkId;
use crate::node::{Node, NodeId};

/// Remembers who got which.
#[derive(Debug, Default)]
pub struct ProducerIds {
    given: BTreeMap<(NodeId, i64, i16), ClientId>,
}

impl Check for ProducerIds {
    fn name(&self) -> &'static str {
        "no two producers get the same id"
    }

    fn answered(&mut self, seen: Seen, _: LinkId, _: &Sent, response: &Response) -> Verdict {
        let Response::InitProducerId(answer) = response else { return Ok(()) };
        if answer.error_code != ErrorCode::NONE {
            return Ok(());
        }
        let (id, epoch) = (answer.producer_id, answer.producer_epoch);
        match self.given.insert((seen.node, id, epoch), seen.client) {
            Some(other) => {
                Err(format!("client {} got {id} epoch {epoch}, which client {other} got before", seen.client))
            }
            None => Ok(()),
        }
    }

    fn went_down(&mut self, _: Instant, id: NodeId, node: &Node, survives: Survives) {
        if survives != Survives::All && node.options.sync != Sync::Disk {
            self.given.retain(|(of, ..), _| *of != id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{seen, sent};
    use kelpgate_core::protocol::ApiKey;
    use kelpgate_core::protocol::init_producer_id::InitProducerIdResponse;

    #[test]
    fn an_id_is_given_once() {
        let mut ids = ProducerIds::default();
        let mut gives = |client, producer_id, error_code| {
            let answer = InitProducerIdResponse { error_code, producer_id, ..Default::default() };
            let sent = sent(ApiKey::InitProducerId, 1);
            ids.answered(seen(client), LinkId(client as u64), &sent, &answer.into())
        };
        assert!(gives(1, 7, ErrorCode::NONE).is_ok());
        assert!(gives(2, 8, ErrorCode::NONE).is_ok());
        assert!(gives(3, -1, ErrorCode::NOT_COORDINATOR).is_ok());
        assert!(gives(4, -1, ErrorCode::NOT_COORDINATOR).is_ok(), "nothing was given");
        assert!(gives(2, 7, ErrorCode::NONE).is_err());
    }
}
