//! A connection that is driven by whoever waits for it.
//!
//! Clients split a connection into a handle and a future that does its I/O, which is usually a task of its own. Here the two
//! are polled together: an operation costs no switch between tasks, nothing runs when nobody waits, and a dropped session
//! closes its socket at once. Each half is polled only when it was woken: with the task's own waker for both, every request
//! and every reply would have the whole task polled once more for nothing.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// How often the halves take turns before other tasks get theirs: one that wakes itself, because it has used up what the
/// runtime grants a task at a time, would otherwise never come to an end.
const TURNS: usize = 32;

/// The wakers of a connection's two halves.
#[derive(Debug)]
pub(crate) struct Driven {
    task: Arc<Task>,
    work: Half,
    io: Half,
}

/// The task that polls both.
#[derive(Debug)]
struct Task {
    /// While it does, a half that is woken gets its turn anyway.
    is_polling: AtomicBool,
    waker: Mutex<Waker>,
}

#[derive(Debug)]
struct Half {
    bell: Arc<Bell>,
    waker: Waker,
}

#[derive(Debug)]
struct Bell {
    has_rung: AtomicBool,
    task: Arc<Task>,
}

impl Driven {
    /// Works until the work is done; `io` polls the half that does the I/O.
    pub(crate) async fn drive<T>(&self, work: impl Future<Output = T>, mut io: impl FnMut(&mut Context<'_>)) -> T {
        let mut work = pin!(work);
        self.work.bell.has_rung.store(true, Ordering::Relaxed);
        poll_fn(|context| {
            self.task.begin(context.waker());
            let mut done = Poll::Pending;
            for _ in 0..TURNS {
                if self.work.is_woken() {
                    done = work.as_mut().poll(&mut self.work.context());
                    if done.is_ready() {
                        break;
                    }
                }
                if !self.io.is_woken() {
                    break;
                }
                io(&mut self.io.context());
            }
            self.task.is_polling.store(false, Ordering::SeqCst);
            // One that another thread woke after its turn, or that has used up all turns.
            if done.is_pending() && (self.work.has_rung() || self.io.has_rung()) {
                context.waker().wake_by_ref();
            }
            done
        })
        .await
    }
}

impl Default for Driven {
    fn default() -> Self {
        let task = Arc::new(Task { is_polling: false.into(), waker: Mutex::new(Waker::noop().clone()) });
        let half = || {
            // Nobody has polled it yet.
            let bell = Arc::new(Bell { has_rung: true.into(), task: Arc::clone(&task) });
            Half { waker: Waker::from(Arc::clone(&bell)), bell }
        };
        Driven { work: half(), io: half(), task }
    }
}

impl Half {
    /// Whether it was woken since it was last polled, which it will be now.
    fn is_woken(&self) -> bool {
        self.has_rung() && self.bell.has_rung.swap(false, Ordering::SeqCst)
    }

    fn has_rung(&self) -> bool {
        self.bell.has_rung.load(Ordering::SeqCst)
    }

    fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}

impl Task {
    fn begin(&self, waker: &Waker) {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone_from(waker);
        self.is_polling.store(true, Ordering::SeqCst);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In this order, and the task the other way round: one of the two sees the other.
        self.has_rung.store(true, Ordering::SeqCst);
        if !self.task.is_polling.load(Ordering::SeqCst) {
            self.task.waker.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::sync::mpsc::{Receiver, Sender, channel};

    /// The half that does the I/O of a client with two channels, as the real ones have them.
    async fn client(mut requests: Receiver<u8>, replies: Sender<u8>, mut stream: DuplexStream) {
        while let Some(request) = requests.recv().await {
            stream.write_u8(request).await.expect("sent");
            let reply = stream.read_u8().await.expect("a reply");
            replies.send(reply).await.expect("somebody waits");
        }
    }

    /// How often task and I/O are polled for round trips to a peer.
    async fn polls_of_round_trips(count: u8, near: DuplexStream) -> (usize, usize) {
        let (ask, requests) = channel(1);
        let (replies, mut answers) = channel(1);
        let mut io = Box::pin(client(requests, replies, near));
        let (driven, io_polls, task_polls) = (Driven::default(), Cell::new(0), Cell::new(0));
        for request in 0..count {
            let work = async {
                ask.send(request).await.expect("sent");
                answers.recv().await.expect("an answer")
            };
            let mut driving = pin!(driven.drive(work, |context| {
                io_polls.set(io_polls.get() + 1);
                assert!(io.as_mut().poll(context).is_pending(), "the connection lives on");
            }));
            let answer = poll_fn(|context| {
                task_polls.set(task_polls.get() + 1);
                driving.as_mut().poll(context)
            });
            assert_eq!(answer.await, request + 1);
        }
        (task_polls.get(), io_polls.get())
    }

    async fn peer(mut far: DuplexStream, answers_after: Duration) {
        while let Ok(request) = far.read_u8().await {
            tokio::time::sleep(answers_after).await;
            far.write_u8(request + 1).await.expect("answered");
        }
    }

    #[tokio::test]
    async fn a_round_trip_polls_each_half_when_it_sends_and_when_it_receives() {
        let (near, far) = duplex(64);
        tokio::spawn(peer(far, Duration::from_millis(1)));
        assert_eq!(polls_of_round_trips(50, near).await, (100, 100));
    }

    #[test]
    fn no_wake_up_is_lost_between_threads() {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        std::thread::scope(|scope| {
            for _ in 0..50 {
                let (near, far) = duplex(64);
                scope.spawn(move || runtime().block_on(peer(far, Duration::ZERO)));
                runtime().block_on(polls_of_round_trips(20, near));
            }
        });
    }

    #[tokio::test]
    async fn a_half_that_always_wakes_itself_lets_other_tasks_have_their_turn() {
        let driven = Driven::default();
        let endless = driven.drive(std::future::pending::<()>(), |context| context.waker().wake_by_ref());
        assert!(tokio::time::timeout(Duration::from_millis(20), endless).await.is_err());
    }

    #[tokio::test]
    async fn work_may_wait_for_something_else() {
        let driven = Driven::default();
        driven.drive(tokio::time::sleep(Duration::from_millis(5)), |_| {}).await;
    }
}
