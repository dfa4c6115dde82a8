//! `tpcb` and `tpcb-simple-update` beside pgbench itself, on one server: the statements that both send, as the server logs
//! them, and how often both wait for it, as a proxy counts that knows nothing of either.

mod common;
#[path = "common/servers.rs"]
mod servers;
#[path = "common/turns.rs"]
mod turns;

use std::process::Command;
use std::time::Duration;

use common::Storebench;
use drivers::Durability;
use drivers::server::Server;
use servers::started;
use turns::Turns;

const TRANSACTIONS: usize = 60;

/// What only the session of the transactions says: others insert into a table of marks and copy into the history.
const OUR_INSERT: &str = "\"filler\") VALUES (";

/// In what ours differ, all of which the head of `workloads/tpcb.toml` says, and what stands in its place in pgbench's.
const DIFFERENCES: [(&str, &str); 5] = [
    // A record's key is always `key`, and an answer begins with it.
    ("WHERE key =", "WHERE aid ="),
    ("SELECT key, abalance", "SELECT abalance"),
    // Of the history, too; there, pgbench's server says what time it is, and leaves the filler out, which is NULL.
    ("(key, tid, bid, aid, delta, mtime, filler)", "(tid, bid, aid, delta, mtime)"),
    ("VALUES (?, ?, ?, ?, ?, ?, ?)", "VALUES (?, ?, ?, ?, CURRENT_TIMESTAMP)"),
    // One command by two names (postgresql.org/docs/current/sql-end.html).
    ("COMMIT", "END"),
];

/// A server that logs every statement under the process of its session, and the password by which it lets in.
struct Logging {
    server: Server,
    password: String,
}

impl Logging {
    fn started() -> Logging {
        let server = started("postgres", Durability::Memory);
        let password = server.address.split(['@', ':']).nth(2).expect("postgres://postgres:password@host").to_owned();
        let logging = Logging { server, password };
        for set in ["log_statement = 'all'", "log_line_prefix = '%p '"] {
            logging.tool("psql", logging.server.port(), &["-c", &format!("ALTER SYSTEM SET {set}")]);
        }
        logging.tool("psql", logging.server.port(), &["-c", "SELECT pg_reload_conf()"]);
        logging.tool("pgbench", logging.server.port(), &["-i", "-q"]);
        logging
    }

    /// What one of PostgreSQL's own tools answers.
    fn tool(&self, name: &str, port: u16, arguments: &[&str]) -> String {
        let mut tool = Command::new(self.server.binary().canonicalize().expect("its place").with_file_name(name));
        tool.env("PGPASSWORD", &self.password).args(["-U", "postgres", "-h", "127.0.0.1", "-p", &port.to_string()]);
        let output = tool.args(arguments).arg("postgres").output().expect("a tool beside the server");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The statements of the log by session, one list for each, without what differs by nature.
    fn statements(&self) -> Vec<Vec<String>> {
        let data = self.tool("psql", self.server.port(), &["-At", "-c", "SHOW data_directory"]);
        let log = std::path::Path::new(data.trim()).with_file_name("server.log");
        let log = std::fs::read_to_string(log).expect("the server's log");
        let mut sessions: Vec<(&str, Vec<String>)> = Vec::new();
        for line in log.lines() {
            let Some((process, entry)) = line.split_once(" LOG:  ") else { continue };
            let statement = match entry.split_once(": ") {
                Some(("statement", statement)) => statement,
                Some((kind, statement)) if kind.starts_with("execute ") => statement,
                _ => continue,
            };
            match sessions.iter_mut().find(|(known, _)| *known == process) {
                Some((_, statements)) => statements.push(plain(statement)),
                None => sessions.push((process, vec![plain(statement)])),
            }
        }
        sessions.into_iter().map(|(_, statements)| statements).collect()
    }

    /// What pgbench sends for a transaction of its own, again and again.
    fn of_pgbench(&self, proxy: &Turns, arguments: &[&str]) -> Vec<String> {
        let known = self.statements().len();
        self.tool("pgbench", proxy.port, &[&["-n", "-t", &TRANSACTIONS.to_string()], arguments].concat());
        let sessions = self.statements().split_off(known);
        let sent = sessions.iter().find(|session| session.iter().any(|statement| statement.starts_with("UPDATE")));
        let sent = sent.expect("a session of pgbench");
        let first = sent.iter().position(|statement| statement == "BEGIN").expect("a transaction");
        let cycle = sent[first..].split_inclusive(|statement| statement == "END").next().expect("its end").to_vec();
        assert_eq!(sent[first..], repeated(&cycle), "nothing else between them");
        cycle
    }

    /// What the session of storebench sends that makes the transactions, without a warm-up and as one client.
    fn of_storebench(&self, proxy: &Turns, workload: &str, transactions: usize) -> Vec<String> {
        let known = self.statements().len();
        let run = Storebench::run(&[workload, "--clients", "1", "--warmup", "0s", "--records", "1000"]);
        let address = format!("postgres://postgres:{}@127.0.0.1:{}/postgres", self.password, proxy.port);
        let run = run.args(&["--durability", "memory", "--ops", &transactions.to_string()]).store(&address);
        let ran = run.expect_exit(0);
        let is_named = ran.stdout.contains("pipelined transactions");
        assert_eq!(is_named, workload == "tpcb-pipelined", "beside its figures:\n{}", ran.stdout);
        let sessions = self.statements().split_off(known);
        let is_lane = |session: &&Vec<String>| session.iter().any(|sent| sent.starts_with("INSERT INTO history"));
        sessions.iter().find(is_lane).expect("a session of transactions").clone()
    }
}

/// A statement without quotes, schemas, prefixes and what is different each time.
fn plain(statement: &str) -> String {
    let bare = statement.trim_end_matches(';').replace('"', "");
    let schemas = ["storebench_tpcb-simple-update.", "storebench_tpcb-pipelined.", "storebench_tpcb.", "pgbench_"];
    let bare = schemas.iter().fold(bare, |bare, schema| bare.replace(schema, ""));
    let words = bare.split_inclusive([' ', ',', '(', ')']).map(|word| {
        let value = word.trim_end_matches([' ', ',', '(', ')']);
        let number = value.trim_start_matches(['$', '-']);
        let is_value = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if is_value { word.replace(value, "?") } else { word.to_owned() }
    });
    let one_space = words.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    one_space.replace("WHERE tid =", "WHERE aid =").replace("WHERE bid =", "WHERE aid =")
}

/// The statements of all transactions.
fn repeated(cycle: &[String]) -> Vec<String> {
    cycle.iter().cycle().take(TRANSACTIONS * cycle.len()).cloned().collect()
}

fn as_pgbench(ours: &str) -> String {
    DIFFERENCES.iter().fold(ours.to_owned(), |text, (ours, theirs)| text.replace(ours, theirs))
}

#[test]
fn the_workloads_of_pgbench_are_its_statements_in_its_order_and_its_round_trips() {
    let logging = Logging::started();
    let proxy = Turns::before(logging.server.port(), Duration::ZERO);
    for (workload, script) in [("tpcb", "tpcb-like"), ("tpcb-simple-update", "simple-update")] {
        let simple = logging.of_pgbench(&proxy, &["-b", script, "-M", "simple"]);
        let turns_simple = proxy.of_those_that_said("INSERT INTO pgbench_history");
        let theirs = logging.of_pgbench(&proxy, &["-b", script, "-M", "prepared"]);
        let turns_prepared = proxy.of_those_that_said("INSERT INTO pgbench_history");
        assert_eq!(simple, theirs, "pgbench's protocols differ in form only");

        let ours = logging.of_storebench(&proxy, workload, TRANSACTIONS);
        let turns = proxy.of_those_that_said(OUR_INSERT);
        let ours: Vec<String> = ours.iter().map(|statement| as_pgbench(statement)).collect();
        let first = ours.windows(theirs.len()).position(|window| window == theirs).unwrap_or_else(|| {
            panic!("{workload}: pgbench sends\n{theirs:#?}\nstorebench\n{:#?}", &ours[..ours.len().min(60)])
        });
        assert_eq!(ours[first..][..theirs.len() * TRANSACTIONS], repeated(&theirs), "{workload}");

        // What comes before and after the transactions is the same for twice as many.
        let of_more = |turns: &[u64], turns_of_twice: &[u64]| turns_of_twice[0] - turns[0];
        let twice = (2 * TRANSACTIONS).to_string();
        for (protocol, turns) in [("simple", turns_simple), ("prepared", turns_prepared)] {
            logging.tool("pgbench", proxy.port, &["-n", "-t", &twice, "-b", script, "-M", protocol]);
            let more = of_more(&turns, &proxy.of_those_that_said("INSERT INTO pgbench_history"));
            assert_eq!(more as usize, theirs.len() * TRANSACTIONS, "pgbench -M {protocol}");
        }
        logging.of_storebench(&proxy, workload, 2 * TRANSACTIONS);
        let more = of_more(&turns, &proxy.of_those_that_said(OUR_INSERT));
        assert_eq!(more as usize, theirs.len() * TRANSACTIONS, "{workload}");
    }
}

#[test]
fn the_pipelined_form_takes_two_round_trips_and_is_named_so() {
    let logging = Logging::started();
    let proxy = Turns::before(logging.server.port(), Duration::ZERO);
    let [once, twice] = [TRANSACTIONS, 2 * TRANSACTIONS].map(|transactions| {
        logging.of_storebench(&proxy, "tpcb-pipelined", transactions);
        proxy.of_those_that_said(OUR_INSERT)[0]
    });
    assert_eq!((twice - once) as usize, 2 * TRANSACTIONS);
}

#[test]
fn the_history_has_the_columns_of_pgbench_and_a_key_without_an_index() {
    let logging = Logging::started();
    let port = logging.server.port();
    let run =
        Storebench::run(&["tpcb", "--ops", "1", "--warmup", "0s", "--records", "1000", "--keep", "--clients", "1"]);
    run.args(&["--durability", "memory"]).store(&logging.server.address).expect_exit(0);
    let query = |sql: &str| logging.tool("psql", port, &["-At", "-c", sql]);
    let columns = |table: &str| {
        query(&format!(
            "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute \
             WHERE attrelid = '{table}'::regclass AND attnum > 0"
        ))
    };
    let indexes = |table: &str| query(&format!("SELECT count(*) FROM pg_index WHERE indrelid = '{table}'::regclass"));
    assert_eq!(columns("storebench_tpcb.history"), format!("key {}", columns("pgbench_history")));
    assert_eq!(indexes("storebench_tpcb.history"), indexes("pgbench_history"));
    assert_eq!(indexes("pgbench_history").trim(), "0");
    for table in ["accounts", "tellers", "branches"] {
        let theirs = columns(&format!("pgbench_{table}"));
        let (_, fields) = theirs.split_once(' ').expect("a key and more");
        assert_eq!(columns(&format!("storebench_tpcb.{table}")), format!("key {fields}"));
        assert_eq!(indexes(&format!("storebench_tpcb.{table}")), indexes(&format!("pgbench_{table}")));
    }
}
