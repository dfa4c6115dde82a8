//! Signals that end a run: the first one asks for a clean stop, in which what was measured is kept; a second one ends
//! the process at once.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failed, remark};
use crate::load::pace::Stop;

/// `timeout` sends its signal twice, and a terminal that closes may send several: those of one moment count as one.
const MOMENT: Duration = Duration::from_millis(500);

/// The exit code of a process that was ended by Ctrl-C, as shells give it.
const ENDED: i32 = 130;

/// A wish to stop that Ctrl-C, SIGTERM and SIGHUP set.
///
/// # Errors
/// When signals cannot be watched.
pub fn stop_on_signals() -> Result<Arc<Stop>, Failed> {
    let stop = Arc::new(Stop::default());
    let wished = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.context("cannot watch for signals")?;
    let inside = runtime.enter();
    let mut signals = watched().context("cannot watch for signals")?;
    drop(inside);
    std::thread::spawn(move || {
        let mut first: Option<Instant> = None;
        loop {
            runtime.block_on(any(&mut signals));
            match first {
                None => {
                    first = Some(Instant::now());
                    wished.set();
                    remark("stopping: what was measured is kept; Ctrl-C again ends at once");
                }
                Some(at) if at.elapsed() < MOMENT => {}
                Some(_) => {
                    // Servers are stopped by their guards, which see that this process is gone.
                    drivers::scratch::remove_all();
                    std::process::exit(ENDED);
                }
            }
        }
    });
    Ok(stop)
}

/// Those that ask a process to end and can be answered.
fn watched() -> std::io::Result<Vec<Signal>> {
    let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
    if !is_ignored(SignalKind::hangup()) {
        kinds.push(SignalKind::hangup());
    }
    kinds.into_iter().map(signal).collect()
}

/// Whether this process was started so that it ignores the signal: `nohup` is to be honoured. Known where there is
/// /proc.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask & 1 << (kind.as_raw_value() - 1) != 0
}

/// Waits for any of them.
async fn any(signals: &mut [Signal]) {
    poll_fn(|context| {
        // All are asked, so that those of one moment are taken together.
        let came = signals.iter_mut().fold(false, |came, signal| signal.poll_recv(context).is_ready() | came);
        if came { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
