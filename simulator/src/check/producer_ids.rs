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
