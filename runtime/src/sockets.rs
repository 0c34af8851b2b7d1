use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use kelpgate_shard::{Action, ConnId, Drive, Event, Instant, Now, Pieces, READ_BUDGET};

use crate::accepting::{Accept, Accepting};
use crate::census::Census;
use crate::connections::{Cause, Connection, Connections, Stage};
use crate::network::{Network, Readiness, Socket};
use crate::receive::ReceiveBuffer;

/// Reads of one connection in one turn: bounds what a peer costs that sends many small packets.
const READS_PER_TURN: usize = 64;

/// Bytes written to one connection in one turn: a peer that reads as fast as we write does not keep the shard.
const WRITE_BUDGET: usize = 1024 * 1024;

/// How long a connection that is being closed may take to drain.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// The connections of a shard and who of them is next to be read and written.
pub(crate) struct Sockets<N: Network, M> {
    pub(crate) network: N,
    /// What the shard is to be told, in order: `Flushed` and `Closed`.
    pub(crate) news: Vec<Event<M>>,
    accepting: Accepting,
    census: Census,
    connections: Connections<N::Socket>,
    receive: ReceiveBuffer,
    to_read: VecDeque<ConnId>,
    to_write: VecDeque<ConnId>,
    /// All get the same time, so the first is due first.
    closing: VecDeque<(Instant, ConnId)>,
}

impl<N: Network, M> Sockets<N, M> {
    pub(crate) fn new(network: N, census: Census) -> Sockets<N, M> {
        Sockets {
            network,
            news: Vec::new(),
            accepting: Accepting::default(),
            census,
            connections: Connections::new(),
            receive: ReceiveBuffer::new(),
            to_read: VecDeque::new(),
            to_write: VecDeque::new(),
            closing: VecDeque::new(),
        }
    }

    pub(crate) fn listen(&mut self, listeners: Vec<TcpListener>) -> io::Result<()> {
        let count = listeners.len();
        self.network.listen(listeners)?;
        self.accepting.listen(count);
        Ok(())
    }

    pub(crate) fn stop_listening(&mut self) {
        self.network.stop_listening();
        self.accepting.stop();
    }

    pub(crate) fn listener_ready(&mut self, listener: u16) {
        self.accepting.ready(listener);
    }

    pub(crate) fn ready(&mut self, conn: ConnId, readiness: Readiness) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        connection.socket.note(readiness);
        if readiness.readable || readiness.ended {
            queue_to_read(&mut self.to_read, conn, connection);
        }
        if readiness.writable {
            connection.full = false;
            queue_to_write(&mut self.to_write, conn, connection);
        }
    }

    pub(crate) fn accept<D: Drive<Message = M>>(
        &mut self,
        now: Now,
        drive: &mut D,
        actions: &mut Vec<Action<M>>,
    ) {
        let Sockets { accepting, census, network, connections, to_read, .. } = self;
        let trouble = accepting.turn(now.mono, |listener| {
            let conn =
                connections.next_id().ok_or_else(|| io::Error::other("the shard's slots are all taken"))?;
            let accepted = match network.accept(listener, conn) {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Accept::Nothing),
                Err(error) => return Err(error),
            };
            let address = accepted.peer.ip();
            connections.insert(conn, accepted.socket, address);
            let (peer, local) = (accepted.peer.to_string(), accepted.local.to_string());
            let others = census.enter(address);
            drive.handle(now, Event::Opened { conn, peer, local, listener, others }, actions);
            // The first read also asks to be told of bytes to come.
            if let Some(connection) = connections.get_mut(conn) {
                queue_to_read(to_read, conn, connection);
            }
            Ok(Accept::Taken)
        });
        if let Some((level, text)) = trouble {
            actions.push(Action::Log { level, text });
        }
    }

    /// Reads each connection whose turn it is, once, up to its budget; who has more goes to the end of the queue.
    pub(crate) fn read<D: Drive<Message = M>>(
        &mut self,
        now: Now,
        drive: &mut D,
        actions: &mut Vec<Action<M>>,
    ) {
        for _ in 0..self.to_read.len() {
            let Some(conn) = self.to_read.pop_front() else { break };
            let Some(connection) = self.connections.get_mut(conn) else { continue };
            connection.queued_to_read = false;
            let keep = matches!(connection.stage, Stage::Open { .. });
            if matches!(connection.stage, Stage::Open { paused: true } | Stage::Flushing { .. }) {
                continue;
            }
            let outcome = read_budget(&mut connection.socket, &mut self.receive, |bytes| {
                if keep {
                    drive.handle(now, Event::Received { conn, bytes }, actions);
                }
            });
            match outcome {
                Ok(Read::All) => {}
                Ok(Read::Budget) => queue_to_read(&mut self.to_read, conn, connection),
                Ok(Read::Ended) if keep => self.start_closing(conn, now.mono, Cause::PeerEnded),
                Ok(Read::Ended) | Err(_) => self.remove(conn),
            }
        }
    }

    pub(crate) fn send(&mut self, conn: ConnId, pieces: Pieces) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        match connection.stage {
            Stage::Open { .. } | Stage::Flushing { cause: Cause::PeerEnded, .. } => {
                connection.unsent.push(pieces);
                queue_to_write(&mut self.to_write, conn, connection);
            }
            // Close was asked for before.
            Stage::Flushing { cause: Cause::Asked { .. }, .. } | Stage::Lingering => {}
        }
    }

    pub(crate) fn pause(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(conn)
            && let Stage::Open { paused } = &mut connection.stage
        {
            *paused = true;
        }
    }

    pub(crate) fn resume(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(conn)
            && let Stage::Open { paused } = &mut connection.stage
        {
            *paused = false;
            queue_to_read(&mut self.to_read, conn, connection);
        }
    }

    /// Closes once what was to be sent is sent, within [`CLOSE_WITHIN`].
    pub(crate) fn close(&mut self, conn: ConnId, now: Instant) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        let owing = !connection.unsent.is_empty();
        self.start_closing(conn, now, Cause::Asked { owing });
    }

    pub(crate) fn close_all(&mut self, now: Instant) {
        for conn in self.connections.ids() {
            self.close(conn, now);
        }
    }

    fn start_closing(&mut self, conn: ConnId, now: Instant, cause: Cause) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        if let Stage::Open { .. } = connection.stage {
            connection.stage = Stage::Flushing { cause };
            self.closing.push_back((now + CLOSE_WITHIN, conn));
            // The end of writing, reached at once when nothing is unsent, goes on with closing.
            if !std::mem::replace(&mut connection.queued_to_write, true) {
                self.to_write.push_back(conn);
            }
        }
    }

    /// Writes to each connection that has something to send and room, up to its budget.
    pub(crate) fn write(&mut self) {
        for _ in 0..self.to_write.len() {
            let Some(conn) = self.to_write.pop_front() else { break };
            let Some(connection) = self.connections.get_mut(conn) else { continue };
            connection.queued_to_write = false;
            let (written, outcome) = write_budget(connection);
            if written > 0 {
                self.news.push(Event::Flushed { conn, bytes: written });
            }
            match outcome {
                Ok(Write::All) => self.all_sent(conn),
                Ok(Write::Full) => connection.full = true,
                Ok(Write::Budget) => queue_to_write(&mut self.to_write, conn, connection),
                Err(_) => self.remove(conn),
            }
        }
    }

    /// The next step of a connection that is being closed.
    fn all_sent(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        let owing = match connection.stage {
            Stage::Open { .. } | Stage::Lingering => return,
            Stage::Flushing { cause: Cause::PeerEnded } => return self.remove(conn),
            Stage::Flushing { cause: Cause::Asked { owing } } => owing,
        };
        let mut unread = 0;
        let outcome = read_budget(&mut connection.socket, &mut self.receive, |bytes| unread += bytes.len());
        let at_rest = match outcome {
            Ok(Read::All) => !owing && unread == 0,
            Ok(Read::Budget) => false,
            Ok(Read::Ended) | Err(_) => true,
        };
        if at_rest || connection.socket.end_writing().is_err() {
            return self.remove(conn);
        }
        connection.stage = Stage::Lingering;
        queue_to_read(&mut self.to_read, conn, connection);
    }

    fn remove(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.remove(conn) {
            self.census.leave(connection.address);
            self.news.push(Event::Closed { conn });
        }
    }

    /// Closes those that had their time to drain.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(&(deadline, conn)) = self.closing.front()
            && deadline <= now
        {
            self.closing.pop_front();
            self.remove(conn);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let closing = self.closing.front().map(|(deadline, _)| *deadline);
        closing.into_iter().chain(self.accepting.next_deadline()).min()
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.to_read.is_empty()
            || !self.to_write.is_empty()
            || !self.news.is_empty()
            || self.accepting.has_work()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }
}

fn queue_to_read<S>(queue: &mut VecDeque<ConnId>, conn: ConnId, connection: &mut Connection<S>) {
    if !connection.queued_to_read {
        connection.queued_to_read = true;
        queue.push_back(conn);
    }
}

fn queue_to_write<S>(queue: &mut VecDeque<ConnId>, conn: ConnId, connection: &mut Connection<S>) {
    if !connection.queued_to_write && !connection.full && !connection.unsent.is_empty() {
        connection.queued_to_write = true;
        queue.push_back(conn);
    }
}

/// How a connection's turn to be read ended.
enum Read {
    /// Nothing is left; the socket will say when there is more.
    All,
    /// There may be more.
    Budget,
    /// The peer ended its side.
    Ended,
}

fn read_budget<S: Socket>(
    socket: &mut S,
    receive: &mut ReceiveBuffer,
    mut take: impl FnMut(bytes::Bytes),
) -> io::Result<Read> {
    let mut left = READ_BUDGET;
    for _ in 0..READS_PER_TURN {
        match receive.read(left, |into| socket.read(into)) {
            Ok(bytes) if bytes.is_empty() => return Ok(Read::Ended),
            Ok(bytes) => {
                left -= bytes.len();
                take(bytes);
                if left == 0 {
                    return Ok(Read::Budget);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Read::All),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Read::Budget)
}

/// How a connection's turn to be written ended.
enum Write {
    /// Nothing is left to be sent.
    All,
    /// The socket takes no more; it will say when it does.
    Full,
    /// The socket may take more.
    Budget,
}

fn write_budget<S: Socket>(connection: &mut Connection<S>) -> (usize, io::Result<Write>) {
    let mut written = 0;
    while !connection.unsent.is_empty() {
        if written >= WRITE_BUDGET {
            return (written, Ok(Write::Budget));
        }
        match connection.unsent.write(|parts| connection.socket.write(parts)) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(some) => written += some,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (written, Ok(Write::Full)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(Write::All))
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;
    use std::net::Ipv4Addr;

    use bytes::Bytes;

    use super::*;
    use crate::Accepted;

    /// Takes everything it is offered and never has anything to read.
    struct Greedy;

    impl Socket for Greedy {
        fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
            Ok(parts.iter().map(|part| part.len()).sum())
        }

        fn end_writing(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn note(&mut self, _readiness: Readiness) {}
    }

    struct NoNetwork;

    impl Network for NoNetwork {
        type Socket = Greedy;

        fn listen(&mut self, _listeners: Vec<TcpListener>) -> io::Result<()> {
            Ok(())
        }

        fn accept(&mut self, _listener: u16, _conn: ConnId) -> io::Result<Accepted<Greedy>> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn stop_listening(&mut self) {}
    }

    #[test]
    fn a_peer_that_takes_everything_gets_a_budget_in_a_turn() {
        const PARTS: usize = 100;
        let mut sockets: Sockets<NoNetwork, ()> = Sockets::new(NoNetwork, Census::default());
        let conns = [(); 2].map(|()| {
            let conn = sockets.connections.next_id().unwrap();
            sockets.connections.insert(conn, Greedy, Ipv4Addr::LOCALHOST.into());
            conn
        });
        let part = Bytes::from(vec![0; WRITE_BUDGET / 10]);
        for _ in 0..PARTS {
            conns.iter().for_each(|conn| sockets.send(*conn, part.clone().into()));
        }
        let mut flushed = [0; 2];
        while sockets.has_work() {
            sockets.write();
            for event in sockets.news.drain(..) {
                let Event::Flushed { conn, bytes } = event else { panic!("{event:?}") };
                // The last write of a turn begins below the budget and is offered so many parts at the most.
                assert!(bytes < WRITE_BUDGET + 64 * part.len());
                flushed[usize::from(conn == conns[1])] += bytes;
            }
            assert!(flushed[0].abs_diff(flushed[1]) < WRITE_BUDGET, "both have their turn");
        }
        assert_eq!(flushed, [PARTS * part.len(); 2]);
    }
}
