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
    /// What was there at the last look at a shard, in the same order: most of it does not change between two looks.
    last: BTreeMap<(NodeId, usize), Vec<(LogId, Offsets)>>,
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
        let last = self.last.entry((id, shard)).or_default();
        let mut now_there = Vec::with_capacity(last.len());
        now_there.extend(gateway.offsets());
        let before = std::mem::replace(last, now_there);
        for (at, (log, offsets)) in last.iter().copied().enumerate() {
            if before.get(at) == Some(&(log, offsets)) {
                continue;
            }
            let now = Known { boot: node.boots, offsets };
            in_order(offsets).map_err(|what| format!("{id}: {log}: {what}"))?;
            if let Some(before) = self.seen.insert((id, log), now) {
                rises(before, now).map_err(|what| format!("{id}: {log}: {what}"))?;
            }
        }
        Ok(())
    }

    fn went_down(&mut self, _: Instant, id: NodeId, node: &Node, survives: Survives) {
        self.last.retain(|(of, _), _| *of != id);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(log_start: i64, high_watermark: i64, log_end: i64, leader_epoch: i32) -> Offsets {
        Offsets { log_start, high_watermark, log_end, leader_epoch }
    }

    #[test]
    fn offsets_keep_their_order() {
        assert!(in_order(at(0, 0, 0, 1)).is_ok());
        assert!(in_order(at(2, 5, 9, 1)).is_ok());
        for wrong in [at(-1, 5, 9, 1), at(6, 5, 9, 1), at(2, 10, 9, 1)] {
            assert!(in_order(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_was_seen_never_goes_back() {
        let before = Known { boot: 1, offsets: at(2, 5, 9, 1) };
        let later = |boot, offsets| rises(before, Known { boot, offsets });
        assert!(later(1, at(2, 5, 5, 1)).is_ok(), "what was not told may go");
        assert!(later(2, at(3, 6, 6, 2)).is_ok());
        assert!(later(1, at(1, 5, 9, 1)).is_err(), "log start");
        assert!(later(1, at(2, 4, 9, 1)).is_err(), "high watermark");
        assert!(later(1, at(2, 5, 9, 0)).is_err(), "leader epoch");
        assert!(later(2, at(2, 5, 9, 1)).is_err(), "a start has an epoch of its own");
    }
}
