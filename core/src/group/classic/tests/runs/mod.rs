//! Many members in virtual time: they join, crash, leave, are slow, start anew; requests and answers are lost, delayed and
//! repeated; the server starts anew. After every step what must be true of the group is checked, and at the end of the
//! troubles everybody must find together.

mod client;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use self::client::{Client, Next, Request};
use super::fixture::SETTINGS;
use crate::group::classic::{ClassicGroup, MemberNo, Phase};
use crate::group::question::GroupAnswer;
use crate::group::record::{GroupMetadataValue, GroupRecord};
use crate::group::step::{Effects, Step};
use crate::group::testing::{World, client};
use crate::protocol::Str;
use crate::shard_message::Asker;

/// Which client, and which of the things it has waited for.
type Token = (usize, u64);

#[derive(Debug)]
enum Event {
    Arrives(Token, Request),
    Answered(Token, GroupAnswer),
    /// A client has rested, or has waited for an answer for too long.
    Wakes(Token),
    Joins(Token),
    Spawns,
    Restarts,
}

struct Run {
    world: World,
    group: ClassicGroup,
    chance: ChaCha12Rng,
    clients: Vec<Client>,
    events: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    /// Requests that the server has not answered.
    open: BTreeMap<Asker, Token>,
    stored: Option<GroupMetadataValue>,
    /// How often the server was started.
    life: u64,
    /// What the leader of each generation decided.
    decided: BTreeMap<i32, BTreeMap<Str, Bytes>>,
    /// The last generation of which something is promised to outlive a restart.
    promised: i32,
    troubles: bool,
    restarts_left: u32,
    settled_generations: u64,
}

impl Run {
    fn new(seed: u64) -> Run {
        let more = [("group.max.size", "10")];
        let settings: Vec<_> = SETTINGS.iter().chain(&more).copied().collect();
        let mut run = Run {
            world: World::new(&settings),
            group: ClassicGroup::new(),
            chance: ChaCha12Rng::seed_from_u64(seed),
            clients: Vec::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            open: BTreeMap::new(),
            stored: None,
            life: 1,
            decided: BTreeMap::new(),
            promised: 0,
            troubles: true,
            restarts_left: 4,
            settled_generations: 0,
        };
        run.after(0, Event::Spawns);
        run.after(90_000, Event::Restarts);
        run
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.chance.next_u64() % limit
    }

    /// One time in so many, as long as there are troubles.
    fn by_chance(&mut self, one_in: u64) -> bool {
        self.troubles && self.below(one_in) == 0
    }

    fn now(&self) -> u64 {
        self.world.now.mono.0 / 1_000_000
    }

    fn after(&mut self, milliseconds: u64, event: Event) {
        self.scheduled += 1;
        self.events.insert((self.now() + milliseconds, self.scheduled), event);
    }

    /// Everything up to a moment, in order.
    fn run_until(&mut self, end: u64) {
        loop {
            let event = self.events.first_key_value().map(|((at, _), _)| *at).unwrap_or(u64::MAX);
            let timer = self.group.next_deadline().map_or(u64::MAX, |at| at.0.div_ceil(1_000_000));
            let next = event.min(timer).max(self.now());
            if next > end {
                break;
            }
            self.world.pass(next - self.now());
            if timer <= event {
                let effects = self.step(|group, step, id| group.tick(step, id));
                self.check_assignments();
                self.deliver(effects);
            } else if let Some((_, event)) = self.events.pop_first() {
                self.happen(event);
            }
        }
        self.world.pass(end - self.now());
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Spawns => self.spawn(),
            Event::Restarts => self.restart(),
            Event::Arrives(token, request) => self.arrive(token, request),
            Event::Answered((at, waits_for), answer) => {
                if self.clients[at].alive && self.clients[at].waits_for == waits_for {
                    let life = self.life;
                    let next = self.clients[at].hear(&answer, life);
                    self.go_on(at, next);
                }
            }
            Event::Wakes((at, waits_for)) => {
                if self.clients[at].alive && self.clients[at].waits_for == waits_for {
                    self.wake(at);
                }
            }
            Event::Joins((at, waits_for)) => {
                if self.clients[at].alive && self.clients[at].waits_for == waits_for {
                    let join = self.clients[at].join();
                    self.send(at, join);
                }
            }
        }
    }

    fn spawn(&mut self) {
        if self.clients.iter().filter(|client| client.alive).count() < 12 {
            let is_static = self.below(3) == 0;
            let version = if is_static { 5 + self.below(5) } else { self.below(10) };
            let instance = is_static.then(|| Str::from(format!("s{}", self.below(4))));
            let offer = self.below(3);
            let slow = self.below(4) == 0;
            self.clients.push(Client {
                alive: true,
                version: version as i16,
                instance,
                id: Str::default(),
                generation: -1,
                settled: false,
                offer,
                waits_for: 0,
                slow,
            });
            let at = self.clients.len() - 1;
            let join = self.clients[at].join();
            self.send(at, join);
        }
        if self.troubles {
            let wait = self.below(12_000);
            self.after(wait, Event::Spawns);
        }
    }

    /// A request on its way; it, or what is answered, may be lost, late or there twice.
    fn send(&mut self, at: usize, request: Request) {
        self.clients[at].waits_for += 1;
        let token = (at, self.clients[at].waits_for);
        let patience = if matches!(request, Request::Join(_)) { 25_000 } else { 5_000 };
        self.after(patience, Event::Wakes(token));
        if self.by_chance(20) {
            let late = self.below(3_000);
            self.after(late, Event::Arrives(token, request.clone()));
        }
        if !self.by_chance(20) {
            let delay = self.below(20);
            self.after(delay, Event::Arrives(token, request));
        }
    }

    fn go_on(&mut self, at: usize, next: Next) {
        self.clients[at].waits_for += 1;
        let token = (at, self.clients[at].waits_for);
        match next {
            Next::Send(request) => self.send(at, *request),
            Next::Rest => self.after(3_000, Event::Wakes(token)),
            Next::JoinLater => {
                let wait = self.below(15_000);
                self.after(wait, Event::Joins(token));
            }
            Next::Die => self.clients[at].alive = false,
        }
    }

    /// A settled client goes on with its life; another tries again what was not answered.
    fn wake(&mut self, at: usize) {
        let settled = self.clients[at].settled;
        if self.by_chance(25) {
            self.clients[at].alive = false;
        } else if self.by_chance(25) && self.clients[at].instance.is_some() {
            self.clients[at].id = Str::default();
            let join = self.clients[at].join();
            self.send(at, join);
        } else if settled && self.by_chance(25) {
            let leave = self.clients[at].leave();
            self.send(at, leave);
        } else if settled && !self.by_chance(25) {
            let beat = self.clients[at].heartbeat();
            self.send(at, beat);
        } else {
            if settled {
                self.clients[at].offer += 1;
            }
            let join = self.clients[at].join();
            self.send(at, join);
        }
    }

    fn arrive(&mut self, token: Token, request: Request) {
        let asker = self.world.asker();
        self.open.insert(asker, token);
        let version = self.clients[token.0].version;
        let before = self.group.phase();
        let effects = self.step(|group, step, id| match &request {
            Request::Join(request) => group.join(step, id, asker, request, version, client("c")),
            Request::Sync(request) => group.sync(step, id, asker, request, version.min(5)),
            Request::Heartbeat(request) => group.heartbeat(step, id, asker, request),
            Request::Leave(request) => group.leave(step, id, asker, request, version.min(5)),
        });
        if let (Request::Sync(request), Phase::CompletingRebalance, Phase::Stable) =
            (&request, before, self.group.phase())
        {
            assert!(!effects.is_parked(asker), "the leader's SyncGroup is answered");
            let parts =
                request.assignments.iter().map(|part| (part.member_id.clone(), part.assignment.clone()));
            self.decided.insert(self.group.generation(), parts.collect());
            self.promised = self.group.generation();
            self.settled_generations += 1;
        }
        self.check_assignments();
        self.deliver(effects);
    }

    /// A step, with what must be true of every one.
    fn step(&mut self, act: impl FnOnce(&mut ClassicGroup, &mut Step<'_>, &Str)) -> Effects {
        let ids = |group: &ClassicGroup| -> BTreeMap<MemberNo, Str> {
            group.members().map(|(no, member)| (no, member.id.clone())).collect()
        };
        let (before, generation) = (ids(&self.group), self.group.generation());
        let group = &mut self.group;
        let ((), effects) = self.world.step(|step| act(group, step, &"g".into()));
        self.group.check_invariants();
        let after = self.group.generation();
        assert!(after == generation || after == generation + 1, "from generation {generation} to {after}");
        if let Some(GroupRecord::GroupMetadata(_, value)) = effects.stored().pop() {
            self.stored = value;
        }
        // A static member that was started anew has what its former self had.
        for (no, id) in ids(&self.group) {
            if let Some(old) = before.get(&no).filter(|old| **old != id)
                && let Some(parts) = self.decided.get_mut(&after)
                && let Some(part) = parts.get(old).cloned()
            {
                parts.insert(id, part);
            }
        }
        effects
    }

    /// Answers on their way.
    fn deliver(&mut self, effects: Effects) {
        for (asker, answer) in effects.answers {
            let token = self.open.remove(&asker).expect("each is answered once");
            if let GroupAnswer::Sync(response) = &answer
                && response.error_code.0 == 0
            {
                let known = self
                    .decided
                    .values()
                    .any(|parts| parts.values().any(|part| *part == response.assignment));
                assert!(known, "a part that no leader gave: {:?}", response.assignment);
            }
            if !self.by_chance(20) {
                let delay = self.below(20);
                self.after(delay, Event::Answered(token, answer));
            }
        }
    }

    /// In Stable everybody has what the leader decided.
    fn check_assignments(&self) {
        if self.group.phase() != Phase::Stable {
            return;
        }
        let parts = self.decided.get(&self.group.generation()).expect("the leader has decided");
        for (_, member) in self.group.members() {
            assert_eq!(Some(&member.assignment), parts.get(&member.id), "the part of {}", member.id);
        }
    }

    /// The server is gone, and with it every connection and what was on it; what was stored comes back.
    fn restart(&mut self) {
        self.life += 1;
        let open = core::mem::take(&mut self.open);
        let lost: Vec<_> = self
            .events
            .extract_if(.., |_, event| matches!(event, Event::Arrives(..) | Event::Answered(..)))
            .collect();
        let on_the_way = lost.into_iter().filter_map(|(_, event)| match event {
            Event::Arrives(token, _) | Event::Answered(token, _) => Some(token),
            Event::Wakes(_) | Event::Joins(_) | Event::Spawns | Event::Restarts => None,
        });
        let noticed: Vec<Token> = open.into_values().chain(on_the_way).collect();
        for token in noticed {
            self.after(100, Event::Wakes(token));
        }
        self.group = self.stored.as_ref().map(ClassicGroup::restore).unwrap_or_default();
        let effects = self.step(|group, step, id| group.loaded(step, id));
        assert!(effects.answers.is_empty());
        assert!(self.group.generation() >= self.promised, "a generation went back");
        self.check_assignments();
        self.restarts_left -= 1;
        if self.restarts_left > 0 {
            let wait = 30_000 + self.below(120_000);
            self.after(wait, Event::Restarts);
        }
    }

    /// Without troubles everybody finds together.
    fn check_end(&self) {
        assert!(self.open.is_empty(), "never answered: {:?}", self.open);
        let alive: Vec<&Client> = self.clients.iter().filter(|client| client.alive).collect();
        assert_eq!(self.group.members().count(), alive.len(), "members and clients that are alive");
        assert_eq!(self.group.state_name(), if alive.is_empty() { "Empty" } else { "Stable" });
        for client in alive {
            assert!(client.settled && client.generation == self.group.generation(), "{client:?}");
        }
        assert!(self.settled_generations > 5, "hardly anything has happened");
    }
}

#[test]
fn whatever_happens_groups_settle() {
    for seed in 0..24 {
        let mut run = Run::new(seed);
        run.run_until(600_000);
        run.troubles = false;
        run.world.config.max_size = 100;
        run.run_until(1_300_000);
        run.check_end();
    }
}
