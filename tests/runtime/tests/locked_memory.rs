//! Too little locked memory for io_uring: told before anything starts. A process of its own, since the limit is the
//! process's.

use kelpgate_runtime_glommio::{Glommio, Options, Runtime as _, RuntimeError, StopSignal};
use kelpgate_runtime_tests::{Echo, Shard};
use kelpgate_shard::Level;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn the_cause_and_the_remedy_are_told() {
    let before = getrlimit(Resource::Memlock);
    setrlimit(Resource::Memlock, Rlimit { current: Some(64 << 10), ..before }).unwrap();
    let told = |error: RuntimeError| match error {
        RuntimeError::Unavailable { cause, remedy } => {
            cause.contains("64 KiB") && remedy.contains("ulimit -l")
        }
        other => panic!("{other}"),
    };
    assert!(told(Glommio::probe().unwrap_err()));
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(vec!["127.0.0.1:0".parse().unwrap()], folder.path());
    let stop = StopSignal::new().unwrap();
    let outcome = Glommio::run(
        &options,
        |_, _| Shard::new(Echo),
        |_| panic!("it must not listen"),
        &stop,
        |_: Level, _: &str| {},
    );
    assert!(told(outcome.unwrap_err()));
}
