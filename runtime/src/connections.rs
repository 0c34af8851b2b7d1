use std::net::IpAddr;

use kelpgate_shard::ConnId;

use crate::unsent::Unsent;

/// The low bits of a [`ConnId`] name a slot, the high bits count: ids rise, are never reused, and are found without a
/// search. A million connections per shard, sixteen million million in its life.
const SLOT_BITS: u32 = 20;

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Both sides may send.
    Open { paused: bool },
    /// No more is read; what is unsent goes out.
    Flushing { cause: Cause },
    /// Our side has ended. Input is thrown away until the peer ends too: closing with unread input would make the
    /// kernel reset the connection and with it an answer on its way.
    Lingering,
}

/// Why a connection is being closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The shard asked, at a moment when it still had something to send or not.
    Asked { owing: bool },
    /// The peer ended its side; answers given in the same turn still go out.
    PeerEnded,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    pub(crate) socket: S,
    /// Where it comes from.
    pub(crate) address: IpAddr,
    pub(crate) stage: Stage,
    pub(crate) unsent: Unsent,
    /// In the queue of those to be read.
    pub(crate) queued_to_read: bool,
    /// In the queue of those to be written.
    pub(crate) queued_to_write: bool,
    /// The socket took less than it was offered and has not said since that it has room.
    pub(crate) full: bool,
}

/// All connections of a shard.
pub(crate) struct Connections<S> {
    slots: Vec<Slot<S>>,
    free: Vec<usize>,
    opened: u64,
}

struct Slot<S> {
    id: ConnId,
    connection: Option<Connection<S>>,
}

impl<S> Connections<S> {
    pub(crate) fn new() -> Connections<S> {
        Connections { slots: Vec::new(), free: Vec::new(), opened: 0 }
    }

    /// The id of the next connection to be inserted; `None` when the shard has as many as it can name.
    pub(crate) fn next_id(&self) -> Option<ConnId> {
        let slot = self.free.last().copied().unwrap_or(self.slots.len());
        (slot < 1 << SLOT_BITS).then(|| ConnId(((self.opened + 1) << SLOT_BITS) | slot as u64))
    }

    /// Takes the connection in under the id that [`next_id`](Self::next_id) gave.
    pub(crate) fn insert(&mut self, id: ConnId, socket: S, address: IpAddr) {
        assert_eq!(Some(id), self.next_id());
        self.opened += 1;
        let connection = Connection {
            socket,
            address,
            stage: Stage::Open { paused: false },
            unsent: Unsent::default(),
            queued_to_read: false,
            queued_to_write: false,
            full: false,
        };
        let slot = Slot { id, connection: Some(connection) };
        match self.free.pop() {
            Some(index) => self.slots[index] = slot,
            None => self.slots.push(slot),
        }
    }

    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection<S>> {
        self.slots.get_mut(index(id)).filter(|slot| slot.id == id)?.connection.as_mut()
    }

    pub(crate) fn remove(&mut self, id: ConnId) -> Option<Connection<S>> {
        let index = index(id);
        let removed = self.slots.get_mut(index).filter(|slot| slot.id == id)?.connection.take();
        if removed.is_some() {
            self.free.push(index);
        }
        removed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    pub(crate) fn ids(&self) -> Vec<ConnId> {
        self.slots.iter().filter(|slot| slot.connection.is_some()).map(|slot| slot.id).collect()
    }
}

fn index(id: ConnId) -> usize {
    (id.0 & ((1 << SLOT_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn ids_rise_and_an_old_one_finds_nothing() {
        let mut connections = Connections::new();
        let mut last = ConnId(0);
        for round in 0..100 {
            let id = connections.next_id().unwrap();
            assert!(id > last);
            connections.insert(id, round, Ipv4Addr::LOCALHOST.into());
            assert_eq!(connections.get_mut(id).unwrap().socket, round);
            assert!(connections.get_mut(last).is_none());
            assert!(connections.remove(id).is_some());
            assert!(connections.remove(id).is_none());
            last = id;
        }
        assert!(connections.is_empty());
        assert_eq!(connections.slots.len(), 1);
    }
}
