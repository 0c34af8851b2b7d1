//! Connections between clients and nodes. Bytes of one direction arrive in order; everything else is up to the
//! conditions: how they are cut into pieces, when each piece arrives, how much fits on the way, and who learns of an end.

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use kelpgate_core::time::Instant;

use crate::agenda::Agenda;
use crate::random::Random;

/// One connection; rising, never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LinkId(pub u64);

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// From the client to the node.
    Up,
    /// From the node to the client.
    Down,
}

/// What connections are like.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// How long a piece takes.
    pub delay: RangeInclusive<Duration>,
    /// One piece in so many takes up to a hundred times as long; 0: none.
    pub late: usize,
    /// One send in so many is cut at random places; 0: none.
    pub cut: usize,
    /// One send in so many arrives in one piece with what was sent before it, if that is still on its way; 0: none.
    pub merge: usize,
    /// Most bytes on the way to one client: what a node sends beyond waits at the node.
    pub window: usize,
}

impl Conditions {
    /// A good network.
    pub fn calm() -> Conditions {
        let delay = Duration::from_micros(50)..=Duration::from_micros(200);
        Conditions { delay, late: 0, cut: 0, merge: 0, window: 1 << 20 }
    }
}

/// What comes to an end of a connection.
#[derive(Debug)]
pub enum Arrival {
    Bytes(Bytes),
    /// The other side is gone.
    End,
}

/// An arrival is due at one end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    pub link: LinkId,
    pub way: Way,
}

/// One direction of one connection.
#[derive(Debug, Default)]
struct Lane {
    /// In order; each has an entry in the agenda.
    on_the_way: VecDeque<Arrival>,
    bytes: usize,
    /// Nothing may arrive before what was sent earlier.
    last: Instant,
    /// Nothing more can be sent.
    ended: bool,
}

#[derive(Debug, Default)]
struct Link {
    up: Lane,
    down: Lane,
    /// Nothing arrives before then.
    held_until: Instant,
    /// What is sent either way is lost, and neither side is told.
    silent: bool,
    slow: bool,
    /// The client reads nothing: what is sent to it stays on the way.
    deaf: bool,
}

/// All connections there are.
#[derive(Debug)]
pub struct Network {
    links: BTreeMap<LinkId, Link>,
    /// For connections made or used from now on.
    pub conditions: Conditions,
    random: Random,
    /// Nothing arrives anywhere before then: the network is down.
    down_until: Instant,
}

impl Network {
    pub fn new(conditions: Conditions, random: Random) -> Network {
        Network { links: BTreeMap::new(), conditions, random, down_until: Instant::default() }
    }

    /// A new connection; `slow` ones have a reader that takes its time.
    pub fn open(&mut self, link: LinkId, slow: bool) {
        self.links.insert(link, Link { slow, ..Link::default() });
    }

    /// Sends; pieces arrive when the agenda says.
    pub fn send<T: From<Due>>(&mut self, agenda: &mut Agenda<T>, now: Instant, due: Due, bytes: Bytes) {
        let mut rest = bytes;
        if self.random.chance(self.conditions.merge) {
            rest = self.merge(due, rest);
        }
        while !rest.is_empty() {
            let cut = self.random.chance(self.conditions.cut);
            let piece = rest.split_to(if cut { 1 + self.random.below(rest.len()) } else { rest.len() });
            self.put(agenda, now, due, Arrival::Bytes(piece));
        }
    }

    /// One side closes: the other learns of it after what was sent before.
    pub fn end<T: From<Due>>(&mut self, agenda: &mut Agenda<T>, now: Instant, due: Due) {
        self.put(agenda, now, due, Arrival::End);
        if let Some(link) = self.links.get_mut(&due.link) {
            link.lane(due.way).ended = true;
        }
    }

    /// The connection breaks: what is on its way is lost, both sides are told.
    pub fn reset<T: From<Due>>(&mut self, agenda: &mut Agenda<T>, now: Instant, link: LinkId) {
        for way in [Way::Up, Way::Down] {
            if let Some(found) = self.links.get_mut(&link) {
                let lane = found.lane(way);
                // The entries in the agenda find nothing; the new one is for the end.
                lane.on_the_way.clear();
                lane.bytes = 0;
            }
            self.end(agenda, now, Due { link, way });
        }
    }

    /// From now on nothing arrives, and nobody is told.
    pub fn silence(&mut self, link: LinkId) {
        if let Some(link) = self.links.get_mut(&link) {
            link.silent = true;
        }
    }

    /// From now on nothing of what is sent to the client arrives.
    pub fn deafen(&mut self, link: LinkId) {
        if let Some(link) = self.links.get_mut(&link) {
            link.deaf = true;
        }
    }

    /// Nothing arrives on this connection for a while.
    pub fn hold(&mut self, link: LinkId, until: Instant) {
        if let Some(link) = self.links.get_mut(&link) {
            link.held_until = until;
        }
    }

    /// Nothing arrives at all for a while.
    pub fn go_down(&mut self, until: Instant) {
        self.down_until = until;
    }

    /// Takes what arrives; `None` if it was lost or is held back.
    pub fn arrive<T: From<Due>>(
        &mut self,
        agenda: &mut Agenda<T>,
        now: Instant,
        due: Due,
    ) -> Option<Arrival> {
        let down_until = self.down_until;
        let link = self.links.get_mut(&due.link)?;
        let held_until = link.held_until.max(down_until);
        if held_until > now {
            agenda.put(held_until, due.into());
            return None;
        }
        let silent = link.silent;
        let lane = link.lane(due.way);
        let arrival = lane.on_the_way.pop_front()?;
        if let Arrival::Bytes(bytes) = &arrival {
            lane.bytes -= bytes.len();
        }
        (!silent).then_some(arrival)
    }

    /// How many more bytes a node may put on the way to a client.
    pub fn room(&self, link: LinkId) -> usize {
        let Some(link) = self.links.get(&link) else { return usize::MAX };
        let window = if link.slow { self.conditions.window.min(4096) } else { self.conditions.window };
        window.saturating_sub(link.down.bytes)
    }

    /// Connections of which neither side has ended.
    pub fn alive(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.links.iter().filter(|(_, link)| !link.up.ended && !link.down.ended).map(|(id, _)| *id)
    }

    /// Forgets a connection that both sides have done with.
    pub fn forget(&mut self, link: LinkId) {
        self.links.remove(&link);
    }

    /// Puts bytes to those that were sent last and are still on their way; gives back what found no place.
    fn merge(&mut self, due: Due, bytes: Bytes) -> Bytes {
        let Some(link) = self.links.get_mut(&due.link) else { return bytes };
        let lane = link.lane(due.way);
        match lane.on_the_way.back_mut() {
            Some(Arrival::Bytes(last)) if !lane.ended => {
                lane.bytes += bytes.len();
                *last = [&last[..], &bytes[..]].concat().into();
                Bytes::new()
            }
            Some(_) | None => bytes,
        }
    }

    fn put<T: From<Due>>(&mut self, agenda: &mut Agenda<T>, now: Instant, due: Due, arrival: Arrival) {
        let Some(link) = self.links.get_mut(&due.link) else { return };
        let slow = link.slow && due.way == Way::Down;
        let deaf = link.deaf && due.way == Way::Down;
        let lane = link.lane(due.way);
        if lane.ended {
            return;
        }
        let mut delay = self.random.time(self.conditions.delay.clone());
        if self.random.chance(self.conditions.late) {
            delay *= 1 + self.random.below(100) as u32;
        }
        if slow {
            delay += Duration::from_millis(20);
        }
        lane.last = lane.last.max(now + delay);
        if let Arrival::Bytes(bytes) = &arrival {
            lane.bytes += bytes.len();
        }
        lane.on_the_way.push_back(arrival);
        if !deaf {
            agenda.put(lane.last, due.into());
        }
    }
}

impl Link {
    fn lane(&mut self, way: Way) -> &mut Lane {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }
}
