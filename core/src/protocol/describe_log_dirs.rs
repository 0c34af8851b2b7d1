//! DescribeLogDirs (key 35): sizes of logs on disk (KIP-113).
//!
//! | version | change |
//! | --- | --- |
//! | 1 | the client throttles itself (KIP-219); the lowest Kafka 4 knows (KIP-896) |
//! | 2 | flexible (KIP-482) |
//! | 3 | top-level error |
//! | 4 | sizes of the volume (KIP-827) |
//! | 5 | cordoned directories (KIP-1066) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Which logs to describe.
    request DescribeLogDirsRequest [1..=5, flexible 2..] {
        /// Null for all.
        topics: Option<Vec<DescribableLogDirTopic>> [0.., null 0..],
    }

    /// The partitions of one topic.
    DescribableLogDirTopic {
        topic: Str,
        partitions: Vec<i32>,
    }
}

message! {
    /// The directories.
    response DescribeLogDirsResponse [1..=5, flexible 2..] {
        throttle_time_ms: i32,
        error_code: ErrorCode [3.., ignorable],
        results: Vec<DescribeLogDirsResult>,
    }

    /// One directory.
    DescribeLogDirsResult {
        error_code: ErrorCode,
        /// Its absolute path.
        log_dir: Str,
        topics: Vec<DescribeLogDirsTopic>,
        /// Bytes of the volume, -1 if unknown; without remote storage.
        total_bytes: i64 [4.., ignorable] = -1,
        /// Bytes that can still be used, -1 if unknown; without remote storage.
        usable_bytes: i64 [4.., ignorable] = -1,
        is_cordoned: bool [5.., ignorable],
    }

    /// The partitions of one topic.
    DescribeLogDirsTopic {
        name: Str,
        partitions: Vec<DescribeLogDirsPartition>,
    }

    /// One log.
    DescribeLogDirsPartition {
        partition_index: i32,
        /// Bytes of its segments.
        partition_size: i64,
        /// How far its end is behind the high watermark, or a future log's behind the current one's.
        offset_lag: i64,
        /// Whether it is about to replace the current log.
        is_future_key: bool,
    }
}
