//! Bytes that are not what they should be: no panic, no large allocation, the right error.

use alloc::vec::Vec;

use super::wire::DecodeErrorKind;
use super::*;

/// Why a request is malformed, without the prefix of its header.
fn fault(frame: &Bytes, budget: usize) -> DecodeErrorKind {
    match decode_request(frame, budget) {
        Err(RequestError::Malformed(_, error) | RequestError::Header(error)) => error.kind(),
        other => panic!("not malformed: {other:?}"),
    }
}

/// A truncated frame ends in a value, or in front of elements that were announced.
fn is_truncation(kind: DecodeErrorKind) -> bool {
    matches!(kind, DecodeErrorKind::Short { .. } | DecodeErrorKind::BadCount { .. })
}

#[test]
fn a_frame_cut_at_any_byte_is_refused() {
    each_version(|key, version, source| {
        for _ in 0..8 {
            let request = request_frame(key, version, &Request::generate(key, version, source));
            for end in 0..request.len() {
                let kind = fault(&request.slice(..end), BUDGET);
                assert!(is_truncation(kind), "{key:?} {version} cut at {end}: {kind:?}");
            }
            let response = response_frame(version, &Response::generate(key, version, source));
            for end in 0..response.len() {
                let error = decode_response(&response.slice(..end), key, version, BUDGET).expect_err("cut");
                assert!(is_truncation(error.kind()), "{key:?} {version} cut at {end}: {error}");
                assert!(error.offset() <= end);
            }
        }
    });
}

#[test]
fn bytes_left_over_are_not_looked_at_in_requests_and_refused_in_responses() {
    each_version(|key, version, source| {
        let request = Request::generate(key, version, source);
        let mut frame = request_frame(key, version, &request).to_vec();
        frame.extend_from_slice(&[0, 0]);
        assert_eq!(decode_request(&Bytes::from(frame), BUDGET).expect("decodes").1, request);
        let mut frame = response_frame(version, &Response::generate(key, version, source)).to_vec();
        frame.extend_from_slice(&[0, 0]);
        let error = decode_response(&Bytes::from(frame), key, version, BUDGET).expect_err("left over");
        assert_eq!(error.kind(), DecodeErrorKind::Trailing { left: 2 });
    });
}

/// Whatever could be read can be written, and is read back the same.
fn stays_stable(frame: &Bytes) -> bool {
    let Ok((header, request)) = decode_request(frame, BUDGET) else {
        return false;
    };
    let again = encode_request(&header, &request).expect("what was read can be written").concat().slice(4..);
    assert_eq!(decode_request(&again, BUDGET).expect("reads again"), (header, request));
    true
}

#[test]
fn damaged_requests_are_refused_or_stable() {
    let mut readable = 0;
    each_version(|key, version, source| {
        for _ in 0..20 {
            let frame = request_frame(key, version, &Request::generate(key, version, source));
            let mut damaged = frame.to_vec();
            for _ in 0..1 + source.below(3) {
                // Key and version stay, so that the body is reached.
                let at = 4 + source.below(damaged.len() as u64 - 4) as usize;
                damaged[at] = match source.below(3) {
                    0 => damaged[at] ^ 1 << source.below(8),
                    1 => [0x00, 0x01, 0x7f, 0x80, 0xff][source.below(5) as usize],
                    _ => source.bits() as u8,
                };
            }
            readable += usize::from(stays_stable(&damaged.into()));
        }
    });
    assert!(readable > 100, "only {readable} survived: the check above hardly ran");
}

#[test]
fn damaged_responses_are_refused_or_stable() {
    each_version(|key, version, source| {
        for _ in 0..20 {
            let mut damaged = response_frame(version, &Response::generate(key, version, source)).to_vec();
            let at = source.below(damaged.len() as u64) as usize;
            damaged[at] = source.bits() as u8;
            if let Ok((_, response)) = decode_response(&damaged.into(), key, version, BUDGET) {
                let again = response_frame(version, &response);
                assert_eq!(decode_response(&again, key, version, BUDGET).expect("reads again").1, response);
            }
        }
    });
}

#[test]
fn noise_behind_a_good_header_does_no_harm() {
    each_version(|key, version, source| {
        for _ in 0..100 {
            let mut frame = Vec::new();
            frame.extend_from_slice(&key.number().to_be_bytes());
            frame.extend_from_slice(&version.to_be_bytes());
            let length = source.below(120);
            frame.extend((0..length).map(|_| if source.one_in(3) { 0 } else { source.bits() as u8 }));
            stays_stable(&frame.into());
        }
    });
}

#[test]
fn a_count_is_held_against_what_is_left() {
    // Metadata 1: a null client id, then an array of two billion topics with nothing behind.
    let frame = Bytes::from_static(b"\0\x03\0\x01\0\0\0\x01\xff\xff\x7f\xff\xff\xff");
    assert_eq!(fault(&frame, usize::MAX), DecodeErrorKind::BadCount { count: 0x7fff_ffff, left: 0 });
}

#[test]
fn arrays_take_no_more_memory_than_the_budget() {
    // DeleteTopics 4: as many empty names as there are bytes.
    let mut frame = b"\0\x14\0\x04\0\0\0\x01\xff\xff\0".to_vec();
    frame.extend_from_slice(&[0x81, 0x80, 0x04]);
    frame.resize(frame.len() + 0x1_0000, 1);
    frame.extend_from_slice(&[0, 0, 0, 0, 0]);
    let frame = Bytes::from(frame);
    let memory = 0x1_0000 * size_of::<Str>();
    assert!(decode_request(&frame, memory).is_ok());
    assert_eq!(fault(&frame, memory - 1), DecodeErrorKind::Budget);
}

#[test]
fn unknown_tags_are_charged_to_the_budget() {
    // ApiVersions 3: two empty strings, then a thousand empty tagged fields.
    let mut frame = b"\0\x12\0\x03\0\0\0\x01\xff\xff\0\x01\x01\xe8\x07".to_vec();
    for tag in 0..1000u32 {
        frame.extend_from_slice(&[tag as u8 | 0x80, (tag >> 7) as u8, 0]);
    }
    let frame = Bytes::from(frame);
    assert!(decode_request(&frame, BUDGET).is_ok());
    assert_eq!(fault(&frame, 1000), DecodeErrorKind::Budget);
}

#[test]
fn unknown_keys_and_versions_keep_the_prefix() {
    let prefix = HeaderPrefix { api_key: 999, api_version: 4, correlation_id: 77 };
    let frame = Bytes::from_static(b"\x03\xe7\0\x04\0\0\0\x4d");
    assert_eq!(decode_request(&frame, BUDGET), Err(RequestError::UnknownKey(prefix)));
    let prefix = HeaderPrefix { api_key: 18, api_version: 99, correlation_id: 77 };
    let frame = Bytes::from_static(b"\0\x12\0\x63\0\0\0\x4d and anything behind");
    assert_eq!(
        decode_request(&frame, BUDGET),
        Err(RequestError::UnsupportedVersion(ApiKey::ApiVersions, prefix))
    );
    let frame = Bytes::from_static(b"\0\x12\xff\xff\0\0\0\x4d");
    assert!(matches!(decode_request(&frame, BUDGET), Err(RequestError::UnsupportedVersion(..))));
    let frame = Bytes::from_static(b"\0\x12\0\x03\0\0\0");
    assert!(matches!(decode_request(&frame, BUDGET), Err(RequestError::Header(_))));
}
