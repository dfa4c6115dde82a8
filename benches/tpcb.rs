//! Whether `tpcb` is as fast as pgbench's own transaction on a network: both on one server, behind a proxy that holds every
//! answer back, alternating. `cargo bench --bench tpcb`. The latency decides, so the ratio should be 1; `tpcb-pipelined`
//! stands beside it. It needs the server and `pgbench` beside it.

#[path = "../tests/common/turns.rs"]
mod turns;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use drivers::postgres::Postgres;
use drivers::server::Server;
use drivers::{Durability, launch};
use storebench::generate::Generator;
use storebench::load::{CancelToken, NoObserver, run};
use storebench::request::{LoadSettings, Pinning, RunRequest, Until};
use storebench::workload::{Arrivals, Workload};
use turns::Turns;

const DELAY: Duration = Duration::from_millis(5);
const TRANSACTIONS: u64 = 200;
const ROUNDS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(launch::start::<Postgres>(Durability::Durable)).expect("a server of PostgreSQL");
    let proxy = Turns::before(server.port(), DELAY);
    pgbench(&server, server.port(), &["-i", "-q"]);
    println!("transactions a second of one client, every answer {DELAY:?} late");
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let theirs = pgbench(&server, proxy.port, &["-n", "-M", "prepared", "-t", &TRANSACTIONS.to_string()]);
        let theirs = theirs.split("tps = ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
        let theirs = theirs.expect("pgbench tells its transactions a second");
        let [ours, pipelined] = ["tpcb", "tpcb-pipelined"].map(|workload| storebench(&server, proxy.port, workload));
        println!(
            "  pgbench -M prepared {theirs:.1}   tpcb {ours:.1}   tpcb-pipelined {pipelined:.1}   tpcb : pgbench {:.2}",
            ours / theirs
        );
        ratios.push(ours / theirs);
    }
    ratios.sort_by(f64::total_cmp);
    println!("  tpcb : pgbench, median {:.2}", ratios[ROUNDS / 2]);
}

fn password(server: &Server) -> &str {
    server.address.split(['@', ':']).nth(2).expect("postgres://postgres:password@host")
}

fn pgbench(server: &Server, port: u16, arguments: &[&str]) -> String {
    let mut pgbench = Command::new(server.binary().canonicalize().expect("its place").with_file_name("pgbench"));
    pgbench.env("PGPASSWORD", password(server)).args(["-U", "postgres", "-h", "127.0.0.1", "-p", &port.to_string()]);
    let output = pgbench.args(arguments).arg("postgres").output().expect("pgbench, beside the server");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn storebench(server: &Server, port: u16, workload: &str) -> f64 {
    let workload = Arc::new(Workload::builtin(workload).expect("a built-in workload"));
    let plan = workload.plan(None, Some(TRANSACTIONS)).expect("a plan");
    let address = format!("postgres://postgres:{}@127.0.0.1:{port}/postgres", password(server));
    let request = RunRequest {
        id: "bench".to_owned(),
        repetition: 1,
        generator: Arc::new(Generator::new(Arc::new(plan), 1)),
        workload,
        address: address.parse().expect("an address"),
        durability: Some(Durability::Durable),
        reuse: false,
        keep: false,
        load: LoadSettings {
            clients: 1,
            rate_per_s: None,
            arrivals: Arrivals::Poisson,
            until: Until::Operations(TRANSACTIONS),
            warmup: Duration::ZERO,
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
    let run = run::<Postgres>(&request, &Arc::new(CancelToken::default()), &mut NoObserver).expect("PostgreSQL runs");
    assert!(run.verdict.valid, "{:?}", run.verdict.reasons);
    run.throughput_per_s
}
