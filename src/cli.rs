//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use kelpgate_recording::Limits;

use crate::error::Failure;
use crate::replay::Subject;
use crate::settings::{Given, Origin};

/// A Kafka-protocol endpoint with a durable log of its own.
///
/// Settings come from flags, over environment variables (KELPGATE_LISTEN, or a property name in capitals such as
/// KELPGATE_NUM_PARTITIONS), over the file given with --config, over defaults.
#[derive(Debug, Parser)]
#[command(name = "kelpgate", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node (the default).
    Serve,
    /// Look into a data folder that no node uses; nothing in it is changed.
    Log(LogArgs),
    /// Take the steps of a recording (serve --record) again, offline, and look at what happened.
    Replay(ReplayArgs),
    /// Print the effective configuration and where each value comes from.
    Config {
        /// Also keys that have no effect here.
        #[arg(long)]
        all: bool,
    },
}

/// What to look at in a data folder.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Read everything, verify every checksum, and fail if anything is damaged.
    #[arg(long)]
    pub(crate) verify: bool,
    /// List the batches of this topic.
    #[arg(long, value_name = "NAME", conflicts_with = "verify")]
    pub(crate) topic: Option<String>,
    /// The partition whose batches are listed.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "topic")]
    pub(crate) partition: i32,
    /// List from this offset on [default: the first].
    #[arg(long, value_name = "OFFSET", requires = "topic")]
    pub(crate) from: Option<i64>,
    /// List at most this many batches.
    #[arg(long, value_name = "N", default_value_t = 100, requires = "topic")]
    pub(crate) batches: usize,
}

/// What to replay, and what to look at.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// A folder given to --record, of which the newest recording is meant, or a recording in it.
    pub(crate) dir: PathBuf,
    /// Stop after this step; steps are counted from 1 over all shards.
    #[arg(long, value_name = "STEP")]
    pub(crate) until: Option<u64>,
    /// Tell the story of a group, and show what is left in the end: group:NAME, partition:TOPIC-N, connection:N or all;
    /// repeatable.
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) show: Vec<Subject>,
    /// Print a line for each step, and what the shards asked for in it.
    #[arg(long)]
    pub(crate) steps: bool,
}

/// Settings.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct ServeArgs {
    /// Accept connections here; repeatable, port 0 takes any free port [default: 127.0.0.1:9092].
    #[arg(long, global = true, value_name = "HOST:PORT")]
    listen: Vec<String>,
    /// Tell clients to connect here; once for each --listen [default: the same].
    #[arg(long, global = true, value_name = "HOST:PORT")]
    advertise: Vec<String>,
    /// Keep all data in this folder [default: ./data].
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<String>,
    /// What drives sockets and files: auto, mio or glommio [default: auto].
    #[arg(long, global = true, value_name = "NAME")]
    runtime: Option<String>,
    /// Threads that share the work [default: 1].
    #[arg(long, global = true, value_name = "N")]
    shards: Option<String>,
    /// Where records are kept: log, or smq for SeaweedMQ [default: log].
    #[arg(long, global = true, value_name = "NAME")]
    engine: Option<String>,
    /// With engine smq: masters of the SeaweedFS, comma-separated.
    #[arg(long, global = true, value_name = "HOST:PORT")]
    smq_master: Option<String>,
    /// With engine smq: the namespace of SeaweedMQ that topics are in [default: kafka].
    #[arg(long, global = true, value_name = "NAME")]
    smq_namespace: Option<String>,
    /// Read settings from this TOML file.
    #[arg(long, global = true, value_name = "FILE", env = "KELPGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Set any property, by Kafka's name for properties of a broker; repeatable.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Record all that happens to the node into this folder, for `kelpgate replay`. Recordings are secret: they hold the
    /// node's seed and what its clients sent.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Bytes that the folder of recordings may take; a recording that reaches them ends, and the node goes on.
    #[arg(long, global = true, value_name = "BYTES", default_value_t = Limits::default().max_bytes)]
    pub(crate) record_max_bytes: u64,
}

/// Where to record, and how much.
#[derive(Clone, Debug)]
pub(crate) struct RecordTo {
    pub(crate) folder: PathBuf,
    pub(crate) limits: Limits,
}

impl ServeArgs {
    /// The recording that is asked for.
    pub(crate) fn recording(&self) -> Option<RecordTo> {
        let limits = Limits { max_bytes: self.record_max_bytes, ..Limits::default() };
        self.record.clone().map(|folder| RecordTo { folder, limits })
    }

    /// What the flags set, by property.
    ///
    /// # Errors
    /// A `--set` without `=`.
    pub(crate) fn flags(&self) -> Result<Vec<Given>, Failure> {
        let mut given = Vec::new();
        let lists = [("listen", &self.listen), ("advertise", &self.advertise)];
        for (flag, values) in lists {
            if !values.is_empty() {
                given.push(Given::short(flag, &values.join(","), Origin::Flag(flag)));
            }
        }
        let texts = [
            ("data", &self.data),
            ("runtime", &self.runtime),
            ("shards", &self.shards),
            ("engine", &self.engine),
            ("smq-master", &self.smq_master),
            ("smq-namespace", &self.smq_namespace),
        ];
        for (flag, value) in texts {
            if let Some(value) = value {
                given.push(Given::short(flag, value, Origin::Flag(flag)));
            }
        }
        for pair in &self.set {
            let (key, value) = pair.split_once('=').ok_or_else(|| Failure::BadSet(pair.clone()))?;
            given.push(Given { key: key.trim().to_owned(), value: value.to_owned(), origin: Origin::Set });
        }
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default_and_flags_go_before_or_after() {
        let cli = Cli::parse_from(["kelpgate", "--listen", "a:1", "--listen", "b:2"]);
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.flags().unwrap()[0].value, "PLAINTEXT://a:1,PLAINTEXT_2://b:2");
        let cli = Cli::parse_from(["kelpgate", "--shards", "3", "config", "--set", "num.partitions = 4"]);
        assert!(matches!(cli.command, Some(Command::Config { all: false })));
        let given = cli.serve.flags().unwrap();
        assert_eq!((given[0].key.as_str(), given[0].value.as_str()), ("kelpgate.shards", "3"));
        assert_eq!((given[1].key.as_str(), given[1].value.as_str()), ("num.partitions", " 4"));
        assert!(Cli::parse_from(["kelpgate", "--set", "x"]).serve.flags().is_err());
    }
}
