//! The event loop of a thread that lanes share, and how long a reply waited in it for its lane.
//!
//! While a thread works for one lane, it does not see another lane's reply. The runtime says when it goes to look for events
//! and when it comes back (two readings of the counter for each look, some 20 ns); from these follows when a reply that a
//! lane has just taken may have been ready.

use std::cell::Cell;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

use super::pace::Clock;
use super::timer;

/// In a look for events that took longer than this the thread has slept, and what it found had just arrived. One that finds
/// events waiting takes 1 us, and some 10 us with many of them or where its code has left the caches. A sleep that is not
/// recognised makes the estimate too large by half of this at most.
const SLEPT_NS: u64 = 50_000;

/// The last look for events of this thread's event loop, in raw readings of the counter.
#[derive(Debug, Clone, Copy)]
struct Looks {
    /// When the thread went to look.
    began: u64,
    /// When it came back.
    ended: u64,
    /// When what it found became ready: an estimate.
    ready: u64,
}

thread_local! {
    static LOOKS: Cell<Looks> = const { Cell::new(Looks { began: 0, ended: 0, ready: 0 }) };
}

/// A runtime for one thread of lanes, which are its tasks. If they were parts of one future, or of a `LocalSet`, each wake-up
/// of a lane would cost a write to the thread's own event queue and a look for events that finds nothing else.
///
/// # Errors
/// When the system refuses its event queue.
pub fn lane_runtime() -> std::io::Result<LocalRuntime> {
    let (before, after) = (quanta::Clock::new(), quanta::Clock::new());
    Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || {
            timer::arm();
            let began = before.raw();
            LOOKS.with(|looks| looks.set(Looks { began, ..looks.get() }));
        })
        .on_thread_unpark(move || {
            let now = after.raw();
            LOOKS.with(|looks| {
                let last = looks.get();
                let slept = after.delta_as_nanos(last.began, now) > SLEPT_NS;
                // What was ready before this look became ready since the last one: on average, halfway between them.
                let ready = if slept { now } else { last.ended + now.saturating_sub(last.ended) / 2 };
                looks.set(Looks { ended: now, ready, ..last });
            });
            timer::wake_due();
        })
        .build_local(LocalOptions::default())
}

/// How long the reply that ended a round trip at `ended_ns`, whose request was sent no later than `sent_ns`, had been there
/// before the thread took it up and decoded it. With several round trips between the two, this is about the last one.
#[inline]
pub fn reply_waited_ns(clock: &Clock, sent_ns: u64, ended_ns: u64) -> u64 {
    let looks = LOOKS.with(Cell::get);
    if clock.at_ns(looks.ended) < sent_ns {
        // It was there at the first read, before the thread looked for events at all.
        return 0;
    }
    ended_ns.saturating_sub(clock.at_ns(looks.ready).max(sent_ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::{Duration, Instant};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A peer answers at once; meanwhile the thread computes for another lane.
    #[test]
    fn a_reply_that_waits_for_its_thread_is_seen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                std::thread::spawn(move || std::io::copy(&mut stream.try_clone().expect("a handle"), &mut stream));
            }
        });
        let clock = Clock::starting_in(Duration::ZERO);
        let waited_ns = |busy: Duration| {
            let stream = std::net::TcpStream::connect(address).expect("a connection");
            let watched = stream.try_clone().expect("a handle");
            stream.set_nonblocking(true).expect("an open stream");
            lane_runtime().expect("a runtime").block_on(async {
                let mut stream = tokio::net::TcpStream::from_std(stream).expect("a stream");
                stream.writable().await.expect("an open stream");
                let lane = async {
                    let sent_ns = clock.now_ns();
                    stream.write_all(b"?").await.expect("sent");
                    stream.read_exact(&mut [0]).await.expect("a reply");
                    let ended_ns = clock.now_ns();
                    (reply_waited_ns(&clock, sent_ns, ended_ns), ended_ns - sent_ns)
                };
                let other_lane = async {
                    while !busy.is_zero() && watched.peek(&mut [0]).is_err() {}
                    std::thread::sleep(busy);
                };
                tokio::join!(lane, other_lane).0
            })
        };
        let (idle_ns, _) = (0..20).map(|_| waited_ns(Duration::ZERO)).min().expect("twenty");
        assert!(idle_ns < 1_000_000, "{idle_ns} ns although the thread had nothing else to do");
        // It was there for 20 ms or longer, since some time after it was asked for: half of that is the estimate.
        let (busy_ns, all_ns) = waited_ns(Duration::from_millis(20));
        assert!(busy_ns >= 10_000_000 && busy_ns <= all_ns, "{busy_ns} of {all_ns} ns");
    }

    /// How late lanes wake depends on the machine: `benches/openloop.rs` measures that.
    #[test]
    fn lanes_wake_in_the_order_of_their_instants_and_never_early() {
        let runtime = lane_runtime().expect("a runtime");
        let woken = Rc::new(RefCell::new(Vec::new()));
        let began = Instant::now();
        let lanes = async {
            timer::install().expect("timers");
            let lane = |milliseconds: u64| {
                let woken = Rc::clone(&woken);
                tokio::task::spawn_local(async move {
                    let due = began + Duration::from_millis(milliseconds);
                    timer::sleep_until(due).await;
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
        lane_runtime().expect("a runtime").block_on(async {
            timer::install().expect("timers");
            let began = Instant::now();
            let waiting = timer::sleep_until(began + Duration::from_millis(200));
            assert!(tokio::time::timeout(Duration::from_millis(1), waiting).await.is_err());
            timer::sleep_until(began + Duration::from_millis(230)).await;
            assert!(began.elapsed() >= Duration::from_millis(230));
        });
    }

    /// As lanes do whose replies are always there.
    #[test]
    fn a_thread_that_never_sleeps_wakes_its_lanes_where_it_looks_for_them() {
        lane_runtime().expect("a runtime").block_on(async {
            timer::install().expect("timers");
            let began = Instant::now();
            let is_woken = Cell::new(false);
            let lane = async {
                timer::sleep_until(began + Duration::from_millis(5)).await;
                is_woken.set(true);
            };
            let busy = async {
                while !is_woken.get() {
                    assert!(began.elapsed() < Duration::from_secs(5), "nobody wakes it");
                    tokio::task::yield_now().await;
                    timer::wake_due();
                }
            };
            tokio::join!(lane, busy);
        });
    }
}
