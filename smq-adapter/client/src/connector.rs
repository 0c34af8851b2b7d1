//! Connections, plain or with TLS, for gRPC and HTTP alike.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;

use crate::config::CONNECT_WITHIN;

/// Opens connections to the host and port of a URI.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: Option<Arc<ClientConfig>>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{0}")]
    Connect(io::Error),
    /// Connected, but the two sides do not agree on TLS.
    #[error("TLS: {0}")]
    Tls(io::Error),
    #[error("no connection within {within} s", within = CONNECT_WITHIN.as_secs())]
    TooSlow,
    #[error("it has no host and port")]
    Address,
}

impl Connector {
    pub(crate) fn new(tls: Option<Arc<ClientConfig>>) -> Connector {
        Connector { tls }
    }

    async fn open(self, uri: Uri) -> Result<Stream, ConnectError> {
        let (Some(host), Some(port)) = (uri.host(), uri.port_u16()) else {
            return Err(ConnectError::Address);
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let socket = TcpStream::connect((&*bare, port)).await.map_err(ConnectError::Connect)?;
        // Messages are put together before they are written: waiting for more would only delay them.
        socket.set_nodelay(true).map_err(ConnectError::Connect)?;
        match self.tls {
            None => Ok(Stream::Plain(TokioIo::new(socket))),
            Some(config) => {
                let name = ServerName::try_from(bare).map_err(|_| ConnectError::Address)?;
                let secured =
                    TlsConnector::from(config).connect(name, socket).await.map_err(ConnectError::Tls)?;
                Ok(Stream::Tls(Box::new(TokioIo::new(secured))))
            }
        }
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let opening = self.clone().open(uri);
        Box::pin(async move {
            tokio::time::timeout(CONNECT_WITHIN, opening).await.unwrap_or(Err(ConnectError::TooSlow))
        })
    }
}

/// An open connection.
pub(crate) enum Stream {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(inner) => Pin::new(inner).poll_read(cx, into),
            Stream::Tls(inner) => Pin::new(inner).poll_read(cx, into),
        }
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(inner) => Pin::new(inner).poll_write(cx, bytes),
            Stream::Tls(inner) => Pin::new(inner).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(inner) => Pin::new(inner).poll_flush(cx),
            Stream::Tls(inner) => Pin::new(inner).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(inner) => Pin::new(inner).poll_shutdown(cx),
            Stream::Tls(inner) => Pin::new(inner).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Plain(inner) => inner.is_write_vectored(),
            Stream::Tls(inner) => inner.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(inner) => Pin::new(inner).poll_write_vectored(cx, parts),
            Stream::Tls(inner) => Pin::new(inner).poll_write_vectored(cx, parts),
        }
    }
}
