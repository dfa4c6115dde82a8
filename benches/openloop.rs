//! Whether an open loop shapes what it measures: storebench against a small client that sleeps until each arrival, on the
//! same server, at the same rate and with as many connections, alternating. `cargo bench --bench openloop`, or with
//! `-- redis`, `-- postgres` or `-- 10000` one store or rate; it starts the servers, takes ten minutes and wants an idle
//! machine.
//!
//! The peer shares no code with the suite: a blocking socket and a thread for each connection, `thread::sleep` until the
//! next arrival, the protocol by hand, percentiles from sorted samples. Two ratios decide, medians of the rounds: service
//! time at p99 and the client's CPU per operation. Where the server is busy for more than 70 % of a core, the two compete
//! with it and no ratio is judged.

mod openloop {
    pub mod peer;
    pub mod postgres;
    pub mod redis;
}

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drivers::launch;
use drivers::server::Server;
use drivers::{Durability, Store};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use storebench::generate::Generator;
use storebench::load::{CancelToken, NoObserver, run};
use storebench::record::{Latency, Run};
use storebench::request::{LoadSettings, Pinning, RunRequest, Until};
use storebench::workload::{Arrivals, Workload};

use openloop::peer::{Connection, Samples, open_loop};

const RECORDS: u64 = 1_000;
const ROUNDS: usize = 5;
/// The most that the ratios of service time at p99 and of CPU per operation may be.
const BARS: (f64, f64) = (1.3, 1.5);
/// Offered rate, connections, seconds.
type Level = (f64, usize, u64);
const LEVELS: [Level; 5] = [(200.0, 8, 10), (1_000.0, 2, 5), (1_000.0, 8, 5), (1_000.0, 32, 5), (10_000.0, 8, 4)];

/// What one round found of one client.
struct Round {
    service_us_p99: f64,
    cpu_us_per_op: f64,
    late_us_p99: f64,
    server_busy: f64,
}

fn main() {
    println!("medians of {ROUNDS} alternating rounds (least-most); late: from the due instant to the start, p99");
    println!(
        "{:<9} {:>6} {:>7}  {:>8} {:>8} {:>18}  {:>8} {:>8} {:>18}  {:>8} {:>8}  {:>6}",
        "store", "rate/s", "clients", "p99 us", "peer", "ratio", "CPU us", "peer", "ratio", "late us", "peer", "server"
    );
    let arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let (rates, stores): (Vec<String>, Vec<String>) = arguments.partition(|argument| argument.parse::<f64>().is_ok());
    let wants = |name: &str| stores.is_empty() || stores.iter().any(|one| one == name);
    let at = |rate: f64| rates.is_empty() || rates.iter().any(|one| *one == rate.to_string());
    let levels: Vec<_> = LEVELS.into_iter().filter(|(rate, ..)| at(*rate)).collect();
    let mut missed = 0;
    if wants("redis") {
        missed += compare::<drivers::redis::Redis, openloop::redis::Client>("redis", &levels);
    }
    if wants("postgres") {
        missed += compare::<drivers::postgres::Postgres, openloop::postgres::Client>("postgres", &levels);
    }
    println!("{missed} levels missed a bar ({} for p99, {} for CPU)", BARS.0, BARS.1);
}

/// Compares at these levels; how many missed a bar.
fn compare<S: Store, C: Connection>(name: &str, levels: &[Level]) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(launch::start::<S>(Durability::Memory)).expect("a server");
    let level = |&(rate, clients, seconds): &Level| {
        let rounds: Vec<(Round, Round)> = (0..ROUNDS as u64)
            .map(|round| {
                let ours = || storebench::<S>(&server, (rate, clients, seconds), round);
                let peers = || peer::<C>(&server, (rate, clients, seconds), round);
                if round % 2 == 0 {
                    let ours = ours();
                    (ours, peers())
                } else {
                    let peers = peers();
                    (ours(), peers)
                }
            })
            .collect();
        usize::from(!report(name, rate, clients, &rounds))
    };
    levels.iter().map(level).sum()
}

/// Prints a level; whether it kept within the bars, or the server was too busy to judge.
fn report(name: &str, rate: f64, clients: usize, rounds: &[(Round, Round)]) -> bool {
    let of = |figure: &dyn Fn(&(Round, Round)) -> f64| spread(rounds.iter().map(figure).collect());
    let p99 = of(&|(ours, peer)| ours.service_us_p99 / peer.service_us_p99);
    let cpu = of(&|(ours, peer)| ours.cpu_us_per_op / peer.cpu_us_per_op);
    let busy = of(&|(ours, peer)| ours.server_busy.max(peer.server_busy))[1];
    let show = |[low, median, high]: [f64; 3]| format!("{median:.2} ({low:.2}-{high:.2})");
    println!(
        "{name:<9} {rate:>6} {clients:>7}  {:>8.0} {:>8.0} {:>18}  {:>8.1} {:>8.1} {:>18}  {:>8.0} {:>8.0}  {:>5.0}%",
        of(&|(ours, _)| ours.service_us_p99)[1],
        of(&|(_, peer)| peer.service_us_p99)[1],
        show(p99),
        of(&|(ours, _)| ours.cpu_us_per_op)[1],
        of(&|(_, peer)| peer.cpu_us_per_op)[1],
        show(cpu),
        of(&|(ours, _)| ours.late_us_p99)[1],
        of(&|(_, peer)| peer.late_us_p99)[1],
        100.0 * busy
    );
    busy > 0.7 || (p99[1] <= BARS.0 && cpu[1] <= BARS.1)
}

/// Least, median and most.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}

/// One run of the suite. The data stays there for the peer and for the next round.
fn storebench<S: Store>(server: &Server, (rate, clients, seconds): Level, round: u64) -> Round {
    let workload = Arc::new(Workload::builtin("ycsb-c").expect("a built-in workload"));
    let plan = workload.plan(Some(RECORDS), None).expect("a plan");
    let request = RunRequest {
        id: "bench".to_owned(),
        repetition: 1,
        generator: Arc::new(Generator::new(Arc::new(plan), 1)),
        workload,
        address: server.address.parse().expect("an address"),
        durability: Some(Durability::Memory),
        reuse: true,
        keep: true,
        load: LoadSettings {
            clients: clients as u32,
            rate_per_s: Some(rate),
            arrivals: Arrivals::Poisson,
            until: Until::Elapsed(Duration::from_secs(seconds)),
            warmup: Duration::from_millis(500),
            longest_warmup: Duration::ZERO,
            skip_after: None,
            timeout: Duration::from_secs(10),
            phase_timeout: None,
            stops_on_failure: false,
            cpus: Pinning::default(),
            client_floor_per_s: None,
            max_retries: 0,
        },
        hlog: Path::new("/dev/null").to_owned(),
    };
    let busy = Busy::since(server);
    let run: Run = run::<S>(&request, &Arc::new(CancelToken::default()), &mut NoObserver).expect("the store runs");
    if !run.verdict.valid {
        eprintln!("round {round}, {rate}/s, {clients} clients: {:?}", run.verdict.reasons);
    }
    let p99_us = |latency: &Latency| latency.p99.expect("a thousand operations") as f64 / 1e3;
    Round {
        service_us_p99: p99_us(&run.total.service_ns),
        cpu_us_per_op: run.client.cpu_ns_per_op / 1e3,
        late_us_p99: p99_us(&run.client.pacer_ns),
        server_busy: busy.share(),
    }
}

fn peer<C: Connection>(server: &Server, (rate, clients, seconds): Level, round: u64) -> Round {
    let connections = (0..clients).map(|_| C::open(server)).collect();
    let (cpu, busy) = (cpu_time(), Busy::since(server));
    let Samples { mut service_us, mut late_us } =
        open_loop::<C>(connections, rate, Duration::from_secs(seconds), round);
    let cpu_us = (cpu_time() - cpu).as_secs_f64() * 1e6;
    Round {
        cpu_us_per_op: cpu_us / service_us.len() as f64,
        service_us_p99: p99(&mut service_us),
        late_us_p99: p99(&mut late_us),
        server_busy: busy.share(),
    }
}

fn p99(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[(samples.len() * 99).div_ceil(100) - 1]
}

/// CPU time of this process.
fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage");
    Duration::from_micros((usage.user_time() + usage.system_time()).num_microseconds() as u64)
}

/// How much of a core a server keeps busy.
struct Busy<'a> {
    server: &'a Server,
    cpu: Duration,
    since: Instant,
}

impl<'a> Busy<'a> {
    fn since(server: &'a Server) -> Self {
        Busy { server, cpu: server.usage().expect("it runs").cpu, since: Instant::now() }
    }

    fn share(&self) -> f64 {
        let cpu = self.server.usage().expect("it runs").cpu - self.cpu;
        cpu.as_secs_f64() / self.since.elapsed().as_secs_f64()
    }
}
