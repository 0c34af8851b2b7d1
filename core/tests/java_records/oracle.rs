//! Kafka's own record formats, asked over pipes: `tests/oracle/records/RecordsOracle.java`.

use crate::java::Java;
use crate::wire::{BatchSpec, Cursor, OwnedBatch, OwnedRecord, put_bytes, put_record};

const BUILD: u8 = 1;
const READ: u8 = 2;
const DOWN_CONVERT: u8 = 3;
const FILTER: u8 = 4;
const VALIDATE: u8 = 5;

/// Kafka of one version.
pub struct Oracle {
    pub version: &'static str,
    java: Java,
}

/// The questions of a broker's validator.
#[derive(Clone, Debug)]
pub struct Validate {
    pub version: i16,
    /// -1 for the producer's own codec.
    pub target: i8,
    pub is_compacted: bool,
    pub log_append_time: bool,
    pub before_max_ms: i64,
    pub after_max_ms: i64,
    pub now: i64,
    pub base_offset: i64,
    pub leader_epoch: i32,
    pub max_message_bytes: i32,
}

/// Its answer.
#[derive(Clone, Debug)]
pub struct Validated {
    pub error: i16,
    pub message: String,
    pub record_errors: Vec<(i32, String)>,
    pub batch: Vec<u8>,
}

impl Oracle {
    /// Fails as [`Java::start`] does.
    pub fn start(version: &'static str) -> Oracle {
        Oracle { version, java: Java::start("records/RecordsOracle", version) }
    }

    /// `MemoryRecordsBuilder`.
    pub fn build(&mut self, spec: &BatchSpec, records: &[OwnedRecord]) -> Vec<u8> {
        let mut question = vec![BUILD];
        spec.put(&mut question);
        question.extend((records.len() as i32).to_be_bytes());
        records.iter().for_each(|record| put_record(record, &mut question));
        let answer = self.java.ask(&question).unwrap_or_else(|error| panic!("{spec:?}: {error}"));
        Cursor::new(&answer).bytes()
    }

    /// `MemoryRecords`, with every checksum.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Vec<OwnedBatch>, String> {
        let mut question = vec![READ];
        put_bytes(Some(bytes), &mut question);
        let answer = self.java.ask(&question)?;
        let mut cursor = Cursor::new(&answer);
        let count = cursor.i32();
        Ok((0..count).map(|_| cursor.batch()).collect())
    }

    /// `RecordsUtil.downConvert`; Kafka 3.9 only.
    pub fn down_convert(&mut self, magic: u8, first_offset: i64, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut question = vec![DOWN_CONVERT, magic];
        question.extend(first_offset.to_be_bytes());
        put_bytes(Some(bytes), &mut question);
        self.java.ask(&question).map(|answer| Cursor::new(&answer).bytes())
    }

    /// `MemoryRecords.filterTo`; empty batches stay, and tombstones kept get `horizon`.
    pub fn filter(&mut self, horizon: i64, kept: &[i64], bytes: &[u8]) -> Vec<u8> {
        let mut question = vec![FILTER];
        question.extend(horizon.to_be_bytes());
        question.extend((kept.len() as i32).to_be_bytes());
        kept.iter().for_each(|offset| question.extend(offset.to_be_bytes()));
        put_bytes(Some(bytes), &mut question);
        let answer = self.java.ask(&question).unwrap_or_else(|error| panic!("{error}"));
        Cursor::new(&answer).bytes()
    }

    /// `ProduceRequest.validateRecords`, `UnifiedLog.analyzeAndValidateRecords` and `LogValidator`.
    pub fn validate(&mut self, validate: &Validate, bytes: &[u8]) -> Validated {
        let mut question = vec![VALIDATE];
        question.extend(validate.version.to_be_bytes());
        question.extend(validate.target.to_be_bytes());
        question.extend([u8::from(validate.is_compacted), u8::from(validate.log_append_time)]);
        for long in [validate.before_max_ms, validate.after_max_ms, validate.now, validate.base_offset] {
            question.extend(long.to_be_bytes());
        }
        question.extend(validate.leader_epoch.to_be_bytes());
        question.extend(validate.max_message_bytes.to_be_bytes());
        put_bytes(Some(bytes), &mut question);
        let answer = self.java.ask(&question).unwrap_or_else(|error| panic!("{error}"));
        let mut cursor = Cursor::new(&answer);
        let (error, message) = (cursor.i16(), cursor.text());
        let count = cursor.i32();
        let record_errors = (0..count).map(|_| (cursor.i32(), cursor.text())).collect();
        Validated { error, message, record_errors, batch: cursor.bytes() }
    }
}
