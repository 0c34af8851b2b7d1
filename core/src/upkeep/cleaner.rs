//! Compaction, one log at a time: which is decided by [`compaction::plan`], how by [`Compaction`]; here its steps become
//! commands and their answers its events.

use alloc::collections::BTreeSet;
use alloc::format;

use rand_chacha::rand_core::Rng;

use super::Wait;
use super::retention::submit;
use crate::ids::LogId;
use crate::machine::Level;
use crate::owner::Owner;
use crate::storage::{SegmentInfo, StorageCommand, StorageError, StorageReply};
use crate::topic::compaction::{
    self, Compaction, CompactionLimits, Event, KeyOffsets, Outcome, Plan, Settings, Step,
};
use crate::topic::partition::Ready;
use crate::topic::partitions::Partitions;

/// Memory for the keys of one run.
const KEYS_BYTES: usize = 16 * 1024 * 1024;
/// Bytes asked for in one read.
const READ_BYTES: usize = 256 * 1024;

/// The run under way, and logs that cannot be compacted.
#[derive(Debug, Default)]
pub struct Cleaner {
    running: Option<Running>,
    /// Until a restart: somebody has to look first.
    uncleanable: BTreeSet<LogId>,
}

/// The run under way.
#[derive(Debug)]
struct Running {
    log: LogId,
    /// Where the log began when the run did.
    start: i64,
    run: Compaction,
}

impl Cleaner {
    /// Whether this log is being compacted: retention waits then.
    pub fn is_cleaning(&self, log: LogId) -> bool {
        self.running.as_ref().is_some_and(|running| running.log == log)
    }

    /// Asks for the segments of every compacted log that is here, unless a run is under way.
    pub fn look(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions) {
        if self.running.is_some() || !owner.broker.log_cleaner_enable {
            return;
        }
        let mine = |log: &LogId| log.owner(owner.settings.shards) == owner.settings.shard;
        let compacted = owner.image.topics().filter(|topic| topic.config.cleanup_policy.compact);
        let logs: alloc::vec::Vec<LogId> = compacted.flat_map(|topic| topic.logs()).filter(mine).collect();
        for log in logs.into_iter().filter(|log| !self.uncleanable.contains(log)) {
            // Opening it is the first thing; the next look finds it ready.
            if partitions.open(owner, log).and_then(|partition| partition.ready()).is_some() {
                submit(owner, Wait::Dirt(log), StorageCommand::Segments { log });
            }
        }
    }

    /// Begins a run if the log is dirty enough.
    pub fn judge(
        &mut self,
        owner: &mut Owner<'_>,
        partitions: &mut Partitions,
        log: LogId,
        segments: &[SegmentInfo],
    ) {
        let ready = partitions.get_open(log).and_then(|partition| partition.ready());
        let (Some(ready), Some(topic), None) = (ready, owner.image.topic_by_id(log.topic), &self.running)
        else {
            return;
        };
        let config = &topic.config;
        let limits = CompactionLimits {
            min_dirty_ppm: config.min_cleanable_dirty_ppm,
            min_lag_ms: config.min_compaction_lag_ms,
            max_lag_ms: config.max_compaction_lag_ms,
            segment_bytes: config.segment_bytes,
        };
        let (start, stable) = ready.bounds();
        let plan = compaction::plan(&limits, owner.now.wall, start, stable, ready.compacted_to(), segments);
        if let Some(plan) = plan {
            let delete_retention_ms = config.delete_retention_ms;
            self.begin(owner, partitions, log, plan, delete_retention_ms);
        }
    }

    fn begin(
        &mut self,
        owner: &mut Owner<'_>,
        partitions: &mut Partitions,
        log: LogId,
        plan: Plan,
        delete_retention_ms: i64,
    ) {
        let Some(ready) = partitions.get_open(log).and_then(|partition| partition.ready()) else { return };
        let mut secret = [0; 16];
        owner.random.fill_bytes(&mut secret);
        let (start, _) = ready.bounds();
        let keys = KeyOffsets::new(KEYS_BYTES, plan.dirty_records(), secret);
        let settings = Settings {
            now: owner.now.wall,
            delete_retention_ms,
            producers: ready.last_offsets(),
            read_bytes: READ_BYTES,
        };
        self.running = Some(Running { log, start, run: Compaction::new(plan, settings, keys) });
        self.go_on(owner, partitions, Event::Begin);
    }

    /// The engine has done a step.
    pub fn stepped(
        &mut self,
        owner: &mut Owner<'_>,
        partitions: &mut Partitions,
        log: LogId,
        outcome: Result<StorageReply, StorageError>,
    ) {
        // The answer to the last step of a run that was given up concerns nobody.
        if !self.is_cleaning(log) {
            return;
        }
        match outcome {
            Ok(StorageReply::Read(pieces)) => self.go_on(owner, partitions, Event::Read(pieces)),
            Ok(StorageReply::Rewritten) => self.go_on(owner, partitions, Event::Rewritten),
            Ok(other) => panic!("a step of compaction was answered with {other:?}"),
            Err(error) => {
                owner.note(Level::Warn, format!("compaction of {log} is given up: {error}"));
                self.give_up(owner);
            }
        }
    }

    fn go_on(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions, event: Event) {
        let Some(Running { log, start, run }) = &mut self.running else { return };
        let log = *log;
        match standing(owner, partitions, log, *start) {
            Standing::AsPlanned => {}
            Standing::Gone => return self.give_up(owner),
            Standing::Shorter => {
                owner.note(Level::Info, format!("compaction of {log} begins anew: records were deleted"));
                return self.give_up(owner);
            }
        }
        match run.next(event, owner.codecs) {
            Step::Read { from, until, max_bytes } => {
                submit(owner, Wait::Cleaning(log), StorageCommand::Read { log, from, until, max_bytes });
            }
            Step::Rewrite { segment, last, step } => {
                submit(owner, Wait::Cleaning(log), StorageCommand::Rewrite { log, segment, last, step });
            }
            Step::Done(outcome) => {
                self.running = None;
                self.ended(owner, partitions, log, outcome);
            }
        }
    }

    fn ended(&mut self, owner: &mut Owner<'_>, partitions: &mut Partitions, log: LogId, outcome: Outcome) {
        match outcome {
            Outcome::Compacted(summary) => {
                let text = format!(
                    "{log}: compacted to offset {}, {} bytes became {}, {} records went",
                    summary.compacted_to, summary.bytes_before, summary.bytes_after, summary.records_dropped
                );
                owner.note(Level::Info, text);
                if let Some(ready) = partitions.get_open(log).and_then(|partition| partition.ready()) {
                    ready.compacted(owner, summary.compacted_to);
                }
            }
            Outcome::Unreadable { offset, reason } => {
                owner.note(Level::Error, format!("{log} cannot be compacted: offset {offset}: {reason}"));
                self.uncleanable.insert(log);
            }
        }
    }

    /// Ends the run early; the log is right after each step.
    fn give_up(&mut self, owner: &mut Owner<'_>) {
        if let Some(Running { log, run, .. }) = self.running.take()
            && let Some(Step::Rewrite { segment, last, step }) = run.abandon()
        {
            submit(owner, Wait::Cleaning(log), StorageCommand::Rewrite { log, segment, last, step });
        }
    }
}

/// What became of a log since a run began.
enum Standing {
    AsPlanned,
    /// The topic is gone or not compacted any more, or its partition does not serve.
    Gone,
    /// DeleteRecords moved its start: segments of the plan may be gone.
    Shorter,
}

fn standing(owner: &Owner<'_>, partitions: &mut Partitions, log: LogId, start: i64) -> Standing {
    let compacted =
        owner.image.topic_by_id(log.topic).is_some_and(|topic| topic.config.cleanup_policy.compact);
    let ready: Option<&mut Ready> = partitions.get_open(log).and_then(|partition| partition.ready());
    match ready {
        Some(ready) if compacted && ready.bounds().0 == start => Standing::AsPlanned,
        Some(_) if compacted => Standing::Shorter,
        Some(_) | None => Standing::Gone,
    }
}
