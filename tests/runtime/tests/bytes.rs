//! Bytes in, bytes out, however they are cut.

use std::io::{Read, Write};

use kelpgate_runtime_tests::{Echo, Node, Runtime};

#[test]
fn a_byte_at_a_time() {
    for shards in [1, 3] {
        let node = Node::start(Runtime::Mio, shards, |_| Echo::default());
        let mut stream = node.connect();
        for byte in 0..=255u8 {
            stream.write_all(&[byte]).unwrap();
            let mut back = [0];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(back, [byte]);
        }
        node.stop().unwrap();
    }
}
