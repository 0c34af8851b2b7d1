//! Kafka's own record formats, asked over pipes: `tests/oracle/records/RecordsOracle.java`, compiled here.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use crate::wire::{BatchSpec, Cursor, OwnedBatch, OwnedRecord, put_bytes, put_record};

/// The oldest line that still has the old formats, and the newest.
pub const VERSIONS: [&str; 2] = ["3.9.1", "4.4.0"];

const BUILD: u8 = 1;
const READ: u8 = 2;
const DOWN_CONVERT: u8 = 3;
const FILTER: u8 = 4;
const VALIDATE: u8 = 5;

/// What is prepared: per version the folder of compiled classes and the class path of what they need.
static PREPARED: Mutex<BTreeMap<&str, (PathBuf, String)>> = Mutex::new(BTreeMap::new());

/// One Java process. Dropping it closes its input, by which it ends.
pub struct Oracle {
    pub version: &'static str,
    input: Option<ChildStdin>,
    output: ChildStdout,
    child: Child,
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
    /// Needs `mvn`, `javac` and `java`; panics without them, since a test that cannot run has not passed.
    pub fn start(version: &'static str) -> Oracle {
        let (classes, class_path) = prepare(version);
        let mut child = Command::new("java")
            .arg("-cp")
            .arg(format!("{}:{class_path}", classes.display()))
            .arg("RecordsOracle")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("java starts");
        let input = child.stdin.take();
        let output = child.stdout.take().expect("a pipe");
        Oracle { version, input, output, child }
    }

    fn ask(&mut self, question: &[u8]) -> Result<Vec<u8>, String> {
        let input = self.input.as_mut().expect("an open pipe");
        input.write_all(&(question.len() as u32).to_be_bytes()).expect("java listens");
        input.write_all(question).expect("java listens");
        input.flush().expect("java listens");
        let mut length = [0; 4];
        self.output.read_exact(&mut length).expect("java answers");
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.output.read_exact(&mut answer).expect("java answers");
        let rest = answer.split_off(1);
        if answer == [0] { Ok(rest) } else { Err(String::from_utf8_lossy(&rest[4..]).into_owned()) }
    }

    /// `MemoryRecordsBuilder`.
    pub fn build(&mut self, spec: &BatchSpec, records: &[OwnedRecord]) -> Vec<u8> {
        let mut question = vec![BUILD];
        spec.put(&mut question);
        question.extend((records.len() as i32).to_be_bytes());
        records.iter().for_each(|record| put_record(record, &mut question));
        let answer = self.ask(&question).unwrap_or_else(|error| panic!("{spec:?}: {error}"));
        Cursor::new(&answer).bytes()
    }

    /// `MemoryRecords`, with every checksum.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Vec<OwnedBatch>, String> {
        let mut question = vec![READ];
        put_bytes(Some(bytes), &mut question);
        let answer = self.ask(&question)?;
        let mut cursor = Cursor::new(&answer);
        let count = cursor.i32();
        Ok((0..count).map(|_| cursor.batch()).collect())
    }

    /// `RecordsUtil.downConvert`; Kafka 3.9 only.
    pub fn down_convert(&mut self, magic: u8, first_offset: i64, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut question = vec![DOWN_CONVERT, magic];
        question.extend(first_offset.to_be_bytes());
        put_bytes(Some(bytes), &mut question);
        self.ask(&question).map(|answer| Cursor::new(&answer).bytes())
    }

    /// `MemoryRecords.filterTo`; empty batches stay, and tombstones kept get `horizon`.
    pub fn filter(&mut self, horizon: i64, kept: &[i64], bytes: &[u8]) -> Vec<u8> {
        let mut question = vec![FILTER];
        question.extend(horizon.to_be_bytes());
        question.extend((kept.len() as i32).to_be_bytes());
        kept.iter().for_each(|offset| question.extend(offset.to_be_bytes()));
        put_bytes(Some(bytes), &mut question);
        let answer = self.ask(&question).unwrap_or_else(|error| panic!("{error}"));
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
        let answer = self.ask(&question).unwrap_or_else(|error| panic!("{error}"));
        let mut cursor = Cursor::new(&answer);
        let (error, message) = (cursor.i16(), cursor.text());
        let count = cursor.i32();
        let record_errors = (0..count).map(|_| (cursor.i32(), cursor.text())).collect();
        Validated { error, message, record_errors, batch: cursor.bytes() }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

/// Compiles once per version and run.
fn prepare(version: &'static str) -> (PathBuf, String) {
    let mut prepared = PREPARED.lock().expect("one that prepared without failing");
    prepared.entry(version).or_insert_with(|| compile(version)).clone()
}

fn compile(version: &str) -> (PathBuf, String) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/records");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("records-oracle-{version}"));
    fs::create_dir_all(&folder).expect("a folder for classes");
    let path_file = folder.join("class-path");
    run(Command::new("mvn")
        .args(["--quiet", "--batch-mode", "dependency:build-classpath"])
        .arg(format!("--file={}", sources.join("pom.xml").display()))
        .arg(format!("-Dkafka.version={version}"))
        .arg(format!("-Dmdep.outputFile={}", path_file.display())));
    let class_path = fs::read_to_string(&path_file).expect("a class path").trim().to_owned();
    let mut source = fs::read_to_string(sources.join("RecordsOracle.java")).expect("the Java source");
    if version.starts_with("3.") {
        source = source.replace("common.record.internal.", "common.record.");
        source = source.replace("common.utils.internals.", "common.utils.");
    }
    let file = folder.join("RecordsOracle.java");
    fs::write(&file, source).expect("room for a source");
    run(Command::new("javac").args(["-nowarn", "-cp", &class_path, "-d"]).arg(&folder).arg(&file));
    (folder, class_path)
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
