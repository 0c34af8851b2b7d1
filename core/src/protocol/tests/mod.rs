//! What holds for every message in every version, and the rules of the notation one by one.

use bytes::Bytes;

use super::wire::{Source, UnknownTags};
use super::*;

mod hostile;
mod round_trip;
mod rules;

/// More than any generated message takes.
const BUDGET: usize = 1 << 20;

/// Runs `check` for every version of every API, each with a source of its own.
fn each_version(mut check: impl FnMut(ApiKey, i16, &mut Source)) {
    for &key in ApiKey::ALL {
        for version in key.versions().iter() {
            let mut source = Source::new((key.number() as u64) << 16 | version as u64);
            check(key, version, &mut source);
        }
    }
}

/// A request's frame without its length.
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

/// A response's frame without its length.
fn response_frame(version: i16, response: &Response) -> Bytes {
    encode_response(response, 9, version).expect("encodes").concat().slice(4..)
}
