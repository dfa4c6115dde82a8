//! What the suite itself costs: the whole loop on a store that does nothing, the price of each part of it, and the
//! memory of a long run. `cargo bench --bench harness`; `-- --long` for the 100-million-operation run.
//!
//! Figures are of this machine; parts and whole are measured alternately in one process, so compare them with each other.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drivers::null::Null;
use storebench::draw::rng::Purpose;
use storebench::generate::{Effect, Generator, KeyFrontiers, OpStream};
use storebench::load::pace::Clock;
use storebench::load::{CancelToken, NoObserver, run};
use storebench::measure::recorder::OperationTimes;
use storebench::measure::recorder::Recorder;
use storebench::record::Run;
use storebench::request::{LoadSettings, Pinning, RunRequest, Until};
use storebench::workload::{Arrivals, Workload};

/// Operations in one timed batch of a part.
const BATCH: u64 = 1_000_000;

fn main() {
    let long = std::env::args().any(|argument| argument == "--long");
    println!("parts, ns per operation (least of 9 batches of {BATCH})");
    for (name, ns) in parts() {
        println!("  {name:<34} {ns:>7.1}");
    }
    println!("\nthe whole loop on the store that does nothing, closed loop, 2 clients on 2 threads");
    for workload in ["ycsb-c", "ycsb-a", "ycsb-d", "read-heavy", "oltp", "append-only", "time-series"] {
        let run = measure(workload, 2, 100_000, Until::Elapsed(Duration::from_secs(3)));
        let throughput = run.throughput_per_s / 1e6;
        let p999 = run.total.service_ns.p999.map_or_else(|| "-".to_owned(), |ns| ns.to_string());
        println!("  {workload:<14} {throughput:>7.2} M operations/s  p99.9 {p999} ns");
    }
    if long {
        let began = Instant::now();
        let run = measure("ycsb-c", 2, 1_000_000, Until::Operations(100_000_000));
        let throughput = run.throughput_per_s / 1e6;
        println!(
            "\n100 million operations over a million keys: {throughput:.2} M/s in {:.1} s",
            began.elapsed().as_secs_f64()
        );
    }
    println!("\npeak resident memory of this process: {:.1} MB", peak_memory_bytes() as f64 / 1e6);
}

/// Each part of the loop alone.
fn parts() -> Vec<(&'static str, f64)> {
    let clock = Clock::starting_in(Duration::ZERO);
    let mut recorder = Recorder::new(1, false);
    let times = |at: u64| OperationTimes { intended_ns: 0, started_ns: 0, ended_ns: 40 + at % 64 };
    vec![
        ("read the clock twice", least(|_| clock.now_ns() ^ clock.now_ns())),
        (
            "record one latency",
            least(|at| {
                recorder.succeeded(0, times(at), false);
                0
            }),
        ),
        ("generate a ycsb-c operation", generate("ycsb-c")),
        ("generate a ycsb-a operation", generate("ycsb-a")),
        ("generate a read-heavy operation", generate("read-heavy")),
        ("generate an oltp operation", generate("oltp")),
        ("generate an append-only operation", generate("append-only")),
        ("generate a time-series operation", generate("time-series")),
    ]
}

fn generate(name: &str) -> f64 {
    let generator = generator(&workload(name), 100_000, None);
    let frontiers = Arc::new(KeyFrontiers::new(&generator.plan));
    let mut stream = OpStream::new(generator, frontiers, Purpose::Measure, 0, 1);
    let batch = if name.starts_with("ycsb") { BATCH } else { BATCH / 20 };
    least_of(batch, |_| {
        let operation = stream.next().operation;
        black_box(stream.ops(operation));
        stream.complete(Effect::Applied);
        operation as u64
    })
}

fn least(part: impl FnMut(u64) -> u64) -> f64 {
    least_of(BATCH, part)
}

fn least_of(batch: u64, mut part: impl FnMut(u64) -> u64) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..9 {
        let began = Instant::now();
        for at in 0..batch {
            black_box(part(black_box(at)));
        }
        least = least.min(began.elapsed().as_nanos() as f64 / batch as f64);
    }
    least
}

fn generator(workload: &Workload, records: u64, operations: Option<u64>) -> Arc<Generator> {
    let plan = workload.plan(Some(records), operations).expect("a plan");
    Arc::new(Generator::new(Arc::new(plan), 1))
}

fn workload(name: &str) -> Workload {
    Workload::builtin(name).expect("a built-in workload")
}

fn measure(name: &str, clients: u32, records: u64, until: Until) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let workload = Arc::new(workload(name));
    let request = RunRequest {
        id: format!("{name}-null-1"),
        repetition: 1,
        generator: generator(&workload, records, until.operations()),
        workload,
        address: "null".parse().expect("an address"),
        durability: None,
        reuse: false,
        keep: false,
        load: LoadSettings {
            clients,
            rate_per_s: None,
            arrivals: Arrivals::Poisson,
            until,
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
        hlog: folder.path().join("log.hlog"),
    };
    run::<Null>(&request, &Arc::new(CancelToken::default()), &mut NoObserver).expect("null does not fail")
}

fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}
