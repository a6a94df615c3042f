//! The byte stream that is left when HTTP has done its part.
//!
//! After an upgrade hyper still holds its read buffer and its own state for the connection. A stream of a type that is
//! known here, TCP or TLS over it, is taken out of there and the rest let go, which is most of what an idle connection
//! would cost. Others stay as hyper hands them over.

use crate::{HttpStream, http_stream::Stream};
use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::{rt::TokioIo, server::conn::auto::upgrade};
use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

pub(crate) enum Io {
    Tcp(TcpStream),
    Over(Box<dyn Stream>),
    Other(Box<TokioIo<Upgraded>>),
}

impl Io {
    /// The stream, and what the client had sent behind its upgrade request.
    pub(crate) fn from_upgraded(upgraded: Upgraded) -> (Self, Bytes) {
        let (stream, read) = match Self::taken_out(upgraded) {
            Ok(taken) => taken,
            Err(upgraded) => return (Self::Other(Box::new(TokioIo::new(upgraded))), Bytes::new()),
        };
        if let Some(tcp) = stream.tcp() {
            // Frames are written whole and at once; waiting for more would only delay them.
            let _ = tcp.set_nodelay(true);
        }
        // Copied, since a slice would keep hyper's whole read buffer alive.
        (stream, Bytes::copy_from_slice(&read))
    }

    /// From hyper's own server, or from hyper-util's that tells versions of HTTP apart.
    fn taken_out(upgraded: Upgraded) -> Result<(Self, Bytes), Upgraded> {
        let upgraded = match upgraded.downcast::<TokioIo<HttpStream>>() {
            Ok(parts) => return Ok((parts.io.into_inner().into_inner(), parts.read_buf)),
            Err(upgraded) => upgraded,
        };
        let upgraded = match upgrade::downcast::<TokioIo<HttpStream>>(upgraded) {
            Ok(parts) => return Ok((parts.io.into_inner().into_inner(), parts.read_buf)),
            Err(upgraded) => upgraded,
        };
        let parts = upgrade::downcast::<TokioIo<TcpStream>>(upgraded)?;
        Ok((Self::Tcp(parts.io.into_inner()), parts.read_buf))
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Over(stream) => Some(stream.tcp()),
            Self::Other(_) => None,
        }
    }

    /// Ends the connection without waiting for what the other side has not taken, and frees the kernel's buffers.
    pub(crate) fn abort(self) {
        if let Some(tcp) = self.tcp() {
            let _ = tcp.set_zero_linger();
        }
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Io").field(&self.tcp()).finish()
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Over(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Over(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Other(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Over(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Other(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Over(stream) => Pin::new(stream).poll_flush(cx),
            Self::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Over(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
