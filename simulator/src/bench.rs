//! How fast the simulator is: plans that are always the same, without faults, with all checks.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use clap::Args;
use kelpgate_core::group::assignor::client::ClientAssignor;
use kelpgate_core::record::Codec;

use crate::client::consumption::FetchOptions;
use crate::client::creator::NewTopic;
use crate::client::member::{
    ClassicOptions, ConsumerOptions, MemberOptions, ProtocolOptions, Subscription, Versions,
};
use crate::client::producer::ProducerOptions;
use crate::faults::Swarm;
use crate::run::{ClientPlan, Guest, Plan, Report};
use crate::transcript::Transcript;

/// Partitions of the topic, and members of the group.
const MANY: u16 = 100;

/// What is measured.
#[derive(Debug, Args)]
pub struct Options {
    /// How often each plan is run.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// How long a light run is, in virtual seconds.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// How long a fetch waits for records, in virtual milliseconds (`fetch.max.wait.ms`).
    #[arg(long, default_value_t = 5_000)]
    max_wait_ms: u64,
    /// Only this plan; may be given several times.
    #[arg(long)]
    only: Vec<Load>,
}

/// A plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Load {
    /// Members of the classic protocol, and a batch each second.
    Classic,
    /// Members of KIP-848, and a batch each second.
    Consumer,
    /// The same members, and 4,000 batches a second by twenty producers. As it is much more work, it is a twentieth as
    /// long.
    Heavy,
}

impl Load {
    /// The plan: one node, 100 members on 100 partitions.
    fn plan(self, options: &Options) -> Plan {
        let (seconds, classic) = (options.seconds, self == Load::Classic);
        let max_wait = Duration::from_millis(options.max_wait_ms);
        let mut clients: Vec<ClientPlan> =
            (0..MANY).map(|_| ClientPlan::Member(member(classic, max_wait))).collect();
        match self {
            Load::Classic | Load::Consumer => clients.push(ClientPlan::Producer(producer(1_000))),
            Load::Heavy => clients.extend((0..20).map(|_| ClientPlan::Producer(producer(5)))),
        }
        Plan {
            seed: 1,
            safety: Duration::from_secs(if self == Load::Heavy { seconds / 20 } else { seconds }),
            liveness: Duration::from_secs(120),
            nodes: 1,
            shards: 1,
            properties: BTreeMap::new(),
            swarm: Swarm::calm(),
            topics: vec![NewTopic { name: "t0".into(), partitions: MANY.into(), configs: Vec::new() }],
            clients: clients.into_iter().map(Guest::from).collect(),
        }
    }
}

/// Kafka's defaults, but for how long a fetch waits.
fn member(classic: bool, max_wait: Duration) -> MemberOptions {
    // A leader that came before the topic learns of it then.
    let metadata_age = Duration::from_secs(20);
    let protocol = match classic {
        true => ProtocolOptions::Classic(ClassicOptions {
            topics: vec!["t0".into()],
            session_timeout: Duration::from_secs(45),
            heartbeat_every: Duration::from_secs(3),
            assignors: vec![ClientAssignor::CooperativeSticky],
            join: 9,
            sync: 5,
            heartbeat: 4,
            leave: 5,
            embedded: 3,
        }),
        false => ProtocolOptions::Consumer(ConsumerOptions {
            subscription: Subscription::Names(vec!["t0".into()]),
            assignor: None,
            version: 1,
        }),
    };
    MemberOptions {
        group: "g0".into(),
        protocol,
        instance: None,
        rebalance_timeout: Duration::from_secs(300),
        fetch: FetchOptions { max_wait, metadata_age, epochs: false, ..FetchOptions::default() },
        commit_every: Duration::from_secs(5),
        falls_behind: false,
        life: None,
        versions: Versions { find: 4, commit: 9, fetch: 9 },
    }
}

/// One that hands over a batch every so many milliseconds.
fn producer(pause_ms: u64) -> ProducerOptions {
    ProducerOptions {
        topics: vec![("t0".into(), MANY.into())],
        acks: -1,
        idempotent: true,
        pause: Duration::from_millis(pause_ms),
        in_flight: 5,
        most_records: 1,
        codec: Codec::None,
        linger: Duration::ZERO,
        together: true,
        keyed: false,
        clock_step: 1,
        version: 12,
        identity_version: 4,
        fleeting: Vec::new(),
    }
}

/// Runs the plans and prints how fast they were: the median of the runs, and the slowest and fastest. Says whether every
/// promise was kept.
pub fn run(options: &Options) -> bool {
    let all = [Load::Classic, Load::Consumer, Load::Heavy];
    let mut good = true;
    println!("plan      simulated  times real time               machine steps/s             steps/s");
    for load in all.into_iter().filter(|load| options.only.is_empty() || options.only.contains(load)) {
        let plan = load.plan(options);
        let mut times: Vec<Duration> = Vec::new();
        let mut last = None;
        for _ in 0..options.runs.max(1) {
            let began = worked();
            let report = plan.run(Transcript::default());
            times.push(worked().saturating_sub(began));
            last = Some(report);
        }
        times.sort_unstable();
        if let Some(report) = last {
            good &= report.violation.is_none();
            println!("{}", line(load, &report, &times));
        }
    }
    good
}

/// How long this thread has been working: on a processor where the system tells (Linux), so that others on the same
/// machine do not count, else by the clock.
pub fn worked() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| BEGAN.elapsed(), Duration::from_nanos)
}

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A line of the table.
fn line(load: Load, report: &Report, times: &[Duration]) -> String {
    let spread = |amount: f64| {
        let each = |at: usize| times.get(at).map_or(0.0, |time| amount / time.as_secs_f64());
        let (fastest, middle, slowest) = (each(0), each(times.len() / 2), each(times.len() - 1));
        format!("{middle:>8.0} ({slowest:.0}..{fastest:.0})")
    };
    let simulated = report.simulated.as_secs_f64();
    let columns = [spread(simulated), spread(report.events as f64), spread(report.steps as f64)];
    let failed = report.violation.as_ref().map_or(String::new(), |violation| format!(" FAILED: {violation}"));
    let name = format!("{load:?}").to_lowercase();
    format!("{name:<9} {simulated:>7.0} s  {:<27}  {:<26}  {}{failed}", columns[0], columns[1], columns[2])
}
