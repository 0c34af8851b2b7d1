use std::net::TcpListener;
use std::time::Instant;

use kelpgate_shard::{Action, ConnId, Drive, Event, Now};

use crate::RuntimeError;
use crate::carrier::Carrier;
use crate::mailbox::Delivery;
use crate::network::{Network, Readiness};
use crate::node::{Notice, Seat};
use crate::sockets::Sockets;

/// What a shard's thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There is more to do: look for what else happened, without waiting, and turn again.
    Again,
    /// Wait until something happens, not beyond this time if one is given.
    Wait(Option<Instant>),
    /// The shard has ended.
    Over,
}

/// Turns a shard: what happened goes in as events, what the shard asks for is carried out.
pub struct ShardLoop<D: Drive, N: Network> {
    drive: D,
    seat: Seat<D::Message>,
    carrier: Carrier<D::Message>,
    sockets: Sockets<N, D::Message>,
    actions: Vec<Action<D::Message>>,
    deliveries: Vec<Delivery<D::Message>>,
    phase: Phase,
    begun: bool,
}

/// How far the shard's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// The shard said that it is at rest or cannot go on; it still serves messages of others until they are, too.
    Stopped,
    /// All shards are at rest; connections are being closed.
    Ending,
}

impl<D: Drive, N: Network> ShardLoop<D, N> {
    /// A shard that has not begun.
    pub fn new(drive: D, seat: Seat<D::Message>, network: N) -> Self {
        let carrier = seat.carrier();
        let sockets = Sockets::new(network, seat.census.clone());
        ShardLoop {
            drive,
            seat,
            carrier,
            sockets,
            actions: Vec::new(),
            deliveries: Vec::new(),
            phase: Phase::Running,
            begun: false,
        }
    }

    /// A socket may have become readable or writable.
    pub fn socket_ready(&mut self, conn: ConnId, readiness: Readiness) {
        self.sockets.ready(conn, readiness);
    }

    /// A listener may have connections to accept.
    pub fn listener_ready(&mut self, listener: u16) {
        self.sockets.listener_ready(listener);
    }

    /// The sockets that accept, for the runtime to look after.
    pub fn network(&mut self) -> &mut N {
        &mut self.sockets.network
    }

    /// One turn. Does a bounded amount of work for each connection and never waits.
    pub fn turn(&mut self) -> Turn {
        let now = self.seat.clock.now();
        // The first tick lets the shard begin, before it hears of anything.
        if !std::mem::replace(&mut self.begun, true) {
            self.drive.handle(now, Event::Tick, &mut self.actions);
        }
        self.tell(now);
        self.take_deliveries(now);
        self.sockets.accept(now, &mut self.drive, &mut self.actions);
        self.sockets.read(now, &mut self.drive, &mut self.actions);
        if self.drive.next_deadline().is_some_and(|deadline| deadline <= now.mono) {
            self.drive.handle(now, Event::Tick, &mut self.actions);
        }
        self.finish(now);
        // What went down is told in the same turn: a shard that waited for room goes on without a system call between.
        if self.tell(now) {
            self.finish(now);
        }
        self.next()
    }

    /// Lets the shard batch what it held back, then carries out what it asked for.
    fn finish(&mut self, now: Now) {
        self.drive.end_turn(now, &mut self.actions);
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            self.carry_out(now, action);
        }
        self.actions = actions;
        self.sockets.write();
        self.sockets.expire(now.mono);
    }

    /// Tells the shard what the sockets have taken and which of them are gone.
    fn tell(&mut self, now: Now) -> bool {
        let any = !self.sockets.news.is_empty();
        let mut news = std::mem::take(&mut self.sockets.news);
        for event in news.drain(..) {
            self.drive.handle(now, event, &mut self.actions);
        }
        self.sockets.news = news;
        any
    }

    fn take_deliveries(&mut self, now: Now) {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        self.seat.mailbox.take(&mut deliveries);
        for delivery in deliveries.drain(..) {
            match delivery {
                Delivery::FromShard { from, message } => {
                    self.drive.handle(now, Event::FromShard { from, message }, &mut self.actions);
                }
                Delivery::File { ticket, outcome } => {
                    self.drive.handle(now, Event::File { ticket, outcome }, &mut self.actions);
                }
                Delivery::Rpc { ticket, outcome } => {
                    self.drive.handle(now, Event::Rpc { ticket, outcome }, &mut self.actions);
                }
                Delivery::Listen(listeners) => self.listen(listeners),
                Delivery::Stop => {
                    self.sockets.stop_listening();
                    self.drive.handle(now, Event::Stop, &mut self.actions);
                }
                Delivery::End => {
                    self.phase = Phase::Ending;
                    self.sockets.stop_listening();
                    self.sockets.close_all(now.mono);
                }
            }
        }
        self.deliveries = deliveries;
    }

    fn listen(&mut self, listeners: Vec<TcpListener>) {
        if let Err(source) = self.sockets.listen(listeners) {
            let what = "to accept connections".to_owned();
            self.seat.notify(Notice::Broken(RuntimeError::Start { what, source }));
        }
    }

    fn carry_out(&mut self, now: Now, action: Action<D::Message>) {
        match action {
            Action::Send { conn, pieces } => self.sockets.send(conn, pieces),
            Action::PauseReading { conn } => self.sockets.pause(conn),
            Action::ResumeReading { conn } => self.sockets.resume(conn),
            Action::Close { conn } => self.sockets.close(conn, now.mono),
            Action::File { ticket, lane, command } => self.carrier.file(ticket, lane, command),
            Action::Rpc(rpc) => self.carrier.rpc(rpc),
            Action::ToShard { to, message } => self.seat.post_to(to, message),
            Action::Answer { ticket, .. } => {
                let text = format!("it answered question {ticket}, which was not asked");
                self.seat.notify(Notice::Broken(RuntimeError::Failed { shard: self.seat.shard, text }));
            }
            Action::Log { level, text } => (self.seat.log)(level, &text),
            Action::Ready => self.seat.notify(Notice::Ready(self.seat.shard)),
            Action::Stopped { reason } => {
                if self.phase == Phase::Running {
                    self.phase = Phase::Stopped;
                    self.seat.notify(Notice::Stopped(self.seat.shard, reason));
                }
            }
        }
    }

    fn next(&self) -> Turn {
        if self.phase == Phase::Ending && self.sockets.is_empty() {
            return Turn::Over;
        }
        if !self.actions.is_empty() || self.sockets.has_work() {
            return Turn::Again;
        }
        let deadlines = [self.drive.next_deadline(), self.sockets.next_deadline()];
        Turn::Wait(deadlines.into_iter().flatten().min().and_then(|deadline| self.seat.clock.at(deadline)))
    }
}
