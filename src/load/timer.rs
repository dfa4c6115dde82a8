//! Wakes one lane of a shared thread at an instant, without spinning.
//!
//! A timer of the kernel (timerfd) in the thread's own event queue: it counts in nanoseconds and ends the same `epoll_wait`
//! in which the thread waits for replies. tokio's own timer counts in milliseconds, and spinning for the rest of one takes
//! the CPU that the server or a reply needs: with Redis on the same two cores it made the service time's p99 up to twenty
//! times longer.
//!
//! A core that has been idle for milliseconds takes its time to come back: 200 to 450 us at p99 on a virtual machine, whose
//! own CPU has to be scheduled first. So a second timer, to which nobody listens, interrupts the core a little earlier: it
//! is awake when the first one fires, 60 to 80 us late at p99, and no thread had to run for it. (A thread that wakes twice is
//! as punctual, for a third more CPU an operation.)

use std::time::Duration;

#[cfg(target_os = "linux")]
use {
    nix::sys::time::TimeSpec,
    nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    std::os::fd::{AsFd, AsRawFd, RawFd},
    tokio::io::unix::AsyncFd,
};

/// What the event queue asks of a descriptor.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct KernelTimer(TimerFd);

#[cfg(target_os = "linux")]
impl AsRawFd for KernelTimer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// A timer of one lane.
#[derive(Debug)]
pub struct Timer {
    #[cfg(target_os = "linux")]
    kernel: Option<(AsyncFd<KernelTimer>, TimerFd)>,
}

/// How long before its instant the core of a sleeping lane is woken: longer than that takes, and too short for it to fall
/// back into a deep sleep.
#[cfg(target_os = "linux")]
const EARLY: Duration = Duration::from_micros(350);

impl Timer {
    /// A timer for an open loop. It takes two file descriptors on Linux; elsewhere it is as coarse as tokio's.
    ///
    /// # Errors
    /// When the system grants no descriptor.
    #[cfg(target_os = "linux")]
    #[expect(deprecated, reason = "the successor is unsafe, which is forbidden here; the timer owns its descriptor, as it asks")]
    pub fn precise() -> std::io::Result<Timer> {
        let timer = || TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC);
        let heard = AsyncFd::with_interest(KernelTimer(timer()?), tokio::io::Interest::READABLE)?;
        Ok(Timer { kernel: Some((heard, timer()?)) })
    }

    /// A timer for an open loop.
    ///
    /// # Errors
    /// None on this system.
    #[cfg(not(target_os = "linux"))]
    pub fn precise() -> std::io::Result<Timer> {
        Ok(Timer::coarse())
    }

    /// A timer for a closed loop, which waits for its first instant only: 1 to 2 ms late, and without a descriptor.
    pub fn coarse() -> Timer {
        Timer {
            #[cfg(target_os = "linux")]
            kernel: None,
        }
    }

    /// Waits for so long.
    pub async fn sleep(&self, length: Duration) {
        #[cfg(target_os = "linux")]
        if let Some((timer, early)) = self.kernel.as_ref().filter(|_| !length.is_zero()) {
            if length > 2 * EARLY {
                // If this fails, the lane is as late as its core makes it.
                let _ = set(early, length - EARLY);
            }
            if set(&timer.get_ref().0, length).is_ok() && fired(timer).await.is_ok() {
                return;
            }
        }
        tokio::time::sleep(length).await;
    }
}

#[cfg(target_os = "linux")]
fn set(timer: &TimerFd, length: Duration) -> nix::Result<()> {
    timer.set(Expiration::OneShot(TimeSpec::from_duration(length)), TimerSetTimeFlags::empty())
}

/// Waits until a timer has fired. It is read, and not only seen to be readable: one that fired after its wait was given up
/// would else end the next wait at once.
#[cfg(target_os = "linux")]
async fn fired(timer: &AsyncFd<KernelTimer>) -> std::io::Result<()> {
    loop {
        let mut ready = timer.readable().await?;
        if let Ok(read) = ready.try_io(|timer| Ok(timer.get_ref().0.wait()?)) {
            // There is nothing more to be read, which the event queue does not know.
            ready.clear_ready();
            return read;
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::time::Instant;

    /// Never early, however often it is set. How late it is depends on the machine: `benches/openloop.rs` measures that.
    #[tokio::test]
    async fn it_never_fires_early_and_can_be_set_again() {
        let timer = Timer::precise().expect("a timer");
        for microseconds in [1, 200, 50, 3_000, 10, 700] {
            let (began, length) = (Instant::now(), Duration::from_micros(microseconds));
            timer.sleep(length).await;
            assert!(began.elapsed() >= length, "{:?} of {length:?}", began.elapsed());
        }
    }

    #[tokio::test]
    async fn one_that_was_given_up_does_not_fire_into_the_next_wait() {
        let timer = Timer::precise().expect("a timer");
        let given_up = tokio::time::timeout(Duration::from_millis(1), timer.sleep(Duration::from_millis(5))).await;
        assert!(given_up.is_err());
        std::thread::sleep(Duration::from_millis(10));
        let began = Instant::now();
        timer.sleep(Duration::from_millis(20)).await;
        assert!(began.elapsed() >= Duration::from_millis(20), "{:?}", began.elapsed());
    }
}
