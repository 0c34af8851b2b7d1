use super::super::testing::{image, image_of};
use super::*;

fn code(image: &Image, request: InitProducerIdRequest) -> i16 {
    check(image, &request).map_or_else(|error| error.0, |()| 0)
}

fn transactional(timeout: i32) -> InitProducerIdRequest {
    InitProducerIdRequest {
        transactional_id: Some("t".into()),
        transaction_timeout_ms: timeout,
        ..idempotent()
    }
}

fn idempotent() -> InitProducerIdRequest {
    InitProducerIdRequest { transactional_id: None, ..Default::default() }
}

#[test]
fn without_a_transactional_id_anything_goes_but_half_an_id() {
    let image = image(&[]);
    assert_eq!(code(&image, idempotent()), 0);
    assert_eq!(code(&image, InitProducerIdRequest { transaction_timeout_ms: -1, ..idempotent() }), 0);
    assert_eq!(code(&image, InitProducerIdRequest { producer_id: 5, producer_epoch: 3, ..idempotent() }), 0);
    assert_eq!(code(&image, InitProducerIdRequest { producer_id: 5, ..idempotent() }), 42);
    assert_eq!(code(&image, InitProducerIdRequest { producer_epoch: 3, ..idempotent() }), 42);
    assert_eq!(code(&image, InitProducerIdRequest { enable2_pc: true, ..idempotent() }), 0);
    assert_eq!(code(&image, InitProducerIdRequest { keep_prepared_txn: true, ..idempotent() }), 0);
}

#[test]
fn transactions_are_refused_in_kafkas_order() {
    let image = image(&[]);
    let empty = InitProducerIdRequest { transactional_id: Some("".into()), ..transactional(0) };
    assert_eq!(code(&image, empty), 42);
    let both = InitProducerIdRequest { enable2_pc: true, keep_prepared_txn: true, ..transactional(0) };
    assert_eq!(code(&image, both), 53);
    assert_eq!(code(&image, InitProducerIdRequest { keep_prepared_txn: true, ..transactional(0) }), 35);
    for (timeout, expected) in [(0, 50), (-1, 50), (1, 53), (900_000, 53), (900_001, 50)] {
        assert_eq!(code(&image, transactional(timeout)), expected, "{timeout}");
    }
    let shorter = image_of(&[("transaction.max.timeout.ms", "5")], &[]);
    assert_eq!((code(&shorter, transactional(5)), code(&shorter, transactional(6))), (53, 50));
}
