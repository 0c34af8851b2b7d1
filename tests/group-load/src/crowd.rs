//! Many members, each on a connection of its own, driven by one thread.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kelpgate_core::protocol::{Request, Response};
use mio::{Events, Poll, Token};

use crate::connection::Connection;
use crate::failure::Failure;
use crate::member::{Member, Next, Phase, Plan};

/// How long a state is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a member waits before it asks again upon an error that asks for patience.
const LATER: Duration = Duration::from_millis(50);

/// How often it is looked at who is to ask.
const GLANCE: Duration = Duration::from_millis(5);
/// How many connections are opened before all have been accepted.
const BURST: usize = 1000;

/// A member and its connection.
struct Place {
    /// Which of the plans it follows.
    group: usize,
    member: Member,
    connection: Connection,
    /// When it asks next: the request that was put off, or else a heartbeat.
    due: Instant,
    put_off: Option<Request>,
}

/// How fast a group settled.
pub struct Settled {
    /// From the beginning of the change to the last answer.
    pub wall: Duration,
    /// From the last request to join to the last answer.
    pub after_last_join: Duration,
}

/// What the members of one group that are in a generation own.
#[derive(Default)]
struct Standing {
    members: usize,
    generations: BTreeSet<i32>,
    owned: usize,
}

/// The members of some groups.
pub struct Crowd {
    /// A plan for each group; members are dealt to them in turn.
    plans: Vec<Plan>,
    address: SocketAddr,
    heartbeat: Duration,
    poll: Poll,
    places: BTreeMap<usize, Place>,
    next: usize,
    /// Who owned what, ever, by group, generation and partition: no two members may own a partition in one generation.
    owners: BTreeMap<(usize, i32, i32), usize>,
    last_join: Instant,
    /// When it was looked at last who is to ask.
    glanced: Instant,
    /// The generation in which each group settled last; 0 before the first.
    settled: Vec<i32>,
}

impl Crowd {
    /// Nobody yet.
    pub fn new(plans: Vec<Plan>, address: SocketAddr, heartbeat: Duration) -> Result<Crowd, Failure> {
        let poll = Poll::new()?;
        let settled = vec![0; plans.len()];
        Ok(Crowd {
            plans,
            address,
            heartbeat,
            poll,
            places: BTreeMap::new(),
            next: 0,
            owners: BTreeMap::new(),
            last_join: Instant::now(),
            glanced: Instant::now(),
            settled,
        })
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Lets so many more members join, as many at a time as a listening socket keeps for a server that is slow to accept.
    pub fn gain(&mut self, count: usize) -> Result<(), Failure> {
        for place in 0..count {
            if place % BURST == 0 {
                self.until(|(_, place)| place.member.is_known())?;
            }
            let token = self.next;
            self.next += 1;
            let group = token % self.plans.len();
            let mut member = Member::new();
            let mut connection = Connection::open(self.address, self.poll.registry(), Token(token))?;
            connection.send(&member.join(&self.plans[group])?)?;
            self.last_join = Instant::now();
            self.places
                .insert(token, Place { group, member, connection, due: self.last_join, put_off: None });
        }
        Ok(())
    }

    /// So many members vanish without a word: their connections close.
    pub fn lose(&mut self, count: usize) {
        let step = (self.places.len() / count.max(1)).max(1);
        let gone: Vec<usize> = self.places.keys().copied().step_by(step).take(count).collect();
        self.places.retain(|token, _| !gone.contains(token));
    }

    /// So many members leave; returns when they have.
    pub fn leave(&mut self, count: usize) -> Result<(), Failure> {
        let leaving: Vec<usize> = self.places.keys().copied().take(count).collect();
        let stays = |token: usize| leaving.last().is_none_or(|last| token > *last);
        self.until(|(token, place)| stays(token) || !place.connection.is_waiting())?;
        for token in &leaving {
            let Some(place) = self.places.get_mut(token) else { continue };
            let goodbye = place.member.leave(&self.plans[place.group]);
            place.connection.send(&goodbye)?;
        }
        self.until(|(token, place)| stays(token) || place.member.phase == Phase::Left)?;
        self.places.retain(|token, _| stays(*token));
        Ok(())
    }

    /// Waits until all members of each group are in one generation later than the last that settled, and together own
    /// each partition once; `began` is when the change began.
    pub fn settle(&mut self, began: Instant) -> Result<Settled, Failure> {
        loop {
            self.until(|(_, place)| matches!(place.member.phase, Phase::Stable { .. }))?;
            let standings = self.standings();
            let is_settled = |(group, standing): (usize, &Standing)| {
                standing.generations.len() == 1
                    && standing.generations.first() > self.settled.get(group)
                    && standing.owned == self.plans[group].partitions as usize
            };
            if standings.iter().enumerate().all(is_settled) {
                self.settled = standings.iter().filter_map(|it| it.generations.first().copied()).collect();
                return Ok(Settled { wall: began.elapsed(), after_last_join: self.last_join.elapsed() });
            }
            // Some have not heard yet that their group has moved on, or that somebody is missing.
            self.turn()?;
            if began.elapsed() > PATIENCE {
                return Err(self.too_late());
            }
        }
    }

    /// Lets the members be members for a while: nobody may be told to join again.
    pub fn rest(&mut self, time: Duration) -> Result<(), Failure> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.turn()?;
        }
        let generations = self.standings().iter().map(|it| it.generations.clone()).collect::<Vec<_>>();
        match generations.iter().zip(&self.settled).all(|(now, settled)| now.iter().eq([settled])) {
            true => Ok(()),
            false => Err(Failure::Restless(self.state())),
        }
    }

    /// Runs until something holds of each member.
    fn until(&mut self, holds: impl Fn((usize, &Place)) -> bool) -> Result<(), Failure> {
        let limit = Instant::now() + PATIENCE;
        while !self.places.iter().all(|(&token, place)| holds((token, place))) {
            if Instant::now() > limit {
                return Err(self.too_late());
            }
            self.turn()?;
        }
        Ok(())
    }

    /// One turn: answers that have come, and what is due.
    fn turn(&mut self) -> Result<(), Failure> {
        let mut events = Events::with_capacity(1024);
        self.poll.poll(&mut events, Some(GLANCE))?;
        for event in &events {
            let token = event.token().0;
            let Some(place) = self.places.get_mut(&token) else { continue };
            place.connection.flush()?;
            if let Some(response) = place.connection.receive()? {
                self.answered(token, response)?;
            }
        }
        self.ask_what_is_due()
    }

    fn answered(&mut self, token: usize, response: Response) -> Result<(), Failure> {
        let Some(place) = self.places.get_mut(&token) else { return Ok(()) };
        let now = Instant::now();
        place.due = now + self.heartbeat;
        match place.member.answered(&self.plans[place.group], response)? {
            Next::Ask(request) => {
                if matches!(request, Request::JoinGroup(_)) {
                    self.last_join = now;
                }
                place.connection.send(&request)?;
            }
            Next::AskLater(request) => {
                place.due = now + LATER;
                place.put_off = Some(request);
            }
            Next::Rest => self.note_ownership(token)?,
        }
        Ok(())
    }

    fn note_ownership(&mut self, token: usize) -> Result<(), Failure> {
        let Some(place) = self.places.get(&token) else { return Ok(()) };
        let Phase::Stable { generation, owned } = &place.member.phase else { return Ok(()) };
        for &partition in owned {
            let owner = *self.owners.entry((place.group, *generation, partition)).or_insert(token);
            if owner != token {
                let what =
                    format!("{partition} belongs to members {owner} and {token} in generation {generation}");
                return Err(Failure::Ownership(what));
            }
        }
        Ok(())
    }

    fn ask_what_is_due(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        if now < self.glanced + GLANCE {
            return Ok(());
        }
        self.glanced = now;
        for place in self.places.values_mut() {
            if place.due > now || place.connection.is_waiting() {
                continue;
            }
            let put_off = place.put_off.take();
            if put_off.is_some() {
                self.last_join = now;
            }
            if let Some(request) = put_off.or_else(|| place.member.heartbeat(&self.plans[place.group])) {
                place.connection.send(&request)?;
            }
        }
        Ok(())
    }

    /// How each group stands. No two members own the same partition within a generation.
    fn standings(&self) -> Vec<Standing> {
        let mut standings = Vec::new();
        standings.resize_with(self.plans.len(), Standing::default);
        for place in self.places.values() {
            if let Phase::Stable { generation, owned } = &place.member.phase {
                let standing = &mut standings[place.group];
                standing.members += 1;
                standing.generations.insert(*generation);
                standing.owned += owned.len();
            }
        }
        standings
    }

    fn too_late(&self) -> Failure {
        Failure::TooLate { seconds: PATIENCE.as_secs(), state: self.state() }
    }

    fn state(&self) -> String {
        let joining = self.places.values().filter(|place| place.member.phase == Phase::Joining).count();
        let standings = self.standings();
        let unsettled = standings.iter().enumerate().find(|(group, standing)| {
            standing.generations.len() != 1 || standing.owned != self.plans[*group].partitions as usize
        });
        let unsettled = unsettled.map_or("none of them".to_string(), |(group, standing)| {
            let Standing { members, generations, owned } = standing;
            format!(
                "group {group}: {members} members in generations {generations:?} that own {owned} partitions"
            )
        });
        format!("{} members, {joining} joining; unsettled: {unsettled}", self.places.len())
    }
}
