//! InitProducerId (key 22): an identity for an idempotent or transactional producer (KIP-98).
//!
//! | version | change |
//! | --- | --- |
//! | 1 | the client throttles itself (KIP-219) |
//! | 2 | flexible (KIP-482) |
//! | 3 | the producer's current id and epoch, to be raised (KIP-360) |
//! | 4 | PRODUCER_FENCED may be answered (KIP-588) |
//! | 5 | TRANSACTION_ABORTABLE may be answered (KIP-890) |
//! | 6 | two-phase commit (KIP-939); not stable in Kafka 4.4 |

use super::error_code::ErrorCode;
use super::wire::Str;
use super::wire::message::message;

message! {
    /// Who wants an identity.
    request InitProducerIdRequest [0..=6, flexible 2..] {
        /// Null for a producer that is idempotent only.
        transactional_id: Option<Str> [0.., null 0..],
        /// After this much idle time an open transaction is aborted; without meaning for null ids.
        transaction_timeout_ms: i32,
        /// The id the producer has, -1 for none.
        producer_id: i64 [3..] = -1,
        /// The epoch the producer has, -1 for none.
        producer_epoch: i16 [3..] = -1,
        enable2_pc: bool [6..],
        /// Keep an open transaction instead of aborting it.
        keep_prepared_txn: bool [6..],
    }
}

message! {
    /// The identity given.
    response InitProducerIdResponse [0..=6, flexible 2..] {
        throttle_time_ms: i32 [0.., ignorable],
        error_code: ErrorCode,
        producer_id: i64 = -1,
        producer_epoch: i16,
        /// Of the transaction that was kept, -1 for none.
        ongoing_txn_producer_id: i64 [6..] = -1,
        /// Of the transaction that was kept, -1 for none.
        ongoing_txn_producer_epoch: i16 [6..] = -1,
    }
}
