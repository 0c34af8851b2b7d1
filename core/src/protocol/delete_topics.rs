//! DeleteTopics (key 20).
//!
//! | version | change |
//! | --- | --- |
//! | 0 | dropped by Kafka 4 (KIP-896) |
//! | 1 | throttle time |
//! | 2 | the client throttles itself (KIP-219) |
//! | 3 | TOPIC_DELETION_DISABLED may be answered |
//! | 4 | flexible (KIP-482) |
//! | 5 | error message; THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599) |
//! | 6 | topics by name or id (KIP-516) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;
use crate::uuid::Uuid;

message! {
    /// The topics to delete.
    request DeleteTopicsRequest [0..=6, flexible 4..] {
        topics: Vec<DeleteTopicState> [6..],
        /// Up to version 5 instead of `topics`.
        topic_names: Vec<Str> [0..=5, ignorable],
        /// How long to wait until the topics are gone.
        timeout_ms: i32,
    }

    /// A topic by name or, with a null name, by id.
    DeleteTopicState {
        name: Option<Str> [6.., null 6..] = None,
        topic_id: Uuid [6..],
    }
}

message! {
    /// What became of each topic.
    response DeleteTopicsResponse [0..=6, flexible 4..] {
        throttle_time_ms: i32 [1.., ignorable],
        responses: Vec<DeletableTopicResult>,
    }

    /// The outcome for one topic.
    DeletableTopicResult {
        /// Null if asked by an id that is unknown or may not be seen.
        name: Option<Str> [0.., null 6..],
        topic_id: Uuid [6.., ignorable],
        error_code: ErrorCode,
        error_message: Option<Str> [5.., null 5.., ignorable] = None,
    }
}
