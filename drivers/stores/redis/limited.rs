//! The bytes of a connection, of which no more are taken in answer to a request than its replies may have. The crate would
//! keep a reply of whatever length the other side says.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::seam::failure::LONGEST_REPLY_BYTES;

/// Replies to more commands than this are taken together up to the limit of so many: 1 GiB, for exports in chunks.
const COUNTED: usize = 16;

/// How many bytes may come until more is sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    /// For the replies to so many commands.
    pub(super) fn allow(&self, commands: usize) {
        self.0.store(commands.clamp(1, COUNTED) * LONGEST_REPLY_BYTES, Ordering::Relaxed);
    }

    fn take(&self, bytes: usize) -> io::Result<()> {
        match self.0.load(Ordering::Relaxed).checked_sub(bytes) {
            Some(left) => {
                self.0.store(left, Ordering::Relaxed);
                Ok(())
            }
            None => Err(io::Error::other(format!(
                "the reply is longer than the {LONGEST_REPLY_BYTES} bytes that are taken"
            ))),
        }
    }
}

/// A connection with an allowance.
pub(super) struct Limited<T> {
    pub(super) stream: T,
    pub(super) allowance: Allowance,
}

impl<T: AsyncRead + Unpin> AsyncRead for Limited<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        Poll::Ready(self.allowance.take(into.filled().len() - before))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Limited<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    /// How many bytes are taken of a reply without end.
    async fn taken(allowance: &Allowance) -> usize {
        let mut stream = Limited { stream: tokio::io::repeat(b'x'), allowance: allowance.clone() };
        let (mut piece, mut taken) = (vec![0; 1 << 20], 0);
        while let Ok(bytes) = stream.read(&mut piece).await {
            taken += bytes;
        }
        taken
    }

    #[tokio::test]
    async fn a_reply_without_end_is_taken_up_to_its_limit_and_the_next_one_has_a_limit_of_its_own() {
        let allowance = Allowance::default();
        for commands in [1, 3, 1] {
            allowance.allow(commands);
            assert_eq!(taken(&allowance).await, commands * LONGEST_REPLY_BYTES);
        }
        allowance.allow(1_000_000);
        assert_eq!(taken(&allowance).await, COUNTED * LONGEST_REPLY_BYTES);
    }
}
