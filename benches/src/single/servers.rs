//! Servers as processes, and what they have used.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Which runtime a server runs on.
#[derive(Clone, Copy, Debug)]
pub enum Runtime {
    Mio,
    Glommio,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    Echo,
    WrittenEcho,
    SyncedEcho,
    GatewayOs,
    Gateway,
}

impl Contender {
    /// The echo first: the others are told in times of it.
    pub const ALL: [Contender; 5] = [
        Contender::Echo,
        Contender::WrittenEcho,
        Contender::SyncedEcho,
        Contender::GatewayOs,
        Contender::Gateway,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Contender::Echo => "echo",
            Contender::WrittenEcho => "echo after a write",
            Contender::SyncedEcho => "echo after write and sync",
            Contender::GatewayOs => "kelpgate, kelpgate.sync=os",
            Contender::Gateway => "kelpgate",
        }
    }

    pub fn is_gateway(self) -> bool {
        match self {
            Contender::GatewayOs | Contender::Gateway => true,
            Contender::Echo | Contender::WrittenEcho | Contender::SyncedEcho => false,
        }
    }
}

/// A process on a folder of its own; killed when dropped.
pub struct Server {
    pub address: SocketAddr,
    process: Child,
    _folder: TempDir,
}

impl Server {
    pub fn start(program: &str, runtime: Runtime, contender: Contender) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let runtime = match runtime {
            Runtime::Mio => "mio",
            Runtime::Glommio => "glommio",
        };
        let mut command = match contender {
            Contender::Echo | Contender::WrittenEcho | Contender::SyncedEcho => {
                Command::new(std::env::current_exe().expect("this program"))
            }
            Contender::GatewayOs | Contender::Gateway => Command::new(program),
        };
        match contender {
            Contender::Echo => command.args(["serve", runtime, "echo"]).arg(&data),
            Contender::WrittenEcho => command.args(["serve", runtime, "written"]).arg(&data),
            Contender::SyncedEcho => command.args(["serve", runtime, "synced"]).arg(&data),
            Contender::GatewayOs | Contender::Gateway => command
                .args(["serve", "--listen", "127.0.0.1:0", "--shards", "1", "--runtime", runtime, "--data"])
                .arg(&data),
        };
        if contender == Contender::GatewayOs {
            command.args(["--set", "kelpgate.sync=os"]);
        }
        let mut process =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the server starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ").expect("the server listens");
        Server { address: address.parse().expect("an address"), process, _folder: folder }
    }

    /// Of all its threads, by the scheduler's own count.
    pub fn processor_time(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("/proc");
        let nanoseconds = |task: fs::DirEntry| -> u64 {
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        Duration::from_nanos(tasks.flatten().map(nanoseconds).sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().expect("it was alive");
        self.process.wait().expect("its end");
    }
}
