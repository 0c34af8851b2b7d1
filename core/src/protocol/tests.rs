//! What holds for every message in every version.

use bytes::Bytes;

use super::wire::Source;
use super::*;
use crate::protocol::wire::UnknownTags;

/// More than any generated message takes.
const BUDGET: usize = 1 << 20;

fn each_version(mut check: impl FnMut(ApiKey, i16, &mut Source)) {
    for &key in ApiKey::ALL {
        for version in key.versions().iter() {
            let mut source = Source::new(u64::from(key.number() as u16) << 16 | version as u64);
            check(key, version, &mut source);
        }
    }
}

fn request_frame(key: ApiKey, version: i16, request: &Request) -> Bytes {
    let header = RequestHeader {
        api_key: key,
        api_version: version,
        correlation_id: 7,
        client_id: Some(Str::from_static("client")),
        unknown_tags: UnknownTags::NONE,
    };
    encode_request(&header, request).expect("encodes").concat().slice(4..)
}

#[test]
fn requests_come_back_as_they_went() {
    each_version(|key, version, source| {
        for _ in 0..50 {
            let request = Request::generate(key, version, source);
            let frame = request_frame(key, version, &request);
            let (header, decoded) = decode_request(&frame, BUDGET).expect("decodes");
            assert_eq!(header.correlation_id, 7);
            assert_eq!(decoded, request, "{key:?} {version}");
        }
    });
}

#[test]
fn responses_come_back_as_they_went() {
    each_version(|key, version, source| {
        for _ in 0..50 {
            let response = Response::generate(key, version, source);
            let frame = encode_response(&response, 9, version).expect("encodes").concat();
            let (length, frame) = (frame.slice(..4), frame.slice(4..));
            assert_eq!(length.as_ref(), (frame.len() as u32).to_be_bytes());
            let decoded = decode_response(&frame, key, version, BUDGET).expect("decodes");
            assert_eq!(decoded, (9, response), "{key:?} {version}");
        }
    });
}
