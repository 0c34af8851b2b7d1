//! Connections made by hand.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use kelpgate_core::protocol::{EncodeError, Request, Response};

use super::TestServer;
use crate::check::Violation;
use crate::client::port::Port;
use crate::client::{Client, Context, Happening};
use crate::history::ClientId;
use crate::network::LinkId;

/// Most memory that one decoded answer may take.
const BUDGET: usize = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("the node closed the connection")]
    Closed,
    #[error(transparent)]
    Node(#[from] Violation),
    #[error("the request cannot be encoded: {0}")]
    Request(#[from] EncodeError),
    /// It cannot be read, was not asked for, or was not the next.
    #[error("{0}")]
    Answer(String),
}

/// One end of a connection to a [`TestServer`]; the other program holds it.
pub struct Connection {
    client: ClientId,
    ends: Rc<RefCell<Ends>>,
}

/// What goes between whoever holds the connection and the client that sits in the world for it.
struct Ends {
    to_send: VecDeque<Bytes>,
    port: Port,
    stands: bool,
    closed: bool,
    hang_up: bool,
}

/// The client in the world: passes on bytes, both ways.
struct Hand {
    ends: Rc<RefCell<Ends>>,
    link: Option<LinkId>,
}

impl Client for Hand {
    fn name(&self) -> String {
        "a connection made by hand".into()
    }

    fn step(&mut self, happening: Happening, cx: &mut Context<'_>) {
        let mut ends = self.ends.borrow_mut();
        match happening {
            Happening::Started => self.link = Some(cx.connect()),
            Happening::Connected { link } => {
                ends.stands = true;
                cx.send_raw(link, Bytes::new());
            }
            Happening::Bytes { bytes, .. } => ends.port.received(&bytes),
            Happening::Closed { .. } => {
                ends.closed = true;
                self.link = None;
            }
            Happening::Woken | Happening::Healed | Happening::Answered { .. } => {}
        }
        let Some(link) = self.link else { return };
        if ends.stands {
            ends.to_send.drain(..).for_each(|bytes| cx.send_raw(link, bytes));
        }
        if ends.hang_up {
            cx.close(link);
            ends.closed = true;
            self.link = None;
        }
    }

    fn is_done(&self) -> bool {
        true
    }
}

impl TestServer {
    /// Connects, and waits until the connection stands.
    ///
    /// # Errors
    /// [`AskError::Closed`] when the node is down.
    pub fn connect(&mut self) -> Result<Connection, AskError> {
        let ends = Rc::new(RefCell::new(Ends {
            to_send: VecDeque::new(),
            port: Port::new("test", BUDGET),
            stands: false,
            closed: false,
            hang_up: false,
        }));
        let client = self.world.add_client(Box::new(Hand { ends: ends.clone(), link: None }), 0);
        let connection = Connection { client, ends };
        self.until("a connection stands or is refused", |_| {
            let ends = connection.ends.borrow();
            ends.stands || ends.closed
        })?;
        if connection.is_closed() { Err(AskError::Closed) } else { Ok(connection) }
    }
}

impl Connection {
    /// Sends bytes; they arrive as time passes.
    pub fn send(&mut self, server: &mut TestServer, bytes: Bytes) {
        self.ends.borrow_mut().to_send.push_back(bytes);
        server.world.poke(self.client);
    }

    /// What has arrived and was not taken yet.
    pub fn take(&mut self) -> Bytes {
        self.ends.borrow_mut().port.take()
    }

    /// Whether the node has closed the connection, or this end has.
    pub fn is_closed(&self) -> bool {
        self.ends.borrow().closed
    }

    /// Closes this end.
    pub fn close(&mut self, server: &mut TestServer) {
        self.ends.borrow_mut().hang_up = true;
        server.world.poke(self.client);
    }

    /// Sends a request without waiting for the answer, which comes with [`Connection::answer`].
    ///
    /// # Errors
    /// When the request cannot be put into that version.
    pub fn send_request(
        &mut self,
        server: &mut TestServer,
        version: i16,
        request: impl Into<Request>,
    ) -> Result<(), AskError> {
        let (_, frame) = self.ends.borrow_mut().port.frame(server.world.now(), version, &request.into())?;
        self.send(server, frame);
        Ok(())
    }

    /// The answer to the oldest request without one, if it has arrived.
    ///
    /// # Errors
    /// When it cannot be read, was not asked for, or is not the next one.
    pub fn answer(&mut self) -> Result<Option<Response>, AskError> {
        let answer = self.ends.borrow_mut().port.answer().map_err(AskError::Answer)?;
        Ok(answer.map(|(_, response)| response))
    }

    /// Sends a request and lets time pass until its answer is there; earlier answers must have been taken.
    ///
    /// # Errors
    /// When the node closes the connection, or does not answer within a minute.
    pub fn ask(
        &mut self,
        server: &mut TestServer,
        version: i16,
        request: impl Into<Request>,
    ) -> Result<Response, AskError> {
        self.send_request(server, version, request)?;
        let mut answer = Ok(None);
        server.until("a request is answered", |_| {
            answer = self.answer();
            !matches!(answer, Ok(None)) || self.is_closed()
        })?;
        answer?.ok_or(AskError::Closed)
    }
}
