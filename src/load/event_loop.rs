//! The event loop of a thread that lanes share, and how long a reply waited in it for its lane.
//!
//! A thread that works for one lane does not see another one's reply. The runtime says when it goes to look for events and
//! when it comes back (two readings of the counter for each look, some 20 ns); from these follows when a reply that a lane
//! has just taken can have been ready.

use std::cell::Cell;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

use super::pace::Clock;
use super::timer;

/// A look for events that took longer than this has slept: what it found had just arrived. One that finds events waiting
/// takes 1 us, and some 10 us with many of them or where its code has left the caches. A sleep that is taken for none makes
/// the estimate too large by half of this at most.
const SLEPT_NS: u64 = 50_000;

/// Raw readings of the counter by this thread's event loop.
#[derive(Debug, Clone, Copy)]
struct Looks {
    /// When it went to look last.
    began: u64,
    /// When it came back.
    ended: u64,
    /// When what it found became ready: estimated.
    ready: u64,
}

thread_local! {
    static LOOKS: Cell<Looks> = const { Cell::new(Looks { began: 0, ended: 0, ready: 0 }) };
}

/// A runtime for one thread of lanes, which are its tasks. As parts of one future, or of a `LocalSet`, each wake-up of a lane
/// would cost a write to the thread's own event queue and a look for events that finds nothing else.
///
/// # Errors
/// When the system refuses its event queue.
pub fn runtime() -> std::io::Result<LocalRuntime> {
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
                // What was ready before the thread looked became so since it last looked: on average half of that ago.
                let ready = if slept { now } else { last.ended + now.saturating_sub(last.ended) / 2 };
                looks.set(Looks { ended: now, ready, ..last });
            });
            timer::wake_due();
        })
        .build_local(LocalOptions::default())
}

/// How long the reply that ended a round trip at `ended_ns`, sent no later than `sent_ns`, had been there before the
/// thread took it up and decoded it. Of several round trips between the two, the last.
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
    use std::time::Duration;
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
            runtime().expect("a runtime").block_on(async {
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
}
