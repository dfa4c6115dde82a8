//! A limit on the bytes that a connection accepts in reply to a request. The client library would keep a reply of whatever
//! length the other side announces.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::seam::failure::LONGEST_REPLY_BYTES;

/// More commands than this have the limit of this many: 1 GiB, enough for exports in chunks.
const MAX_COMMANDS: usize = 16;

/// How many bytes may still arrive before the next request.
#[derive(Debug, Clone, Default)]
pub(super) struct ReplyBudget(Arc<AtomicUsize>);

impl ReplyBudget {
    /// Starts anew, for the replies to this many commands.
    pub(super) fn allow(&self, commands: usize) {
        self.0.store(commands.clamp(1, MAX_COMMANDS) * LONGEST_REPLY_BYTES, Ordering::Relaxed);
    }

    fn spend(&self, bytes: usize) -> io::Result<()> {
        match self.0.load(Ordering::Relaxed).checked_sub(bytes) {
            Some(left) => {
                self.0.store(left, Ordering::Relaxed);
                Ok(())
            }
            None => Err(io::Error::other(format!("the reply is longer than the limit of {LONGEST_REPLY_BYTES} bytes"))),
        }
    }
}

/// A stream whose reads stay within a budget.
pub(super) struct LimitedStream<T> {
    pub(super) stream: T,
    pub(super) budget: ReplyBudget,
}

impl<T: AsyncRead + Unpin> AsyncRead for LimitedStream<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        Poll::Ready(self.budget.spend(into.filled().len() - before))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for LimitedStream<T> {
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

    /// How many bytes of an endless reply are accepted.
    async fn accepted(budget: &ReplyBudget) -> usize {
        let mut stream = LimitedStream { stream: tokio::io::repeat(b'x'), budget: budget.clone() };
        let (mut piece, mut accepted) = (vec![0; 1 << 20], 0);
        while let Ok(bytes) = stream.read(&mut piece).await {
            accepted += bytes;
        }
        accepted
    }

    #[tokio::test]
    async fn an_endless_reply_is_accepted_up_to_its_limit_and_the_next_one_has_a_limit_of_its_own() {
        let budget = ReplyBudget::default();
        for commands in [1, 3, 1] {
            budget.allow(commands);
            assert_eq!(accepted(&budget).await, commands * LONGEST_REPLY_BYTES);
        }
        budget.allow(1_000_000);
        assert_eq!(accepted(&budget).await, MAX_COMMANDS * LONGEST_REPLY_BYTES);
    }
}
