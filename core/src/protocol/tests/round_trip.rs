//! What is written is read back the same.

use core::cell::Cell;

use super::wire::{Room, Writer, write_frame};
use super::*;

/// Messages per version and direction.
const ROUNDS: usize = 60;

#[test]
fn requests() {
    each_version(|key, version, source| {
        for _ in 0..ROUNDS {
            let request = Request::generate(key, version, source);
            let frame = request_frame(key, version, &request);
            let (header, decoded) = decode_request(&frame, BUDGET).expect("decodes");
            assert_eq!((header.api_key, header.api_version, header.correlation_id), (key, version, 7));
            assert_eq!(header.client_id.as_deref(), Some("client"));
            assert_eq!(decoded, request, "{key:?} {version}");
        }
    });
}

#[test]
fn responses() {
    each_version(|key, version, source| {
        for _ in 0..ROUNDS {
            let response = Response::generate(key, version, source);
            let frame = response_frame(version, &response);
            let decoded = decode_response(&frame, key, version, BUDGET).expect("decodes");
            assert_eq!(decoded, (9, response), "{key:?} {version}");
        }
    });
}

#[test]
fn headers_with_tags_and_without_a_client_id() {
    each_version(|key, version, source| {
        let header = RequestHeader {
            api_key: key,
            api_version: version,
            correlation_id: i32::MIN,
            client_id: None,
            unknown_tags: wire::Generate::generate(source, key.version(version), false),
        };
        let request = Request::generate(key, version, source);
        let frame = encode_request(&header, &request).expect("encodes").concat().slice(4..);
        assert_eq!(decode_request(&frame, BUDGET).expect("decodes"), (header, request));
    });
}

#[test]
fn the_length_in_front_is_that_of_the_frame() {
    each_version(|key, version, source| {
        let response = Response::generate(key, version, source);
        let pieces = encode_response(&response, 9, version).expect("encodes");
        let whole = pieces.concat();
        assert_eq!(whole[..4], (whole.len() as u32 - 4).to_be_bytes());
        assert_eq!(pieces.len(), whole.len());
    });
}

/// The frame that `write` writes when it is given room for `at_most` bytes, and how many attempts that takes.
fn written(
    at_most: usize,
    write: impl for<'r> Fn(&mut Writer, Room<'r>) -> Result<Room<'r>, EncodeError>,
) -> (Bytes, u32) {
    let attempts = Cell::new(0);
    let pieces = write_frame(at_most, |writer, room| {
        attempts.set(attempts.get() + 1);
        write(writer, room)
    });
    (pieces.expect("encodes").concat(), attempts.get())
}

#[test]
fn room_is_made_once_and_too_little_only_costs_time() {
    let (mut frames, mut tight) = (0, 0);
    each_version(|key, number, source| {
        let version = key.version(number);
        for _ in 0..ROUNDS {
            let (request, response) =
                (Request::generate(key, number, source), Response::generate(key, number, source));
            let once = written(request.at_most(), |writer, room| request.write(writer, room, version));
            let again = written(0, |writer, room| request.write(writer, room, version));
            assert_eq!((&once.0, once.1), (&again.0, 1), "{key:?} {number}");
            let once = written(response.at_most(), |writer, room| response.write(writer, room, version));
            let again = written(0, |writer, room| response.write(writer, room, version));
            assert_eq!((&once.0, once.1), (&again.0, 1), "{key:?} {number}");
            frames += 1;
            tight += u32::from(again.1 > 1);
        }
    });
    assert!(tight > frames / 2, "only {tight} of {frames} were written twice");
}
