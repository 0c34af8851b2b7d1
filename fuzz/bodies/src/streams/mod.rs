//! Bytes of several connections against a whole node: every shard's machine, an engine in memory, time by hand. The input
//! is a byte that chooses shards and engine, and then operations: what clients send, how it is cut on its way, what the
//! engine answers when, what closes, what time it is.

mod client;
mod likely;
mod node;
mod operations;

// The engine is that of the core's own tests.
#[path = "../../../../core/tests/support/engine.rs"]
#[allow(dead_code, reason = "those tests need more of it")]
mod engine;

use arbitrary::{Arbitrary, Unstructured};

use self::node::Node;
use self::operations::Operation;
use crate::memory;

/// More only take time.
const MOST: usize = 200;

/// What a node takes without clients, and what one request may make of it: answers about ten thousand partitions.
const NODE: usize = 64 << 20;

/// Every request is answered once and in order, or its connection is closed for a reason that its bytes gave; a node that
/// is asked to stop has answered everybody when it says that it has.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    memory::within(NODE + 4096 * data.len(), || {
        let mut node = Node::new(1 + u16::from(choice & 1), choice & 2 != 0);
        let mut source = Unstructured::new(rest);
        for _ in 0..MOST {
            match Operation::arbitrary(&mut source) {
                Ok(operation) if !source.is_empty() => node.act(operation),
                Ok(_) | Err(_) => break,
            }
        }
        node.end();
    });
}
