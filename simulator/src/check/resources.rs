//! Nothing is kept for those who are gone, everything stays within its limits, and a node that is asked nothing waits
//! for nothing. The machine's own invariants hold.

use std::collections::BTreeMap;

use kelpgate_core::gateway::Gateway;
use kelpgate_core::inspect::{ConnectionView, Counts, RequestState};
use kelpgate_core::time::Instant;

use super::{Check, End, Verdict};
use crate::node::{Node, NodeId, Phase};

/// Turns of shards between two walks over all that one holds.
const WALK_EVERY: u64 = 128;

/// Limits of `docs/explanation/memory.md`, in bytes.
mod limit {
    /// Whole frames that wait behind a request, beside one of any length.
    pub(super) const QUEUED: usize = 1 << 20;
    /// Above, no request begins.
    pub(super) const IN_FLIGHT: usize = 16 << 20;
    /// Above, no request begins.
    pub(super) const UNSENT: usize = 8 << 20;
    /// Requests of one connection.
    pub(super) const REQUESTS: usize = 256;
    /// Changes of the catalogue that wait.
    pub(super) const CATALOGUE: usize = 4096;
    /// Questions to one partition that opens.
    pub(super) const OPENING: usize = 1024;
    /// Partitions of all fetch sessions of a node.
    pub(super) const SESSION_PARTITIONS: usize = 200_000;
    /// The default of `socket.request.max.bytes`.
    pub(super) const FRAME: usize = 100 << 20;
    /// The default of `fetch.max.bytes`.
    pub(super) const ANSWER: usize = 55 << 20;
}

/// Walks now and then.
#[derive(Debug, Default)]
pub struct Resources {
    turns: u64,
}

impl Check for Resources {
    fn name(&self) -> &'static str {
        "nothing is kept without need or limit"
    }

    fn turned(&mut self, _: Instant, id: NodeId, node: &Node, shard: usize) -> Verdict {
        self.turns += 1;
        if !self.turns.is_multiple_of(WALK_EVERY) {
            return Ok(());
        }
        let Some(gateway) = node.shards().nth(shard).and_then(|shard| shard.gateway()) else { return Ok(()) };
        gateway.check_invariants();
        within_limits(gateway).map_err(|what| format!("{id}/{shard}: {what}"))
    }

    fn ended(&mut self, end: End<'_>) -> Verdict {
        for (id, gateway) in serving(end) {
            gateway.check_invariants();
            within_limits(gateway).map_err(|what| format!("node {id}: {what}"))?;
        }
        Ok(())
    }

    fn rests(&mut self, end: End<'_>) -> Verdict {
        let mut all = BTreeMap::new();
        for (id, gateway) in serving(end) {
            let counts = gateway.counts();
            is_at_rest(&counts).map_err(|what| format!("node {id} at rest: {what}"))?;
            let (watches, fetches, connections) = all.entry(id).or_insert((0, 0, 0));
            *watches += counts.watches;
            *fetches += counts.parked_fetches;
            *connections += counts.connections;
        }
        for (id, (watches, fetches, connections)) in all {
            if watches > 0 && fetches == 0 {
                return Err(format!("node {id}: {watches} watches are kept, and no fetch waits"));
            }
            let there = end.nodes[id].connections();
            if there != connections {
                return Err(format!(
                    "node {id}: the shards have {connections} connections, and there are {there}"
                ));
            }
        }
        Ok(())
    }
}

/// The machines of nodes that serve.
fn serving(end: End<'_>) -> impl Iterator<Item = (NodeId, &Gateway)> {
    let nodes = end.nodes.iter().enumerate().filter(|(_, node)| node.phase == Phase::Serving);
    nodes.flat_map(|(id, node)| {
        node.shards().filter_map(|shard| shard.gateway()).map(move |shard| (id, shard))
    })
}

/// Nothing is asked of the node, unless by clients that are gone and whose end it was not told.
fn is_at_rest(counts: &Counts) -> Verdict {
    let nothing = [
        ("tickets", counts.tickets),
        ("group writes", counts.group_writes),
        ("answers held back", counts.held_answers),
        ("questions to partitions that open", counts.opening),
        ("changes of the catalogue", counts.catalogue_waiting),
        ("inquiries", counts.inquiries),
        ("requests", if counts.connections == 0 { counts.requests } else { 0 }),
        ("bytes", if counts.connections == 0 { counts.held.total() } else { 0 }),
    ];
    match nothing.into_iter().find(|(_, count)| *count > 0) {
        Some((what, count)) => Err(format!("{count} {what}")),
        None => Ok(()),
    }
}

fn within_limits(gateway: &Gateway) -> Verdict {
    let view = gateway.look();
    let counts = view.counts;
    view.connections.iter().try_for_each(connection_within_limits)?;
    for (what, count, most) in [
        ("changes of the catalogue", counts.catalogue_waiting, limit::CATALOGUE),
        ("partitions of fetch sessions", counts.session_partitions, limit::SESSION_PARTITIONS),
        ("questions to opening partitions", counts.opening, limit::OPENING * view.partitions.len().max(1)),
    ] {
        if count > most {
            return Err(format!("{count} {what}"));
        }
    }
    Ok(())
}

fn connection_within_limits(connection: &ConnectionView) -> Verdict {
    let held = connection.held;
    for (what, bytes, most) in [
        ("of a frame that is not whole", held.partial, 2 * limit::FRAME),
        ("of frames that wait", held.queued, limit::QUEUED + limit::FRAME),
        ("of requests under way", held.in_flight, limit::IN_FLIGHT + limit::FRAME),
        ("not sent", held.unsent, limit::UNSENT + limit::ANSWER),
    ] {
        if bytes > most {
            return Err(format!("connection {}: {bytes} bytes {what}", connection.conn));
        }
    }
    let under_way = connection.requests.iter().filter(|request| request.state != RequestState::Answered);
    match under_way.count() {
        count if count > limit::REQUESTS => {
            Err(format!("connection {}: {count} requests under way", connection.conn))
        }
        _ => Ok(()),
    }
}
