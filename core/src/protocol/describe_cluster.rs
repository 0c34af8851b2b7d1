//! DescribeCluster (key 60): the brokers or controllers of the cluster (KIP-700); flexible from the start.
//!
//! | version | change |
//! | --- | --- |
//! | 1 | endpoint type (KIP-919) |
//! | 2 | fenced brokers (KIP-1073) |

use alloc::vec::Vec;

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// What to include.
    request DescribeClusterRequest [0..=2, flexible 0..] {
        include_cluster_authorized_operations: bool,
        /// 1: brokers, 2: controllers.
        endpoint_type: i8 [1..] = 1,
        include_fenced_brokers: bool [2..],
    }
}

message! {
    /// The cluster.
    response DescribeClusterResponse [0..=2, flexible 0..] {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Str> [0.., null 0..] = None,
        /// 1: brokers, 2: controllers.
        endpoint_type: i8 [1..] = 1,
        cluster_id: Str,
        controller_id: i32 = -1,
        brokers: Vec<DescribeClusterBroker>,
        /// A bit per operation, `i32::MIN` if not asked for.
        cluster_authorized_operations: i32 = i32::MIN,
    }

    /// Where a node can be reached.
    DescribeClusterBroker {
        broker_id: i32,
        host: Str,
        port: i32,
        rack: Option<Str> [0.., null 0..] = None,
        is_fenced: bool [2..],
    }
}
