//! A consumer's side of fetch sessions (KIP-227, `FetchSessionHandler`): a session once made, only what has changed is
//! asked for.

use std::collections::BTreeMap;

use kelpgate_core::protocol::{ErrorCode, Str};
use kelpgate_core::uuid::Uuid;

/// A partition of a session. The id is zero where topics go by name.
pub type Key = (Str, Uuid, i32);

/// From where a partition is read, as a request says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub offset: i64,
    /// Of the leader, as far as the client knows; -1 if it does not (KIP-320).
    pub leader_epoch: i32,
    /// Of the last record that was read; -1 if there was none (KIP-595).
    pub fetched_epoch: i32,
}

/// A session, or how fetches go without one.
#[derive(Debug)]
pub struct Session {
    state: State,
    /// What the node knows from earlier requests.
    known: BTreeMap<Key, Spot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Every request names everything.
    Without,
    /// The next request makes a session, and closes this one unless it is 0.
    New {
        close: i32,
    },
    Open {
        id: i32,
        epoch: i32,
    },
}

/// What goes into the next request.
#[derive(Debug, PartialEq, Eq)]
pub struct Next {
    pub id: i32,
    pub epoch: i32,
    pub asked: Vec<(Key, Spot)>,
    pub forgotten: Vec<Key>,
}

impl Session {
    /// `wanted`: whether sessions are made use of at all.
    pub fn new(wanted: bool) -> Session {
        let state = if wanted { State::New { close: 0 } } else { State::Without };
        Session { state, known: BTreeMap::new() }
    }

    /// The next request for these.
    pub fn next(&mut self, wanted: BTreeMap<Key, Spot>) -> Next {
        let (id, epoch) = match self.state {
            State::Without => (0, -1),
            State::New { close } => (close, 0),
            State::Open { id, epoch } => (id, epoch),
        };
        let whole = epoch <= 0;
        let asked = wanted.iter().filter(|(key, spot)| whole || self.known.get(key) != Some(spot));
        let asked = asked.map(|(key, spot)| (key.clone(), *spot)).collect();
        let forgotten = self.known.keys().filter(|key| !whole && !wanted.contains_key(*key));
        let forgotten = forgotten.cloned().collect();
        self.known = wanted;
        Next { id, epoch, asked, forgotten }
    }

    /// The request was answered, with this session id.
    pub fn answered(&mut self, error: ErrorCode, told: i32) {
        self.state = match (self.state, error) {
            (State::Without, _) => State::Without,
            (State::New { .. }, ErrorCode::NONE) if told == 0 => State::New { close: 0 },
            (State::New { .. }, ErrorCode::NONE) => State::Open { id: told, epoch: 1 },
            // Told 0, it was closed.
            (State::Open { .. }, ErrorCode::NONE) if told == 0 => State::New { close: 0 },
            (State::Open { id, epoch: i32::MAX }, ErrorCode::NONE) => State::Open { id, epoch: 1 },
            (State::Open { id, epoch }, ErrorCode::NONE) => State::Open { id, epoch: epoch + 1 },
            (_, ErrorCode::FETCH_SESSION_ID_NOT_FOUND) => State::New { close: 0 },
            (state, _) => state.anew(),
        };
    }

    /// The request was not answered.
    pub fn lost(&mut self) {
        self.state = self.state.anew();
    }
}

impl State {
    /// Another session in the place of this one.
    fn anew(self) -> State {
        match self {
            State::Without => State::Without,
            State::New { close } => State::New { close },
            State::Open { id, .. } => State::New { close: id },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(positions: &[(i32, i64)]) -> BTreeMap<Key, Spot> {
        positions.iter().map(|(partition, offset)| (key(*partition), spot(*offset, 3))).collect()
    }

    fn spot(offset: i64, leader_epoch: i32) -> Spot {
        Spot { offset, leader_epoch, fetched_epoch: -1 }
    }

    fn key(partition: i32) -> Key {
        ("t".into(), Uuid::ZERO, partition)
    }

    #[test]
    fn an_open_session_is_told_what_changed_and_what_is_gone() {
        let mut session = Session::new(true);
        let first = session.next(at(&[(0, 5), (1, 5)]));
        assert_eq!((first.id, first.epoch, first.asked.len()), (0, 0, 2));
        session.answered(ErrorCode::NONE, 77);
        let second = session.next(at(&[(1, 5), (2, 0)]));
        assert_eq!(
            second,
            Next { id: 77, epoch: 1, asked: vec![(key(2), spot(0, 3))], forgotten: vec![key(0)] }
        );
    }

    #[test]
    fn an_open_session_is_told_of_another_leader() {
        let mut session = Session::new(true);
        session.next(at(&[(0, 5), (1, 5)]));
        session.answered(ErrorCode::NONE, 77);
        let mut later = at(&[(0, 5), (1, 5)]);
        later.insert(key(1), spot(5, 4));
        assert_eq!(session.next(later).asked, [(key(1), spot(5, 4))]);
    }

    #[test]
    fn a_session_that_may_be_behind_is_replaced_by_another() {
        let mut session = Session::new(true);
        session.next(at(&[(0, 5)]));
        session.answered(ErrorCode::NONE, 77);
        session.next(at(&[(0, 6)]));
        session.lost();
        let next = session.next(at(&[(0, 6)]));
        assert_eq!((next.id, next.epoch, next.asked.len()), (77, 0, 1));
        session.answered(ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0);
        assert_eq!(session.next(at(&[(0, 6)])).id, 0);
    }
}
