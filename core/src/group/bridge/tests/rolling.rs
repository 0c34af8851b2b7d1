//! Seeded rolling upgrades and back: classic members, eager and cooperative, dynamic and static, are restarted one by one
//! with the new protocol and later with the classic one, while they read and commit, answers get lost, members crash and
//! the coordinator restarts.
//!
//! After each step: no partition is read by two clients, and a reader starts where the last commit was. After a quiet time
//! every partition has its reader.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::field::{Field, Join, assignment, beat, consumer, joining, lenient, owning, partitions, sync};
use crate::group::assignor::client::{self, ClientAssignor, Consumer, NamedTopic};
use crate::group::embedded::read_subscription;
use crate::group::question::{
    Claim, CommitOffsets, FetchOffsets, GroupAnswer, GroupQuestion, OffsetToCommit,
};
use crate::protocol::Str;
use crate::protocol::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use crate::protocol::join_group::JoinGroupResponse;
use crate::shard_message::Asker;

const PARTITIONS: i32 = 7;
const CLIENTS: usize = 4;

/// How a client takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Speaks {
    /// Gives up all it has before it joins.
    Eager,
    /// Gives up what it is to give up after it is told.
    Cooperative,
    New,
}

/// What a classic client does next.
#[derive(Clone, Debug)]
enum Next {
    Join,
    /// With the parts of all, if it leads.
    Sync(Vec<(Str, Vec<i32>)>),
    Beat,
}

#[derive(Clone, Debug)]
struct Reader {
    speaks: Speaks,
    instance: Option<Str>,
    member: Str,
    /// Or epoch.
    generation: i32,
    next: Next,
    waits: Option<Asker>,
    /// What it reads, each with the offset it has got to.
    reads: BTreeMap<i32, i64>,
    /// Whether the last answer said that nothing changes.
    content: bool,
}

struct Rolling {
    field: Field,
    random: ChaCha12Rng,
    readers: Vec<Reader>,
    committed: BTreeMap<i32, i64>,
    names: u32,
    /// The version of the subscriptions that classic clients write.
    embedded: i16,
    quiet: bool,
}

impl Reader {
    fn new(speaks: Speaks, instance: Option<Str>) -> Reader {
        Reader {
            speaks,
            instance,
            member: Str::default(),
            generation: -1,
            next: Next::Join,
            waits: None,
            reads: BTreeMap::new(),
            content: false,
        }
    }

    fn owned(&self) -> Vec<i32> {
        self.reads.keys().copied().collect()
    }

    /// It is no member any more, and knows.
    fn lose_all(&mut self) {
        self.reads.clear();
        self.generation = if self.speaks == Speaks::New { 0 } else { -1 };
        self.next = Next::Join;
        self.content = false;
    }

    fn assignor(&self) -> ClientAssignor {
        match self.speaks {
            Speaks::Cooperative => ClientAssignor::CooperativeSticky,
            Speaks::Eager | Speaks::New => ClientAssignor::Range,
        }
    }

    fn join(&self) -> Join {
        let join = Join::of(&self.member).owning(self.generation, &self.owned());
        Join { protocols: vec![self.assignor().name()], instance: self.instance.clone(), ..join }
    }
}

impl Rolling {
    fn new(seed: u64, speaks: Speaks, embedded: i16) -> Rolling {
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let interval = ["0", "0", "1000"][random.next_u32() as usize % 3];
        let mut field = Field::new(PARTITIONS, &[("group.consumer.assignment.interval.ms", interval)]);
        if embedded < 3 {
            field.world.change(lenient());
        }
        let mut rolling = Rolling {
            field,
            random,
            readers: Vec::new(),
            committed: BTreeMap::new(),
            names: 0,
            embedded,
            quiet: false,
        };
        for number in 0..CLIENTS {
            let is_static = rolling.below(3) == 0;
            let instance = is_static.then(|| Str::from(alloc::format!("i{number}")));
            rolling.readers.push(Reader::new(speaks, instance));
        }
        rolling
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.random.next_u32() % bound
    }

    /// One client does what it does next; what comes of it may get lost.
    fn act(&mut self, at: usize) {
        if self.readers[at].waits.is_some() {
            return;
        }
        match self.readers[at].speaks {
            Speaks::New => self.heartbeat(at),
            Speaks::Eager | Speaks::Cooperative => match self.readers[at].next.clone() {
                Next::Join => self.join(at),
                Next::Sync(parts) => self.sync(at, &parts),
                Next::Beat => self.beat(at),
            },
        }
        self.deliver_late();
        self.check();
    }

    fn is_lost(&mut self) -> bool {
        !self.quiet && self.below(25) == 0
    }

    fn join(&mut self, at: usize) {
        if self.readers[at].speaks == Speaks::Eager {
            self.commit(at);
            self.readers[at].reads.clear();
        }
        let join = self.readers[at].join().embedded(self.embedded);
        match self.field.try_join(join) {
            (asker, None) => self.readers[at].waits = Some(asker),
            (_, Some(answer)) if self.is_lost() => drop(answer),
            (_, Some(answer)) => self.joined(at, answer),
        }
    }

    fn joined(&mut self, at: usize, answer: JoinGroupResponse) {
        let reader = &mut self.readers[at];
        match answer.error_code.0 {
            0 => {
                reader.member = answer.member_id.clone();
                reader.generation = answer.generation_id;
                let leads = !answer.members.is_empty() && !answer.skip_assignment;
                let parts = if leads { parts(reader.assignor(), &answer) } else { Vec::new() };
                reader.next = Next::Sync(parts);
            }
            79 => reader.member = answer.member_id,
            // The group speaks another protocol by now, or the group was loaded anew.
            27 | 16 => {}
            25 => {
                reader.lose_all();
                reader.member = Str::default();
            }
            22 => reader.lose_all(),
            code => panic!("{code} to the join of {reader:?}"),
        }
    }

    fn sync(&mut self, at: usize, parts: &[(Str, Vec<i32>)]) {
        let reader = &self.readers[at];
        let mut request = sync(&reader.member, reader.generation);
        request.group_instance_id = reader.instance.clone();
        request.protocol_name = Some(reader.assignor().name().into());
        request.assignments = parts.iter().map(|(member, part)| assignment(member, part)).collect();
        match self.field.try_sync(request) {
            (asker, None) => self.readers[at].waits = Some(asker),
            (_, Some(_)) if self.is_lost() => {}
            (_, Some(answer)) => self.synced(at, answer.error_code.0, partitions(&answer.assignment)),
        }
    }

    fn synced(&mut self, at: usize, code: i16, assigned: Vec<i32>) {
        match code {
            0 => {
                let revokes = self.readers[at].owned().iter().any(|partition| !assigned.contains(partition));
                self.read(at, &assigned);
                let reader = &mut self.readers[at];
                let again = revokes && reader.speaks == Speaks::Cooperative;
                reader.next = if again { Next::Join } else { Next::Beat };
            }
            code => self.failed(at, code),
        }
    }

    fn failed(&mut self, at: usize, code: i16) {
        let reader = &mut self.readers[at];
        reader.content = false;
        match code {
            27 => reader.next = Next::Join,
            22 => reader.lose_all(),
            25 => {
                reader.lose_all();
                reader.member = Str::default();
            }
            16 => {}
            code => panic!("{code} to {reader:?}"),
        }
    }

    fn beat(&mut self, at: usize) {
        let reader = &self.readers[at];
        let mut request = beat(&reader.member, reader.generation);
        request.group_instance_id = reader.instance.clone();
        match self.field.beat_with(request) {
            _ if self.is_lost() => {}
            0 => self.readers[at].content = true,
            code => self.failed(at, code),
        }
    }

    fn heartbeat(&mut self, at: usize) {
        let (reader, topic) = (&self.readers[at], self.field.topic);
        let request = match reader.generation {
            ..=0 => joining(&reader.member),
            // It says all, since an answer may have been lost.
            epoch => ConsumerGroupHeartbeatRequest {
                rebalance_timeout_ms: 5_000,
                subscribed_topic_names: Some(vec!["t".into()]),
                ..owning(&reader.member, epoch, topic, &reader.owned())
            },
        };
        let request =
            ConsumerGroupHeartbeatRequest { instance_id: self.readers[at].instance.clone(), ..request };
        let answer = self.field.consumer(request);
        if self.is_lost() {
            return;
        }
        let reader = &mut self.readers[at];
        match answer.error_code.0 {
            0 => {
                reader.content = reader.generation == answer.member_epoch;
                reader.generation = answer.member_epoch;
                if let Some(assigned) = answer.assignment {
                    let assigned: Vec<i32> =
                        assigned.topic_partitions.into_iter().flat_map(|topic| topic.partitions).collect();
                    self.readers[at].content &= self.readers[at].owned() == assigned;
                    self.read(at, &assigned);
                }
            }
            // Fenced, or forgotten.
            110 | 25 => reader.lose_all(),
            // Its former self has not left yet.
            111 => {}
            code => panic!("{code} ({:?}) to {reader:?}", answer.error_message),
        }
    }

    /// Gives up what it no longer has, and starts reading what is new where the last commit was.
    fn read(&mut self, at: usize, assigned: &[i32]) {
        let gone = self.readers[at].owned().iter().any(|partition| !assigned.contains(partition));
        if gone {
            self.commit(at);
        }
        self.readers[at].reads.retain(|partition, _| assigned.contains(partition));
        let new: Vec<i32> =
            assigned.iter().copied().filter(|one| !self.readers[at].reads.contains_key(one)).collect();
        if new.is_empty() {
            return;
        }
        let request = FetchOffsets {
            claim: Some(self.claim(at)),
            topics: Some(vec![("t".into(), new)]),
            require_stable: true,
        };
        let (_, Some(GroupAnswer::Fetched(fetched))) = self.field.ask(GroupQuestion::Fetch(request)) else {
            panic!("no offsets");
        };
        for offset in fetched.expect("it is a member, at its epoch") {
            let last = self.committed.get(&offset.partition).copied().unwrap_or(-1);
            assert_eq!(offset.offset, last, "the offset of partition {} is another", offset.partition);
            self.readers[at].reads.insert(offset.partition, offset.offset.max(0));
        }
    }

    fn claim(&self, at: usize) -> Claim {
        let reader = &self.readers[at];
        Claim {
            member_id: reader.member.clone(),
            instance_id: reader.instance.clone(),
            generation_or_epoch: reader.generation,
        }
    }

    /// Commits what it has read; whoever is refused has lost it, and somebody else reads it again.
    fn commit(&mut self, at: usize) {
        let topic_id = self.field.topic;
        let offsets: Vec<OffsetToCommit> = self.readers[at]
            .reads
            .iter()
            .map(|(partition, offset)| OffsetToCommit {
                topic: "t".into(),
                topic_id,
                partition: *partition,
                offset: *offset,
                leader_epoch: -1,
                metadata: Str::default(),
                timestamp: None,
            })
            .collect();
        if offsets.is_empty() {
            return;
        }
        let request =
            CommitOffsets { claim: self.claim(at), version: 9, retention_ms: None, offsets: offsets.clone() };
        let (_, Some(GroupAnswer::Committed(codes))) = self.field.ask(GroupQuestion::Commit(request)) else {
            panic!("no answer to a commit");
        };
        for (offset, code) in offsets.iter().zip(codes) {
            if code.0 == 0 {
                let before = self.committed.insert(offset.partition, offset.offset);
                assert!(before.is_none_or(|before| before <= offset.offset), "an offset went back");
            }
        }
    }

    fn consume(&mut self, at: usize) {
        self.readers[at].reads.values_mut().for_each(|offset| *offset += 3);
        self.commit(at);
    }

    fn deliver_late(&mut self) {
        for (asker, answer) in core::mem::take(&mut self.field.late) {
            let Some(at) = self.readers.iter().position(|reader| reader.waits == Some(asker)) else {
                continue;
            };
            self.readers[at].waits = None;
            match answer {
                GroupAnswer::Join(answer) => self.joined(at, answer),
                GroupAnswer::Sync(answer) => {
                    self.synced(at, answer.error_code.0, partitions(&answer.assignment));
                }
                other => panic!("{other:?} came late"),
            }
        }
    }

    fn check(&self) {
        let mut read: BTreeSet<i32> = BTreeSet::new();
        for reader in &self.readers {
            for partition in reader.reads.keys() {
                assert!(read.insert(*partition), "two read partition {partition}: {:#?}", self.readers);
            }
        }
    }

    fn pass(&mut self, milliseconds: u64) {
        // In steps, so that nobody reads on for long after it was fenced, which a crash or silence would look like.
        self.field.pass(milliseconds);
        self.deliver_late();
    }

    fn restart_coordinator(&mut self) {
        self.field.reload();
        self.deliver_late();
    }

    /// A client stops and comes back as another one, of some protocol.
    fn restart(&mut self, at: usize, speaks: Speaks) {
        self.consume(at);
        let old = self.readers[at].clone();
        self.readers[at] = Reader::new(speaks, old.instance.clone());
        if speaks == Speaks::New {
            self.names += 1;
            self.readers[at].member = Str::from(alloc::format!("n{}", self.names));
            self.readers[at].generation = 0;
        }
        let crashes = self.below(4) == 0;
        match (old.speaks, old.instance) {
            (Speaks::New, Some(instance)) if old.generation > 0 => {
                let request = consumer(&old.member, -2);
                self.field.consumer(ConsumerGroupHeartbeatRequest { instance_id: Some(instance), ..request });
            }
            (Speaks::New, None) if !crashes => {
                self.field.consumer(consumer(&old.member, -1));
            }
            (Speaks::Eager | Speaks::Cooperative, None) if !crashes && !old.member.is_empty() => {
                self.field.leave(&[(&old.member, None)]);
            }
            (_, _) => {}
        }
        self.deliver_late();
        self.check();
    }

    fn turmoil(&mut self, steps: u32) {
        for _ in 0..steps {
            let at = self.below(CLIENTS as u32) as usize;
            match self.below(40) {
                0 => self.restart_coordinator(),
                1..=8 => self.consume(at),
                9..=12 => {
                    let pause = u64::from(self.below(120));
                    self.pass(pause);
                }
                _ => self.act(at),
            }
            self.check();
        }
    }

    /// Everybody does what it has to until nothing is left to do.
    fn settle(&mut self) {
        self.quiet = true;
        for _ in 0..120 {
            // Those that crashed are found out in the end.
            self.pass(700);
            for at in 0..CLIENTS {
                self.act(at);
                self.consume(at);
            }
            let read: usize = self.readers.iter().map(|reader| reader.reads.len()).sum();
            let content = self.readers.iter().all(|reader| reader.content && reader.waits.is_none());
            if content && read == PARTITIONS as usize && self.field.is().1 == "Stable" {
                self.quiet = false;
                return;
            }
        }
        panic!("{:?} does not settle: {:#?}", self.field.is(), self.readers);
    }
}

/// What the leader gives each member.
fn parts(assignor: ClientAssignor, answer: &JoinGroupResponse) -> Vec<(Str, Vec<i32>)> {
    let members: Vec<_> = answer
        .members
        .iter()
        .map(|member| {
            let (_, read) = read_subscription(&member.metadata).expect("it is whole");
            let owned: Vec<i32> = read.owned_partitions.into_iter().flat_map(|it| it.partitions).collect();
            let owned: client::NamedPartitions<'_> =
                if owned.is_empty() { BTreeMap::new() } else { BTreeMap::from([("t", owned)]) };
            (member, owned, read.generation_id)
        })
        .collect();
    let consumers: Vec<Consumer<'_>> = members
        .iter()
        .map(|(member, owned, generation)| Consumer {
            member_id: &member.member_id,
            instance_id: member.group_instance_id.as_deref(),
            rack: None,
            topics: &["t"],
            owned,
            generation: *generation,
        })
        .collect();
    let topics = [NamedTopic { name: "t", partitions: PARTITIONS as u32, racks: &[] }];
    let parts = client::assign(assignor, &consumers, &topics);
    let part = |part: client::NamedPartitions<'_>| part.into_values().flatten().collect();
    answer.members.iter().map(|member| member.member_id.clone()).zip(parts.into_iter().map(part)).collect()
}

fn up_and_down(seed: u64, speaks: Speaks, embedded: i16) {
    let mut rolling = Rolling::new(seed, speaks, embedded);
    rolling.settle();
    assert_eq!(rolling.field.is(), ("classic".into(), "Stable".into()), "seed {seed}");
    for to in [Speaks::New, speaks] {
        for at in 0..CLIENTS {
            rolling.restart(at, to);
            let steps = rolling.below(60);
            rolling.turmoil(steps);
            if rolling.below(2) == 0 {
                rolling.settle();
            }
        }
        rolling.settle();
        let kind = if to == Speaks::New { "consumer" } else { "classic" };
        assert_eq!(rolling.field.is(), (kind.into(), "Stable".into()), "seed {seed}");
        assert!(rolling.committed.len() == PARTITIONS as usize, "every partition was read");
    }
}

#[test]
fn eager_members_roll_to_the_new_protocol_and_back() {
    for seed in 0..25 {
        up_and_down(seed, Speaks::Eager, 3);
    }
}

#[test]
fn cooperative_members_roll_to_the_new_protocol_and_back() {
    for seed in 0..25 {
        up_and_down(seed, Speaks::Cooperative, 3);
    }
}

#[test]
fn older_members_that_are_let_in_roll_to_the_new_protocol_and_back() {
    for seed in 0..10 {
        up_and_down(seed, Speaks::Eager, 0);
        up_and_down(seed, Speaks::Eager, 1);
        up_and_down(seed, Speaks::Cooperative, 1);
    }
}
