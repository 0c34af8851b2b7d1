//! Frames of responses. The input is the key and the version of the request, two bytes each, and the frame without its
//! length, as it comes from a server.

use bytes::Bytes;
use kelpgate_core::protocol::{ApiKey, Response, decode_response, encode_response};

use crate::budget::{DECODED, MALFORMED, decode_budget};
use crate::memory;

/// What is read is written and read back the same, and what is written once is written so again.
pub fn run(data: &[u8]) {
    let Some(([key0, key1, version0, version1], frame)) = data.split_first_chunk::<4>() else { return };
    let version = i16::from_be_bytes([*version0, *version1]);
    let Some(key) = ApiKey::from_number(i16::from_be_bytes([*key0, *key1])) else { return };
    if !key.versions().contains(version) {
        return;
    }
    let frame = Bytes::copy_from_slice(frame);
    let budget = decode_budget(frame.len());
    let decoded = memory::within(2 * budget + MALFORMED, || decode_response(&frame, key, version, budget));
    match decoded {
        Ok((correlation_id, response)) => round_trip(key, version, correlation_id, &response),
        Err(error) => {
            assert!(error.offset() <= frame.len(), "{error} of {} bytes", frame.len());
            assert!(!error.to_string().is_empty());
        }
    }
}

fn round_trip(key: ApiKey, version: i16, correlation_id: i32, response: &Response) {
    let write = |response: &Response| {
        let pieces = encode_response(response, correlation_id, version).expect("what was read is written");
        pieces.concat().slice(4..)
    };
    let written = write(response);
    let (correlation_id_again, response_again) =
        decode_response(&written, key, version, DECODED).expect("what was written is read");
    assert_eq!((correlation_id_again, &response_again), (correlation_id, response));
    assert_eq!(write(&response_again), written, "a second writing differs");
}
