//! High watermark, log start and leader epoch never go back, neither while a node runs nor over its restarts, and keep
//! their order.

use std::collections::BTreeMap;

use kelpgate_core::ids::LogId;
use kelpgate_core::inspect::Offsets;
use kelpgate_core::time::Instant;
use kelpgate_log::Sync;

use super::{Check, Verdict};
use crate::disk::Survives;
use crate::node::{Node, NodeId};

/// Turns of a shard between two looks: a number that has gone back stays back for longer than that.
const EVERY: u64 = 8;

/// Looks at what nodes hold.
#[derive(Debug, Default)]
pub struct OffsetsRise {
    turns: u64,
    seen: BTreeMap<(NodeId, LogId), Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    boot: u64,
    offsets: Offsets,
}

impl Check for OffsetsRise {
    fn name(&self) -> &'static str {
        "high watermark, log start and leader epoch never go back"
    }

    fn turned(&mut self, _: Instant, id: NodeId, node: &Node, shard: usize) -> Verdict {
        self.turns += 1;
        if !self.turns.is_multiple_of(EVERY) {
            return Ok(());
        }
        let Some(gateway) = node.shards().nth(shard).and_then(|shard| shard.gateway()) else { return Ok(()) };
        for (log, offsets) in gateway.offsets() {
            let now = Known { boot: node.boots, offsets };
            in_order(offsets).map_err(|what| format!("{id}: {log}: {what}"))?;
            if let Some(before) = self.seen.insert((id, log), now) {
                rises(before, now).map_err(|what| format!("{id}: {log}: {what}"))?;
            }
        }
        Ok(())
    }

    fn went_down(&mut self, _: Instant, id: NodeId, node: &Node, survives: Survives) {
        // Nothing is promised but what the system had been told to keep.
        if survives != Survives::All && node.options.sync != Sync::Disk {
            self.seen.retain(|(of, _), _| *of != id);
        }
    }
}

fn in_order(offsets: Offsets) -> Verdict {
    let Offsets { log_start, high_watermark, log_end, .. } = offsets;
    if 0 <= log_start && log_start <= high_watermark && high_watermark <= log_end {
        return Ok(());
    }
    Err(format!("log start {log_start}, high watermark {high_watermark}, log end {log_end}"))
}

fn rises(before: Known, now: Known) -> Verdict {
    let (old, new) = (before.offsets, now.offsets);
    let epoch_rises = match now.boot == before.boot {
        true => new.leader_epoch >= old.leader_epoch,
        false => new.leader_epoch > old.leader_epoch,
    };
    let numbers = [
        ("high watermark", old.high_watermark, new.high_watermark),
        ("log start", old.log_start, new.log_start),
    ];
    for (what, old, new) in numbers {
        if new < old {
            let (from, to) = (before.boot, now.boot);
            return Err(format!("the {what} went from {old} (start {from}) to {new} (start {to})"));
        }
    }
    if epoch_rises {
        return Ok(());
    }
    let (from, to) = (before.boot, now.boot);
    Err(format!("leader epoch {} (start {from}), then {} (start {to})", old.leader_epoch, new.leader_epoch))
}
