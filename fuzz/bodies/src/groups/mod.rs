//! One group, whatever kind it is at the moment, by lists of operations: members of both protocols, offsets,
//! administrators, time, topics that change, restarts. The input is the operations.

mod cast;
mod operations;
mod run;

use crate::memory;

/// After every step the group's invariants hold; each question is answered once, parked ones when their time is over;
/// what the log says, compacted or not, is what the group was.
pub fn run(data: &[u8]) {
    // Answers that describe the group, and each of its records more than once.
    let bound = (16 << 20) + 1024 * data.len();
    memory::within(bound, || {
        let operations = operations::operations(data);
        let mut run = run::Run::new();
        operations.into_iter().for_each(|operation| run.act(operation));
        run.end();
    });
}
