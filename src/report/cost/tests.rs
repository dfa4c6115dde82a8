//! Estimates and tables as they are printed: what stands beside a figure, and where there is none.

use drivers::Placement;
use jiff::civil::date;

use super::{left_out, lines, table};
use crate::cost::tests::{catalogue, host, read_of, run, run_that_stores, write_of};
use crate::cost::{Options, Targets, estimate};
use crate::record::{Experiment, Host, Run, SCHEMA, Tool, Verdict};

fn experiment(runs: Vec<Run>) -> Experiment {
    Experiment {
        schema: SCHEMA.to_owned(),
        tool: Tool { name: "storebench".to_owned(), version: "0.1.0".to_owned(), profile: "release".to_owned() },
        host: host(),
        command: "storebench run".to_owned(),
        started_at: "2026-11-20T13:00:00Z".to_owned(),
        finished_at: "2026-11-20T13:00:41Z".to_owned(),
        seed: 42,
        interrupted: false,
        wanted: None,
        missing: Vec::new(),
        runs,
    }
}

/// Reads and writes of records of 600 bytes, 4 to 1.
fn shop(driver: &str) -> Run {
    run_that_stores(driver, &[("read", 800_000, Some(read_of(600.0))), ("write", 200_000, Some(write_of(600.0)))])
}

fn default_line(mut run: Run, host: &Host, options: &Options) -> String {
    run.cost = Some(estimate(&run, host, &catalogue(), options).expect("the offers exist"));
    [lines(&run), left_out([&run])].concat().join("\n")
}

fn compared(runs: Vec<Run>, options: &Options, ids: &[&str]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    table(&experiment(runs), &catalogue(), options, &ids, date(2027, 1, 15)).expect("the offers exist")
}

#[test]
fn a_run_carries_a_node_price_and_the_request_prices_of_its_store() {
    insta::assert_snapshot!(default_line(shop("libsql"), &host(), &Options::default()), @r"
    cost, estimate: measured on other hardware: $0.0115 [$0.0113, $0.0117] per million operations on ec2.m7g.large at 40 % utilisation, $0.00459 at 100 %, $0.0459 at 10 %; 1 copy, us-east-1, on-demand, price of 2025 (B), STALE: 688 days old; 16 clients' throughput counts as what a node carries
    cost, estimate: from the operations' own sizes: $0.197 [$0.196, $0.198] per million operations on turso.developer at 40 % utilisation, $0.199 at 100 %, $0.185 at 10 %; the service's own copies, us-east-1, monthly, price of 2025 (B), STALE: 688 days old; rows scanned are rows answered, as with a fitting index
    per operation: 0.0400 CPU ms (suite included), 1,024 bytes stored, 0.800 read units of 4 KiB, 0.200 write units of 1 KiB, 1.00 rows; 2.26 bytes held per logical byte
    not in the cost on ec2.m7g.large: backups, network, licences, taxes, discounts, staff, support, other charges (included iops 3,000, included mb per s 125, usd per iops month 0.005, usd per mb per s month 0.04)
    not in the cost on turso.developer: storage beyond what the price includes, backups, network, licences, taxes, discounts, staff, support, other charges (included gb 9), its free tier (rows read per month 500,000,000, rows written per month 10,000,000)
    ");
}

#[test]
fn without_sizes_there_is_no_request_price() {
    let text = default_line(run("redis", &[("read", 1_000_000, None)]), &host(), &Options::default());
    let missing: Vec<&str> = text.lines().filter(|line| line.contains("no figure")).collect();
    insta::assert_snapshot!(missing.join("\n"), @r"
    cost: elasticache-serverless.redis: no figure: item sizes unknown
    cost: elasticache-serverless.valkey: no figure: item sizes unknown
    cost: upstash.payg: no figure: item sizes unknown
    ");
}

#[test]
fn an_invalid_run_has_no_figure() {
    let mut run = shop("libsql");
    run.verdict =
        Verdict { valid: false, reasons: vec!["1 of 1 checks\u{1b}[2J failed".to_owned()], ..Verdict::default() };
    insta::assert_snapshot!(default_line(run.clone(), &host(), &Options::default()), @"cost: no figure: the run is invalid: 1 of 1 checks�[2J failed");
    insta::assert_snapshot!(compared(vec![run.clone()], &Options::default(), &["ec2.m7g.large"]), @r"
    oltp on libsql 1.2.3, run oltp-libsql-1
      no figure: the run is invalid: 1 of 1 checks�[2J failed
    ");
    run.verdict = Verdict { valid: true, ..Verdict::default() };
    run.throughput_per_s = 0.0;
    insta::assert_snapshot!(default_line(run, &host(), &Options::default()), @"cost: no figure: no operation succeeded");
}

#[test]
fn a_machine_of_unknown_size_has_no_node_price() {
    let text = default_line(run("null", &[("read", 1_000_000, None)]), &Host::default(), &Options::default());
    insta::assert_snapshot!(text, @r"
    cost: no node price: the size of the measured machine is unknown
    per operation: 0.0400 CPU ms (suite included)
    ");
}

#[test]
fn measured_on_the_priced_machine_it_is_no_estimate() {
    let mut host = host();
    host.instance = Some("m7g.large".to_owned());
    let begins = |run: Run| default_line(run, &host, &Options::default()).starts_with("cost: $");
    assert!(begins(shop("libsql")));
    // A server by address may be anywhere.
    let mut remote = shop("postgres");
    (remote.store.placement, remote.store.name) = (Placement::Remote, "postgres://db.example/x".to_owned());
    assert!(!begins(remote.clone()));
    remote.store.name = "postgres".to_owned();
    assert!(begins(remote));
}

#[test]
fn offers_side_by_side() {
    let targets = "[libsql.ownership]\nengineer = { hours_per_month = 2, usd_per_hour = 100 }";
    let targets = toml::from_str::<Targets>(targets).expect("it is sound");
    let options = Options { copies: Some(2), targets, ..Options::default() };
    let ids = ["ec2.m7g.large", "dynamodb.on-demand", "upstash.fixed-1gb"];
    insta::assert_snapshot!(compared(vec![shop("libsql")], &options, &ids), @r"
    oltp on libsql 1.2.3, run oltp-libsql-1: 5,000 operations/s [4,900, 5,100]
      USD per million     at 40 %  [low, high]         at 100 %  at 10 %  made of
      ec2.m7g.large       $0.0230  [$0.0225, $0.0234]  $0.00919  $0.0919  nodes $0.0113, copies $0.0113, storage $0.000304
      dynamodb.on-demand  $0.225   [$0.225, $0.226]    $0.225    $0.227   reads $0.100, writes $0.125, storage $0.000476

      USD a month (per million)  1x = 5,000/s          10x = 50,000/s        100x = 500,000/s
      ec2.m7g.large              $559.01 ($0.0425) x6  $3,180 ($0.0242) x50  $29,986 ($0.0228) x500
      dynamodb.on-demand         $3,159 ($0.240)       $29,768 ($0.227)      $295,853 ($0.225)
        of which engineer hours  $200.00 ($0.0152)     $200.00 ($0.00152)    $200.00 ($0.000152)

      break-even at 200/s: dynamodb.on-demand below, ec2.m7g.large above
      upstash.fixed-1gb: no figure: the store holds more than the 1 GB of this plan
      per operation: 0.0400 CPU ms (suite included), 1,024 bytes stored, 0.800 read units of 4 KiB, 0.200 write units of 1 KiB, 1.00 rows; 2.26 bytes held per logical byte

    Per million successful operations of the mix. A month has 730 hours, a GB 2^30 bytes. Storage is what the measured store held after the run, in memory where the service serves from there.
    Assumed:
      ec2.m7g.large: 2 copies; 40 % utilisation; by the month as many nodes (x) as carry peaks of 1.75 times the average load at 70 % of each, the load spread evenly
      ec2.m7g.large: estimate: measured on other hardware
      ec2.m7g.large: 16 clients' throughput counts as what a node carries
      dynamodb.on-demand: measured on libsql, which this service does not run
      dynamodb.on-demand: items of average size, strong reads
    Prices:
      ec2.m7g.large: AWS EC2, us-east-1, on-demand, USD, 2025 (B), 688 days old at the run, 744 today; STALE: more than 180 days or unknown; source: 10 of 10 public tables agree, 2025-26; cross-checked with SkyPilot's catalogue
      dynamodb.on-demand: AWS DynamoDB, us-east-1, on-demand, USD, 2026-07-31 (A), 112 days old at the run, 168 today; source: price API; infracost of 15 November 2024
    Not in the figures:
      ec2.m7g.large: backups, network, licences, taxes, discounts, support, other charges (included iops 3,000, included mb per s 125, usd per iops month 0.005, usd per mb per s month 0.04)
      dynamodb.on-demand: backups, network, licences, taxes, discounts, support, other charges (usd per gb month of backup 0.1, usd per gb month of continuous backup 0.2)
    ");
}

#[test]
fn names_from_elsewhere_cannot_move_the_cursor() {
    let mut run = shop("libsql");
    run.workload.name = "a\x1b[2J\r\nb".to_owned();
    run.store.description.version = "1\u{202e}\u{7}".to_owned();
    run.store.driver = "\x1b]0;x\x07".to_owned();
    run.id = "x\ny".to_owned();
    let text = compared(vec![run.clone()], &Options::default(), &["rds.db.m7g.large"]);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
    assert!(text.starts_with("a\u{fffd}[2J b on libsql 1\u{fffd}\u{fffd}, run x y: 5,000 operations/s"), "{text}");
    let line =
        default_line(run, &host(), &Options { offer: Some("rds.db.m7g.large".to_owned()), ..Options::default() });
    assert!(line.chars().all(|c| c == '\n' || !c.is_control()), "{line:?}");
}

#[test]
fn unknown_offers_are_refused_wherever_they_are_named() {
    let options = Options { offer: Some("nix".to_owned()), ..Options::default() };
    assert!(estimate(&shop("libsql"), &host(), &catalogue(), &options).is_err());
    let named = table(&experiment(vec![]), &catalogue(), &Options::default(), &["nix".to_owned()], date(2027, 1, 15));
    assert!(named.is_err());
}

#[test]
fn an_estimate_survives_the_record() {
    let cost = estimate(&shop("libsql"), &host(), &catalogue(), &Options::default()).expect("no offer was named");
    let text = serde_json::to_string(&cost).expect("it serialises");
    let read: crate::record::Cost = serde_json::from_str(&text).expect("it reads back");
    assert_eq!(read.estimates.len(), cost.estimates.len());
    assert_eq!(read.estimates[0].offer, cost.estimates[0].offer);
}
