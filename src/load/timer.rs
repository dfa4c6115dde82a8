//! Wakes the lanes of a shared thread at their instants, without spinning.
//!
//! A timer of the kernel (timerfd) in the thread's own event queue: it counts in nanoseconds and ends the same `epoll_wait`
//! in which the thread waits for replies. tokio's own timer counts in milliseconds, and spinning for the rest of one takes
//! the CPU that the server or a reply needs: with Redis on the same two cores it made the service time's p99 up to twenty
//! times longer.
//!
//! A core that has been idle for milliseconds takes long to wake: 200 to 450 us at p99 on a virtual machine, whose own CPU
//! has to be scheduled first. So a second timer, to which nobody listens, interrupts the core a little earlier: the core is
//! then awake when the first timer fires, some 60 us late at p99, and no thread had to run for it. A timer interrupts the
//! core on which it was set, so both are set where the thread is about to sleep. (A thread that wakes twice is as punctual,
//! for a third more CPU for each operation.)

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

/// Sets the timers for the first lane that waits, if there is one, or wakes it. Called when the thread is about to sleep.
pub fn arm() {
    #[cfg(target_os = "linux")]
    kernel::arm();
}

/// Wakes the lanes that are due. Called when the thread has slept, and after each operation: a thread that always finds
/// something to do never sleeps.
#[inline]
pub fn wake_due() {
    #[cfg(target_os = "linux")]
    kernel::wake_due();
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;
    use std::future::Future;
    use std::os::fd::{AsFd, AsRawFd, RawFd};
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    use std::time::{Duration, Instant};

    use nix::sched::sched_getcpu;
    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// How long before an instant the core is woken: longer than waking takes, and too short for the core to fall back into a
    /// deep sleep.
    const EARLY: Duration = Duration::from_micros(350);

    /// A thread's timers and who waits for them.
    struct Timers {
        /// By instant, and by a number that distinguishes lanes with the same instant.
        waiting: BTreeMap<(Instant, u64), Waker>,
        numbers: u64,
        /// Ends the wait for events. The queue reports each expiry once, whether or not the timer is read, so nobody reads it.
        queued: AsyncFd<KernelTimer>,
        early: KernelTimer,
        /// The instant and the core for which both timers are set.
        set_for: Option<(Instant, usize)>,
    }

    thread_local! {
        static TIMERS: RefCell<Option<Timers>> = const { RefCell::new(None) };
        /// The first instant for which a lane waits. By the clock of the kernel's timers: by the run's own, which reads the
        /// processor's counter, a timer may fire too early.
        static FIRST_DUE: Cell<Option<Instant>> = const { Cell::new(None) };
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

        /// Fires after this length, and no longer when it was set to before. At least a nanosecond: zero would be never.
        fn set(&self, length: Duration) {
            let length = TimeSpec::from_duration(length.max(Duration::from_nanos(1)));
            let set = self.0.set(Expiration::OneShot(length), TimerSetTimeFlags::empty());
            // It fails only for an invalid length. If a lane were not woken, the run would not end.
            debug_assert!(set.is_ok(), "{set:?}");
        }
    }

    impl Timers {
        fn first_has_changed(&self) {
            FIRST_DUE.set(self.waiting.keys().next().map(|(due, _)| *due));
        }
    }

    #[expect(
        deprecated,
        reason = "the successor is unsafe, which is forbidden here; the timer owns its descriptor, as it asks"
    )]
    pub(super) fn install() -> std::io::Result<()> {
        let queued = AsyncFd::with_interest(KernelTimer::new()?, Interest::READABLE)?;
        let early = KernelTimer::new()?;
        TIMERS.set(Some(Timers { waiting: BTreeMap::new(), numbers: 0, queued, early, set_for: None }));
        Ok(())
    }

    pub(super) fn arm() {
        let Some(due) = FIRST_DUE.get() else { return };
        let now = Instant::now();
        if now >= due {
            // The thread has looked for events without sleeping, and the timer's may have been among them.
            return wake(now);
        }
        with_timers(|timers| {
            let place = (due, sched_getcpu().unwrap_or(0));
            if timers.set_for == Some(place) {
                return;
            }
            let left = due - now;
            timers.queued.get_ref().set(left);
            if left > 2 * EARLY {
                timers.early.set(left - EARLY);
            }
            timers.set_for = Some(place);
        });
    }

    #[inline]
    pub(super) fn wake_due() {
        let Some(first) = FIRST_DUE.get() else { return };
        let now = Instant::now();
        if now >= first {
            wake(now);
        }
    }

    fn wake(now: Instant) {
        with_timers(|timers| {
            let later = timers.waiting.split_off(&(now, u64::MAX));
            std::mem::replace(&mut timers.waiting, later).into_values().for_each(Waker::wake);
            timers.first_has_changed();
        });
    }

    fn with_timers<T>(work: impl FnOnce(&mut Timers) -> T) -> Option<T> {
        TIMERS.with_borrow_mut(|timers| timers.as_mut().map(work))
    }

    /// Waits until its instant, or until it is dropped.
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
            with_timers(|timers| {
                timers.waiting.insert((due, number), context.waker().clone());
                timers.first_has_changed();
            });
            Poll::Pending
        }
    }

    impl Drop for Waiting {
        fn drop(&mut self) {
            with_timers(|timers| {
                if timers.waiting.remove(&(self.0, self.1)).is_some() {
                    timers.first_has_changed();
                }
            });
        }
    }
}
