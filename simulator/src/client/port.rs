//! One end of a connection as clients have it: requests become frames, and what comes back is put together and matched
//! with them.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use kelpgate_core::protocol::api_versions::ApiVersionsRequest;
use kelpgate_core::protocol::{
    ApiKey, EncodeError, Request, RequestHeader, Response, Str, decode_response, encode_request,
};
use kelpgate_core::time::Instant;

use super::Sent;

/// What was sent without an answer, and what arrived and was not taken.
#[derive(Debug)]
pub struct Port {
    client_id: Str,
    /// Most memory that one decoded answer may take.
    budget: usize,
    received: BytesMut,
    asked: VecDeque<Sent>,
    last_correlation_id: i32,
}

impl Port {
    /// One on which nothing has been sent; `budget` is the most memory that one decoded answer may take.
    pub fn new(client_id: &'static str, budget: usize) -> Port {
        Port {
            client_id: Str::from_static(client_id),
            budget,
            received: BytesMut::new(),
            asked: VecDeque::new(),
            last_correlation_id: 0,
        }
    }

    /// The frame of a request, which is expected to be answered unless it is a Produce with acks=0.
    ///
    /// # Errors
    /// When the request cannot be put into that version.
    pub fn frame(
        &mut self,
        now: Instant,
        version: i16,
        request: &Request,
    ) -> Result<(Sent, Bytes), EncodeError> {
        let header = RequestHeader {
            api_key: request.api_key(),
            api_version: version,
            correlation_id: self.last_correlation_id + 1,
            client_id: Some(self.client_id.clone()),
            unknown_tags: Default::default(),
        };
        let frame = encode_request(&header, request)?.concat();
        self.last_correlation_id = header.correlation_id;
        let sent = Sent { correlation_id: header.correlation_id, key: header.api_key, version, at: now };
        if !matches!(request, Request::Produce(produce) if produce.acks == 0) {
            self.asked.push_back(sent);
        }
        Ok((sent, frame))
    }

    /// The frame of a question for what the node serves, in any version: one that the node is too old for too, which it
    /// answers as one of version 0 (KIP-511).
    pub fn greeting(&mut self, now: Instant, version: i16) -> (Sent, Bytes) {
        let request = ApiVersionsRequest {
            client_software_name: "sim".into(),
            client_software_version: "1".into(),
            ..Default::default()
        };
        let newest = ApiKey::ApiVersions.versions().last;
        let (sent, frame) = self
            .frame(now, version.min(newest), &request.into())
            .expect("a question that every version can carry");
        // Behind the length and the key.
        let (head, rest) = frame.split_at(6);
        let frame = [head, &version.to_be_bytes(), &rest[2..]].concat();
        let sent = Sent { version, ..sent };
        self.asked.pop_back();
        self.asked.push_back(sent);
        (sent, frame.into())
    }

    /// Requests without an answer, oldest first.
    pub fn unanswered(&self) -> impl Iterator<Item = &Sent> {
        self.asked.iter()
    }

    /// Bytes arrive.
    pub fn received(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// What has arrived, as it is.
    pub fn take(&mut self) -> Bytes {
        self.received.split().freeze()
    }

    /// The next answer, if it is whole.
    ///
    /// # Errors
    /// When it was not asked for, is not the next one, or cannot be read.
    pub fn answer(&mut self) -> Result<Option<(Sent, Response)>, String> {
        let Some(length) = self.received.first_chunk::<4>() else { return Ok(None) };
        let length =
            usize::try_from(i32::from_be_bytes(*length)).map_err(|_| "an answer of negative length")?;
        if self.received.len() < 4 + length {
            return Ok(None);
        }
        self.received.advance(4);
        let frame = self.received.split_to(length).freeze();
        let sent = self.asked.pop_front().ok_or("an answer that nobody asked for")?;
        let number = frame.first_chunk::<4>().map(|number| i32::from_be_bytes(*number));
        if number != Some(sent.correlation_id) {
            return Err(format!("an answer numbered {number:?} where that to {sent:?} was next"));
        }
        let is_beyond = sent.key == ApiKey::ApiVersions && sent.version > sent.key.versions().last;
        let version = if is_beyond { 0 } else { sent.version };
        let (_, response) = decode_response(&frame, sent.key, version, self.budget)
            .map_err(|error| format!("the answer to {sent:?} cannot be read: {error}"))?;
        Ok(Some((sent, response)))
    }
}
