//! One step of a shard as it is stored: an event, or the end of a turn.

use bytes::Bytes;
use kelpgate_shard::{
    AdminQuestion, ConnId, Entry, Event, FileError, FileReply, FileTicket, Instant, Now, Others, ShardId,
    Ticket, WallTime,
};

use crate::wire::{Fields, Nonsense, Put};

/// Bytes of an event from here on are stored as a piece of their own, uncopied.
pub const LARGE: usize = 8 * 1024;

/// A step as read back.
#[derive(Debug)]
pub struct Step {
    /// Counted from 0 in its shard.
    pub number: u64,
    pub now: Now,
    pub what: Recorded,
    /// The check of all outputs before this step.
    pub check: u16,
}

/// What happened in a step.
#[derive(Debug)]
pub enum Recorded {
    /// With the event as it was. A message is not among it.
    Event(Event<()>),
    /// The next message of that shard.
    FromShard(ShardId),
    /// Bytes that were read from what was written during the recording.
    FileRead { ticket: FileTicket, len: usize, crc: u32 },
    /// The end of a turn.
    EndTurn,
}

const SAME_TIME: u8 = 0x80;

/// What an event of a shard is stored as: its number.
mod kind {
    pub const OPENED: u8 = 0;
    pub const RECEIVED: u8 = 1;
    pub const FLUSHED: u8 = 2;
    pub const CLOSED: u8 = 3;
    pub const FILE: u8 = 4;
    pub const FILE_READ: u8 = 5;
    pub const FROM_SHARD: u8 = 6;
    pub const ASKED: u8 = 7;
    pub const TICK: u8 = 8;
    pub const STOP: u8 = 9;
    pub const END_TURN: u8 = 10;
}

/// How bytes of an event are stored.
pub trait Sink: Put {
    /// Bytes at the end of a step, which may be kept uncopied.
    fn shared(&mut self, bytes: &Bytes);
}

/// Writes the beginning of a step: what it is, and when.
pub fn encode_head(sink: &mut impl Sink, kind: u8, check: u16, last: Now, now: Now) {
    let same = if now == last { SAME_TIME } else { 0 };
    sink.raw(&[kind | same]);
    sink.raw(&check.to_le_bytes());
    if now != last {
        sink.int(now.mono.0.wrapping_sub(last.mono.0) as i64);
        sink.int(now.wall.0.wrapping_sub(last.wall.0));
    }
}

/// The number that [`encode_head`] needs.
pub fn kind_of<M>(event: &Event<M>, is_known_read: bool) -> u8 {
    match event {
        Event::Opened { .. } => kind::OPENED,
        Event::Received { .. } => kind::RECEIVED,
        Event::Flushed { .. } => kind::FLUSHED,
        Event::Closed { .. } => kind::CLOSED,
        Event::File { .. } if is_known_read => kind::FILE_READ,
        Event::File { .. } => kind::FILE,
        Event::Rpc { .. } => panic!("a node that stores in SeaweedMQ is not recorded"),
        Event::FromShard { .. } => kind::FROM_SHARD,
        Event::Asked { .. } => kind::ASKED,
        Event::Tick => kind::TICK,
        Event::Stop => kind::STOP,
    }
}

/// The number of the end of a turn, which has nothing besides a head.
pub const END_TURN: u8 = kind::END_TURN;

/// Writes the rest of a step.
pub fn encode_event<M>(sink: &mut impl Sink, event: &Event<M>, is_known_read: bool) {
    match event {
        Event::Opened { conn, peer, local, listener, others } => {
            sink.uint(conn.0);
            sink.slice(peer.as_bytes());
            sink.slice(local.as_bytes());
            sink.uint((*listener).into());
            sink.uint(others.all as u64);
            sink.uint(others.same_address as u64);
        }
        Event::Received { conn, bytes } => {
            sink.uint(conn.0);
            sink.uint(bytes.len() as u64);
            sink.shared(bytes);
        }
        Event::Flushed { conn, bytes } => {
            sink.uint(conn.0);
            sink.uint(*bytes as u64);
        }
        Event::Closed { conn } => sink.uint(conn.0),
        Event::File { ticket, outcome: Ok(FileReply::Bytes(bytes)) } if is_known_read => {
            sink.uint(ticket.0);
            sink.uint(bytes.len() as u64);
            sink.raw(&crc_fast::crc32_iscsi(bytes).to_le_bytes());
        }
        Event::File { ticket, outcome } => {
            sink.uint(ticket.0);
            encode_outcome(sink, outcome);
        }
        Event::Rpc { .. } => panic!("a node that stores in SeaweedMQ is not recorded"),
        Event::FromShard { from, .. } => sink.uint(from.0.into()),
        Event::Asked { ticket, question: AdminQuestion::GroupLag } => {
            sink.uint(ticket.0);
            sink.raw(&[0]);
        }
        Event::Tick | Event::Stop => {}
    }
}

fn encode_outcome(sink: &mut impl Sink, outcome: &Result<FileReply, FileError>) {
    match outcome {
        Ok(FileReply::Opened { len }) => {
            sink.raw(&[0]);
            sink.uint(*len);
        }
        Ok(FileReply::Done) => sink.raw(&[1]),
        Ok(FileReply::Bytes(bytes)) => {
            sink.raw(&[2]);
            sink.uint(bytes.len() as u64);
            sink.shared(bytes);
        }
        Ok(FileReply::Listed(entries)) => {
            sink.raw(&[3]);
            sink.uint(entries.len() as u64);
            for Entry { name, len, is_folder } in entries {
                sink.slice(name.as_bytes());
                sink.uint(*len);
                sink.raw(&[u8::from(*is_folder)]);
            }
        }
        Ok(FileReply::Volume { total, usable }) => {
            sink.raw(&[4]);
            sink.uint(*total);
            sink.uint(*usable);
        }
        Err(FileError::NotFound) => sink.raw(&[5]),
        Err(FileError::Full) => sink.raw(&[6]),
        Err(FileError::TooManyFiles) => sink.raw(&[7]),
        Err(FileError::ReadOnly) => sink.raw(&[8]),
        Err(FileError::Other(text)) => {
            sink.raw(&[9]);
            sink.slice(text.as_bytes());
        }
    }
}

/// Reads a step. `number` is its number, `last` the time of the one before.
pub fn decode(fields: &mut Fields, number: u64, last: Now) -> Result<Step, Nonsense> {
    let head = fields.u8("a step")?;
    let check = fields.u16("a check")?;
    let now = match head & SAME_TIME {
        0 => Now {
            mono: Instant(last.mono.0.wrapping_add(fields.int("a time")? as u64)),
            wall: WallTime(last.wall.0.wrapping_add(fields.int("a time")?)),
        },
        _ => last,
    };
    let what = decode_what(fields, head & !SAME_TIME)?;
    Ok(Step { number, now, what, check })
}

fn decode_what(fields: &mut Fields, kind: u8) -> Result<Recorded, Nonsense> {
    Ok(Recorded::Event(match kind {
        kind::OPENED => Event::Opened {
            conn: ConnId(fields.uint("a connection")?),
            peer: fields.text("an address")?,
            local: fields.text("an address")?,
            listener: fields.number("a listener")?,
            others: Others {
                all: fields.number("connections")?,
                same_address: fields.number("connections")?,
            },
        },
        kind::RECEIVED => {
            Event::Received { conn: ConnId(fields.uint("a connection")?), bytes: fields.slice("bytes")? }
        }
        kind::FLUSHED => {
            Event::Flushed { conn: ConnId(fields.uint("a connection")?), bytes: fields.number("a size")? }
        }
        kind::CLOSED => Event::Closed { conn: ConnId(fields.uint("a connection")?) },
        kind::FILE => {
            Event::File { ticket: FileTicket(fields.uint("a ticket")?), outcome: decode_outcome(fields)? }
        }
        kind::FILE_READ => {
            let ticket = FileTicket(fields.uint("a ticket")?);
            let (len, crc) = (fields.number("a size")?, fields.u32("a checksum")?);
            return Ok(Recorded::FileRead { ticket, len, crc });
        }
        kind::FROM_SHARD => return Ok(Recorded::FromShard(ShardId(fields.number("a shard")?))),
        kind::ASKED => match (fields.uint("a ticket")?, fields.u8("a question")?) {
            (ticket, 0) => Event::Asked { ticket: Ticket(ticket), question: AdminQuestion::GroupLag },
            _ => return Err(Nonsense { what: "a question" }),
        },
        kind::TICK => Event::Tick,
        kind::STOP => Event::Stop,
        kind::END_TURN => return Ok(Recorded::EndTurn),
        _ => return Err(Nonsense { what: "a step" }),
    }))
}

fn decode_outcome(fields: &mut Fields) -> Result<Result<FileReply, FileError>, Nonsense> {
    const WHAT: &str = "an answer of a file";
    Ok(match fields.u8(WHAT)? {
        0 => Ok(FileReply::Opened { len: fields.uint(WHAT)? }),
        1 => Ok(FileReply::Done),
        2 => Ok(FileReply::Bytes(fields.slice(WHAT)?)),
        3 => {
            let mut entries = Vec::new();
            for _ in 0..fields.uint(WHAT)? {
                let (name, len) = (fields.text(WHAT)?, fields.uint(WHAT)?);
                entries.push(Entry { name, len, is_folder: fields.u8(WHAT)? != 0 });
            }
            Ok(FileReply::Listed(entries))
        }
        4 => Ok(FileReply::Volume { total: fields.uint(WHAT)?, usable: fields.uint(WHAT)? }),
        5 => Err(FileError::NotFound),
        6 => Err(FileError::Full),
        7 => Err(FileError::TooManyFiles),
        8 => Err(FileError::ReadOnly),
        9 => Err(FileError::Other(fields.text(WHAT)?)),
        _ => return Err(Nonsense { what: WHAT }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Sink for Vec<u8> {
        fn shared(&mut self, bytes: &Bytes) {
            self.raw(bytes);
        }
    }

    fn file(outcome: Result<FileReply, FileError>) -> Event<()> {
        Event::File { ticket: FileTicket(300), outcome }
    }

    fn events() -> Vec<Event<()>> {
        let others = Others { all: 3, same_address: 1 };
        let entry = Entry { name: "a".into(), len: 7, is_folder: false };
        vec![
            Event::Opened { conn: ConnId(5), peer: "p:1".into(), local: "l:2".into(), listener: 1, others },
            Event::Received { conn: ConnId(1 << 40), bytes: Bytes::from_static(b"hello") },
            Event::Flushed { conn: ConnId(5), bytes: 12 },
            Event::Closed { conn: ConnId(5) },
            file(Ok(FileReply::Opened { len: 9 })),
            file(Ok(FileReply::Done)),
            file(Ok(FileReply::Bytes(Bytes::from_static(b"read")))),
            file(Ok(FileReply::Listed(vec![entry]))),
            file(Ok(FileReply::Volume { total: 2, usable: 1 })),
            file(Err(FileError::NotFound)),
            file(Err(FileError::Full)),
            file(Err(FileError::TooManyFiles)),
            file(Err(FileError::ReadOnly)),
            file(Err(FileError::Other("no".into()))),
            Event::Asked { ticket: Ticket(4), question: AdminQuestion::GroupLag },
            Event::Tick,
            Event::Stop,
        ]
    }

    #[test]
    fn events_come_back() {
        let mut bytes = Vec::new();
        let mut last = Now::default();
        for (step, event) in (0u64..).zip(events()) {
            let now = Now { mono: Instant(step / 2 * 1000), wall: WallTime(-(step as i64 / 2)) };
            encode_head(&mut bytes, kind_of(&event, false), step as u16, last, now);
            encode_event(&mut bytes, &event, false);
            last = now;
        }
        let mut fields = Fields(bytes.into());
        last = Now::default();
        for (number, event) in (0u64..).zip(events()) {
            let step = decode(&mut fields, number, last).unwrap();
            assert_eq!((step.check, step.now.mono), (number as u16, Instant(number / 2 * 1000)));
            assert_eq!(format!("{:?}", step.what), format!("{:?}", Recorded::Event(event)));
            last = step.now;
        }
        assert!(fields.is_empty());
    }

    #[test]
    fn what_need_not_be_stored_is_not() {
        let read = file(Ok(FileReply::Bytes(vec![7; 100_000].into())));
        let mut bytes = Vec::new();
        encode_head(&mut bytes, kind_of(&read, true), 0, Now::default(), Now::default());
        encode_event(&mut bytes, &read, true);
        let message: Event<Vec<u8>> = Event::FromShard { from: ShardId(2), message: vec![0; 1000] };
        encode_head(&mut bytes, kind_of(&message, false), 0, Now::default(), Now::default());
        encode_event(&mut bytes, &message, false);
        assert!(bytes.len() < 20, "{}", bytes.len());
        let mut fields = Fields(bytes.into());
        let step = decode(&mut fields, 0, Now::default()).unwrap();
        assert!(matches!(step.what, Recorded::FileRead { ticket: FileTicket(300), len: 100_000, .. }));
        let step = decode(&mut fields, 1, Now::default()).unwrap();
        assert!(matches!(step.what, Recorded::FromShard(ShardId(2))));
    }

    #[test]
    fn garbage_is_an_error() {
        for start in 0..=255u8 {
            let mut fields = Fields(vec![start, 0xff, 0xff, 0xff].into());
            let _ = decode(&mut fields, 0, Now::default());
        }
        assert!(decode(&mut Fields(Bytes::from_static(&[99, 0, 0])), 0, Now::default()).is_err());
    }
}
