//! One logical client of a store: its session, the limit of time on an operation, and a new session after a broken one.
//!
//! Embedded stores block their thread and have limits of their own (libSQL's busy timeout), so nothing here is wrapped
//! around their calls. What a failure means for the run is for the lane to decide.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use drivers::{Failure, FailureKind, Op, Outcome, Placement, Rows, Session, Store};
use tokio::time::{Instant, Sleep};

use super::limits::{no_answer, within, within_timeout};
use super::pace::Clock;

/// The first wait before another attempt to connect; each is twice as long as the one before it, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A session, and what replaces it when it breaks.
pub struct StoreClient<S: Store> {
    store: Arc<S>,
    session: S::Session,
    timeout: Duration,
    /// The one timer of a remote client. Setting a timer for each operation would be measured with it; this one is left
    /// as it is, and set again only when it fires before the time of the operation in flight is over.
    timer: Option<Pin<Box<Sleep>>>,
    is_broken: bool,
    wait: Duration,
}

impl<S: Store> StoreClient<S> {
    /// Connects. Called on a runtime, where the client stays.
    ///
    /// # Errors
    /// When the store gives no session within the limit.
    pub async fn connect(store: Arc<S>, timeout: Duration) -> Result<Self, Failure> {
        let session = within_timeout(timeout, 1, store.session()).await?;
        let timer = match S::PLACEMENT {
            Placement::Embedded => None,
            Placement::Remote => Some(Box::pin(tokio::time::sleep(timeout))),
        };
        Ok(StoreClient { store, session, timeout, timer, is_broken: false, wait: FIRST_WAIT })
    }

    /// One operation with its retries, all of them within the measured time, which began at this instant of the clock.
    #[inline]
    pub async fn execute_with_retries(
        &mut self,
        op: &Op,
        rows: &mut Rows,
        (clock, began_ns): (&Clock, u64),
        max_retries: u32,
        retries: &mut u32,
    ) -> Result<Outcome, Failure> {
        loop {
            let result = self.execute(op, rows, clock, began_ns).await;
            match &result {
                Err(failure) if failure.kind == FailureKind::Conflict && *retries < max_retries => {
                    *retries += 1;
                    self.back_off(*retries).await;
                }
                _ => return result,
            }
        }
    }

    /// Carries out an operation that began at this instant of the clock, and gives it up when its time is over.
    #[inline]
    pub async fn execute(
        &mut self,
        op: &Op,
        rows: &mut Rows,
        clock: &Clock,
        began_ns: u64,
    ) -> Result<Outcome, Failure> {
        let Some(timer) = &mut self.timer else { return self.session.execute(op, rows).await };
        let timeout = self.timeout;
        let mut answer = pin!(self.session.execute(op, rows));
        let result = poll_fn(|context| {
            if let Poll::Ready(result) = answer.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            while timer.as_mut().poll(context).is_ready() {
                let lasted = Duration::from_nanos(clock.now_ns().saturating_sub(began_ns));
                match timeout.checked_sub(lasted) {
                    None | Some(Duration::ZERO) => return Poll::Ready(Err(no_answer(timeout))),
                    Some(left) => timer.as_mut().reset(Instant::now() + left),
                }
            }
            Poll::Pending
        })
        .await;
        if let Err(failure) = &result {
            // An answer may still be on its way: the session would take it for the answer to the next operation.
            self.is_broken = matches!(failure.kind, FailureKind::Timeout | FailureKind::Unavailable);
        }
        result
    }

    /// How many conflicts the session has resolved by itself since the last call.
    #[inline]
    pub fn take_retries(&mut self) -> u64 {
        self.session.take_retries()
    }

    /// Waits before an operation that lost a conflict is tried again, as an application must: two that retry at the same
    /// moment again and again both lose. The first retry does not wait, and each later one waits twice as long as the one
    /// before it, up to 16 ms: a transaction on one hot record has to find a gap between those of others. An embedded
    /// store has waited for its lock already.
    #[cold]
    pub async fn back_off(&self, retry: u32) {
        if S::PLACEMENT == Placement::Remote && retry > 1 {
            tokio::time::sleep(Duration::from_millis(1 << (retry - 2).min(4))).await;
        }
    }

    /// Whether its session can no longer be used.
    #[inline]
    pub fn is_broken(&self) -> bool {
        S::PLACEMENT == Placement::Remote && self.is_broken
    }

    /// Tries once to connect again. After a failure it waits, longer each time.
    ///
    /// # Errors
    /// Why there is no session yet.
    pub async fn reconnect(&mut self) -> Result<(), Failure> {
        match within(self.timeout, self.store.session()).await {
            Ok(session) => {
                (self.session, self.is_broken, self.wait) = (session, false, FIRST_WAIT);
                Ok(())
            }
            Err(failure) => {
                tokio::time::sleep(self.wait).await;
                self.wait = (self.wait * 2).min(LONGEST_WAIT);
                Err(failure)
            }
        }
    }
}
