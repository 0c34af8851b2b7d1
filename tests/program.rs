//! The program as a process: what it prints, how it stops, and what it says when it cannot start.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use kelpgate_core::record::builder::{BatchBuilder, BatchFields};

/// A running node, ended by force when it goes out of scope.
struct Node {
    child: Child,
    addresses: Vec<SocketAddr>,
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kelpgate"));
    // Settings of whoever runs the tests are not ours.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KELPGATE_")) {
        command.env_remove(name);
    }
    command.arg("--data").arg(data).stdin(Stdio::null());
    command
}

impl Node {
    /// Starts a node and waits for as many listeners as it is given.
    fn start(data: &Path, flags: &[&str]) -> Node {
        let listeners = flags.iter().filter(|flag| **flag == "--listen").count();
        let mut child =
            command(data).args(flags).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut addresses = Vec::new();
        for _ in 0..listeners {
            let Some(Ok(line)) = lines.next() else {
                let mut said = String::new();
                child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("the node ended at start: {said}");
            };
            let address = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("it said {line:?}"));
            addresses.push(address.parse().unwrap());
        }
        Node { child, addresses }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for the end; gives the exit code and what was logged.
    fn end(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "the node does not stop");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.code(), said)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request of an inflexible version, and gives the answer behind its header.
fn call(address: SocketAddr, key: u8, version: u8, body: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut request = vec![0, key, 0, version, 0, 0, 0, 7, 0, 4, b't', b'e', b's', b't'];
    request.extend_from_slice(body);
    socket.write_all(&(request.len() as u32).to_be_bytes()).unwrap();
    socket.write_all(&request).unwrap();
    let mut size = [0; 4];
    socket.read_exact(&mut size).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(size) as usize];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer[..4], [0, 0, 0, 7], "the answer is to another request");
    answer.split_off(4)
}

/// Asks for the supported versions, and gives the error code of the answer.
fn api_versions(address: SocketAddr) -> i16 {
    let answer = call(address, 18, 0, &[]);
    i16::from_be_bytes([answer[0], answer[1]])
}

/// Produces one batch of three records to partition 0 of the topic `words` with acks=all, making the topic if need be.
fn produce(address: SocketAddr) {
    let topic = b"\0\x05words";
    let mut batch = BatchBuilder::new(BatchFields::default());
    for value in [b"one", b"two", b"six"] {
        batch.append(1_700_000_000_000, None, Some(value), &[]);
    }
    let records = batch.build().unwrap();
    let one = 1u32.to_be_bytes();
    // No transactional id, acks -1, 10 seconds, one topic of one partition, 0.
    let mut body = vec![0xff, 0xff, 0xff, 0xff, 0, 0, 0x27, 0x10];
    for part in [&one[..], topic, &one, &[0; 4], &(records.len() as u32).to_be_bytes(), &records] {
        body.extend_from_slice(part);
    }
    for _ in 0..100 {
        call(address, 3, 1, &[&one[..], topic].concat());
        let answer = call(address, 0, 3, &body);
        // Count, topic, count, partition, error.
        if answer[4 + 7 + 4 + 4..][..2] == [0, 0] {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("nothing can be produced");
}

fn fails(output: Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn run(data: &Path, flags: &[&str]) -> Output {
    command(data).args(flags).output().unwrap()
}

const ANY_PORT: [&str; 2] = ["--listen", "127.0.0.1:0"];

#[test]
fn it_serves_and_stops_cleanly_at_either_signal() {
    let folder = tempfile::tempdir().unwrap();
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let node = Node::start(folder.path(), &ANY_PORT);
        assert_eq!(api_versions(node.addresses[0]), 0);
        node.signal(signal);
        let (code, said) = node.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("stopped"), "{said}");
        assert!(!said.contains("ERROR"), "{said}");
    }
}

#[test]
fn every_listener_serves_with_any_number_of_shards() {
    let folder = tempfile::tempdir().unwrap();
    for shards in ["3", "1"] {
        let flags = ["--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--shards", shards];
        let node = Node::start(folder.path(), &flags);
        for address in &node.addresses {
            assert_ne!(address.port(), 0);
            assert_eq!(api_versions(*address), 0);
        }
    }
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &ANY_PORT);
    let said = fails(run(folder.path(), &ANY_PORT));
    assert!(said.contains(&format!("in use by another process (process {})", node.child.id())), "{said}");
    assert!(said.contains("use another folder"), "{said}");
    assert_eq!(api_versions(node.addresses[0]), 0);
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = fails(run(folder.path(), &["--listen", &address]));
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
}

#[test]
fn data_of_a_newer_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(Node::start(folder.path(), &ANY_PORT));
    let meta = folder.path().join("meta");
    fs::write(&meta, "kelpgate-log 999\n").unwrap();
    let said = fails(run(folder.path(), &ANY_PORT));
    assert!(said.contains("999"), "{said}");
    assert_eq!(fs::read_to_string(&meta).unwrap(), "kelpgate-log 999\n");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(folder.join("probe"), "").is_ok() {
        // The superuser may write everywhere.
        return;
    }
    let said = fails(run(&folder, &ANY_PORT));
    assert!(said.contains("check who owns it"), "{said}");
}

#[test]
fn mistakes_on_the_command_line_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = fails(run(folder.path(), &["--set", "num.partition=3"]));
    assert!(said.contains("did you mean num.partitions?"), "{said}");
    let said = fails(run(folder.path(), &["--listen", "0.0.0.0:0"]));
    assert!(said.contains("--advertise HOST:PORT"), "{said}");
    assert_eq!(run(folder.path(), &["--nonsense"]).status.code(), Some(2));
    assert!(
        !folder.path().join("lock").exists(),
        "a folder is not touched before the settings are understood"
    );
}

#[test]
fn the_effective_configuration_is_printed_with_origins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("k.toml");
    fs::write(&file, "num.partitions = 3\nshards = 2\n").unwrap();
    let output = command(folder.path())
        .args(["config", "--config", file.to_str().unwrap(), "--set", "broker.rack=r1"])
        .env("KELPGATE_SHARDS", "5")
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        format!("\"num.partitions\" = \"3\" # {}", file.display()),
        "\"kelpgate.shards\" = \"5\" # environment variable KELPGATE_SHARDS".to_owned(),
        "\"broker.rack\" = \"r1\" # --set".to_owned(),
        "\"kelpgate.sync\" = \"disk\" # default".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "no {line:?} in {text}");
    }
}

#[test]
fn the_log_can_be_json() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &["--listen", "127.0.0.1:0", "--set", "kelpgate.log.format=json"]);
    node.signal(rustix::process::Signal::TERM);
    let (_, said) = node.end();
    assert!(said.lines().count() > 0);
    for line in said.lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    }
}

#[test]
fn a_data_folder_can_be_looked_into_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &ANY_PORT);
    produce(node.addresses[0]);
    let said = fails(run(folder.path(), &["log"]));
    assert!(said.contains("in use by another process"), "{said}");
    // Killed, so that what was answered is in the journal only.
    drop(node);

    let text = |flags: &[&str]| {
        let output = run(folder.path(), flags);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let before = files(folder.path());
    assert!(text(&["log"]).lines().any(|line| line.starts_with("words ")));
    assert!(text(&["log", "--verify"]).contains("0 logs are damaged"));
    let batches = text(&["log", "--topic", "words"]);
    assert!(batches.starts_with("offsets 0 to 3\n"), "{batches}");
    assert_eq!(batches.lines().count(), 3, "{batches}");
    assert!(fails(run(folder.path(), &["log", "--topic", "none"])).contains("there is no topic none-0"));
    assert_eq!(files(folder.path()), before, "looking changes nothing");

    // A clean end puts the records into their segment, where we damage them.
    let node = Node::start(folder.path(), &ANY_PORT);
    node.signal(rustix::process::Signal::TERM);
    assert_eq!(node.end().0, Some(0));
    let (segment, mut bytes) =
        files(folder.path()).into_iter().find(|(_, bytes)| bytes.ends_with(b"six\0")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&segment, bytes).unwrap();
    let output = run(folder.path(), &["log", "--verify"]);
    assert_eq!(output.status.code(), Some(1));
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(
        listed.lines().any(|line| line.starts_with("words ") && line.contains("damaged at offset 0")),
        "{listed}"
    );
}

/// All files below a folder with what is in them.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut files(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}
