//! Nothing is kept for those who are gone, everything stays within its limits, and a node that is asked nothing waits
//! for nothing. The machine's own invariants hold.

use std::collections::BTreeMap;

use kelpgate_core::gateway::Gateway;
use kelpgate_core::inspect::{ConnectionView, Counts, RequestState};
use kelpgate_core::time::Instant;

use super::{Check, End, Verdict};
use crate::node::{Node, NodeId, Phase};

/// Turns of shards between two walks over all that one holds, if that is little; else so many for each thing it holds, so
/// that walks do not become what a run consists of.
const WALK_EVERY: usize = 128;
const FOR_EACH: usize = 3;

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
    /// Turns until the next walk.
    pause: usize,
}

impl Check for Resources {
    fn name(&self) -> &'static str {
        "nothing is kept without need or limit"
    }

    fn turned(&mut self, _: Instant, id: NodeId, node: &Node, shard: usize) -> Verdict {
        if let Some(less) = self.pause.checked_sub(1) {
            self.pause = less;
            return Ok(());
        }
        let Some(gateway) = node.shards().nth(shard).and_then(|shard| shard.gateway()) else { return Ok(()) };
        gateway.check_invariants();
        let held = within_limits(gateway).map_err(|what| format!("{id}/{shard}: {what}"))?;
        self.pause = WALK_EVERY.max(held * FOR_EACH);
        Ok(())
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

/// Says how many connections and partitions there are.
fn within_limits(gateway: &Gateway) -> Result<usize, String> {
    let counts = gateway.counts();
    let partitions = gateway.partitions();
    gateway.look_connections().try_for_each(|connection| connection_within_limits(&connection))?;
    for (what, count, most) in [
        ("changes of the catalogue", counts.catalogue_waiting, limit::CATALOGUE),
        ("partitions of fetch sessions", counts.session_partitions, limit::SESSION_PARTITIONS),
        ("questions to opening partitions", counts.opening, limit::OPENING * partitions.max(1)),
    ] {
        if count > most {
            return Err(format!("{count} {what}"));
        }
    }
    Ok(counts.connections + partitions)
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

#[cfg(test)]
mod tests {
    use super::*;
    use kelpgate_core::ids::ConnId;
    use kelpgate_core::inspect::{HeldBytes, RequestView};
    use kelpgate_core::machine::{Others, PeerInfo};
    use kelpgate_core::protocol::ApiKey;

    fn connection(held: HeldBytes, requests: usize, state: RequestState) -> ConnectionView {
        let others = Others { all: 0, same_address: 0 };
        let peer = PeerInfo { peer: String::new(), local: String::new(), listener: 0, others };
        ConnectionView {
            conn: ConnId(1),
            peer,
            requests: (0..requests as u64).map(|number| RequestView { number, state }).collect(),
            queued_frames: 0,
            held,
            paused: false,
            closing: false,
            last_active: Instant::default(),
        }
    }

    #[test]
    fn a_connection_holds_no_more_than_it_may() {
        let asked = RequestState::Asked { key: ApiKey::Fetch, version: 12, correlation_id: 1 };
        let within = |held, requests, state| connection_within_limits(&connection(held, requests, state));
        let nothing = HeldBytes::default();
        assert!(within(nothing, limit::REQUESTS, asked).is_ok());
        assert!(within(nothing, limit::REQUESTS + 1, asked).is_err());
        assert!(within(nothing, limit::REQUESTS + 1, RequestState::Answered).is_ok());
        let most = usize::MAX / 4;
        for held in [
            HeldBytes { partial: most, ..nothing },
            HeldBytes { queued: most, ..nothing },
            HeldBytes { in_flight: most, ..nothing },
            HeldBytes { unsent: most, ..nothing },
        ] {
            assert!(within(held, 0, asked).is_err(), "{held}");
        }
    }

    #[test]
    fn at_rest_nothing_waits() {
        assert!(is_at_rest(&Counts::default()).is_ok());
        for counts in [
            Counts { tickets: 1, ..Counts::default() },
            Counts { group_writes: 1, ..Counts::default() },
            Counts { held_answers: 1, ..Counts::default() },
            Counts { requests: 1, ..Counts::default() },
        ] {
            assert!(is_at_rest(&counts).is_err());
        }
        let silent = Counts { requests: 1, connections: 1, ..Counts::default() };
        assert!(is_at_rest(&silent).is_ok(), "whose peer is gone without a word");
    }
}
