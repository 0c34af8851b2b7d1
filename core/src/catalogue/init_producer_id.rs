//! InitProducerId (22): what a request must satisfy before it is given an id (`TransactionCoordinator.handleInitProducerId`).
//! The ids themselves come in blocks that are durable before any of them is used.

use super::image::Image;
use super::internal_topics::node_value;
use crate::protocol::ErrorCode;
use crate::protocol::init_producer_id::InitProducerIdRequest;

/// Ids in a block for one shard (`ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`).
pub const BLOCK: u32 = 1000;

/// Checks a request, in Kafka's order. One without a transactional id always gets a new id with epoch 0, whatever else it
/// says.
///
/// # Errors
/// INVALID_REQUEST: an id without epoch or the reverse, an empty transactional id. INVALID_TRANSACTION_TIMEOUT.
/// UNSUPPORTED_VERSION: prepared transactions (KIP-939). TRANSACTIONAL_ID_AUTHORIZATION_FAILED: any other transactional
/// id, for transactions are not served, and two-phase commit.
pub fn check(image: &Image, request: &InitProducerIdRequest) -> Result<(), ErrorCode> {
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let Some(transactional_id) = &request.transactional_id else {
        return Ok(());
    };
    if transactional_id.is_empty() {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    if request.enable2_pc {
        return Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    }
    if request.keep_prepared_txn {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    let longest = node_value(image.broker_layers(), "transaction.max.timeout.ms");
    let longest = longest.and_then(|value| value.parse().ok()).unwrap_or(i32::MAX);
    if !(1..=longest).contains(&request.transaction_timeout_ms) {
        return Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT);
    }
    Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
}

#[cfg(test)]
mod tests;
