//! Members of consumer groups, spoken to any server in the classic protocol, each on a connection of its own.
//!
//! A thousand members of one group join, one more joins, one leaves, a hundred vanish, a hundred join, all leave. Members of
//! many groups join, stay for a while, and leave. After each step every partition must be owned once in each group, and
//! never by two members in one generation. Each step prints one JSON line with its times.

mod connection;
mod control;
mod crowd;
mod failure;
mod member;

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use kelpgate_core::protocol::Str;

use crate::control::Control;
use crate::crowd::Crowd;
use crate::failure::Failure;
use crate::member::Plan;

/// Members of one consumer group or of many.
#[derive(Parser)]
struct Options {
    /// The server, HOST:PORT.
    #[arg(long)]
    endpoint: String,
    /// How many groups there are. More than one only form, stay and end.
    #[arg(long, default_value_t = 1)]
    groups: usize,
    /// How many members join at first, all groups together.
    #[arg(long, default_value_t = 1000)]
    members: usize,
    /// How many partitions the topic has that all read.
    #[arg(long, default_value_t = 1000)]
    partitions: i32,
    /// How many members vanish without a word.
    #[arg(long, default_value_t = 100)]
    lose: usize,
    /// How many members join after that.
    #[arg(long, default_value_t = 100)]
    gain: usize,
    /// How many seconds many groups stay.
    #[arg(long, default_value_t = 20)]
    stay: u64,
    /// Milliseconds between the heartbeats of a member.
    #[arg(long, default_value_t = 500)]
    heartbeat_ms: u64,
    /// Session timeout of the members in milliseconds.
    #[arg(long, default_value_t = 6000)]
    session_ms: i32,
    /// Process id of the server, to tell its processor time and memory.
    #[arg(long)]
    server_pid: Option<i32>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print("the run goes to its end", false, &failure.to_string().replace('"', "'"), Duration::ZERO);
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    allow_connections(options.members + options.gain + 100);
    let address = resolve(&options.endpoint)?;
    let unique = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    let plan = |number: usize| Plan {
        group: Str::from(format!("load-{unique}-{number}")),
        topic: Str::from(format!("load-{unique}")),
        partitions: options.partitions,
        session_timeout_ms: options.session_ms,
        rebalance_timeout_ms: 60_000,
    };
    let plans: Vec<Plan> = (0..options.groups.max(1)).map(plan).collect();
    let mut control = Control::open(address)?;
    control.create_topic(&plans[0])?;
    control.find_coordinator(&plans[0])?;
    let crowd = Crowd::new(plans.clone(), address, Duration::from_millis(options.heartbeat_ms))?;
    let mut steps = Steps { crowd, server_pid: options.server_pid };
    let outcome = if plans.len() == 1 { steps.run(options) } else { steps.run_many(options) };
    drop(steps);
    control.delete_topic(&plans[0])?;
    outcome?;
    control.delete_groups(&plans)
}

/// The steps that the groups go through.
struct Steps {
    crowd: Crowd,
    server_pid: Option<i32>,
}

impl Steps {
    fn run(&mut self, options: &Options) -> Result<(), Failure> {
        let (members, lose, gain) = (options.members, options.lose, options.gain);
        self.step(&format!("{members} members join"), |crowd| crowd.gain(members))?;
        self.step("one more joins", |crowd| crowd.gain(1))?;
        self.step("one leaves", |crowd| crowd.leave(1))?;
        self.step(&format!("{lose} vanish"), |crowd| {
            crowd.lose(lose);
            Ok(())
        })?;
        self.step(&format!("{gain} join"), |crowd| crowd.gain(gain))?;
        self.all_leave()
    }

    /// Many groups at once.
    fn run_many(&mut self, options: &Options) -> Result<(), Failure> {
        let Options { groups, members, stay, .. } = *options;
        self.step(&format!("{groups} groups of {members} members form"), |crowd| crowd.gain(members))?;
        let (began, cpu) = (Instant::now(), self.cpu());
        self.crowd.rest(Duration::from_secs(stay))?;
        let detail =
            format!("a heartbeat of each every {} ms{}", options.heartbeat_ms, self.spent_since(cpu));
        print(&format!("they stay for {stay} s"), true, &detail, began.elapsed());
        self.all_leave()
    }

    fn all_leave(&mut self) -> Result<(), Failure> {
        let everyone = self.crowd.len();
        let (began, cpu) = (Instant::now(), self.cpu());
        self.crowd.leave(everyone)?;
        let detail = format!("all gone{}", self.spent_since(cpu));
        print(&format!("{everyone} leave"), true, &detail, began.elapsed());
        Ok(())
    }

    /// Changes the groups and waits until they have settled.
    fn step(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Crowd) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (began, cpu) = (Instant::now(), self.cpu());
        change(&mut self.crowd)?;
        let settled = self.crowd.settle(began)?;
        let detail = format!(
            "{} members settled after {} ms, {} ms after the last request to join{}",
            self.crowd.len(),
            settled.wall.as_millis(),
            settled.after_last_join.as_millis(),
            self.spent_since(cpu)
        );
        print(name, true, &detail, began.elapsed());
        Ok(())
    }

    /// What the server has spent since it had spent `before`, and what it holds.
    fn spent_since(&self, before: Option<f64>) -> String {
        match (before, self.cpu(), self.resident()) {
            (Some(before), Some(after), Some(bytes)) => {
                let spent = after - before;
                format!(", {spent:.2} s of the server's processor time, {} MiB resident", bytes >> 20)
            }
            _ => String::new(),
        }
    }

    /// Resident bytes of the server.
    fn resident(&self) -> Option<u64> {
        let sizes = std::fs::read_to_string(format!("/proc/{}/statm", self.server_pid?)).ok()?;
        let pages: u64 = sizes.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * rustix::param::page_size() as u64)
    }

    /// Seconds of processor time that the server has spent so far.
    fn cpu(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.server_pid?)).ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields.split_whitespace().skip(11).map_while(|field| field.parse::<u64>().ok());
        let ticks = times.next()? + times.next()?;
        Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }
}

/// One line for one check, as all programs of the test run print it.
fn print(name: &str, ok: bool, detail: &str, took: Duration) {
    println!(
        r#"{{"check": "{name}", "ok": {ok}, "detail": "{detail}", "seconds": {:.3}}}"#,
        took.as_secs_f64()
    );
}

fn resolve(endpoint: &str) -> Result<SocketAddr, Failure> {
    let mut found = endpoint.to_socket_addrs()?;
    let none = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    found.find(SocketAddr::is_ipv4).ok_or(Failure::Connection(none))
}

/// Raises the limit of open files as far as it may go if it is too low for so many connections. A failure shows later,
/// at the connection that cannot be opened.
fn allow_connections(wanted: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted as u64) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}
