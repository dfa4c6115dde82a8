//! Wakes the lanes of a shared thread at their instants, without spinning.
//!
//! A timer of the kernel (timerfd) in the thread's own event queue: it counts in nanoseconds and ends the same `epoll_wait`
//! in which the thread waits for replies. tokio's own timer counts in milliseconds, and spinning for the rest of one takes
//! the CPU that the server or a reply needs: with Redis on the same two cores it made the service time's p99 up to twenty
//! times longer.
//!
//! A core that has been idle for milliseconds takes its time to come back: 200 to 450 us at p99 on a virtual machine, whose
//! own CPU has to be scheduled first. So a second timer, to which nobody listens, interrupts the core a little earlier: it
//! is awake when the first one fires, some 60 us late at p99, and no thread had to run for it. A timer interrupts the core
//! on which it was set, so both are set where the thread is about to sleep. (A thread that wakes twice is as punctual, for a
//! third more CPU an operation.)

use std::time::Instant;

/// Waits until an instant, on a thread with [`install`]ed timers; elsewhere 1 to 2 ms longer.
pub async fn sleep_until(due: Instant) {
    #[cfg(target_os = "linux")]
    if let Some(waiting) = kernel::Waiting::until(due) {
        return waiting.await;
    }
    tokio::time::sleep_until(due.into()).await;
}

/// Gives this thread's runtime its timers; called on it. They take two file descriptors. Without them, as on other
/// systems, lanes wake as late as tokio's own timer makes them.
///
/// # Errors
/// When the system grants no descriptor.
pub fn install() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    kernel::install()?;
    Ok(())
}

/// Sets the timers for the first lane that waits, if there is one. Called when the thread is about to sleep.
pub fn arm() {
    #[cfg(target_os = "linux")]
    kernel::arm();
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::future::Future;
    use std::os::fd::{AsFd, AsRawFd, RawFd};
    use std::pin::Pin;
    use std::rc::Rc;
    use std::task::{Context, Poll, Waker};
    use std::time::{Duration, Instant};

    use nix::sched::sched_getcpu;
    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use tokio::io::unix::AsyncFd;

    /// How long before an instant the core is woken: longer than that takes, and too short for it to fall back into a deep
    /// sleep.
    const EARLY: Duration = Duration::from_micros(350);

    /// A thread's timers and who waits for them.
    struct Timers {
        /// By instant, and a number that tells those of one instant apart.
        waiting: BTreeMap<(Instant, u64), Waker>,
        numbers: u64,
        heard: Rc<KernelTimer>,
        early: KernelTimer,
        /// For which instant and on which core they are set.
        set_for: Option<(Instant, usize)>,
    }

    thread_local! {
        static TIMERS: RefCell<Option<Timers>> = const { RefCell::new(None) };
    }

    #[derive(Debug)]
    struct KernelTimer(TimerFd);

    impl AsRawFd for KernelTimer {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_fd().as_raw_fd()
        }
    }

    impl KernelTimer {
        fn new() -> nix::Result<KernelTimer> {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).map(KernelTimer)
        }

        /// Fires after so long, and not at an earlier setting. At once is a nanosecond: zero would be never.
        fn set(&self, length: Duration) -> nix::Result<()> {
            let length = TimeSpec::from_duration(length.max(Duration::from_nanos(1)));
            self.0.set(Expiration::OneShot(length), TimerSetTimeFlags::empty())
        }
    }

    #[expect(
        deprecated,
        reason = "the successor is unsafe, which is forbidden here; the timer owns its descriptor, as it asks"
    )]
    pub(super) fn install() -> std::io::Result<()> {
        let heard = Rc::new(KernelTimer::new()?);
        let queued = AsyncFd::with_interest(Rc::clone(&heard), tokio::io::Interest::READABLE)?;
        let timers = Timers { waiting: BTreeMap::new(), numbers: 0, heard, early: KernelTimer::new()?, set_for: None };
        TIMERS.set(Some(timers));
        // It ends with the runtime.
        drop(tokio::task::spawn_local(wake_those_who_are_due(queued)));
        Ok(())
    }

    async fn wake_those_who_are_due(timer: AsyncFd<Rc<KernelTimer>>) {
        while let Ok(mut ready) = timer.readable().await {
            if ready.try_io(|timer| Ok(timer.get_ref().0.wait()?)).is_err() {
                continue;
            }
            // There is nothing more to be read, which the event queue does not know.
            ready.clear_ready();
            with_timers(|timers| {
                timers.set_for = None;
                let later = timers.waiting.split_off(&(Instant::now(), u64::MAX));
                std::mem::replace(&mut timers.waiting, later).into_values().for_each(Waker::wake);
            });
        }
    }

    pub(super) fn arm() {
        with_timers(|timers| {
            let Some((due, _)) = timers.waiting.keys().next() else { return };
            let place = (*due, sched_getcpu().unwrap_or(0));
            if timers.set_for == Some(place) {
                return;
            }
            let left = due.saturating_duration_since(Instant::now());
            // Either fails only for a length that is none. A lane that is not woken would be a run that does not end.
            let heard = timers.heard.set(left);
            debug_assert!(heard.is_ok(), "{heard:?}");
            let early = if left > 2 * EARLY { timers.early.set(left - EARLY) } else { Ok(()) };
            debug_assert!(early.is_ok(), "{early:?}");
            timers.set_for = Some(place);
        });
    }

    fn with_timers<T>(work: impl FnOnce(&mut Timers) -> T) -> Option<T> {
        TIMERS.with_borrow_mut(|timers| timers.as_mut().map(work))
    }

    /// Waits until its instant. Dropped, it waits no more.
    pub(super) struct Waiting(Instant, u64);

    impl Waiting {
        /// None on a thread without timers.
        pub(super) fn until(due: Instant) -> Option<Waiting> {
            with_timers(|timers| {
                timers.numbers += 1;
                Waiting(due, timers.numbers)
            })
        }
    }

    impl Future for Waiting {
        type Output = ();

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            let Waiting(due, number) = *self;
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            with_timers(|timers| timers.waiting.insert((due, number), context.waker().clone()));
            Poll::Pending
        }
    }

    impl Drop for Waiting {
        fn drop(&mut self) {
            with_timers(|timers| timers.waiting.remove(&(self.0, self.1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::event_loop;
    use std::time::Duration;

    /// How late lanes wake depends on the machine: `benches/openloop.rs` measures that.
    #[test]
    fn lanes_wake_in_the_order_of_their_instants_and_never_early() {
        let runtime = event_loop::runtime().expect("a runtime");
        let woken = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let began = Instant::now();
        let lanes = async {
            install().expect("timers");
            let lane = |milliseconds: u64| {
                let woken = std::rc::Rc::clone(&woken);
                tokio::task::spawn_local(async move {
                    let due = began + Duration::from_millis(milliseconds);
                    sleep_until(due).await;
                    assert!(Instant::now() >= due);
                    woken.borrow_mut().push(milliseconds);
                })
            };
            for lane in [40, 5, 0, 80, 20, 60].map(lane) {
                lane.await.expect("it ends");
            }
        };
        runtime.block_on(lanes);
        assert_eq!(*woken.borrow(), [0, 5, 20, 40, 60, 80]);
    }

    #[test]
    fn a_wait_that_was_given_up_wakes_nobody_and_delays_nobody() {
        event_loop::runtime().expect("a runtime").block_on(async {
            install().expect("timers");
            let began = Instant::now();
            let waiting = sleep_until(began + Duration::from_millis(5));
            assert!(tokio::time::timeout(Duration::from_millis(1), waiting).await.is_err());
            sleep_until(began + Duration::from_millis(30)).await;
            assert!(began.elapsed() >= Duration::from_millis(30));
        });
    }
}
