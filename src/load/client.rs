//! One logical client of a store: its session, the limit of time on an operation, and a new session after a broken one.
//!
//! Embedded stores block their thread and have limits of their own (libSQL's busy timeout), so nothing here stands
//! around their calls. What a failure means for the run is the lane's to decide.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use drivers::{Failure, FailureKind, Op, Outcome, Placement, Rows, Session, Store};
use tokio::time::{Instant, Sleep};

use super::pace::{CancelToken, Clock};

/// The first wait before another attempt to connect; each is twice as long as the one before it, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A session and what keeps it going.
pub struct Client<S: Store> {
    store: Arc<S>,
    session: S::Session,
    timeout: Duration,
    /// The one timer of a remote client. Setting a timer for each operation would stand inside the stopwatch; this one
    /// is left as it is, and set anew when it fires before the time of the operation in flight.
    timer: Option<Pin<Box<Sleep>>>,
    is_broken: bool,
    wait: Duration,
}

impl<S: Store> Client<S> {
    /// Connects. Called on a runtime, where the client stays.
    ///
    /// # Errors
    /// When there is no session to be had.
    pub async fn connect(store: Arc<S>, timeout: Duration) -> Result<Self, Failure> {
        let session = within_timeout(timeout, 1, store.session()).await?;
        let timer = match S::PLACEMENT {
            Placement::Embedded => None,
            Placement::Remote => Some(Box::pin(tokio::time::sleep(timeout))),
        };
        Ok(Client { store, session, timeout, timer, is_broken: false, wait: FIRST_WAIT })
    }

    /// Carries out an operation that began at an instant of the clock, and gives up on it when its time is over.
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
            // An answer may still be on its way: a session that was given up on would take it for the next one's.
            self.is_broken = matches!(failure.kind, FailureKind::Timeout | FailureKind::Unavailable);
        }
        result
    }

    /// Conflicts that the session resolved by itself since it was last asked.
    #[inline]
    pub fn take_retries(&mut self) -> u64 {
        self.session.take_retries()
    }

    /// Waits before an operation that lost a conflict is tried again, as an application must: two that meet at once again
    /// and again both lose. The first retry does not wait, and each later one twice as long as the one before it, up to
    /// 16 ms: a transaction on one hot record must meet a gap between those of others. An embedded store has waited for
    /// its lock already.
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

    /// Tries once to connect anew. After a failure it waits: longer each time.
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

/// An answer, or after the limit a failure. For what is not measured.
///
/// # Errors
/// What the store answers, or `Timeout`.
pub async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(no_answer(limit)))
}

/// How long a step that is not measured may take.
#[derive(Debug, Clone, Copy)]
pub struct PhaseLimit {
    /// The whole step.
    pub phase: Duration,
    /// The limit on an answer of the store, which its driver keeps by itself where it connects anew.
    pub timeout: Duration,
}

/// An answer in a phase that is not measured, such as settling, within the limit of such a phase. A failure for either
/// limit names its flag.
///
/// # Errors
/// What the store answers, or `Timeout`.
pub async fn within_phase<T>(
    limit: PhaseLimit,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let Ok(answered) = tokio::time::timeout(limit.phase, answer).await else {
        return Err(named(no_answer(limit.phase), "--phase-timeout"));
    };
    let of_driver = format!(" {:?}", limit.timeout);
    answered.map_err(|failure| match failure.kind {
        FailureKind::Timeout | FailureKind::Unavailable if failure.message.contains(&of_driver) => {
            named(failure, "--timeout")
        }
        _ => failure,
    })
}

/// A failure for a limit, with the flag that sets it, unless a driver has named that.
fn named(failure: Failure, flag: &str) -> Failure {
    if failure.message.contains("--timeout") {
        return failure;
    }
    Failure { message: format!("{}; raise {flag} if it needs longer", failure.message), ..failure }
}

/// How long a store is still waited for after a signal to stop, for each step that follows a measurement: long enough to
/// remove a usual dataset.
const AFTER_STOP: Duration = Duration::from_secs(5);

/// An answer, for which a stop waits only a little while.
///
/// # Errors
/// What the store answers, or `Timeout`.
pub async fn unless_stopped<T>(
    stop: &CancelToken,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let waited = humantime::format_duration(AFTER_STOP);
    let silent = Failure::new(FailureKind::Timeout, format!("no answer within {waited} after the signal to stop"));
    unless_after(AFTER_STOP, stop, silent, answer).await
}

/// An answer of a store that may be away for a while.
///
/// # Errors
/// What the store answers, or `Timeout`; `Unavailable` only after it has been away for so long.
pub async fn awaited<T, F: Future<Output = Result<T, Failure>>>(
    away: Duration,
    limit: PhaseLimit,
    ask: impl Fn() -> F,
) -> Result<T, Failure> {
    let began = Instant::now();
    loop {
        match within_phase(limit, ask()).await {
            Err(failure) if failure.kind == FailureKind::Unavailable && began.elapsed() < away => {
                tokio::time::sleep(LONGEST_WAIT / 4).await;
            }
            answer => return answer,
        }
    }
}

/// An answer, or `stopped` soon after somebody wants to stop.
///
/// # Errors
/// What the store answers, or `stopped`.
pub async fn unless<T, E>(stop: &CancelToken, stopped: E, answer: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    unless_after(Duration::ZERO, stop, stopped, answer).await
}

/// The same for what writes: once somebody wants to stop, its answer is awaited for a while, because nobody could tell
/// whether what was sent is still to be carried out.
///
/// # Errors
/// What the store answers, or `stopped`.
pub async fn unless_after<T, E>(
    grace: Duration,
    stop: &CancelToken,
    stopped: E,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let wish = async {
        while !stop.is_set() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        biased;
        answer = answer => answer,
        () = wish => Err(stopped),
    }
}

/// The same within the limit that the user sets, or some times it. A failure after the limit names its flag.
///
/// # Errors
/// What the store answers, or `Timeout`.
pub async fn within_timeout<T>(
    timeout: Duration,
    times: u32,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let began = Instant::now();
    let answered = within(timeout * times, answer).await;
    answered.map_err(|failure| match failure.kind {
        FailureKind::Timeout | FailureKind::Unavailable if began.elapsed() >= timeout => named(failure, "--timeout"),
        _ => failure,
    })
}

fn no_answer(limit: Duration) -> Failure {
    Failure::new(FailureKind::Timeout, format!("no answer within {}", humantime::format_duration(limit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a driver does that has a limit of its own for its connection.
    async fn unreachable_after(wait: Duration) -> Result<(), Failure> {
        tokio::time::sleep(wait).await;
        Err(Failure::new(FailureKind::Unavailable, "no connection within 5ms"))
    }

    #[tokio::test]
    async fn a_signal_ends_the_wait_for_an_answer_that_does_not_come() {
        let stop = CancelToken::default();
        let answered = unless_stopped(&stop, async { Ok(7) }).await;
        assert_eq!(answered.ok(), Some(7));
        let silent = unless_stopped(&stop, std::future::pending::<Result<(), Failure>>());
        let (ended, ()) = tokio::join!(silent, async { stop.set() });
        assert!(ended.expect_err("no answer").message.contains("after the signal to stop"));
    }

    #[tokio::test]
    async fn a_failure_after_the_users_limit_names_its_flag() {
        let limit = Duration::from_millis(5);
        let silent = within_timeout(limit, 1, std::future::pending::<Result<(), Failure>>()).await;
        let unreachable = within_timeout(limit, 2, unreachable_after(limit)).await;
        for told in [silent, unreachable].map(|failed| failed.expect_err("no answer").message) {
            assert!(told.contains("within 5ms; raise --timeout"), "{told}");
        }
        let phase = PhaseLimit { phase: limit, timeout: limit };
        let silent = within_phase(phase, std::future::pending::<Result<(), Failure>>()).await;
        assert!(silent.expect_err("no answer").message.contains("within 5ms; raise --phase-timeout"));
        let phase = PhaseLimit { phase: Duration::from_secs(60), timeout: limit };
        let unreachable = within_phase(phase, unreachable_after(limit)).await;
        assert!(unreachable.expect_err("no connection").message.contains("within 5ms; raise --timeout"));
        let refused = within_timeout(Duration::from_secs(60), 1, unreachable_after(Duration::ZERO)).await;
        assert!(!refused.expect_err("no connection").message.contains("--timeout"), "it was told at once");
    }
}
