//! A small open-loop client: threads that share one schedule of random arrivals, sleep until each and wait for its reply.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use drivers::server::Server;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::SplitMix64;

/// A blocking connection that reads one record after another.
pub trait Connection: Send + Sized {
    /// Connects, signs in and finds the records.
    fn open(server: &Server) -> Self;
    /// Reads record number `at`, whole.
    fn read(&mut self, at: usize);
    /// How many records there are.
    fn records(&self) -> usize;
}

/// What the client measured, unsorted.
#[derive(Default)]
pub struct Samples {
    /// From the start to the end of each operation.
    pub service_us: Vec<f64>,
    /// From its due instant to its start, of operations for which a connection was waiting.
    pub late_us: Vec<f64>,
}

/// Reads at a rate, with exponential gaps.
pub fn open_loop<C: Connection>(connections: Vec<C>, rate: f64, length: Duration, seed: u64) -> Samples {
    let schedule = Mutex::new((Duration::ZERO, SplitMix64::seed_from_u64(seed)));
    let began = Instant::now();
    let next = || {
        let mut schedule = schedule.lock().unwrap_or_else(PoisonError::into_inner);
        let gap = -(1.0 - schedule.1.random::<f64>()).ln() / rate;
        schedule.0 += Duration::from_secs_f64(gap);
        (schedule.0, schedule.1.random_range(0..usize::MAX))
    };
    let lane = |mut connection: C| {
        let mut samples = Samples::default();
        loop {
            let (due, at) = next();
            if due > length {
                return samples;
            }
            let waited = due.checked_sub(began.elapsed());
            if let Some(wait) = waited {
                thread::sleep(wait);
            }
            let started = began.elapsed();
            connection.read(at % connection.records());
            samples.service_us.push((began.elapsed() - started).as_secs_f64() * 1e6);
            if waited.is_some() {
                samples.late_us.push((started - due).as_secs_f64() * 1e6);
            }
        }
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = connections.into_iter().map(|connection| scope.spawn(|| lane(connection))).collect();
        lanes.into_iter().map(|lane| lane.join().expect("a lane ends")).fold(Samples::default(), |mut all, lane| {
            all.service_us.extend(lane.service_us);
            all.late_us.extend(lane.late_us);
            all
        })
    })
}
