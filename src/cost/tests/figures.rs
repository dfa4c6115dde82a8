//! The formulas against bills worked out by hand from list prices, and against arithmetic on paper.

use super::*;
use crate::cost::bill::{Bill, BillingBasis, bill, per_million};
use crate::cost::breakeven::break_even;
use crate::cost::estimate::{estimate, price};
use crate::cost::node;
use crate::cost::pricing::BillingUnit;
use crate::cost::requests::{Consistency, Demand, units};
use crate::cost::storage;

const KB: f64 = 1_024.0;

fn close(found: f64, expected: f64, within: f64) {
    assert!((found / expected - 1.0).abs() <= within, "{found} is not {expected} within {within}");
}

/// USD per million of an offer for one operation at a throughput and utilisation.
fn usd(id: &str, work: Option<Work>, throughput_per_s: f64, utilisation: f64, copies: u32) -> f64 {
    let mut run = run("any", &[("one", 1_000_000, work)]);
    run.throughput_per_s = throughput_per_s;
    let catalogue = catalogue();
    let terms = terms(&run, utilisation, copies);
    price(&run, &host(), &catalogue, offer(&catalogue, id), &terms).expect("a figure").usd_per_million
}

fn bill_of(id: &str, work: Option<Work>, throughput_per_s: f64, utilisation: f64) -> Bill {
    let mut run = run("any", &[("one", 1_000_000, work)]);
    run.throughput_per_s = throughput_per_s;
    let (catalogue, terms) = (catalogue(), terms(&run, utilisation, 1));
    bill(&catalogue, offer(&catalogue, id), &BillingBasis::from_run(&run, &host()), &terms, 1.0).expect("a bill")
}

#[test]
fn nodes_at_throughput_and_utilisation_as_in_3_4() {
    // 1e6 * P / (3600 * X * u), to the two digits that the source prints.
    for (id, throughput_per_s, expected) in [
        ("rds.db.m7g.large", 5_000.0, [0.0093, 0.0233, 0.0933]),
        ("elasticache.valkey.r7g.large", 100_000.0, [0.000_487, 0.001_217, 0.004_867]),
        ("atlas.m30", 5_000.0, [0.030, 0.075, 0.30]),
    ] {
        for (utilisation, expected) in [1.0, 0.4, 0.1].into_iter().zip(expected) {
            close(usd(id, None, throughput_per_s, utilisation, 1), expected, 0.005);
        }
    }
}

#[test]
fn the_month_arrives_at_the_formula_of_the_hour() {
    let by_the_hour = 1e6 * 0.168 / (3_600.0 * 5_000.0 * 0.4);
    close(usd("rds.db.m7g.large", None, 5_000.0, 0.4, 1), by_the_hour, 1e-12);
    close(node::usd_per_month(1.0, 0.168), 122.64, 1e-12);
}

#[test]
fn copies_multiply_nodes_unless_the_price_covers_them() {
    let one = usd("rds.db.m7g.large", None, 5_000.0, 0.4, 1);
    close(usd("rds.db.m7g.large", None, 5_000.0, 0.4, 2), 2.0 * one, 1e-12);
    let three = usd("atlas.m30", None, 5_000.0, 0.4, 3);
    close(three, usd("atlas.m30", None, 5_000.0, 0.4, 1), 1e-12);
    close(usd("atlas.m30", None, 5_000.0, 0.4, 4), 2.0 * three, 1e-12);
}

#[test]
fn nodes_for_a_load_leave_headroom() {
    // 10,000/s at the peak over 0.7 * 5,000/s a node: 2.86, so three.
    assert_eq!(node::serving(10_000.0, 5_000.0), 3.0);
    assert_eq!(node::serving(1.0, 5_000.0), 1.0);
    // An average of 40 % plans for peaks of 1.75 times as much; at 100 % the peak is the average, and needs two nodes.
    assert_eq!(node::serving(node::peak_per_s(5_000.0, 0.4), 5_000.0), 3.0);
    assert_eq!(node::serving(node::peak_per_s(50_000.0, 0.4), 5_000.0), 25.0);
    assert_eq!(node::serving(node::peak_per_s(500_000.0, 0.4), 5_000.0), 250.0);
    assert_eq!(node::serving(node::peak_per_s(5_000.0, 1.0), 5_000.0), 2.0);
}

#[test]
fn compute_units_are_as_many_as_the_measured_machine_has_memory() {
    // 8 GiB are two CUs of 4 GiB, so at 2,000/s twice the 0.015 that the source has for one; OpenSearch bills two OCUs of
    // 6 GiB, about 350 USD a month.
    close(usd("neon.launch", None, 2_000.0, 1.0, 1), 2.0 * 0.0147, 0.005);
    close(bill_of("opensearch-serverless", None, 5_000.0, 0.4).usd_per_month(1.0), 350.4, 1e-9);
}

#[test]
fn dynamodb_units_round_up_by_item_size() {
    let items = |work, consistency| units(&work, BillingUnit::Items, consistency);
    let strong = |work| items(work, Consistency::Strong);
    for (bytes, expected) in [(0.0, 1.0), (KB, 1.0), (KB + 1.0, 2.0), (3.5 * KB, 4.0)] {
        assert_eq!(strong(write_of(bytes)).writes, expected, "{bytes}");
    }
    for (bytes, expected) in [(0.0, 1.0), (4.0 * KB, 1.0), (4.0 * KB + 1.0, 2.0)] {
        assert_eq!(strong(read_of(bytes)).reads, expected, "{bytes}");
    }
    assert_eq!(items(read_of(KB), Consistency::Eventual).reads, 0.5);
    let transactional = Work { transactional: true, ..read_of(KB) };
    assert_eq!(items(transactional, Consistency::Eventual).reads, 2.0);
    assert_eq!(strong(Work { transactional: true, ..write_of(KB) }).writes, 2.0);
}

#[test]
fn a_query_rounds_its_sum_and_single_reads_each() {
    let query = Work { reads: 1.0, rows_read: 40.0, bytes_read: 40.0 * 100.0, ..Work::default() };
    assert_eq!(units(&query, BillingUnit::Items, Consistency::Strong).reads, 1.0);
    let single = Work { reads: 40.0, ..query };
    assert_eq!(units(&single, BillingUnit::Items, Consistency::Strong).reads, 40.0);
}

#[test]
fn other_services_count_kilobytes_commands_rows_or_objects() {
    let counted = |work: Work, counts| {
        let units = units(&work, counts, Consistency::Strong);
        [units.reads, units.writes]
    };
    // 3.2 KB are 3.2 ECPU, and half a KB is one.
    assert_eq!(counted(read_of(3.2 * KB), BillingUnit::Kilobytes), [3.2, 0.0]);
    assert_eq!(counted(write_of(0.5 * KB), BillingUnit::Kilobytes), [0.0, 1.0]);
    assert_eq!(counted(write_of(9.0 * KB), BillingUnit::Commands), [0.0, 1.0]);
    // A changed row is a read row, too.
    assert_eq!(counted(write_of(KB), BillingUnit::Rows), [1.0, 1.0]);
    let scan = Work { reads: 1.0, rows_read: 20.0, bytes_read: KB, ..Work::default() };
    assert_eq!(counted(scan, BillingUnit::Commands), [1.0, 0.0]);
    assert_eq!(counted(scan, BillingUnit::Rows), [20.0, 0.0]);
    assert_eq!(counted(scan, BillingUnit::Objects), [20.0, 0.0]);
}

#[test]
fn request_prices_as_in_3_4() {
    close(usd("dynamodb.on-demand", Some(write_of(KB)), 5_000.0, 0.4, 1), 0.625, 1e-9);
    close(usd("dynamodb.on-demand", Some(read_of(KB)), 5_000.0, 0.4, 1), 0.125, 1e-9);
    close(usd("s3.standard", Some(write_of(KB)), 5_000.0, 0.4, 1), 5.0, 1e-9);
    close(usd("upstash.payg", Some(write_of(KB)), 5_000.0, 0.4, 1), 2.0, 1e-9);
    let mut run = run("any", &[("read", 1, Some(read_of(KB)))]);
    run.throughput_interval = None;
    let (catalogue, mut terms) = (catalogue(), terms(&run, 0.4, 1));
    terms.consistency = Consistency::Eventual;
    let eventual = price(&run, &host(), &catalogue, offer(&catalogue, "dynamodb.on-demand"), &terms);
    close(eventual.expect("a figure").usd_per_million, 0.0625, 1e-9);
}

#[test]
fn a_mix_is_weighted_by_what_succeeded() {
    let run = run("any", &[("read", 3, Some(read_of(KB))), ("write", 1, Some(write_of(KB))), ("never", 0, None)]);
    let units = Demand::from_run(&run).expect("all that ran is known").units(BillingUnit::Items, Consistency::Strong);
    assert_eq!([units.reads, units.writes], [0.75, 0.25]);
}

#[test]
fn provisioned_units_beat_on_demand_above_28_9_percent() {
    close(usd("dynamodb.provisioned", Some(write_of(KB)), 5_000.0, 1.0, 1), 0.1806, 0.001);
    close(usd("dynamodb.provisioned", Some(read_of(KB)), 5_000.0, 1.0, 1), 0.0361, 0.001);
    for work in [write_of(KB), read_of(KB)] {
        let on_demand = usd("dynamodb.on-demand", Some(work), 5_000.0, 0.4, 1);
        assert!(usd("dynamodb.provisioned", Some(work), 5_000.0, 0.288, 1) > on_demand);
        assert!(usd("dynamodb.provisioned", Some(work), 5_000.0, 0.290, 1) < on_demand);
    }
}

#[test]
fn storage_is_what_was_measured_and_at_least_the_minimum() {
    let catalogue = catalogue();
    let month = |id: &str, gb: u64, copies| {
        let (_, priced) = catalogue.storage_of(offer(&catalogue, id)).expect("a storage offer");
        storage::usd_per_month(priced, gb << 30, copies)
    };
    close(month("ebs.gp3", 100, 2), 16.0, 1e-12);
    close(month("aurora.storage", 100, 3), 10.0, 1e-12);
    // About 91 and 6 USD a month for nothing.
    close(month("elasticache-serverless.redis.storage", 0, 1), 91.25, 1e-12);
    close(month("elasticache-serverless.valkey.storage", 0, 1), 6.132, 1e-12);
    // 10 GiB at 0.08 over 2,000/s * 2.628 M s = 5,256 M operations a month.
    let run = run_that_stores("libsql", &[("write", 1_000_000, None)]);
    let estimate = price(&run, &host(), &catalogue, offer(&catalogue, "ec2.m7g.large"), &terms(&run, 0.4, 1));
    close(estimate.expect("a figure").lines["storage"], 0.8 / 5_256.0, 1e-9);
    assert_eq!(storage::amplification(&run).map(|factor| (factor * 100.0).round()), Some(226.0));
}

#[test]
fn services_in_memory_bill_what_is_held_there_and_not_the_append_only_file() {
    // 2 GiB of data, of which the file holds 10 with all that was overwritten.
    let mut run = run("redis", &[("write", 1_000_000, Some(write_of(KB)))]);
    let weigh = |run: &mut Run, disk_bytes, memory_bytes| {
        run.footprint.after_run = Footprint { disk_bytes, memory_bytes, written_bytes: None };
    };
    weigh(&mut run, Some(10 << 30), Some(2 << 30));
    let catalogue = catalogue();
    let price = |run: &Run, id: &str| price(run, &host(), &catalogue, offer(&catalogue, id), &terms(run, 0.4, 1));
    let storage = |run: &Run, id: &str| price(run, id).expect("a figure").lines["storage"] * 5_256.0;
    close(storage(&run, "elasticache-serverless.redis"), 2.0 * 91.25, 1e-9);
    close(storage(&run, "elasticache-serverless.valkey"), 2.0 * 61.32, 1e-9);
    // A machine of one's own keeps the file on its disk.
    close(storage(&run, "ec2.m7g.large"), 10.0 * 0.08, 1e-9);
    run.throughput_per_s = 5.0;
    assert!(price(&run, "upstash.fixed-1gb").expect_err("two do not fit").contains("more than the 1 GB"));
    price(&run, "upstash.fixed-5gb").expect("two fit into five, whatever the file weighs");
    // A node must have the memory: half a GiB is too little.
    assert!(price(&run, "elasticache.redis.t4g.micro").expect_err("two do not fit").contains("more in memory"));
    price(&run, "elasticache.redis.m7g.large").expect("two fit into six");
    // A store that serves from its files has those; what nothing is known of is left out, and said so.
    weigh(&mut run, Some(10 << 30), None);
    close(storage(&run, "elasticache-serverless.redis") / 1000.0, 10.0 * 91.25, 1e-9);
    weigh(&mut run, None, None);
    let estimate = price(&run, "elasticache-serverless.redis").expect("a figure");
    assert!(!estimate.lines.contains_key("storage"), "{:?}", estimate.lines);
    assert_eq!(estimate.left_out[0], "storage (not measured)");
}

#[test]
fn break_evens_as_in_3_2() {
    let load = |a: &Bill, b: &Bill| break_even(a, b).expect("they change places");
    let rds = bill_of("rds.db.m7g.large", None, 5_000.0, 0.4);
    let dynamodb = load(&rds, &bill_of("dynamodb.on-demand", Some(write_of(KB)), 5_000.0, 0.4));
    assert_eq!(dynamodb.load_per_s.round(), 75.0);
    assert!(!dynamodb.first_is_cheaper_below);
    let upstash = load(&bill_of("upstash.payg", Some(write_of(KB)), 5_000.0, 0.4), &rds);
    assert_eq!(upstash.load_per_s.round(), 23.0);
    assert!(upstash.first_is_cheaper_below);
    let node = bill_of("elasticache.valkey.r7g.large", None, 100_000.0, 0.4);
    let serverless = load(&node, &bill_of("elasticache-serverless.valkey", Some(write_of(KB)), 100_000.0, 0.4));
    close(serverless.load_per_s, 21_000.0, 0.01);
    // P_month / (2.628 * C), between a fixed price and one by the operation.
    close(dynamodb.load_per_s, 122.64 / (2.628 * 0.625), 1e-9);
}

#[test]
fn offers_that_never_change_places_have_no_break_even() {
    let small = bill_of("ec2.m7g.large", None, 5_000.0, 0.4);
    assert_eq!(break_even(&small, &bill_of("ec2.m7g.xlarge", None, 5_000.0, 0.4)), None);
    assert_eq!(break_even(&small, &small), None);
    // The node carries 2/s on average: the 40/s at which it would pay are beyond it.
    let slow = bill_of("ec2.m7g.large", None, 5.0, 0.4);
    assert_eq!(break_even(&slow, &bill_of("dynamodb.on-demand", Some(write_of(KB)), 5.0, 0.4)), None);
}

#[test]
fn a_fee_covers_what_it_includes() {
    // 10/s write 26.28 M rows a month, of which the fee covers 25 M; the reads of those rows are all covered.
    let turso = bill_of("turso.developer", Some(write_of(KB)), 100.0, 0.1);
    close(turso.usd_per_month(10.0), 4.99 + 1.28, 1e-9);
    close(turso.usd_per_month(1.0), 4.99, 1e-12);
    close(per_million(turso.usd_per_month(1.0), 1.0), 4.99 / 2.628, 1e-12);
}

#[test]
fn less_throughput_is_more_money() {
    let run = run("libsql", &[("write", 1_000_000, None)]);
    let cost = estimate(&run, &host(), &catalogue(), &Options::default()).expect("no offer was named");
    let node = &cost.estimates[0];
    let hourly = |throughput: f64| 1e6 * 0.0816 / (3_600.0 * throughput * 0.4);
    let [low, high] = node.interval.expect("the throughput has one");
    close(low, hourly(5_100.0), 1e-9);
    close(node.usd_per_million, hourly(5_000.0), 1e-9);
    close(high, hourly(4_900.0), 1e-9);
}
