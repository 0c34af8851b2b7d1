//! What is written is read back the same.

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
