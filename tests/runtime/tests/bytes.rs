//! Bytes in, bytes out, however they are cut.

use std::io::{Read, Write};

use kelpgate_runtime_tests::{Echo, Node, Runtime, on_both_runtimes};

on_both_runtimes!(a_byte_at_a_time);

fn a_byte_at_a_time(runtime: Runtime, shards: u16) {
    let node = Node::start(runtime, shards, |_| Echo::default());
    let mut stream = node.connect();
    for byte in 0..=255u8 {
        stream.write_all(&[byte]).unwrap();
        let mut back = [0];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, [byte]);
    }
    node.stop().unwrap();
}
