//! `kelpgate serve`: start-up, and the end.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use kelpgate_recording::Recording;
use kelpgate_runtime_glommio::Glommio;
use kelpgate_runtime_mio::{Mio, Options, Runtime as _, StopSignal, Store};
use kelpgate_shard::{Drive, ShardId};

use crate::cli::RecordTo;
use crate::error::Failure;
use crate::node::ShardMaker;
use crate::seaweedmq::{SeaweedFs, SmqShardMaker};
use crate::settings::Settings;
use crate::{logging, signals};

/// Runs a node until it is asked to stop.
///
/// # Errors
/// When it cannot start or cannot go on.
pub(crate) fn serve(settings: Settings, record: Option<RecordTo>) -> Result<(), Failure> {
    logging::start(&settings.text("kelpgate.log.format"), &settings.text("kelpgate.log.level"));
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let listen = settings.listeners.iter().map(|listener| listener.resolve()).collect::<Result<_, _>>()?;
    let (shards, backlog) = (settings.shards(), settings.backlog());
    let runtime = Runtime::choose(&settings.text("kelpgate.runtime"));
    announce(&settings);
    let stop = StopSignal::new().map_err(|source| Failure::System { what: "make a pipe", source })?;
    signals::stop_on_signals(stop.clone())
        .map_err(|source| Failure::System { what: "listen to signals", source })?;
    raise_open_files();
    if settings.is_on_seaweedmq() {
        if record.is_some() {
            return Err(Failure::NotRecorded);
        }
        let store = Store::Remote(Arc::new(SeaweedFs::new(&settings)?));
        let maker = SmqShardMaker::new(settings)?;
        let options = Options { listen, store, shards, backlog };
        runtime.run(&options, move |shard, addresses| maker.make(shard, addresses), &stop)?;
    } else {
        let maker = ShardMaker::new(settings)?;
        let options = Options { shards, backlog, ..Options::new(listen, maker.data()) };
        match record {
            None => runtime.run(&options, move |shard, addresses| maker.make(shard, addresses), &stop)?,
            Some(to) => run_recorded(runtime, &options, maker, &to, &stop)?,
        }
    }
    tracing::info!("stopped");
    Ok(())
}

fn run_recorded(
    runtime: Runtime,
    options: &Options,
    maker: ShardMaker,
    to: &RecordTo,
    stop: &StopSignal,
) -> Result<(), Failure> {
    let recording = Recording::start(&to.folder, maker.boot().epoch, options.shards, to.limits)?;
    tracing::warn!(
        "recording into {}: secret, it holds the seed of this node and what its clients send",
        recording.folder().display()
    );
    let (pen, rescue) = (recording.pen(), recording.pen());
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        hook(panic);
        rescue.rescue();
    }));
    let outcome =
        runtime.run(options, move |shard, addresses| maker.make_recorded(shard, addresses, &pen), stop);
    recording.finish();
    outcome
}

/// What drives the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runtime {
    Mio,
    Glommio,
}

impl Runtime {
    fn choose(asked: &str) -> Runtime {
        match asked {
            "mio" => Runtime::Mio,
            "glommio" => Runtime::Glommio,
            _ => {
                tracing::info!(
                    "runtime mio: it needed less processor time for each request wherever both were measured; \
                     --runtime glommio asks for io_uring"
                );
                Runtime::Mio
            }
        }
    }

    fn run<D, F>(self, options: &Options, make_shard: F, stop: &StopSignal) -> Result<(), Failure>
    where
        D: Drive,
        F: Fn(ShardId, &[SocketAddr]) -> D + Send + Sync + 'static,
    {
        match self {
            Runtime::Mio => {
                Mio::run(options, make_shard, say_listening, stop, logging::from_shard)?;
            }
            Runtime::Glommio => {
                Glommio::run(options, make_shard, say_listening, stop, logging::from_shard)?;
            }
        }
        Ok(())
    }
}

/// Says on standard output that connections are accepted; whoever started us may wait for it.
fn say_listening(addresses: &[SocketAddr]) {
    let mut out = io::stdout().lock();
    for address in addresses {
        if let Err(error) = writeln!(out, "listening on {address}").and_then(|()| out.flush()) {
            tracing::warn!("cannot say on standard output that we listen: {error}");
        }
    }
}

/// Says what a person who reads the log later wants to know of this start.
fn announce(settings: &Settings) {
    let (version, node, shards) = (env!("CARGO_PKG_VERSION"), settings.text("node.id"), settings.shards());
    if settings.is_on_seaweedmq() {
        let (master, namespace) =
            (settings.text("kelpgate.smq.master"), settings.text("kelpgate.smq.namespace"));
        return tracing::info!(
            "kelpgate {version}, node {node}, data in namespace {namespace} of the SeaweedFS at {master}, {shards} shard(s)"
        );
    }
    let data = settings.data();
    tracing::info!("kelpgate {version}, node {node}, data in {}, {shards} shard(s)", data.display());
    if settings.text("kelpgate.sync") == "os" {
        tracing::warn!(
            "kelpgate.sync is os: acks=all is answered once the operating system has the records; a power failure \
             may lose what was answered"
        );
    }
}

/// Lets this process open as many files and connections as it is allowed to, which is often many more than it is given.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("cannot raise the limit of open files above {:?}: {error}", limit.current);
    }
}
