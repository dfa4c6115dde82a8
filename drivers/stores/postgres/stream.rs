//! The bytes of a connection, over TCP or a Unix socket, encrypted or not. The crate could connect by itself, but would
//! read a message of whatever length the other side says: here one that is too long ends the connection.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::socket::Socket;
use super::tls::{Encryption, Secured, Tls};
use crate::seam::failure::LONGEST_REPLY_BYTES;
use crate::support::tls::Transport;

/// The bytes of a connection, over a socket, under TLS or not.
pub(super) struct Stream {
    transport: Box<dyn Transport>,
    received: Messages,
}

impl Stream {
    /// To a server, encrypted as asked, with what binds a password to it; over a Unix socket never, as in libpq.
    pub(super) async fn connect(socket: &Socket, tls: &Tls, wanted: Encryption) -> io::Result<(Self, Option<Vec<u8>>)> {
        let secured = match socket.file() {
            None => {
                let connected = TcpStream::connect((&*socket.address, socket.port)).await?;
                // A request is written at once, and must not wait for the acknowledgement of the one before.
                connected.set_nodelay(true)?;
                tls.over(connected, &socket.name, wanted).await?
            }
            Some(file) => Secured { transport: Box::new(UnixStream::connect(file).await?), end_point: None },
        };
        Ok((Stream { transport: secured.transport, received: Messages::default() }, secured.end_point))
    }
}

/// Tells the crate what binds a password to a stream that is encrypted already, if it is.
pub(super) struct Bind(pub(super) Option<Vec<u8>>);

/// A stream with what binds a password to it.
pub(super) struct Bound<S> {
    stream: S,
    end_point: Option<Vec<u8>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsConnect<S> for Bind {
    type Stream = Bound<S>;
    type Error = Infallible;
    type Future = Ready<Result<Bound<S>, Infallible>>;

    fn connect(self, stream: S) -> Self::Future {
        ready(Ok(Bound { stream, end_point: self.0 }))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Bound<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.end_point.clone().map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bound<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bound<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Follows the messages of a server: a byte for the kind, four for the length with themselves, and the rest
/// (postgresql.org/docs/current/protocol-message-formats.html).
#[derive(Default)]
struct Messages {
    header: [u8; 5],
    header_bytes: usize,
    /// Of a message's rest, still to come.
    rest_bytes: usize,
    /// Of reports of parameters, which the crate keeps for as long as the connection lasts.
    kept_bytes: usize,
}

impl Messages {
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(byte) = bytes.first() {
            if self.rest_bytes > 0 {
                let passed = self.rest_bytes.min(bytes.len());
                self.rest_bytes -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            self.header[self.header_bytes] = *byte;
            self.header_bytes += 1;
            bytes = &bytes[1..];
            if self.header_bytes == self.header.len() {
                self.header_bytes = 0;
                let [kind, length @ ..] = self.header;
                self.rest_bytes = (u32::from_be_bytes(length) as usize).saturating_sub(length.len());
                self.kept_bytes += if kind == b'S' { self.rest_bytes } else { 0 };
                if self.rest_bytes.max(self.kept_bytes) > LONGEST_REPLY_BYTES {
                    let (is, limit) = (self.rest_bytes, LONGEST_REPLY_BYTES);
                    return Err(io::Error::other(format!("a message of {is} bytes, and {limit} are the most taken")));
                }
            }
        }
        Ok(())
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        std::task::ready!(Pin::new(&mut self.transport).poll_read(cx, into))?;
        Poll::Ready(self.received.follow(&into.filled()[before..]))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, length: usize) -> Vec<u8> {
        let declared = u32::try_from(length + 4).expect("a length").to_be_bytes();
        [&[kind][..], &declared, &vec![0; length.min(1000)]].concat()
    }

    /// Fed in pieces of so many bytes.
    fn followed(bytes: &[u8], piece: usize) -> io::Result<()> {
        let mut messages = Messages::default();
        bytes.chunks(piece).try_for_each(|piece| messages.follow(piece))
    }

    #[test]
    fn a_message_that_is_too_long_is_an_error_however_it_comes() {
        let long = message(b'D', LONGEST_REPLY_BYTES + 1);
        let before: Vec<u8> = [0, 1, 7, 999].into_iter().flat_map(|length| message(b'D', length)).collect();
        for piece in [1, 2, 3, 5, 7, 64, 10_000] {
            followed(&[&before[..], &before].concat(), piece).expect("short messages");
            let failure = followed(&[&before[..], &long].concat(), piece).expect_err("a long one");
            assert!(failure.to_string().contains("a message of 67108865 bytes"), "{failure}");
        }
        followed(&message(b'D', LONGEST_REPLY_BYTES), 1000).expect("the longest");
        followed(&message(b'D', u32::MAX as usize - 4), 1000).expect_err("as long as can be said");
    }

    #[test]
    fn parameters_without_end_are_an_error_although_each_is_short() {
        let mut messages = Messages::default();
        let report = message(b'S', 1000);
        let taken = (0..=LONGEST_REPLY_BYTES / 1000).find(|_| messages.follow(&report).is_err());
        assert_eq!(taken, Some(LONGEST_REPLY_BYTES / 1000));
        let mut messages = Messages::default();
        let row = message(b'D', 1000);
        assert!((0..100_000).all(|_| messages.follow(&row).is_ok()), "rows are not kept");
    }
}
