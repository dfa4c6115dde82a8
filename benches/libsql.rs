//! Whether storebench's figures of embedded libSQL are libSQL's: the same statements in a plain single-threaded loop over
//! the same crate, alternating with storebench in one process. `cargo bench --bench libsql`.
//!
//! The bar is a ratio of 0.90: at most a tenth of the throughput may be the suite's.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drivers::libsql::Libsql;
use drivers::{Fields, Key, Op, Store, Value};
use storebench::draw::rng::Purpose;
use storebench::generate::{Effect, Generator, KeyFrontiers, Loader, OpStream, examples};
use storebench::load::{CancelToken, NoObserver, run};
use storebench::request::{LoadSettings, Pinning, RunRequest, Until};
use storebench::workload::{Arrivals, Workload};

const RECORDS: u64 = 20_000;
const ROUNDS: usize = 7;

/// Reads of a whole record, and updates of one field without a sync at each: syncing would hide the suite's cost. Each
/// with its number of operations, about two seconds of them.
const CASES: [(&str, &str, u64); 2] = [
    ("ycsb-c, reads by key", "do = \"read\"\ntable = \"usertable\"\nkey = \"zipfian-ycsb\"\n", 500_000),
    (
        "updates of one field",
        "do = \"update\"\ntable = \"usertable\"\nkey = \"zipfian-ycsb\"\nfields = [\"field0\"]\n",
        150_000,
    ),
];

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for (name, operation, operations) in CASES {
        let workload = Arc::new(workload(operation));
        let plan = Arc::new(workload.plan(Some(RECORDS), None).expect("a plan"));
        let generator = Arc::new(Generator::new(plan, 1));
        let mut ratios = Vec::new();
        println!("{name}: operations/s, {ROUNDS} rounds of {operations} operations on a new database each");
        for _ in 0..ROUNDS {
            let bare = runtime.block_on(plain_loop(&generator, operations));
            let through = storebench(&workload, &generator, operations);
            println!("  plain loop {bare:>9.0}   storebench {through:>9.0}   ratio {:.3}", through / bare);
            ratios.push(through / bare);
        }
        ratios.sort_by(f64::total_cmp);
        println!("  median ratio {:.3} (bar: 0.90)", ratios[ROUNDS / 2]);
    }
}

/// One table of YCSB's shape, loaded, with one operation.
fn workload(operation: &str) -> Workload {
    let table = Workload::builtin("ycsb-c").expect("a built-in workload").text;
    let table = table.split("[operations").next().expect("a table before the operations").to_owned();
    Workload::parse("bench.toml", &format!("{table}[operations.one]\nweight = 1\n{operation}")).expect("a workload")
}

/// Operations per second of the statement that storebench says it sends, prepared once, over the database and the
/// parameters that storebench has too. Loaded and settled like its own: a log that a checkpoint has not emptied spares
/// SQLite an `fstat` a read, and a text that is overwritten by itself spares it the page.
async fn plain_loop(generator: &Arc<Generator>, operations: u64) -> f64 {
    // Where storebench puts its own.
    let folder = tempfile::tempdir_in(drivers::scratch_folder()).expect("a temporary folder");
    let path = folder.path().join("plain.db");
    let sql = loaded(generator, &path).await;
    let parameters = parameters(generator, operations);
    let database = libsql::Builder::new_local(&path).build().await.expect("opens");
    let connection = database.connect().expect("connects");
    let pragmas = "PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL;";
    connection.execute_batch(pragmas).await.expect("sets pragmas");
    let statement = connection.prepare(&sql).await.expect("prepares");
    let reads = sql.starts_with("SELECT");
    let began = Instant::now();
    for one in parameters {
        statement.reset();
        if reads {
            let mut rows = statement.query(one).await.expect("queries");
            let row = rows.next().await.expect("answers").expect("the row is there");
            for column in 0..row.column_count() {
                std::hint::black_box(row.get_value(column).expect("a value"));
            }
        } else {
            assert_eq!(statement.execute(one).await.expect("updates"), 1);
        }
    }
    operations as f64 / began.elapsed().as_secs_f64()
}

/// Loads a database as storebench does, and answers the statement of the workload's operation.
async fn loaded(generator: &Arc<Generator>, path: &Path) -> String {
    let config = serde_json::from_value(serde_json::json!({ "location": path })).expect("a configuration");
    let opening = drivers::Opening::new(Arc::clone(&generator.plan.dataset), drivers::Durability::Relaxed);
    let store = Libsql::open(config, opening).await.expect("opens");
    store.reset().await.expect("resets");
    let mut session = store.session().await.expect("a session");
    let mut loader = Loader::new(Arc::clone(generator), 0, 1);
    while let Some(step) = loader.next() {
        drivers::Session::load(&mut session, step.op).await.expect("loads");
    }
    drivers::Session::finish_load(&mut session).await.expect("ends the load");
    drop(session);
    store.after_load().await.expect("settles");
    let sql = store.explain(&examples(generator)[0][0]).statements.remove(0);
    store.close(true).await.expect("closes");
    sql
}

/// The parameters of the operations that storebench will carry out, made ahead, so that the loop holds nothing but the
/// library's work.
fn parameters(generator: &Arc<Generator>, operations: u64) -> Vec<Vec<libsql::Value>> {
    let frontiers = Arc::new(KeyFrontiers::new(&generator.plan));
    let mut stream = OpStream::new(Arc::clone(generator), frontiers, Purpose::Measure, 0, 1);
    let next = |_| {
        let parameters = columns(&stream.next().ops[0]);
        stream.complete(Effect::Applied);
        parameters
    };
    (0..operations).map(next).collect()
}

fn columns(op: &Op) -> Vec<libsql::Value> {
    let key = |key: &Key| libsql::Value::Text(key.to_string());
    match op {
        Op::Read { key: named, fields: Fields::All, .. } => vec![key(named)],
        Op::Update { key: named, changes, .. } => {
            let text = |value: &Value| match value {
                Value::Text(text) => libsql::Value::Text(text.clone()),
                other => panic!("an update of YCSB sets texts, not {other:?}"),
            };
            changes.iter().map(|change| text(&change.value)).chain([key(named)]).collect()
        }
        other => panic!("not an operation of this bench: {other:?}"),
    }
}

/// Operations per second through the whole suite, on a database of its own.
fn storebench(workload: &Arc<Workload>, generator: &Arc<Generator>, operations: u64) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let request = RunRequest {
        id: "bench".to_owned(),
        repetition: 1,
        workload: Arc::clone(workload),
        generator: Arc::clone(generator),
        address: "libsql".parse().expect("an address"),
        durability: Some(drivers::Durability::Relaxed),
        reuse: false,
        keep: false,
        load: LoadSettings {
            clients: 1,
            rate_per_s: None,
            arrivals: Arrivals::Poisson,
            until: Until::Operations(operations),
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
        hlog: folder.path().join("log.hlog"),
    };
    let run = run::<Libsql>(&request, &Arc::new(CancelToken::default()), &mut NoObserver).expect("libSQL runs");
    assert!(run.verdict.valid, "{:?}", run.verdict.reasons);
    run.throughput_per_s
}
