//! How long a run waits for a store where nothing is measured: limits of time, and what a cancelled run still waits for.
//!
//! A failure after a limit names the flag that sets it.

use std::time::Duration;

use drivers::{Failure, FailureKind, PassedLimit};
use tokio::time::Instant;

use super::cancel::CancelToken;
use crate::request::RunRequest;

/// How long a store is still waited for after a signal to stop, for each step that follows a measurement: long enough to
/// remove a usual dataset.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait before a store that is away is asked again.
const RETRY: Duration = Duration::from_millis(250);

/// How often a run that waits for a store looks whether it is cancelled.
const POLL: Duration = Duration::from_millis(50);

/// How long a step that is not measured may take.
#[derive(Debug, Clone, Copy)]
pub struct PhaseLimit(Duration);

impl PhaseLimit {
    /// The limit for a store that holds so many rows beside the loaded ones: what the user sets, else a minute and half a
    /// millisecond a row. Loading, the slowest of the steps, takes 10 to 50 us a row on the stores of this suite.
    pub fn of(request: &RunRequest, added_rows: u64) -> PhaseLimit {
        let rows = request.plan().rows().saturating_add(added_rows);
        let by_rows = || Duration::from_secs(60) + Duration::from_micros(rows.saturating_mul(500));
        PhaseLimit(request.load.phase_timeout.unwrap_or_else(by_rows))
    }
}

/// The store's answer, or a failure after the limit.
///
/// # Errors
/// What the store answers, or `Timeout`.
pub async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(no_answer(limit)))
}

/// The same within `times` times the limit that the user sets.
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
        FailureKind::Timeout | FailureKind::Unavailable if began.elapsed() >= timeout => {
            naming_flag(failure, "--timeout")
        }
        _ => failure,
    })
}

/// The same in a step that is not measured, such as settling, within the limit of such a step.
///
/// # Errors
/// What the store answers, or `Timeout`.
pub async fn within_phase<T>(
    limit: PhaseLimit,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let Ok(answered) = tokio::time::timeout(limit.0, answer).await else {
        return Err(naming_flag(no_answer(limit.0), "--phase-timeout"));
    };
    answered.map_err(|failure| match failure.limit {
        Some(_) => naming_flag(failure, "--timeout"),
        None => failure,
    })
}

/// The same from a store that may be unavailable for up to `away`: it is asked again until then.
///
/// # Errors
/// What the store answers, or `Timeout`; `Unavailable` only after `away`.
pub async fn within_phase_once_back<T, F: Future<Output = Result<T, Failure>>>(
    away: Duration,
    limit: PhaseLimit,
    ask: impl Fn() -> F,
) -> Result<T, Failure> {
    let began = Instant::now();
    loop {
        match within_phase(limit, ask()).await {
            Err(failure) if failure.kind == FailureKind::Unavailable && began.elapsed() < away => {
                tokio::time::sleep(RETRY).await;
            }
            answer => return answer,
        }
    }
}

/// An answer, or `cancelled` soon after the run is cancelled.
///
/// # Errors
/// What is answered, or `cancelled`.
pub async fn unless_cancelled<T, E>(
    cancel: &CancelToken,
    cancelled: E,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    unless_cancelled_for(Duration::ZERO, cancel, cancelled, answer).await
}

/// The same for what writes: after the run is cancelled its answer is awaited for `grace`, because without it nobody could
/// tell whether what was sent is still to be carried out.
///
/// # Errors
/// What is answered, or `cancelled`.
pub async fn unless_cancelled_for<T, E>(
    grace: Duration,
    cancel: &CancelToken,
    cancelled: E,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let is_over = async {
        while !cancel.is_cancelled() {
            tokio::time::sleep(POLL).await;
        }
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        biased;
        answer = answer => answer,
        () = is_over => Err(cancelled),
    }
}

/// The same for the steps that follow a measurement.
///
/// # Errors
/// What the store answers, or `Timeout`.
pub async fn within_grace<T>(
    cancel: &CancelToken,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let waited = humantime::format_duration(GRACE);
    let silent = Failure::new(FailureKind::Timeout, format!("no answer within {waited} after the signal to stop"));
    unless_cancelled_for(GRACE, cancel, silent, answer).await
}

/// How an operation or a step fails that had no answer in time.
pub fn no_answer(limit: Duration) -> Failure {
    Failure::new(FailureKind::Timeout, format!("no answer within {}", humantime::format_duration(limit)))
}

/// A failure after a limit, with the flag that sets it, unless it says already what to do.
fn naming_flag(failure: Failure, flag: &str) -> Failure {
    if failure.limit == Some(PassedLimit::Remedy) {
        return failure;
    }
    let message = format!("{}; raise {flag} if it needs longer", failure.message);
    Failure { message, limit: Some(PassedLimit::Remedy), ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a driver does that has a limit of its own for its connection.
    async fn unreachable_after(wait: Duration) -> Result<(), Failure> {
        tokio::time::sleep(wait).await;
        Err(Failure::unreached("no connection within 5ms"))
    }

    #[tokio::test]
    async fn a_signal_ends_the_wait_for_an_answer_that_does_not_come() {
        let cancel = CancelToken::default();
        let answered = within_grace(&cancel, async { Ok(7) }).await;
        assert_eq!(answered.ok(), Some(7));
        let silent = within_grace(&cancel, std::future::pending::<Result<(), Failure>>());
        let (answer, ()) = tokio::join!(silent, async { cancel.cancel() });
        assert!(answer.expect_err("no answer").message.contains("after the signal to stop"));
    }

    #[tokio::test]
    async fn a_failure_after_the_users_limit_names_its_flag() {
        let limit = Duration::from_millis(5);
        let silent = within_timeout(limit, 1, std::future::pending::<Result<(), Failure>>()).await;
        let unreachable = within_timeout(limit, 2, unreachable_after(limit)).await;
        for message in [silent, unreachable].map(|failed| failed.expect_err("no answer").message) {
            assert!(message.contains("within 5ms; raise --timeout"), "{message}");
        }
        let silent = within_phase(PhaseLimit(limit), std::future::pending::<Result<(), Failure>>()).await;
        assert!(silent.expect_err("no answer").message.contains("within 5ms; raise --phase-timeout"));
        let unreachable = within_phase(PhaseLimit(Duration::from_secs(60)), unreachable_after(limit)).await;
        assert!(unreachable.expect_err("no connection").message.contains("within 5ms; raise --timeout"));
        let refused = within_timeout(Duration::from_secs(60), 1, unreachable_after(Duration::ZERO)).await;
        assert!(!refused.expect_err("no connection").message.contains("--timeout"), "it failed at once");
    }
}
