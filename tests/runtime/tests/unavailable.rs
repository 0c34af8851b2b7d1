//! What stops a node from starting, in words a person can act on.

use std::net::TcpListener;

use kelpgate_runtime_glommio::Glommio;
use kelpgate_runtime_mio::{Mio, Options, Runtime as _, RuntimeError, StopSignal};
use kelpgate_runtime_tests::{Echo, Node, Runtime, Shard, on_both_runtimes};
use kelpgate_shard::Level;

on_both_runtimes!(a_port_in_use, a_data_folder_that_is_a_file);

fn run(runtime: Runtime, options: &Options) -> RuntimeError {
    let stop = StopSignal::new().unwrap();
    let (make, told, log) =
        (|_, _: &[_]| Shard::new(Echo), |_: &[_]| panic!("it must not listen"), |_: Level, _: &str| {});
    match runtime {
        Runtime::Mio => Mio::run(options, make, told, &stop, log),
        Runtime::Glommio => Glommio::run(options, make, told, &stop, log),
    }
    .unwrap_err()
}

fn a_port_in_use(runtime: Runtime, shards: u16) {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = Node::start(runtime, shards, |_| Echo);
    let folder = tempfile::tempdir().unwrap();
    for taken in [other.local_addr().unwrap(), node.addresses[0]] {
        let options = Options { shards, ..Options::new(vec![taken], folder.path()) };
        let text = run(runtime, &options).to_string();
        assert!(
            text.contains(&taken.to_string()) && text.contains("another program listens there"),
            "{text}"
        );
    }
    node.stop().unwrap();
}

fn a_data_folder_that_is_a_file(runtime: Runtime, shards: u16) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let options = Options { shards, ..Options::new(vec!["127.0.0.1:0".parse().unwrap()], file.path()) };
    let text = run(runtime, &options).to_string();
    assert!(text.contains(&file.path().display().to_string()) && text.contains("data folder"), "{text}");
}
