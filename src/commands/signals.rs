//! Signals that end a run: the first one asks for a clean stop, in which what was measured is kept; a second one ends
//! the process at once, and so does a run that does not stop within a minute.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal::SIGXFSZ;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::Failed;
use super::other_build;
use super::terminal::eprint;
use crate::load::CancelToken;

/// `timeout` sends its signal twice, and a terminal that closes may send several: signals within this time count as one.
const MOMENT: Duration = Duration::from_millis(500);

/// The exit code of a process that was ended by Ctrl-C, as shells give it.
const ENDED: i32 = 130;

/// How long after the first signal the process ends by itself at the latest. Everything that waits for a store gives up
/// long before; this is for calls that cannot be interrupted, such as those of an embedded store.
const AT_THE_LATEST: Duration = Duration::from_secs(60);

/// From here on a file that reaches `ulimit -f` is an error of whatever writes it, as a full disk is, and does not end the
/// process. Called before there are other threads, which inherit this.
pub fn survive_the_limit_of_files() {
    let mut signals = SigSet::empty();
    signals.add(SIGXFSZ);
    // It fails only for signals that do not exist.
    let blocked = signals.thread_block();
    debug_assert!(blocked.is_ok(), "{blocked:?}");
}

/// How this process answers signals that ask it to end.
pub struct Signals {
    /// Cancelled by the first signal.
    pub cancel: Arc<CancelToken>,
    is_kept: Arc<AtomicBool>,
}

impl Signals {
    /// Watches for Ctrl-C, SIGTERM and SIGHUP.
    ///
    /// # Errors
    /// When signals cannot be watched.
    pub fn watch() -> Result<Signals, Failed> {
        let watched = Signals { cancel: Arc::default(), is_kept: Arc::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot watch for signals")?;
        let inside = runtime.enter();
        let signals = ending_signals().context("cannot watch for signals")?;
        drop(inside);
        let (cancel, is_kept) = (Arc::clone(&watched.cancel), Arc::clone(&watched.is_kept));
        let answer = move || answer_signals(&runtime, signals, &cancel, &is_kept);
        std::thread::Builder::new().spawn(answer).context("cannot start the thread that watches for signals")?;
        Ok(watched)
    }

    /// Says that what was measured is in its file, and that only drawing is left to do.
    pub fn all_is_kept(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }
}

fn answer_signals(runtime: &Runtime, mut signals: Vec<Signal>, cancel: &CancelToken, is_kept: &AtomicBool) {
    runtime.block_on(any(&mut signals));
    let first = Instant::now();
    cancel.cancel();
    eprint("stopping: what was measured is kept; Ctrl-C again ends at once");
    loop {
        let left = AT_THE_LATEST.saturating_sub(first.elapsed());
        let another = runtime.block_on(async { tokio::time::timeout(left, any(&mut signals)).await });
        match another {
            Ok(()) if first.elapsed() < MOMENT => continue,
            Ok(()) => {}
            Err(_) if is_kept.load(Ordering::Relaxed) => {
                runtime.block_on(any(&mut signals));
            }
            Err(_) => {
                let seconds = AT_THE_LATEST.as_secs();
                eprint(&format!(
                    "error: the run did not stop within {seconds} s and is given up; earlier ones are kept"
                ));
            }
        }
        other_build::end_running();
        // Servers are stopped by their guards, which see that this process is gone.
        drivers::scratch::remove_all();
        std::process::exit(ENDED);
    }
}

/// The signals that ask a process to end and can be answered.
fn ending_signals() -> std::io::Result<Vec<Signal>> {
    let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
    if !is_ignored(SignalKind::hangup()) {
        kinds.push(SignalKind::hangup());
    }
    kinds.into_iter().map(signal).collect()
}

/// Whether this process was started so that it ignores the signal, as `nohup` does. Known where there is /proc.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask & 1 << (kind.as_raw_value() - 1) != 0
}

/// Waits for any of these signals.
async fn any(signals: &mut [Signal]) {
    poll_fn(|context| {
        // All are asked, so that those of one moment are taken together.
        let came = signals.iter_mut().fold(false, |came, signal| signal.poll_recv(context).is_ready() | came);
        if came { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
