//! Whether storebench loads PostgreSQL as fast as PostgreSQL's own tool does: pgbench's accounts by `pgbench -i` and by
//! storebench, alternating, on one server. `cargo bench --bench postgres`. It needs the server and `pgbench` beside it.
//!
//! Two ratios: of the rows alone, and of all until the table may be measured: keys, statistics, vacuum and a checkpoint,
//! which `pgbench -i` leaves out and is therefore made after it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drivers::launch;
use drivers::postgres::Postgres;
use drivers::server::Server;
use drivers::{Durability, Store};
use storebench::generate::Generator;
use storebench::load::{CancelToken, NoObserver, run};
use storebench::request::{LoadSettings, Pinning, RunRequest, Until};
use storebench::workload::{Arrivals, Workload};

/// pgbench's scale: 100,000 accounts each.
const SCALE: u64 = 5;
const ROUNDS: usize = 7;

/// Seconds of the rows, and of all.
struct Took {
    rows_s: f64,
    all_s: f64,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(launch::start::<Postgres>(Durability::Durable)).expect("a server of PostgreSQL");
    let mut ratios = (Vec::new(), Vec::new());
    println!(
        "{} accounts, {ROUNDS} rounds: seconds of the rows, and of all until the table may be measured",
        SCALE * 100_000
    );
    for _ in 0..ROUNDS {
        let (theirs, ours) = (pgbench(&server), storebench(&server));
        ratios.0.push(theirs.rows_s / ours.rows_s);
        ratios.1.push(theirs.all_s / ours.all_s);
        println!(
            "  pgbench -i {:.2} {:.2}   storebench {:.2} {:.2}   speed, storebench : pgbench {:.2} {:.2}",
            theirs.rows_s,
            theirs.all_s,
            ours.rows_s,
            ours.all_s,
            theirs.rows_s / ours.rows_s,
            theirs.all_s / ours.all_s
        );
    }
    for (what, mut ratios) in [("rows", ratios.0), ("all", ratios.1)] {
        ratios.sort_by(f64::total_cmp);
        println!("  {what}: median {:.2} (bar: 1.00)", ratios[ROUNDS / 2]);
    }
}

/// Its default steps, of which it says on its standard error how long they took, and a checkpoint.
fn pgbench(server: &Server) -> Took {
    let stderr = tool(server, "pgbench", &["-i", "-q", "-s", &SCALE.to_string(), "postgres"]);
    let after = |words: &str| -> f64 {
        let rest = stderr.split(words).nth(1).unwrap_or_else(|| panic!("no `{words}` in: {stderr}"));
        rest.split_whitespace().next().and_then(|number| number.parse().ok()).expect("seconds")
    };
    let began = Instant::now();
    tool(server, "psql", &["-c", "CHECKPOINT", "postgres"]);
    Took { rows_s: after("client-side generate "), all_s: after("done in ") + began.elapsed().as_secs_f64() }
}

/// What one of PostgreSQL's own tools prints on its standard error.
fn tool(server: &Server, name: &str, arguments: &[&str]) -> String {
    let postgres = Postgres::PROGRAM.and_then(|program| program.find().ok()).expect("PostgreSQL's server");
    let mut tool = Command::new(postgres.canonicalize().expect("its place").with_file_name(name));
    let password = server.address.split(['@', ':']).nth(2).expect("postgres://postgres:password@host");
    tool.env("PGPASSWORD", password)
        .args(["-U", "postgres", "-h", "127.0.0.1", "-p", &server.port().to_string()])
        .args(arguments);
    let output = tool.output().unwrap_or_else(|error| panic!("{name}, beside the server: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{name}: {stderr}");
    stderr
}

fn storebench(server: &Server) -> Took {
    let workload = Arc::new(Workload::builtin("tpcb-select-only").expect("a built-in workload"));
    let plan = workload.plan(Some(SCALE * 100_000), Some(1)).expect("a plan");
    let request = RunRequest {
        id: "bench".to_owned(),
        repetition: 1,
        generator: Arc::new(Generator::new(Arc::new(plan), 1)),
        workload,
        address: server.address.parse().expect("an address"),
        durability: Some(Durability::Durable),
        reuse: false,
        keep: false,
        load: LoadSettings {
            clients: 1,
            rate_per_s: None,
            arrivals: Arrivals::Poisson,
            until: Until::Operations(1),
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
    Took { rows_s: run.phases.load_s, all_s: run.phases.reset_s + run.phases.load_s + run.phases.settle_s }
}
