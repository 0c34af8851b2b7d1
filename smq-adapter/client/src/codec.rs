//! Messages to bytes and back, for tonic.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes};
use kelpgate_core::pieces::Pieces;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::message::messaging::PublishInit;

/// Bytes of publishes that are put together for one write.
const PUBLISH_BATCH: usize = 256 * 1024;

/// Requests `Q` and answers `A` as prost writes and reads them.
pub(crate) struct Protobuf<Q, A>(PhantomData<fn(Q) -> A>);

impl<Q, A> Default for Protobuf<Q, A> {
    fn default() -> Self {
        Protobuf(PhantomData)
    }
}

impl<Q: Message + 'static, A: Message + Default + 'static> Codec for Protobuf<Q, A> {
    type Encode = Q;
    type Decode = A;
    type Encoder = Written<Q>;
    type Decoder = Parsed<A>;

    fn encoder(&mut self) -> Written<Q> {
        Written(PhantomData)
    }

    fn decoder(&mut self) -> Parsed<A> {
        Parsed(PhantomData)
    }
}

pub(crate) struct Written<Q>(PhantomData<fn(Q)>);

impl<Q: Message> Encoder for Written<Q> {
    type Item = Q;
    type Error = Status;

    fn encode(&mut self, message: Q, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(into).map_err(|error| Status::internal(error.to_string()))
    }
}

pub(crate) struct Parsed<A>(PhantomData<fn() -> A>);

impl<A: Message + Default> Decoder for Parsed<A> {
    type Item = A;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<A>, Status> {
        let parsed = A::decode(from).map_err(|error| Status::internal(format!("not understood: {error}")))?;
        Ok(Some(parsed))
    }
}

/// What goes out on a stream of publishes (`PublishMessageRequest`).
#[derive(Debug)]
pub(crate) enum Publishing {
    Init(PublishInit),
    /// The broker gives the time. Written without a copy of the value in between.
    Data {
        key: Bytes,
        value: Pieces,
    },
}

const REQUEST_INIT: u32 = 1;
const REQUEST_DATA: u32 = 2;
const DATA_KEY: u32 = 1;
const DATA_VALUE: u32 = 2;

impl Publishing {
    fn encode(&self, into: &mut impl BufMut) {
        match self {
            Publishing::Init(init) => prost::encoding::message::encode(REQUEST_INIT, init, into),
            Publishing::Data { key, value } => {
                encode_key(REQUEST_DATA, WireType::LengthDelimited, into);
                encode_varint((field_len(key.len()) + field_len(value.len())) as u64, into);
                encode_field(DATA_KEY, key.len(), [key], into);
                encode_field(DATA_VALUE, value.len(), value.iter(), into);
            }
        }
    }

    /// Bytes that it is encoded as, or some more.
    pub(crate) fn room(&self) -> usize {
        match self {
            Publishing::Init(init) => init.encoded_len() + 16,
            Publishing::Data { key, value } => key.len() + value.len() + 32,
        }
    }
}

/// A field of bytes whose number is below 16, with its key and length; one that is empty is left out.
fn field_len(len: usize) -> usize {
    if len == 0 { 0 } else { 1 + encoded_len_varint(len as u64) + len }
}

fn encode_field<'a>(
    tag: u32,
    len: usize,
    parts: impl IntoIterator<Item = &'a Bytes>,
    into: &mut impl BufMut,
) {
    if len > 0 {
        encode_key(tag, WireType::LengthDelimited, into);
        encode_varint(len as u64, into);
        parts.into_iter().for_each(|part| into.put_slice(part));
    }
}

/// Publishes out, answers `A` in.
pub(crate) struct PublishCodec<A>(PhantomData<fn() -> A>);

impl<A> Default for PublishCodec<A> {
    fn default() -> Self {
        PublishCodec(PhantomData)
    }
}

impl<A: Message + Default + 'static> Codec for PublishCodec<A> {
    type Encode = Publishing;
    type Decode = A;
    type Encoder = PublishEncoder;
    type Decoder = Parsed<A>;

    fn encoder(&mut self) -> PublishEncoder {
        PublishEncoder
    }

    fn decoder(&mut self) -> Parsed<A> {
        Parsed(PhantomData)
    }
}

pub(crate) struct PublishEncoder;

impl Encoder for PublishEncoder {
    type Item = Publishing;
    type Error = Status;

    fn encode(&mut self, message: Publishing, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.reserve(message.room());
        message.encode(into);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(PUBLISH_BATCH, PUBLISH_BATCH)
    }
}

/// The entries of a log file of a broker's: a length in 4 bytes, big-endian, then the message.
///
/// # Errors
/// When a frame is cut short or is no entry.
pub fn log_entries(mut file: Bytes) -> Result<Vec<crate::message::messaging::LogEntry>, prost::DecodeError> {
    let mut entries = Vec::new();
    while let Ok(len) = file.try_get_u32() {
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(file.len());
        entries.push(Message::decode(file.split_to(len))?);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request as prost would have it.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Request {
        #[prost(message, optional, tag = "1")]
        init: Option<PublishInit>,
        #[prost(message, optional, tag = "2")]
        data: Option<Data>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Data {
        #[prost(bytes = "bytes", tag = "1")]
        key: Bytes,
        #[prost(bytes = "bytes", tag = "2")]
        value: Bytes,
    }

    #[test]
    fn publishes_are_written_as_prost_writes_them() {
        for (key, value) in [(0, 0), (0, 1), (3, 0), (37, 127), (1, 128), (200, 70_000)] {
            let (key, value) = (Bytes::from(vec![1; key]), vec![2; value]);
            let pieces: Pieces = value.chunks(50).map(Bytes::copy_from_slice).collect();
            let mut ours = Vec::new();
            let message = Publishing::Data { key: key.clone(), value: pieces };
            message.encode(&mut ours);
            assert!(message.room() >= ours.len());
            let data = Some(Data { key, value: value.into() });
            assert_eq!(ours, Request { init: None, data }.encode_to_vec());
        }
        let init = PublishInit { publisher_name: "someone".into(), ..PublishInit::default() };
        let mut ours = Vec::new();
        Publishing::Init(init.clone()).encode(&mut ours);
        assert_eq!(ours, Request { init: Some(init), data: None }.encode_to_vec());
    }
}
