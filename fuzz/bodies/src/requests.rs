//! Frames of requests. The input is a frame without its length, as it comes from a client.

use bytes::Bytes;
use kelpgate_core::protocol::{Request, RequestHeader, decode_request, encode_request};

use crate::budget::{DECODED, MALFORMED, decode_budget};
use crate::memory;

/// What is read is written and read back the same, and what is written once is written so again.
pub fn run(data: &[u8]) {
    let frame = Bytes::copy_from_slice(data);
    let budget = decode_budget(frame.len());
    let decoded = memory::within(2 * budget + MALFORMED, || decode_request(&frame, budget));
    match decoded {
        Ok((header, request)) => round_trip(&header, &request),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn round_trip(header: &RequestHeader, request: &Request) {
    let written = write(header, request);
    let (header_again, request_again) = decode_request(&written, DECODED).expect("what was written is read");
    assert_eq!((&header_again, &request_again), (header, request));
    assert_eq!(write(&header_again, &request_again), written, "a second writing differs");
}

fn write(header: &RequestHeader, request: &Request) -> Bytes {
    let pieces = encode_request(header, request).expect("what was read is written");
    let whole = pieces.concat();
    assert_eq!(whole.first_chunk::<4>().copied(), Some((whole.len() as u32 - 4).to_be_bytes()));
    whole.slice(4..)
}
