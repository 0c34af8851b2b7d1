//! One connection with one request under way at a time, as Kafka's own clients keep it for a coordinator.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use kelpgate_core::protocol::{
    ApiKey, Request, RequestHeader, Response, Str, decode_response, encode_request,
};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::failure::Failure;

/// Most memory, in bytes, that a decoded answer may take.
const BUDGET: usize = 64 << 20;

/// The version in which each request is sent: the newest that Kafka 4.3 has too.
pub fn version(key: ApiKey) -> i16 {
    match key {
        ApiKey::DeleteGroups => 2,
        other => other.versions().last,
    }
}

/// A request as a frame; `number` comes back with its answer.
pub fn frame(request: &Request, number: i32) -> Result<Bytes, Failure> {
    let header = RequestHeader {
        api_key: request.api_key(),
        api_version: version(request.api_key()),
        correlation_id: number,
        client_id: Some(Str::from_static("group-load")),
        unknown_tags: Default::default(),
    };
    Ok(encode_request(&header, request)?.concat())
}

/// A connection that does not block.
pub struct Connection {
    stream: TcpStream,
    unsent: Bytes,
    received: BytesMut,
    asked: Option<ApiKey>,
    number: i32,
}

impl Connection {
    /// Begins to connect; what is sent meanwhile goes out later.
    pub fn open(address: SocketAddr, registry: &Registry, token: Token) -> Result<Connection, Failure> {
        let mut stream = TcpStream::connect(address)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Connection { stream, unsent: Bytes::new(), received: BytesMut::new(), asked: None, number: 0 })
    }

    /// Whether a request is under way.
    pub fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }

    /// Sends a request; none may be under way.
    pub fn send(&mut self, request: &Request) -> Result<(), Failure> {
        assert!(!self.is_waiting(), "one request at a time");
        self.number += 1;
        self.asked = Some(request.api_key());
        self.unsent = frame(request, self.number)?;
        self.flush()
    }

    /// Writes what the socket takes.
    pub fn flush(&mut self) -> Result<(), Failure> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(written) => self.unsent.advance(written),
                Err(error) if not_yet(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what is there; answers the response once it is whole.
    pub fn receive(&mut self) -> Result<Option<Response>, Failure> {
        let mut piece = [0; 16 << 10];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                Ok(count) => self.received.extend_from_slice(&piece[..count]),
                Err(error) if not_yet(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let Some(length) = self.received.first_chunk::<4>() else { return Ok(None) };
        let whole = 4 + u32::from_be_bytes(*length) as usize;
        if self.received.len() < whole {
            return Ok(None);
        }
        let answer = self.received.split_to(whole).freeze().slice(4..);
        let key = self.asked.take().ok_or(io::Error::from(ErrorKind::InvalidData))?;
        let (number, response) = decode_response(&answer, key, version(key), BUDGET)?;
        if number != self.number {
            return Err(Failure::OutOfTurn(key));
        }
        Ok(Some(response))
    }
}

/// Whether the socket has nothing to say right now, or is not connected yet.
fn not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
}
