//! Answers of a filer, made readable.
//!
//! A filer tells a file's extended attributes as headers, and those of SeaweedMQ's log files (`offset_min` and the like) are
//! raw bytes, zeros among them, which no HTTP client takes. Zeros in heads of answers become spaces on their way in.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::Uri;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};

use crate::connector::{ConnectError, Connector, Stream};

/// Bytes read at a time.
const READ: usize = 64 * 1024;

/// A header's line that is longer does not tell the length of what follows.
const LINE: usize = 64;

/// Opens connections to filers.
#[derive(Clone)]
pub(crate) struct HttpConnector(pub(crate) Connector);

impl tower_service::Service<Uri> for HttpConnector {
    type Response = Answers;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Answers, ConnectError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let opening = self.0.call(uri);
        Box::pin(async move { Ok(Answers { stream: opening.await?, heads: Heads::default() }) })
    }
}

/// A connection on which answers come in.
pub(crate) struct Answers {
    stream: Stream,
    heads: Heads,
}

/// Where in the answers of a connection the bytes are.
#[derive(Default, Debug)]
struct Heads {
    place: Place,
    /// How a header's line begins, in small letters.
    line: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// In a head; so far it has said this about the length of what follows.
    Head { length: Option<u64> },
    /// So many bytes of a body are still to come.
    Body { left: u64 },
    /// A body of no known length; where the next head begins is not known.
    Unknown,
}

impl Default for Place {
    fn default() -> Place {
        Place::Head { length: None }
    }
}

impl Heads {
    /// Takes the next bytes that came in and changes those that must not be there.
    fn pass(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let used = match &mut self.place {
                Place::Unknown => return,
                Place::Body { left } => {
                    let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= used as u64;
                    if *left == 0 {
                        self.place = Place::default();
                    }
                    used
                }
                Place::Head { .. } => self.head(bytes),
            };
            bytes = &mut bytes[used..];
        }
    }

    /// Passes bytes of a head up to the end of a line; returns how many.
    fn head(&mut self, bytes: &mut [u8]) -> usize {
        for (at, byte) in bytes.iter_mut().enumerate() {
            match *byte {
                b'\n' => {
                    self.end_line();
                    return at + 1;
                }
                0 => *byte = b' ',
                _ => {}
            }
            if self.line.len() < LINE {
                self.line.push(byte.to_ascii_lowercase());
            }
        }
        bytes.len()
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let Place::Head { length } = &mut self.place else { return };
        let text = str::from_utf8(&line).unwrap_or_default().trim();
        if let Some(value) = text.strip_prefix("content-length:") {
            *length = value.trim().parse().ok();
        }
        if text.is_empty() && line.iter().all(u8::is_ascii_whitespace) {
            self.place = match *length {
                Some(0) => Place::default(),
                Some(left) => Place::Body { left },
                None => Place::Unknown,
            };
        }
        self.line = line;
        self.line.clear();
    }
}

impl Read for Answers {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Answers { stream, heads } = self.get_mut();
        // What is left of a body needs no look, and goes where it belongs without being copied.
        if heads.place == Place::Unknown {
            return Pin::new(stream).poll_read(cx, into);
        }
        let mut buffer = [0; READ];
        let room = into.remaining().min(READ);
        let mut read = ReadBuf::new(&mut buffer[..room]);
        ready!(Pin::new(stream).poll_read(cx, read.unfilled()))?;
        let filled = read.filled().len();
        let bytes = &mut buffer[..filled];
        heads.pass(bytes);
        into.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl Write for Answers {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, parts)
    }
}

impl Connection for Answers {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out of these bytes when they arrive so many at a time.
    fn passed(bytes: &[u8], step: usize) -> (Vec<u8>, Place) {
        let (mut heads, mut bytes) = (Heads::default(), bytes.to_vec());
        bytes.chunks_mut(step).for_each(|part| heads.pass(part));
        (bytes, heads.place)
    }

    #[test]
    fn zeros_go_from_heads_and_stay_in_bodies() {
        let one: &[u8] = b"HTTP/1.1 206 Partial\r\nOffset_min: \0\0\x01\r\nCONTENT-length: 4\r\n\r\n\0\n\0\n";
        let clean: &[u8] = b"HTTP/1.1 206 Partial\r\nOffset_min:   \x01\r\nCONTENT-length: 4\r\n\r\n\0\n\0\n";
        let empty: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
        for step in [1, 2, 3, 7, 1000] {
            let (bytes, place) = passed(&[one, empty, one].concat(), step);
            assert_eq!(bytes, [clean, empty, clean].concat());
            assert_eq!(place, Place::default());
        }
    }

    #[test]
    fn what_follows_a_body_of_unknown_length_is_left_alone() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\0\r\n0\r\n\r\n";
        assert_eq!(passed(chunked, 5), (chunked.to_vec(), Place::Unknown));
    }
}
