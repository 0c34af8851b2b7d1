//! Kafka's own code, asked over pipes: a Java program of `tests/oracle`, compiled here.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

/// The oldest line that still has the old formats, and the newest.
pub const VERSIONS: [&str; 2] = ["3.9.1", "4.4.0"];

/// What is prepared: per version of Kafka the folder of compiled classes and the class path of what they need.
static PREPARED: Mutex<BTreeMap<&str, (PathBuf, String)>> = Mutex::new(BTreeMap::new());

/// One Java process. Dropping it closes its input, by which it ends.
pub struct Java {
    input: Option<ChildStdin>,
    output: ChildStdout,
    child: Child,
}

impl Java {
    /// Runs the one `program` that this test compiles, a path below `tests/oracle` without `.java`, with the classes of
    /// Kafka `version`. Needs `mvn`, `javac` and `java`; panics without them, since a test that cannot run has not passed.
    pub fn start(program: &str, version: &'static str) -> Java {
        let (folder, class) = program.split_once('/').expect("a folder and a class");
        let (classes, class_path) = prepare(folder, class, version);
        let mut child = Command::new("java")
            .arg("-cp")
            .arg(format!("{}:{class_path}", classes.display()))
            .arg(class)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("java starts");
        let input = child.stdin.take();
        let output = child.stdout.take().expect("a pipe");
        Java { input, output, child }
    }

    /// The answer to a question, or the text of an exception.
    pub fn ask(&mut self, question: &[u8]) -> Result<Vec<u8>, String> {
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
}

impl Drop for Java {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

/// Compiles once per version and run.
fn prepare(folder: &str, class: &str, version: &'static str) -> (PathBuf, String) {
    let mut prepared = PREPARED.lock().expect("one that prepared without failing");
    prepared.entry(version).or_insert_with(|| compile(folder, class, version)).clone()
}

fn compile(folder: &str, class: &str, version: &str) -> (PathBuf, String) {
    let oracles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle");
    let classes = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{class}-{version}"));
    fs::create_dir_all(&classes).expect("a folder for classes");
    let path_file = classes.join("class-path");
    run(Command::new("mvn")
        .args(["--quiet", "--batch-mode", "dependency:build-classpath"])
        .arg(format!("--file={}", oracles.join("java/pom.xml").display()))
        .arg(format!("-Dkafka.version={version}"))
        .arg(format!("-Dmdep.outputFile={}", path_file.display())));
    let class_path = fs::read_to_string(&path_file).expect("a class path").trim().to_owned();
    let source = oracles.join(folder).join(format!("{class}.java"));
    let mut source = fs::read_to_string(source).expect("the Java source");
    if version.starts_with("3.") {
        source = source.replace("common.record.internal.", "common.record.");
        source = source.replace("common.utils.internals.", "common.utils.");
    }
    let file = classes.join(format!("{class}.java"));
    fs::write(&file, source).expect("room for a source");
    run(Command::new("javac")
        .args(["-nowarn", "-encoding", "UTF-8", "-cp", &class_path, "-d"])
        .arg(&classes)
        .arg(oracles.join("java/Questions.java"))
        .arg(&file));
    (classes, class_path)
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
