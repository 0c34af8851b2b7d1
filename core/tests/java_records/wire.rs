//! Records and batches as they go over the pipes, and random ones.

use kelpgate_core::record::{BatchFields, Codec};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRecord {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// A batch as one side reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedBatch {
    pub magic: u8,
    pub codec: Codec,
    /// -1 none, 0 create, 1 log append.
    pub timestamp_type: i8,
    pub base_offset: i64,
    pub last_offset: i64,
    pub max_timestamp: i64,
    pub producer: (i64, i16, i32, i32),
    pub is_transactional: bool,
    pub is_control_batch: bool,
    pub leader_epoch: i32,
    /// -1 for none.
    pub delete_horizon: i64,
    pub size_in_bytes: i32,
    pub records: Vec<OwnedRecord>,
}

/// What is to be built.
#[derive(Clone, Debug)]
pub struct BatchSpec {
    pub magic: u8,
    pub codec: Codec,
    pub level: Option<i32>,
    pub fields: BatchFields,
}

impl BatchSpec {
    pub fn put(&self, out: &mut Vec<u8>) {
        let fields = &self.fields;
        out.extend([self.magic, self.codec.id()]);
        out.extend(self.level.unwrap_or(i32::MIN).to_be_bytes());
        out.push(u8::from(fields.log_append_time.is_some()));
        out.extend(fields.base_offset.to_be_bytes());
        out.extend(fields.log_append_time.unwrap_or(-1).to_be_bytes());
        out.extend(fields.producer_id.to_be_bytes());
        out.extend(fields.producer_epoch.to_be_bytes());
        out.extend(fields.base_sequence.to_be_bytes());
        out.extend([u8::from(fields.is_transactional), u8::from(fields.is_control_batch)]);
        out.extend(fields.partition_leader_epoch.to_be_bytes());
        out.extend(fields.delete_horizon_ms.unwrap_or(-1).to_be_bytes());
    }
}

pub fn put_bytes(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend(bytes.map_or(-1, |bytes| bytes.len() as i32).to_be_bytes());
    out.extend(bytes.unwrap_or_default());
}

pub fn put_record(record: &OwnedRecord, out: &mut Vec<u8>) {
    out.extend(record.offset.to_be_bytes());
    out.extend(record.timestamp.to_be_bytes());
    put_bytes(record.key.as_deref(), out);
    put_bytes(record.value.as_deref(), out);
    out.extend((record.headers.len() as i32).to_be_bytes());
    for (key, value) in &record.headers {
        put_bytes(Some(key), out);
        put_bytes(value.as_deref(), out);
    }
}

/// Reads an answer.
pub struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor(bytes)
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (front, rest) = self.0.split_first_chunk::<N>().expect("a longer answer");
        self.0 = rest;
        *front
    }

    fn i8(&mut self) -> i8 {
        i8::from_be_bytes(self.array())
    }

    pub fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.array())
    }

    pub fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.array())
    }

    fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.array())
    }

    fn nullable(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.i32()).ok()?;
        let (front, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(front.to_vec())
    }

    pub fn bytes(&mut self) -> Vec<u8> {
        self.nullable().expect("bytes")
    }

    pub fn text(&mut self) -> String {
        String::from_utf8(self.bytes()).expect("text")
    }

    pub fn batch(&mut self) -> OwnedBatch {
        OwnedBatch {
            magic: self.i8() as u8,
            codec: Codec::from_id(self.i8() as u8).expect("a codec"),
            timestamp_type: self.i8(),
            base_offset: self.i64(),
            last_offset: self.i64(),
            max_timestamp: self.i64(),
            producer: (self.i64(), self.i16(), self.i32(), self.i32()),
            is_transactional: self.i8() == 1,
            is_control_batch: self.i8() == 1,
            leader_epoch: self.i32(),
            delete_horizon: self.i64(),
            size_in_bytes: self.i32(),
            records: {
                let count = self.i32();
                (0..count).map(|_| self.record()).collect()
            },
        }
    }

    fn record(&mut self) -> OwnedRecord {
        OwnedRecord {
            offset: self.i64(),
            timestamp: self.i64(),
            key: self.nullable(),
            value: self.nullable(),
            headers: {
                let count = self.i32();
                (0..count).map(|_| (self.bytes(), self.nullable())).collect()
            },
        }
    }
}

/// Random enough, and the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    pub fn bytes(&mut self, max: u64) -> Vec<u8> {
        let len = self.roll(max + 1);
        let alphabet = if self.roll(3) == 0 { 256 } else { 4 };
        (0..len).map(|_| self.roll(alphabet) as u8).collect()
    }

    fn nullable(&mut self, max: u64) -> Option<Vec<u8>> {
        if self.roll(5) == 0 { None } else { Some(self.bytes(max)) }
    }

    fn header(&mut self) -> (Vec<u8>, Option<Vec<u8>>) {
        let len = self.roll(4);
        let key = (0..len).map(|_| b'a' + self.roll(26) as u8).collect();
        (key, self.nullable(10))
    }

    /// Records with offsets from `base` on and times around `now`, a few of them without one.
    pub fn records(&mut self, base: i64, now: i64) -> Vec<OwnedRecord> {
        let count = 1 + self.roll(40) as i64;
        let large = if self.roll(8) == 0 { 20_000 } else { 100 };
        (base..base + count)
            .map(|offset| OwnedRecord {
                offset,
                timestamp: if self.roll(10) == 0 { -1 } else { now - self.roll(100_000) as i64 },
                key: self.nullable(20),
                value: self.nullable(large),
                headers: {
                    let count = if self.roll(2) == 0 { 0 } else { self.roll(4) };
                    (0..count).map(|_| self.header()).collect()
                },
            })
            .collect()
    }

    pub fn fields(&mut self, base_offset: i64) -> BatchFields {
        let mut fields = BatchFields { base_offset, ..BatchFields::default() };
        if self.roll(2) == 0 {
            fields.producer_id = self.roll(1 << 40) as i64;
            fields.producer_epoch = self.roll(1 << 15) as i16;
            fields.base_sequence = self.roll(1 << 31) as i32;
            fields.is_transactional = self.roll(2) == 0;
        }
        fields
    }
}
