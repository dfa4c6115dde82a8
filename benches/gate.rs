//! Whether the gate is right on real stores: the same against itself three times, and changes for the worse that were planted.
//! `cargo bench --bench gate`, or with `-- same` or `-- planted` one half; it starts the servers, takes half an hour and wants
//! an idle machine. Prints the table of docs/ci.md.
//!
//! Planted: answers that a proxy holds back for 200 us, a secondary index that a trigger of the database makes, and a fifth of
//! the cache. The real binary measures and decides; both sides of the first two go through a proxy or a database of their own.

#[path = "../tests/common/servers.rs"]
mod servers;
#[path = "../tests/common/turns.rs"]
mod turns;

use std::process::Command;
use std::time::{Duration, Instant};

use drivers::Durability;
use serde_json::Value;
use turns::Turns;

/// How long the proxy holds each answer back.
const DELAY: Duration = Duration::from_micros(200);
const SHORT: [&str; 6] = ["--duration", "3s", "--warmup", "1s", "--records", "2000"];

/// A gate whose right verdict is known.
struct KnownGate {
    name: String,
    stores: [String; 2],
    workload: &'static str,
    arguments: Vec<&'static str>,
    /// Whether the head is worse.
    is_worse: bool,
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wants = |half: &str| asked.is_empty() || asked.iter().any(|one| one == half);
    println!("| gate | verdict | pairs | most of all | minutes | |");
    println!("|---|---|---|---|---|---|");
    let mut wrong = 0;
    if wants("same") {
        for store in ["libsql", "postgres"] {
            for round in 1..=3 {
                wrong += usize::from(!judged(&same(store, round)));
            }
        }
    }
    if wants("planted") {
        wrong += usize::from(!judged(&fifth_of_the_cache()));
        wrong += usize::from(!late_answers());
        wrong += usize::from(!extra_index());
    }
    println!("\n{wrong} of them wrong");
}

fn same(store: &str, round: u32) -> KnownGate {
    KnownGate {
        name: format!("{store} against itself, {round} of 3"),
        stores: [store.to_owned(), store.to_owned()],
        workload: "read-heavy",
        arguments: SHORT.to_vec(),
        is_worse: false,
    }
}

fn fifth_of_the_cache() -> KnownGate {
    KnownGate {
        name: "a fifth of libSQL's cache".to_owned(),
        stores: ["libsql?cache_mb=50".to_owned(), "libsql?cache_mb=10".to_owned()],
        workload: "ycsb-c",
        arguments: vec!["--duration", "3s", "--warmup", "1s", "--records", "30000"],
        is_worse: true,
    }
}

fn late_answers() -> bool {
    let server = servers::started("postgres", Durability::Memory);
    let sides = [Duration::ZERO, DELAY].map(|delay| Turns::before(server.port(), delay));
    let port = server.port().to_string();
    let address = |side: &Turns| server.address.replace(&port, &side.port.to_string());
    judged(&KnownGate {
        name: "answers of PostgreSQL 200 us late".to_owned(),
        stores: [address(&sides[0]), address(&sides[1])],
        workload: "ycsb-c",
        arguments: [&SHORT[..], &["--durability", "memory"]].concat(),
        is_worse: true,
    })
}

/// In the database of the head, every table gets an index on its first column that has none: a trigger makes it.
fn extra_index() -> bool {
    const TRIGGER: &str = "
        CREATE FUNCTION one_more() RETURNS event_trigger LANGUAGE plpgsql AS $$
        DECLARE made record; named text;
        BEGIN
            FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' LOOP
                SELECT attname INTO named FROM pg_attribute
                    WHERE attrelid = made.objid AND attnum > 1 AND NOT attisdropped AND atttypid = 'text'::regtype
                    ORDER BY attnum LIMIT 1;
                IF named IS NOT NULL THEN
                    EXECUTE format('CREATE INDEX ON %s (%I)', made.object_identity, named);
                END IF;
            END LOOP;
        END $$;
        CREATE EVENT TRIGGER one_more ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION one_more();";
    let server = servers::started("postgres", Durability::Durable);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let address = |database: &str| {
        let (head, query) = server.address.split_once('?').unwrap_or((&server.address, ""));
        let (place, _) = head.rsplit_once('/').expect("a database");
        format!("{place}/{database}{}{query}", if query.is_empty() { "" } else { "?" })
    };
    runtime.block_on(async {
        execute(&server.address, "CREATE DATABASE base").await;
        execute(&server.address, "CREATE DATABASE head").await;
        execute(&address("head"), TRIGGER).await;
    });
    judged(&KnownGate {
        name: "one more index on PostgreSQL".to_owned(),
        stores: [address("base"), address("head")],
        workload: "append-only",
        arguments: SHORT.to_vec(),
        is_worse: true,
    })
}

async fn execute(address: &str, statements: &str) {
    let (client, connection) = tokio_postgres::connect(address, tokio_postgres::NoTls).await.expect("a server");
    tokio::spawn(connection);
    client.batch_execute(statements).await.expect("it is carried out");
}

/// Measures a gate and prints its row. Whether it is right: a change is found, and none is found where there is none.
fn judged(gate: &KnownGate) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let began = Instant::now();
    let [base, head] = &gate.stores;
    let status = Command::new(env!("CARGO_BIN_EXE_storebench"))
        .args(["compare", "--base", base, "--head", head, gate.workload, "--quiet", "--out", "gate"])
        .args(&gate.arguments)
        .current_dir(folder.path())
        .stdout(std::process::Stdio::null())
        .status()
        .expect("the binary runs");
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let text = std::fs::read(folder.path().join("gate/gate.json")).expect("a record");
    let record: Value = serde_json::from_slice(&text).expect("JSON");
    let verdict = record["verdict"].as_str().unwrap_or_default();
    let pairs = record["pairs"].as_array().map_or(0, Vec::len);
    let comparisons = record["comparisons"].as_array().cloned().unwrap_or_default();
    let gated = comparisons.iter().filter(|one| one["gated"] == true);
    let size = |one: &Value| one["ratio"].as_f64().map_or(0.0, |ratio| ratio.ln().abs());
    let most = gated.max_by(|a, b| size(a).total_cmp(&size(b)));
    let most = most.map_or_else(String::new, |one| {
        let change = 100.0 * (one["ratio"].as_f64().unwrap_or(1.0) - 1.0);
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        format!("{} of {} {change:+.1} %", text("metric"), text("operation"))
    });
    let is_right = (verdict == "regression") == gate.is_worse && status.code() == Some(i32::from(gate.is_worse));
    let name = &gate.name;
    println!("| {name} | {verdict} | {pairs} | {most} | {minutes:.1} | {} |", if is_right { "right" } else { "WRONG" });
    is_right
}
