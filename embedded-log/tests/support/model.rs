//! What must be there after a crash: for each log the effect of a prefix of its commands that holds all those answered.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kelpgate_core::ids::Ticket;
use kelpgate_core::pieces::Pieces;
use kelpgate_core::storage::{Append, RewriteStep, Snapshot, StorageCommand, StorageError, StorageReply};
use kelpgate_log::batch::batches;
use kelpgate_log::{LogConfig, Sync};

use super::batch;
use super::drive::{Node, log_id};
use kelpgate_simulator::random::Random;

#[derive(Clone, Debug)]
enum Command {
    Append(Append),
    Trim(i64),
    Delete,
}

/// A compaction: the batches it removes, by base offset.
#[derive(Clone, Debug)]
struct Rewrite {
    commit: Ticket,
    /// Commands of the log before it was asked for: a log made anew has nothing to do with it.
    after: usize,
    removed: BTreeSet<i64>,
}

#[derive(Clone, Debug, Default)]
struct ModelLog {
    commands: Vec<(Ticket, Command)>,
    rewrites: Vec<Rewrite>,
    snapshots: Vec<(Ticket, Snapshot)>,
    /// Where the log ends when all commands are carried out.
    next: i64,
}

/// What a log holds.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct State {
    start: i64,
    end: i64,
    batches: Vec<(i64, i64, Bytes)>,
}

impl State {
    fn bytes(&self, removed: &BTreeSet<i64>) -> Vec<u8> {
        let kept =
            self.batches.iter().filter(|(base, last, _)| *last >= self.start && !removed.contains(base));
        kept.flat_map(|(_, _, bytes)| bytes.iter().copied()).collect()
    }

    fn apply(&mut self, command: &Command) {
        match command {
            Command::Append(append) => {
                let all = append.batches.concat();
                for header in batches(&append.batches) {
                    let (at, header) = header.expect("a batch");
                    let bytes = all.slice(at..at + header.size);
                    self.batches.push((header.base_offset, header.last_offset, bytes));
                }
                self.end = append.last_offset + 1;
            }
            Command::Trim(start) => {
                self.start = self.start.max(*start);
                self.end = self.end.max(*start);
            }
            Command::Delete => *self = State::default(),
        }
    }
}

/// A workload by chance, and what it must leave behind.
pub struct Model {
    logs: Vec<ModelLog>,
    random: Random,
    time: i64,
}

/// Small limits, so that everything happens often.
pub fn tight(config: &mut LogConfig) {
    config.journal_file_bytes = 24 << 10;
    config.journal_files = 3;
    config.cache_bytes = 24 << 10;
    config.group_bytes = 8 << 10;
    config.open_files = 8;
}

/// The same, answering before the sync.
pub fn tight_os(config: &mut LogConfig) {
    tight(config);
    config.sync = Sync::Os;
}

impl Model {
    pub fn new(logs: usize, seed: u64) -> Model {
        Model { logs: vec![ModelLog::default(); logs], random: Random::new(seed), time: 0 }
    }

    /// Does something, and says how many steps the node is to make then. Every choice comes from the seed and from what
    /// the node does.
    pub fn act(&mut self, node: &mut Node) -> usize {
        let number = self.random.below(self.logs.len());
        match self.random.below(40) {
            0 => self.trim(node, number),
            1 if self.random.chance(4) => self.delete(node, number),
            2 => self.snapshot(node, number),
            3 | 4 => self.rewrite(node, number),
            5 => {
                node.pass_time();
            }
            6 => {
                let log = log_id(number as u32);
                let from = self.random.below(self.logs[number].next.max(1) as usize) as i64;
                node.submit(log, StorageCommand::Read { log, from, until: i64::MAX, max_bytes: 4000 });
            }
            7..=16 => self.append(node, number),
            17..=22 => node.end_turn(),
            _ => return self.random.below(6),
        }
        0
    }

    fn append(&mut self, node: &mut Node, number: usize) {
        let model = &mut self.logs[number];
        let base = model.next + if self.random.chance(10) { 3 } else { 0 };
        let mut pieces = Pieces::new();
        let mut next = base;
        for _ in 0..1 + self.random.below(3) {
            let count = 1 + self.random.below(5) as i64;
            self.time += self.random.below(5) as i64 - 1;
            let most = if self.random.chance(8) { 6000 } else { 400 };
            let len = self.random.below(most);
            pieces.append(batch::append(next, count, self.time.max(0), len).batches);
            next += count;
        }
        let times = batches(&pieces).map(|header| header.expect("a batch").1.max_timestamp);
        let append = Append {
            base_offset: base,
            last_offset: next - 1,
            max_timestamp: times.max().unwrap_or(-1),
            roll: self.random.chance(6),
            durable: true,
            batches: pieces,
        };
        model.next = next;
        let log = log_id(number as u32);
        let ticket = node.submit(log, StorageCommand::Append { log, append: append.clone() });
        model.commands.push((ticket, Command::Append(append)));
    }

    fn trim(&mut self, node: &mut Node, number: usize) {
        let model = &mut self.logs[number];
        let start = match self.random.below(8) {
            0 => model.next + 2,
            1 => model.next,
            _ => self.random.below(model.next as usize + 1) as i64,
        };
        model.next = model.next.max(start);
        let log = log_id(number as u32);
        let ticket = node.submit(log, StorageCommand::Trim { log, start });
        model.commands.push((ticket, Command::Trim(start)));
    }

    fn delete(&mut self, node: &mut Node, number: usize) {
        let model = &mut self.logs[number];
        model.next = 0;
        let log = log_id(number as u32);
        let ticket = node.submit(log, StorageCommand::Delete { log });
        model.commands.push((ticket, Command::Delete));
    }

    fn snapshot(&mut self, node: &mut Node, number: usize) {
        let log = log_id(number as u32);
        let state = Bytes::from(format!("state {}", self.random.number()));
        let snapshot = Snapshot { offset: self.logs[number].next, state };
        let ticket = node
            .submit(log, StorageCommand::SaveSnapshot { log, snapshot: snapshot.clone(), durable: false });
        self.logs[number].snapshots.push((ticket, snapshot));
    }

    /// Compacts a run of closed segments of which everything is answered.
    fn rewrite(&mut self, node: &mut Node, number: usize) {
        let log = log_id(number as u32);
        let ticket = node.submit(log, StorageCommand::Segments { log });
        let Some(Ok(StorageReply::Segments(segments))) = node.answers.get(&ticket).cloned() else { return };
        let model = &mut self.logs[number];
        let busy = model.rewrites.iter().any(|rewrite| !node.answers.contains_key(&rewrite.commit));
        let all_answered = model.commands.iter().all(|(ticket, _)| node.answers.contains_key(ticket));
        if segments.len() < 2 || busy || !all_answered {
            return;
        }
        let first = self.random.below(segments.len() - 1);
        let last = (first + self.random.below(3)).min(segments.len() - 2);
        let run = (segments[first].base_offset, segments[last].base_offset);
        let range = run.0..segments[last].end_offset;
        let state = model.state(model.commands.len());
        let gone = model.possible_removals(&node.answers, model.commands.len()).remove(0);
        let keep_nothing = self.random.chance(6);
        let mut removed = BTreeSet::new();
        let mut kept = Pieces::new();
        for (base, last, bytes) in &state.batches {
            if !range.contains(base) || gone.contains(base) || *last < segments[first].base_offset {
                continue;
            }
            if keep_nothing || self.random.chance(3) {
                removed.insert(*base);
                continue;
            }
            kept.push(bytes.clone());
            if self.random.chance(3) {
                let step = RewriteStep::Keep(std::mem::take(&mut kept));
                node.submit(log, StorageCommand::Rewrite { log, segment: run.0, last: run.1, step });
            }
        }
        if !kept.is_empty() {
            let step = RewriteStep::Keep(kept);
            node.submit(log, StorageCommand::Rewrite { log, segment: run.0, last: run.1, step });
        }
        let step = if self.random.chance(8) { RewriteStep::Abandon } else { RewriteStep::Commit };
        let commits = step == RewriteStep::Commit;
        let ticket = node.submit(log, StorageCommand::Rewrite { log, segment: run.0, last: run.1, step });
        if commits {
            let after = model.commands.len();
            model.rewrites.push(Rewrite { commit: ticket, after, removed });
        }
    }

    /// Every batch that a log was ever given.
    pub fn appended(&self, number: usize) -> BTreeSet<Bytes> {
        let mut all = BTreeSet::new();
        for (_, command) in &self.logs[number].commands {
            if let Command::Append(append) = command {
                let whole = append.batches.concat();
                for header in batches(&append.batches) {
                    let (at, header) = header.expect("a batch");
                    all.insert(whole.slice(at..at + header.size));
                }
            }
        }
        all
    }

    /// Whether every command is answered, and none with an error.
    pub fn all_well(&self, node: &Node) {
        for (number, model) in self.logs.iter().enumerate() {
            for (ticket, command) in &model.commands {
                let answer = node.answers.get(ticket);
                assert!(matches!(answer, Some(Ok(_))), "log {number}: {command:?} got {answer:?}");
            }
        }
    }

    /// Compares what a node that was started anew has with what it must have. `before` has the answers.
    pub fn check(&self, node: &mut Node, answers: &BTreeMap<Ticket, Result<StorageReply, StorageError>>) {
        for (number, model) in self.logs.iter().enumerate() {
            let log = log_id(number as u32);
            let Ok(StorageReply::Opened(opened)) =
                node.run(log, StorageCommand::Open { log, topic: "topic".into(), partitions: 1 })
            else {
                panic!("log {number} cannot be opened")
            };
            let bytes = node.read(log, opened.start).unwrap_or_else(|error| panic!("log {number}: {error}"));
            let least = model.least(answers);
            let fits = (least..=model.commands.len()).any(|count| {
                let state = model.state(count);
                if (state.start, state.end) != (opened.start, opened.end) {
                    return false;
                }
                model.possible_removals(answers, count).iter().any(|removed| state.bytes(removed) == bytes)
            });
            assert!(
                fits,
                "log {number} has {}..{}, {} bytes; expected is e.g. {}..{}, {} bytes ({least} of {} answered)",
                opened.start,
                opened.end,
                bytes.len(),
                model.state(least).start,
                model.state(least).end,
                model.state(least).bytes(&model.possible_removals(answers, least)[0]).len(),
                model.commands.len()
            );
            if let Some(found) = opened.snapshot {
                let known = model.snapshots.iter().any(|(_, snapshot)| *snapshot == found);
                assert!(known && found.offset <= opened.end, "log {number} has a snapshot nobody saved");
            }
        }
    }
}

impl ModelLog {
    fn state(&self, count: usize) -> State {
        let mut state = State::default();
        self.commands.iter().take(count).for_each(|(_, command)| state.apply(command));
        state
    }

    /// Commands that were answered: they are a prefix.
    fn least(&self, answers: &BTreeMap<Ticket, Result<StorageReply, StorageError>>) -> usize {
        let answered = |(ticket, _): &&(Ticket, Command)| answers.contains_key(ticket);
        self.commands.iter().rposition(|known| answered(&known)).map_or(0, |last| last + 1)
    }

    /// Sets of batches that compaction may have removed: those of answered commits and, if there is one that was not
    /// answered, with or without its.
    fn possible_removals(
        &self,
        answers: &BTreeMap<Ticket, Result<StorageReply, StorageError>>,
        count: usize,
    ) -> Vec<BTreeSet<i64>> {
        let mut sets = vec![BTreeSet::new()];
        for rewrite in &self.rewrites {
            let deleted = self.commands.iter().take(count).skip(rewrite.after);
            if deleted.into_iter().any(|(_, command)| matches!(command, Command::Delete))
                || rewrite.after > count
            {
                continue;
            }
            match answers.get(&rewrite.commit) {
                Some(Ok(_)) => sets.iter_mut().for_each(|set| set.extend(rewrite.removed.iter().copied())),
                Some(Err(_)) | None => {
                    let with = sets.iter().cloned().map(|mut set| {
                        set.extend(rewrite.removed.iter().copied());
                        set
                    });
                    let with: Vec<_> = with.collect();
                    sets.extend(with);
                }
            }
        }
        sets
    }
}
