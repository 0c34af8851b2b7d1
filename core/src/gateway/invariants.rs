//! What is true of a machine after every step.

use super::{Connection, Gateway, Stage, Timer};

/// In debug builds everything is walked after so many steps.
#[cfg(debug_assertions)]
const WALK_EVERY: u64 = 1024;

impl Gateway {
    /// Walks everything: connections, partitions, groups, sessions, and the timers of each.
    ///
    /// # Panics
    /// Something does not hold: our own mistake, since nothing that a client, a log or a clock says leads here.
    pub fn check_invariants(&self) {
        self.connections.values().for_each(Connection::check_invariants);
        for (log, partition) in self.partitions.iter() {
            let shards = self.around.settings.shards;
            assert!(
                log.owner(shards) == self.around.settings.shard,
                "{log} is open on a shard that is not its owner"
            );
            assert!(
                self.around.image.topic_by_id(log.topic).is_some(),
                "{log} is open and not in the catalogue"
            );
            partition.check_invariants();
        }
        self.coordinators.check_invariants();
        self.around.sessions.check_invariants();
        self.check_timers();
        assert!(self.around.mail.is_empty(), "a message of the shard to itself was not read");
        if self.stage == Stage::Drained {
            assert!(self.around.stores.is_empty(), "the shard is at rest and its engine is not");
        }
    }

    /// Nothing is waited for without an end, and nothing that is over has a deadline.
    fn check_timers(&self) {
        for timer in self.timers.keys() {
            match timer {
                Timer::Request(conn, request) => {
                    let waits = self.connections.get(&conn).is_some_and(|connection| {
                        connection.responses.waiting().any(|(number, _)| number == request)
                    });
                    assert!(waits, "request {request} of connection {conn} has a deadline and does not wait");
                }
                Timer::Turn(conn) | Timer::Idle(conn) => {
                    assert!(self.connections.contains_key(&conn), "{timer:?} of a connection that is gone");
                }
                Timer::Catalogue | Timer::Retention | Timer::Cleaner | Timer::Groups => {}
            }
        }
        for (conn, connection) in &self.connections {
            for (request, slot) in connection.responses.waiting() {
                let parked = slot.pending.parked_fetch().is_some();
                let timed = self.timers.has(Timer::Request(*conn, request));
                assert!(timed || !parked, "fetch {request} of connection {conn} waits for ever");
            }
        }
        assert!(
            self.timers.has(Timer::Groups) == self.coordinators.next_deadline().is_some(),
            "groups and the deadline of the shard for them"
        );
    }

    /// After a step of a debug build: everything, now and then.
    #[cfg(debug_assertions)]
    pub(super) fn check_now_and_then(&mut self) {
        self.steps += 1;
        if self.steps.is_multiple_of(WALK_EVERY) {
            self.check_invariants();
        }
    }
}
