//! Whole frames: header and body together.

use bytes::Bytes;

use super::api::{ApiKey, Request, Response};
use super::header::{HeaderPrefix, RequestHeader};
use super::wire::{DecodeError, EncodeError, EncodeErrorKind, Reader, put, write_frame};
use crate::pieces::Pieces;

/// Why a frame is not a request that can be handled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RequestError {
    /// Not even key, version and correlation id are there.
    #[error("{0}")]
    Header(DecodeError),
    /// No API is declared under this key.
    #[error("key {} is unknown", .0.api_key)]
    UnknownKey(HeaderPrefix),
    /// The API has no such version. The rest of the frame was not looked at: it may have any form.
    #[error("{} has no version {}", .0.name(), .1.api_version)]
    UnsupportedVersion(ApiKey, HeaderPrefix),
    /// Header or body are not what key and version promise.
    #[error("{1}")]
    Malformed(HeaderPrefix, DecodeError),
}

/// Reads a request. `frame` is everything behind the length; names, bytes and records of the result share its memory.
/// `budget` bounds the memory in bytes that the arrays of the request may take in addition.
pub fn decode_request(frame: &Bytes, budget: usize) -> Result<(RequestHeader, Request), RequestError> {
    let mut reader = Reader::new(frame, budget);
    let prefix = HeaderPrefix::read(&mut reader)
        .map_err(|error| RequestError::Header(error.within("RequestHeader")))?;
    let Some(key) = ApiKey::from_number(prefix.api_key) else {
        return Err(RequestError::UnknownKey(prefix));
    };
    if !key.versions().contains(prefix.api_version) {
        return Err(RequestError::UnsupportedVersion(key, prefix));
    }
    let version = key.version(prefix.api_version);
    match RequestHeader::read_rest(&mut reader, prefix, key, version) {
        Ok(header) => Request::read(&mut reader, version, header),
        Err(error) => Err(RequestError::Malformed(prefix, error.within("RequestHeader"))),
    }
}

/// Writes a response as a whole frame, its length included. Record batches become parts of their own.
pub fn encode_response(
    response: &Response,
    correlation_id: i32,
    version: i16,
) -> Result<Pieces, EncodeError> {
    let key = response.api_key();
    if !key.versions().contains(version) {
        let error = EncodeError::new(EncodeErrorKind::NoVersion(version));
        return Err(error.within(key.response().body.name));
    }
    // The correlation id, and the tagged section of the header.
    write_frame(5 + response.at_most(), |writer, mut room| {
        room = put(room, correlation_id.to_be_bytes());
        if key.has_tagged_response_header(version) {
            room = put(room, [0]);
        }
        response.write(writer, room, key.version(version))
    })
}

#[cfg(any(test, feature = "client"))]
mod client {
    use super::*;
    use crate::protocol::wire::read_tags;

    /// Writes a request as a whole frame, its length included.
    pub fn encode_request(header: &RequestHeader, request: &Request) -> Result<Pieces, EncodeError> {
        write_frame(header.at_most() + request.at_most(), |writer, room| {
            let room = header.write(writer, room).map_err(|error| error.within("RequestHeader"))?;
            request.write(writer, room, header.api_key.version(header.api_version))
        })
    }

    /// Reads a response to a request of `key` in `version`, with the correlation id from its header. `frame` and
    /// `budget` are as in [`decode_request`].
    pub fn decode_response(
        frame: &Bytes,
        key: ApiKey,
        version: i16,
        budget: usize,
    ) -> Result<(i32, Response), DecodeError> {
        let mut reader = Reader::new(frame, budget);
        let correlation_id = reader.array().map_err(|error| error.within("ResponseHeader"))?;
        if key.has_tagged_response_header(version) {
            read_tags(&mut reader, |_, _| Ok(false)).map_err(|error| error.within("ResponseHeader"))?;
        }
        let response = Response::read(key, &mut reader, key.version(version))?;
        reader.finish().map_err(|error| error.within(key.response().body.name))?;
        Ok((i32::from_be_bytes(correlation_id), response))
    }
}

#[cfg(any(test, feature = "client"))]
pub use client::{decode_response, encode_request};
