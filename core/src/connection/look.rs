//! Looking at a connection without touching it.

use super::{Connection, Slot};
use crate::ids::ConnId;
use crate::inspect::{ConnectionView, HeldBytes, RequestState, RequestView};
use crate::request::Pending;

impl Connection {
    /// What it looks like.
    pub fn look(&self, conn: ConnId) -> ConnectionView {
        let request = |(number, slot): (u64, Option<&Slot>)| RequestView {
            number,
            state: slot.map_or(RequestState::Answered, state_of),
        };
        ConnectionView {
            conn,
            peer: self.peer.clone(),
            requests: self.responses.all().map(request).collect(),
            queued_frames: self.queue.len(),
            held: self.held(),
            paused: self.paused,
            closing: self.closing,
            last_active: self.last_active,
        }
    }

    /// Bytes that it keeps alive.
    pub fn held(&self) -> HeldBytes {
        HeldBytes {
            partial: self.frames.held(),
            queued: self.queued_bytes,
            in_flight: self.in_flight_bytes,
            unsent: self.unsent,
        }
    }

    /// How many fetches wait for records.
    pub fn parked_fetches(&self) -> usize {
        self.responses.waiting().filter(|(_, slot)| slot.pending.parked_fetch().is_some()).count()
    }

    /// Asserts what must hold after each step. Costs the length of what is queued and under way.
    ///
    /// # Panics
    /// Something does not hold: our own mistake.
    pub fn check_invariants(&self) {
        let queued: usize = self.queue.iter().map(bytes::Bytes::len).sum();
        assert!(queued == self.queued_bytes, "{queued} bytes are queued, {} are counted", self.queued_bytes);
        let in_flight: usize = self.responses.waiting().map(|(_, slot)| slot.frame_bytes).sum();
        assert!(
            in_flight == self.in_flight_bytes,
            "{in_flight} bytes are under way, {} are counted",
            self.in_flight_bytes
        );
        let nothing = self.responses.waiting().find(|(_, slot)| matches!(slot.pending, Pending::Nothing));
        assert!(nothing.is_none(), "a request waits for nothing");
    }
}

fn state_of(slot: &Slot) -> RequestState {
    let Slot { key, version, correlation_id, .. } = *slot;
    match slot.pending.parked_fetch() {
        Some(until) => RequestState::Parked { version, correlation_id, until },
        None => RequestState::Asked { key, version, correlation_id },
    }
}
