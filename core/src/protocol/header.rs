//! What stands before every body.

use super::api::ApiKey;
use super::wire::{DecodeError, Read, Reader, Str, UnknownTags, Version, read_tags};

/// The client id keeps its two-byte length in version 2 of the header, so that any node can read any header.
const INFLEXIBLE: Version = Version { number: 1, flexible: false };

/// The part of a request's header that never changes, readable even if key and version are unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeaderPrefix {
    /// The key as sent.
    pub api_key: i16,
    /// The version as sent.
    pub api_version: i16,
    /// To be given back with the response.
    pub correlation_id: i32,
}

impl HeaderPrefix {
    /// Reads the first eight bytes of a frame (behind its length).
    #[inline]
    pub fn read(reader: &mut Reader<'_>) -> Result<HeaderPrefix, DecodeError> {
        let mut field = |name| reader.array().map(i16::from_be_bytes).map_err(|error| error.within(name));
        let api_key = field("request_api_key")?;
        let api_version = field("request_api_version")?;
        let correlation_id = reader.array().map_err(|error| error.within("correlation_id"))?;
        Ok(HeaderPrefix { api_key, api_version, correlation_id: i32::from_be_bytes(correlation_id) })
    }
}

/// A request's header, version 1 or (before flexible bodies) 2.
#[derive(Clone, PartialEq, Debug)]
pub struct RequestHeader {
    /// What is asked.
    pub api_key: ApiKey,
    /// In which version; one of [`ApiKey::versions`].
    pub api_version: i16,
    /// To be given back with the response.
    pub correlation_id: i32,
    /// The name the client gives itself.
    pub client_id: Option<Str>,
    /// Tagged fields that we do not know.
    pub unknown_tags: UnknownTags,
}

impl RequestHeader {
    /// The part that never changes.
    pub fn prefix(&self) -> HeaderPrefix {
        let RequestHeader { api_key, api_version, correlation_id, .. } = *self;
        HeaderPrefix { api_key: api_key.number(), api_version, correlation_id }
    }

    /// Reads what follows the prefix.
    #[inline]
    pub(crate) fn read_rest(
        reader: &mut Reader<'_>,
        prefix: HeaderPrefix,
        api_key: ApiKey,
        version: Version,
    ) -> Result<RequestHeader, DecodeError> {
        let client_id = Str::read_nullable(reader, INFLEXIBLE).map_err(|error| error.within("client_id"))?;
        let unknown_tags = match version.flexible {
            true => read_tags(reader, |_, _| Ok(false))?,
            false => UnknownTags::NONE,
        };
        let HeaderPrefix { api_version, correlation_id, .. } = prefix;
        Ok(RequestHeader { api_key, api_version, correlation_id, client_id, unknown_tags })
    }
}

#[cfg(any(test, feature = "client"))]
mod client {
    use super::*;
    use crate::protocol::wire::{EncodeError, Room, TagWriter, Write, Writer, no_tags, put};

    impl RequestHeader {
        /// How many bytes the header takes at most, see [`Write::at_most`].
        pub(crate) fn at_most(&self) -> usize {
            8 + self.client_id.at_most() + self.unknown_tags.at_most(0)
        }

        /// Puts the header; gives the room behind it.
        pub(crate) fn write<'r>(&self, writer: &mut Writer, room: Room<'r>) -> Result<Room<'r>, EncodeError> {
            let room = put(room, self.api_key.number().to_be_bytes());
            let room = put(room, self.api_version.to_be_bytes());
            let room = put(room, self.correlation_id.to_be_bytes());
            let room = Str::write_nullable(self.client_id.as_ref(), writer, room, INFLEXIBLE)
                .map_err(|error| error.within("client_id"))?;
            let version = self.api_key.version(self.api_version);
            match self.unknown_tags.is_empty() {
                true => Ok(no_tags(room, version)),
                false => Ok(TagWriter::begin(writer, room, version, &self.unknown_tags, 0)?.finish()),
            }
        }
    }
}
