//! Files of the filer: content over HTTP, all else over gRPC.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, RANGE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kelpgate_core::pieces::Pieces;
use kelpgate_smq::rpc::{Entry, RpcError, RpcReply};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tonic::transport::Channel;

use crate::address::ServerAddress;
use crate::cluster::Cluster;
use crate::config::{IDLE_FOR, SmqConfig};
use crate::connector::Connector;
use crate::fault::{Fault, Role, of_words};
use crate::grpc;
use crate::headers::HttpConnector;
use crate::message::filer::{
    AtomicRenameEntryRequest, AtomicRenameEntryResponse, DeleteEntryRequest, DeleteEntryResponse,
    ListEntriesRequest, ListEntriesResponse, LookupDirectoryEntryRequest, LookupDirectoryEntryResponse,
    StatisticsRequest, StatisticsResponse,
};

const LOOKUP_DIRECTORY_ENTRY: &str = "/filer_pb.SeaweedFiler/LookupDirectoryEntry";
const LIST_ENTRIES: &str = "/filer_pb.SeaweedFiler/ListEntries";
const DELETE_ENTRY: &str = "/filer_pb.SeaweedFiler/DeleteEntry";
const ATOMIC_RENAME_ENTRY: &str = "/filer_pb.SeaweedFiler/AtomicRenameEntry";
const STATISTICS: &str = "/filer_pb.SeaweedFiler/Statistics";

/// What a path of ours may hold unescaped in a URL.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Bytes of an error's text that are read.
const MOST_WORDS: usize = 2000;

/// Carries out the commands about files.
pub(crate) struct Files {
    cluster: Rc<Cluster>,
    http: Client<HttpConnector, Content>,
    scheme: &'static str,
}

impl Files {
    pub(crate) fn new(config: &SmqConfig, cluster: Rc<Cluster>) -> Files {
        let scheme = if config.security.https.is_some() { "https" } else { "http" };
        let connector = HttpConnector(Connector::new(config.security.https.clone()));
        let mut builder = Client::builder(TokioExecutor::new());
        builder.http1_ignore_invalid_headers_in_responses(true);
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_FOR);
        // A request that has been written is not sent again, and one that has not is tried at the next filer.
        builder.retry_canceled_requests(true);
        Files { cluster, http: builder.build(connector), scheme }
    }

    /// [`kelpgate_smq::rpc::RpcCommand::Put`]
    pub(crate) async fn put(&self, path: &str, content: Pieces, sync: bool) -> Result<RpcReply, RpcError> {
        let query = if sync { "?fsync=true" } else { "" };
        let put = async |filer: &ServerAddress| {
            let request = self
                .request(Method::PUT, filer, path, query)
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, content.len());
            let answer = self.send(request, Content::of(&content)).await?;
            match answer.status().is_success() {
                true => drain(answer).await.map(|()| RpcReply::Done),
                false => Err(refusal(answer).await),
            }
        };
        self.with_filer(put).await
    }

    /// [`kelpgate_smq::rpc::RpcCommand::Get`]
    pub(crate) async fn get(&self, path: &str, from: u64, len: u64) -> Result<RpcReply, RpcError> {
        self.with_filer(async |filer: &ServerAddress| self.get_from(filer, path, from, len).await).await
    }

    async fn get_from(
        &self,
        filer: &ServerAddress,
        path: &str,
        from: u64,
        len: u64,
    ) -> Result<RpcReply, Fault> {
        let Some(last) = len.checked_sub(1).map(|more| from.saturating_add(more)) else {
            return self.size(filer, path).await;
        };
        // Beyond this the filer takes the range for a wrong one.
        let range = format!("bytes={from}-{}", last.min(i64::MAX as u64));
        let request = self.request(Method::GET, filer, path, "").header(RANGE, range);
        let answer = self.send(request, Content::default()).await?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => {
                let size = range_total(answer.headers())
                    .ok_or_else(|| unlike("a part of a file without its place"))?;
                let bytes = read_all(answer, size.saturating_sub(from).min(len)).await?;
                Ok(RpcReply::Content { bytes, size })
            }
            // An empty file has no ranges.
            StatusCode::OK => match content_length(answer.headers()) {
                Some(size) if from == 0 && size <= len => {
                    Ok(RpcReply::Content { bytes: read_all(answer, size).await?, size })
                }
                Some(_) | None => Err(unlike("a whole file instead of a part")),
            },
            StatusCode::RANGE_NOT_SATISFIABLE => {
                drain(answer).await?;
                self.size(filer, path).await
            }
            _ => Err(refusal(answer).await),
        }
    }

    /// No bytes, but how many there are.
    async fn size(&self, filer: &ServerAddress, path: &str) -> Result<RpcReply, Fault> {
        let (directory, name) = split(path).map_err(Fault::Answered)?;
        let request = LookupDirectoryEntryRequest { directory, name };
        let answer: LookupDirectoryEntryResponse = self.unary(filer, LOOKUP_DIRECTORY_ENTRY, request).await?;
        let size = answer.entry.ok_or_else(|| unlike("no entry"))?.size();
        Ok(RpcReply::Content { bytes: Bytes::new(), size })
    }

    /// [`kelpgate_smq::rpc::RpcCommand::List`]
    pub(crate) async fn list(&self, folder: &str, after: &str, limit: u32) -> Result<RpcReply, RpcError> {
        let request = ListEntriesRequest {
            directory: folder.to_owned(),
            start_from_file_name: after.to_owned(),
            limit,
            omit_chunks: true,
        };
        // 0 would stand for the filer's own limit.
        if limit == 0 {
            return Ok(RpcReply::Listed(Vec::new()));
        }
        let list = async |filer: &ServerAddress| {
            let mut entries = Vec::new();
            let mut answers = grpc::server_streaming::<_, ListEntriesResponse>(
                self.channel(filer)?,
                LIST_ENTRIES,
                request.clone(),
            )
            .await
            .map_err(|status| Fault::of_status(&status))?;
            while let Some(answer) = answers.message().await.map_err(|status| Fault::of_status(&status))? {
                entries.extend(answer.entry.map(listed));
            }
            Ok(RpcReply::Listed(entries))
        };
        match self.with_filer(list).await {
            Err(RpcError::NotFound) => Ok(RpcReply::Listed(Vec::new())),
            outcome => outcome,
        }
    }

    /// [`kelpgate_smq::rpc::RpcCommand::Delete`]
    pub(crate) async fn delete(&self, path: &str) -> Result<RpcReply, RpcError> {
        let (directory, name) = split(path)?;
        let request = DeleteEntryRequest { directory, name, is_delete_data: true, is_recursive: true };
        let delete = async |filer: &ServerAddress| {
            let answer: DeleteEntryResponse = self.unary(filer, DELETE_ENTRY, request.clone()).await?;
            match answer.error.is_empty() {
                true => Ok(RpcReply::Done),
                false => Err(Fault::Answered(of_words(answer.error))),
            }
        };
        match self.with_filer(delete).await {
            Err(RpcError::NotFound) => Ok(RpcReply::Done),
            outcome => outcome,
        }
    }

    /// [`kelpgate_smq::rpc::RpcCommand::Rename`]
    pub(crate) async fn rename(&self, from: &str, to: &str) -> Result<RpcReply, RpcError> {
        let ((old_directory, old_name), (new_directory, new_name)) = (split(from)?, split(to)?);
        let request = AtomicRenameEntryRequest { old_directory, old_name, new_directory, new_name };
        let rename = async |filer: &ServerAddress| {
            let _: AtomicRenameEntryResponse =
                self.unary(filer, ATOMIC_RENAME_ENTRY, request.clone()).await?;
            Ok(RpcReply::Done)
        };
        self.with_filer(rename).await
    }

    /// [`kelpgate_smq::rpc::RpcCommand::Statistics`]
    pub(crate) async fn statistics(&self) -> Result<RpcReply, RpcError> {
        let ask = async |filer: &ServerAddress| {
            let StatisticsResponse { total_size, used_size } =
                self.unary(filer, STATISTICS, StatisticsRequest {}).await?;
            let bytes = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            // A cluster that has just started has told the filer nothing yet.
            Ok(match total_size {
                0 => RpcReply::Volume { total: -1, usable: -1 },
                total => {
                    RpcReply::Volume { total: bytes(total), usable: bytes(total.saturating_sub(used_size)) }
                }
            })
        };
        self.with_filer(ask).await
    }

    /// Calls one filer; the next one if nothing could be sent to it. Those who fail are suspected.
    async fn with_filer(
        &self,
        call: impl AsyncFn(&ServerAddress) -> Result<RpcReply, Fault>,
    ) -> Result<RpcReply, RpcError> {
        let mut unreachable = Vec::new();
        for filer in self.cluster.filers().await? {
            match call(&filer).await {
                Ok(reply) => return Ok(reply),
                Err(Fault::Unreachable(text)) => {
                    self.cluster.suspect_filer(&filer);
                    unreachable.push(format!("{filer}: {text}"));
                }
                Err(fault @ Fault::Lost(_)) => {
                    self.cluster.suspect_filer(&filer);
                    return Err(fault.told(Role::Filer, &filer.to_string()));
                }
                Err(fault @ (Fault::Answered(_) | Fault::Refused(_))) => {
                    return Err(fault.told(Role::Filer, &filer.to_string()));
                }
            }
        }
        Err(RpcError::NoFiler(unreachable.join("; ")))
    }

    fn channel(&self, filer: &ServerAddress) -> Result<Channel, Fault> {
        self.cluster.channel(&filer.grpc())
    }

    async fn unary<Q, A>(&self, filer: &ServerAddress, method: &'static str, request: Q) -> Result<A, Fault>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let answer = grpc::unary(self.channel(filer)?, method, request).await;
        answer.map_err(|status| Fault::of_status(&status))
    }

    fn request(
        &self,
        method: Method,
        filer: &ServerAddress,
        path: &str,
        query: &str,
    ) -> hyper::http::request::Builder {
        let (scheme, path) = (self.scheme, utf8_percent_encode(path, ESCAPED));
        Request::builder().method(method).uri(format!("{scheme}://{}{path}{query}", filer.http()))
    }

    async fn send(
        &self,
        request: hyper::http::request::Builder,
        body: Content,
    ) -> Result<Response<Incoming>, Fault> {
        let request =
            request.body(body).map_err(|error| Fault::Answered(RpcError::Other(error.to_string())))?;
        self.http.request(request).await.map_err(|error| Fault::of_transport(&error))
    }
}

fn unlike(what: &str) -> Fault {
    Fault::Answered(RpcError::Other(format!("the filer sent {what}")))
}

fn listed(entry: crate::message::filer::Entry) -> Entry {
    let (seconds, nanos) = entry.attributes.as_ref().map_or((0, 0), |known| (known.mtime, known.mtime_ns));
    let modified = seconds.saturating_mul(1000).saturating_add(i64::from(nanos / 1_000_000));
    let size = if entry.is_directory { 0 } else { entry.size() };
    Entry { folder: entry.is_directory, size, modified, name: entry.name }
}

/// A path's folder and its last name.
fn split(path: &str) -> Result<(String, String), RpcError> {
    match path.rsplit_once('/') {
        Some((folder, name)) if path.starts_with('/') && !name.is_empty() => {
            Ok((if folder.is_empty() { "/" } else { folder }.to_owned(), name.to_owned()))
        }
        Some(_) | None => Err(RpcError::Other(format!("{path:?} is not a path of a filer"))),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The size of the whole file, from `bytes FIRST-LAST/SIZE`.
fn range_total(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_RANGE)?.to_str().ok()?.rsplit_once('/')?.1.parse().ok()
}

/// Reads a body of exactly that length: memory is taken for what arrives, and a body that is cut short is no body.
async fn read_all(answer: Response<Incoming>, len: u64) -> Result<Bytes, Fault> {
    let mut body = answer.into_body();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(|error| Fault::of_transport(&error))?.into_data().unwrap_or_default();
        if whole.is_empty() && data.len() as u64 == len {
            return Ok(data);
        }
        if (whole.len() + data.len()) as u64 > len {
            return Err(unlike("more of a file than was asked for"));
        }
        if whole.is_empty() {
            whole.reserve(usize::try_from(len).unwrap_or(usize::MAX).min(data.len().saturating_mul(64)));
        }
        whole.extend_from_slice(&data);
    }
    match whole.len() as u64 == len {
        true => Ok(whole.freeze()),
        false => Err(Fault::Lost("the file was cut short on the way".to_owned())),
    }
}

/// Reads a body to its end, so that the connection can be used again.
async fn drain(answer: Response<Incoming>) -> Result<(), Fault> {
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        frame.map_err(|error| Fault::of_transport(&error))?;
    }
    Ok(())
}

/// What an answer means that is not a success.
async fn refusal(answer: Response<Incoming>) -> Fault {
    let status = answer.status();
    let mut body = answer.into_body();
    let mut words = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        words.extend_from_slice(frame.data_ref().map_or(&[], |data| data.as_ref()));
        words.truncate(MOST_WORDS);
    }
    let text = format!("{status}: {}", String::from_utf8_lossy(&words).trim());
    Fault::Answered(match status {
        StatusCode::NOT_FOUND => RpcError::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RpcError::Refused(text),
        StatusCode::PAYLOAD_TOO_LARGE => RpcError::TooLarge(text),
        StatusCode::INSUFFICIENT_STORAGE => RpcError::Full(text),
        // Not every text of a server error that has these words is about the file that was asked for.
        _ => match of_words(text.clone()) {
            RpcError::NotFound => RpcError::Other(text),
            other => other,
        },
    })
}

/// The body of a request: pieces, as they are.
#[derive(Default)]
pub(crate) struct Content {
    rest: std::collections::VecDeque<Bytes>,
    len: u64,
}

impl Content {
    fn of(pieces: &Pieces) -> Content {
        Content { rest: pieces.iter().cloned().collect(), len: pieces.len() as u64 }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        let content = self.get_mut();
        let next = content.rest.pop_front();
        content.len -= next.as_ref().map_or(0, |part| part.len() as u64);
        Poll::Ready(next.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_at_their_last_slash() {
        assert_eq!(split("/a/b c"), Ok(("/a".into(), "b c".into())));
        assert_eq!(split("/a"), Ok(("/".into(), "a".into())));
        for bad in ["", "/", "a", "a/b", "/a/"] {
            assert!(split(bad).is_err(), "{bad}");
        }
        assert_eq!(utf8_percent_encode("/a b/%#?ü", ESCAPED).to_string(), "/a%20b/%25%23%3F%C3%BC");
    }
}
