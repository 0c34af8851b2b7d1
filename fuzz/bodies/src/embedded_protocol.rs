//! What consumers put into JoinGroup and SyncGroup, which the coordinator reads when a group goes over to the new
//! protocol, and patterns of topics. The input is a byte that chooses, and the bytes.

use bytes::Bytes;
use kelpgate_core::group::consumer::regex::pattern::Pattern;
use kelpgate_core::group::embedded::{
    read_assignment, read_subscription, subscribed_topics, write_assignment, write_subscription,
};

use crate::memory;

/// What is read is written and read back the same; patterns cost what they say.
pub fn run(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let bytes = Bytes::copy_from_slice(bytes);
    match kind % 3 {
        0 => memory::within((8 << 10) + 512 * bytes.len(), || subscription(&bytes)),
        1 => memory::within((8 << 10) + 512 * bytes.len(), || assignment(&bytes)),
        // Within the limits of the compiler: a class of many characters becomes many states on the way.
        _ => memory::within((8 << 20) + 4096 * bytes.len(), || pattern(&bytes)),
    }
}

fn subscription(bytes: &Bytes) {
    let topics = subscribed_topics(bytes);
    let Ok((version, subscription)) = read_subscription(bytes) else { return };
    assert_eq!(topics.expect("they stand first"), subscription.topics);
    let written = write_subscription(&subscription, version).expect("what was read is written");
    assert_eq!(read_subscription(&written).expect("what was written is read"), (version, subscription));
}

fn assignment(bytes: &Bytes) {
    let Ok((version, assignment)) = read_assignment(bytes) else { return };
    let written = write_assignment(&assignment, version).expect("what was read is written");
    assert_eq!(read_assignment(&written).expect("what was written is read"), (version, assignment));
}

fn pattern(bytes: &Bytes) {
    let Ok(expression) = std::str::from_utf8(bytes) else { return };
    let Ok(mut pattern) = Pattern::new(expression) else { return };
    for name in ["", "a", "orders.eu-west_1", &"x".repeat(249)] {
        assert_eq!(pattern.matches(name), pattern.matches(name));
        assert!(pattern.cost(name) <= 10_000 * (name.len() + 1), "{} steps for {name}", pattern.cost(name));
    }
}
