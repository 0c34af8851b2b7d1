//! Calls of gRPC methods.

use hyper::http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use crate::codec::Protobuf;

/// What both sides of SeaweedFS allow a message to be.
pub(crate) const LARGEST_MESSAGE: usize = 1 << 30;

/// A client on a channel, for messages as large as SeaweedFS's own.
pub(crate) fn client(channel: Channel) -> Grpc<Channel> {
    Grpc::new(channel).max_decoding_message_size(LARGEST_MESSAGE).max_encoding_message_size(LARGEST_MESSAGE)
}

/// Waits until the channel takes a request. A channel that has no connection opens one.
pub(crate) async fn ready(client: &mut Grpc<Channel>) -> Result<(), Status> {
    client.ready().await.map_err(|error| Status::from_error(error.into()))
}

/// One request, one answer.
pub(crate) async fn unary<Q, A>(channel: Channel, path: &'static str, request: Q) -> Result<A, Status>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let mut client = client(channel);
    ready(&mut client).await?;
    let method = PathAndQuery::from_static(path);
    let answer = client.unary(Request::new(request), method, Protobuf::<Q, A>::default()).await?;
    Ok(answer.into_inner())
}

/// One request, many answers.
pub(crate) async fn server_streaming<Q, A>(
    channel: Channel,
    path: &'static str,
    request: Q,
) -> Result<Streaming<A>, Status>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let mut client = client(channel);
    ready(&mut client).await?;
    let method = PathAndQuery::from_static(path);
    let answer = client.server_streaming(Request::new(request), method, Protobuf::<Q, A>::default()).await?;
    Ok(answer.into_inner())
}
