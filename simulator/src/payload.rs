//! What records hold: each is unique, and every byte of it follows from its number, so that a single changed one shows.

pub mod messages;

use bytes::Bytes;
use kelpgate_core::record::{Batch, BatchBuilder, BatchFields, Codec, Codecs, Levels, Record, Records};

use crate::random::Random;

/// A record's content, by who sent it and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value {
    pub client: u32,
    pub number: u32,
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.client, self.number)
    }
}

/// Distinct keys, so that compaction has something to do.
const KEYS: u32 = 8;
/// Longest filling of a value.
const LONGEST: usize = 200;

/// In the numbers of records that were sent in a format without headers.
const OLD: u32 = 1 << 31;

/// A record's parts as a producer writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    key: Option<Vec<u8>>,
    value: Vec<u8>,
    header: Option<Vec<u8>>,
}

impl Value {
    /// A record that is sent in a format without headers (v0 or v1).
    pub fn old(client: u32, number: u32) -> Value {
        Value { client, number: number | OLD }
    }

    fn is_old(self) -> bool {
        self.number & OLD != 0
    }

    /// Key and value of its record.
    fn content(self) -> (Option<Vec<u8>>, Vec<u8>) {
        let Parts { key, value, .. } = self.parts();
        (key, value)
    }

    /// The key of its record.
    pub fn key(self) -> Option<Vec<u8>> {
        self.parts().key
    }

    fn parts(self) -> Parts {
        let mut chance = Random::new(u64::from(self.client) << 32 | u64::from(self.number));
        let key = (!chance.chance(4)).then(|| format!("k{}", self.number % KEYS).into_bytes());
        let mut filling = vec![0; chance.below(LONGEST)];
        chance.fill(&mut filling);
        let mut value = [self.client.to_be_bytes(), self.number.to_be_bytes()].concat();
        value.append(&mut filling);
        let header = (!chance.chance(2)).then(|| chance.number().to_be_bytes().to_vec());
        Parts { key, value, header }
    }

    fn read(value: &[u8]) -> Option<Value> {
        let (client, rest) = value.split_first_chunk()?;
        let (number, _) = rest.split_first_chunk()?;
        Some(Value { client: u32::from_be_bytes(*client), number: u32::from_be_bytes(*number) })
    }
}

/// A batch of these values as a producer sends it.
pub fn batch(
    fields: BatchFields,
    values: &[Value],
    timestamp: i64,
    codec: Codec,
    codecs: &mut Codecs,
) -> Bytes {
    let mut builder = BatchBuilder::new(fields);
    for value in values {
        let Parts { key, value, header } = value.parts();
        let headers = [(&b"h"[..], header.as_deref())];
        builder.append(timestamp, key.as_deref(), Some(&value), &headers);
    }
    builder.build_with(codec, &Levels::default(), codecs).expect("a small batch")
}

/// A record that was read, or what is wrong with it.
pub type Found = (i64, Result<Value, String>);

/// The records of a batch that was read, from `from` on; an error if the batch itself cannot be read.
pub fn read(batch: &[u8], from: i64, codecs: &mut Codecs) -> Result<Vec<Found>, String> {
    let batch = Batch::checked(batch).map_err(|error| error.to_string())?;
    if batch.is_control_batch() {
        return Ok(Vec::new());
    }
    let plain = codecs.open(&batch).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for record in Records::new(&batch, plain).map_err(|error| error.to_string())? {
        let record = record.map_err(|error| error.to_string())?;
        if record.offset >= from {
            found.push((record.offset, compared(&record)));
        }
    }
    Ok(found)
}

fn compared(record: &Record<'_>) -> Result<Value, String> {
    let value = compared_with(record.key, record.value.ok_or("it has no value")?)?;
    let headers: Vec<_> =
        record.headers.iter().collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let header = value.parts().header;
    let same = match value.is_old() {
        true => headers.is_empty(),
        false => headers == [(&b"h"[..], header.as_deref())],
    };
    if same { Ok(value) } else { Err(format!("it has other headers than were sent with {value}")) }
}

/// The same where headers are not told.
fn compared_with(key: Option<&[u8]>, value: &[u8]) -> Result<Value, String> {
    let read = Value::read(value).ok_or("its value is too short")?;
    let same = read.content() == (key.map(<[u8]>::to_vec), value.to_vec());
    if same { Ok(read) } else { Err(format!("it is not what was sent as {read}")) }
}
