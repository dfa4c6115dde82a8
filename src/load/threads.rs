//! Lanes on threads: an embedded store's lane owns its thread, because its calls block; lanes of a remote store share
//! threads, each with a runtime of its own, so that no lane ever moves between cores.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use drivers::{Failure, FailureKind, Placement, Store};
use tokio::runtime::LocalRuntime;
use tokio::task::JoinHandle;

use super::affinity;
use super::client::StoreClient;
use super::event_loop::lane_runtime;
use super::lane::{Lane, LaneResult};
use super::run_context::RunContext;
use super::timer;
use crate::host;
use crate::request::LoadSettings;
use crate::units;

/// How many arrivals a second one thread of lanes is enough for. At some 20 us each it is busy for a fifth of the time, and
/// its caches stay warm, which those of two threads that take turns do not: at this rate two threads took 15 to 25 % more
/// CPU for each operation, and PostgreSQL's and Redis' service time at p99 was no shorter.
const ARRIVALS_PER_THREAD: f64 = 10_000.0;

/// How many threads carry the lanes. Those of a remote store have a CPU each, or half of the CPUs where they share the
/// machine with the server, and two in any case: with one, every lane of a closed loop would wait for what another one
/// computes; those that are pinned have a CPU each of those. An open loop has no more than its rate needs.
pub fn count(placement: Placement, load: &LoadSettings, shares_machine: bool) -> usize {
    let lanes = load.clients as usize;
    let most = match (load.cpus.client.len(), usize::try_from(host::cpus()).unwrap_or(1)) {
        (0, cpus) if shares_machine => cpus / 2,
        (0, cpus) => cpus,
        (pinned, _) => pinned,
    };
    let most = most.max(2);
    let needed = load.rate_per_s.map_or(most, |rate| (rate / ARRIVALS_PER_THREAD).ceil() as usize);
    match placement {
        Placement::Embedded => lanes,
        Placement::Remote => lanes.min(most).min(needed.max(1)),
    }
}

/// Why the address space that `ulimit -v` leaves is too small for the threads of so many lanes, if it is. This cannot be left
/// to the system: the standard library panics when a new thread finds no room for its signal stack.
pub fn no_room_for(placement: Placement, load: &LoadSettings) -> Option<String> {
    /// A thread's stack, as the standard library asks for it, and what lies around it.
    const THREAD: u64 = (2 << 20) + (128 << 10);
    /// What glibc reserves for an arena, of which there are up to 8 for each CPU.
    const ARENA: u64 = 64 << 20;
    /// What a lane keeps in memory: its session, histograms and ledger.
    const LANE: u64 = 64 << 10;
    let left = host::address_space_left()?;
    let (threads, lanes) = (count(placement, load, false) as u64, u64::from(load.clients));
    let needed = threads * THREAD + threads.min(8 * host::cpus()) * ARENA + lanes * LANE;
    let mib = |bytes: u64| bytes >> 20;
    (needed > left).then(|| {
        format!(
            "{} may need {} MiB of address space, and `ulimit -v` leaves {} MiB; lower --clients or raise it",
            units::counted(lanes, "client"),
            mib(needed),
            mib(left)
        )
    })
}

/// A runtime for what is not measured.
///
/// # Errors
/// When the system refuses its event queue.
pub fn admin_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Opens a session for every lane, calls `start` when all are open, runs the lanes on so many threads and returns what
/// remains of them.
///
/// `build` makes a lane from its position and session. `meanwhile` runs on the calling thread while the lanes run.
///
/// # Errors
/// When a session cannot be opened; no lane has then run.
pub fn run_lanes<S: Store>(
    store: &Arc<S>,
    load: &LoadSettings,
    threads: usize,
    start: impl FnOnce() -> Arc<RunContext>,
    build: impl Fn(usize, StoreClient<S>, Arc<RunContext>) -> Lane<S> + Sync,
    meanwhile: impl FnOnce(&RunContext),
) -> Result<Vec<LaneResult>, Failure> {
    thread::scope(|scope| {
        let (opened, all_opened) = channel();
        let mut starts = Vec::new();
        let mut running = Vec::new();
        for thread in 0..threads {
            let (begin, wait_for_begin) = channel();
            let (opened, build) = (opened.clone(), &build);
            let indices: Vec<usize> = (thread..load.clients as usize).step_by(threads).collect();
            starts.push(begin);
            let refused = opened.clone();
            let work = move || run_thread(store, load, &indices, &opened, &wait_for_begin, build);
            match thread::Builder::new().spawn_scoped(scope, work) {
                Ok(thread) => running.push(thread),
                Err(error) => {
                    let _ = refused.send(Err(no_thread(error)));
                    break;
                }
            }
        }
        drop(opened);
        // Every thread reports once. The first failure drops `starts`, and the others end without running.
        let ready: Result<Vec<()>, Failure> = all_opened.iter().take(threads).collect();
        if ready.is_ok() {
            let context = start();
            for begin in &starts {
                // A thread that is gone has reported a failure, so `ready` was not.
                let _ = begin.send(Arc::clone(&context));
            }
            meanwhile(&context);
        }
        drop(starts);
        let mut results = Vec::new();
        for thread in running {
            results.extend(thread.join().map_err(|_| Failure::broken("a lane panicked; this is a bug in storebench"))?);
        }
        ready.map(|_| results)
    })
}

/// One thread: opens the sessions of its lanes, waits for the start, runs them side by side.
fn run_thread<S: Store>(
    store: &Arc<S>,
    load: &LoadSettings,
    indices: &[usize],
    opened: &Sender<Result<(), Failure>>,
    begin: &Receiver<Arc<RunContext>>,
    build: &(impl Fn(usize, StoreClient<S>, Arc<RunContext>) -> Lane<S> + Sync),
) -> Vec<LaneResult> {
    let pinned = affinity::pin_this_thread(&load.cpus.client)
        .map_err(|refused| Failure::broken(format!("--client-cpus: {refused}")).caused_by(refused));
    let runtime = pinned.and_then(|()| lane_runtime().map_err(|error| no_room("event queue", "ulimit -n", error)));
    let clients = runtime.and_then(|runtime| {
        if S::PLACEMENT == Placement::Remote && load.rate_per_s.is_some() {
            let installed = runtime.block_on(async { timer::install() });
            installed.map_err(|error| no_room("timer", "ulimit -n", error))?;
        }
        let connect = || runtime.block_on(StoreClient::connect(Arc::clone(store), load.timeout));
        let clients: Result<Vec<StoreClient<S>>, Failure> = indices.iter().map(|_| connect()).collect();
        Ok((runtime, clients?))
    });
    let (runtime, clients) = match clients {
        Ok(ready) => ready,
        Err(failure) => {
            let _ = opened.send(Err(failure));
            return Vec::new();
        }
    };
    let _ = opened.send(Ok(()));
    let Ok(context) = begin.recv() else { return Vec::new() };
    let lanes = indices.iter().zip(clients).map(|(index, client)| build(*index, client, Arc::clone(&context)));
    side_by_side(&runtime, lanes.collect())
}

/// The failure of a thread that the system refuses: it counts threads as processes, and each needs room for its stack.
pub fn no_thread(error: std::io::Error) -> Failure {
    no_room("thread", "ulimit -u` or `ulimit -v", error)
}

/// Each thread of lanes has an event queue, which takes some of the files that a process may open.
fn no_room(what: &str, limit: &str, error: std::io::Error) -> Failure {
    let problem = format!("the system grants no {what} for so many clients: {error}");
    Failure::new(FailureKind::Overload, format!("{problem}; lower --clients or raise `{limit}`")).caused_by(error)
}

/// Runs lanes on the current thread. One of an embedded store waits for nothing and is no task.
fn side_by_side<S: Store>(runtime: &LocalRuntime, mut lanes: Vec<Lane<S>>) -> Vec<LaneResult> {
    if S::PLACEMENT == Placement::Embedded
        && lanes.len() == 1
        && let Some(lane) = lanes.pop()
    {
        return vec![runtime.block_on(lane.run())];
    }
    let tasks: Vec<_> = lanes.into_iter().map(|lane| runtime.spawn_local(lane.run())).collect();
    // A panic is a bug; it is raised again here so that the thread's join reports it.
    let result = |task: JoinHandle<LaneResult>| {
        runtime.block_on(task).unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    };
    tasks.into_iter().map(result).collect()
}
