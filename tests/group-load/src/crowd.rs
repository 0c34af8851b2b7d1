//! Many members, each on a connection of its own, driven by one thread.

use std::collections::BTreeMap;
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

/// A member and its connection.
struct Place {
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

/// The members of one group.
pub struct Crowd {
    plan: Plan,
    address: SocketAddr,
    heartbeat: Duration,
    poll: Poll,
    places: BTreeMap<usize, Place>,
    next: usize,
    /// Who owned what, ever: no two members may own a partition in one generation.
    owners: BTreeMap<(i32, i32), usize>,
    last_join: Instant,
    /// The generation in which the group settled last; 0 before the first.
    settled: i32,
}

impl Crowd {
    /// Nobody yet.
    pub fn new(plan: Plan, address: SocketAddr, heartbeat: Duration) -> Result<Crowd, Failure> {
        let poll = Poll::new()?;
        Ok(Crowd {
            plan,
            address,
            heartbeat,
            poll,
            places: BTreeMap::new(),
            next: 0,
            owners: BTreeMap::new(),
            last_join: Instant::now(),
            settled: 0,
        })
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Lets so many more members join.
    pub fn gain(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..count {
            let token = self.next;
            self.next += 1;
            let mut member = Member::new();
            let mut connection = Connection::open(self.address, self.poll.registry(), Token(token))?;
            connection.send(&member.join(&self.plan)?)?;
            self.last_join = Instant::now();
            self.places.insert(token, Place { member, connection, due: self.last_join, put_off: None });
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
        self.until(|place| !leaving.contains(&place.0) || !place.1.connection.is_waiting())?;
        for token in &leaving {
            let Some(place) = self.places.get_mut(token) else { continue };
            let goodbye = place.member.leave(&self.plan);
            place.connection.send(&goodbye)?;
        }
        self.until(|place| !leaving.contains(&place.0) || place.1.member.phase == Phase::Left)?;
        self.places.retain(|token, _| !leaving.contains(token));
        Ok(())
    }

    /// Waits until all members are in one generation later than the last that settled, and together own each partition
    /// once; `began` is when the change began.
    pub fn settle(&mut self, began: Instant) -> Result<Settled, Failure> {
        loop {
            self.until(|(_, place)| matches!(place.member.phase, Phase::Stable { .. }))?;
            let generations = self.generations();
            let newest = generations.keys().copied().max().unwrap_or(self.settled);
            let everything = self.owned() == self.plan.partitions as usize;
            if generations.len() == 1 && newest > self.settled && everything {
                self.settled = newest;
                return Ok(Settled { wall: began.elapsed(), after_last_join: self.last_join.elapsed() });
            }
            // Some have not heard yet that the group has moved on, or that somebody is missing.
            self.turn()?;
            if began.elapsed() > PATIENCE {
                return Err(self.too_late());
            }
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
        let now = Instant::now();
        let due =
            self.places.values().filter(|place| !place.connection.is_waiting()).map(|place| place.due).min();
        let wait = due.map_or(LATER, |due| due.saturating_duration_since(now).min(LATER));
        self.poll.poll(&mut events, Some(wait))?;
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
        match place.member.answered(&self.plan, response)? {
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
        let Some(Phase::Stable { generation, owned }) =
            self.places.get(&token).map(|place| &place.member.phase)
        else {
            return Ok(());
        };
        for &partition in owned {
            let owner = *self.owners.entry((*generation, partition)).or_insert(token);
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
        for place in self.places.values_mut() {
            if place.due > now || place.connection.is_waiting() {
                continue;
            }
            let put_off = place.put_off.take();
            if put_off.is_some() {
                self.last_join = now;
            }
            if let Some(request) = put_off.or_else(|| place.member.heartbeat(&self.plan)) {
                place.connection.send(&request)?;
            }
        }
        Ok(())
    }

    /// How many members are in each generation.
    fn generations(&self) -> BTreeMap<i32, usize> {
        let mut counts = BTreeMap::new();
        for place in self.places.values() {
            if let Phase::Stable { generation, .. } = place.member.phase {
                *counts.entry(generation).or_default() += 1;
            }
        }
        counts
    }

    /// How many partitions the members own, of which no two are the same within a generation.
    fn owned(&self) -> usize {
        let owned = |place: &Place| match &place.member.phase {
            Phase::Stable { owned, .. } => owned.len(),
            Phase::Joining | Phase::Syncing(_) | Phase::Leaving | Phase::Left => 0,
        };
        self.places.values().map(owned).sum()
    }

    fn too_late(&self) -> Failure {
        let joining = self.places.values().filter(|place| place.member.phase == Phase::Joining).count();
        let state = format!(
            "{} members, {joining} joining, members by generation {:?}, {} partitions owned",
            self.places.len(),
            self.generations(),
            self.owned()
        );
        Failure::TooLate { seconds: PATIENCE.as_secs(), state }
    }
}
