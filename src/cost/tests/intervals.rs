//! The interval of a figure: ordered and around it whatever is billed, and as wide as samples of known spread ask for.

use super::*;
use crate::cost::bill::{BillingBasis, bill};
use crate::cost::estimate::price;
use crate::cost::pricing::{BillingUnit, FlatPlan, Node, Pricing, Provisioned, Requests, Serverless, Storage};
use crate::record::{Estimate, Spread};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::SplitMix64;

fn priced(id: &str, run: &Run) -> Estimate {
    let catalogue = catalogue();
    price(run, &host(), &catalogue, offer(&catalogue, id), &terms(run, 0.4, 1)).expect("a figure")
}

fn close(found: Option<[f64; 2]>, expected: [f64; 2]) {
    let found = found.expect("an interval");
    let near = found.iter().zip(expected).all(|(found, expected)| (found / expected - 1.0).abs() < 1e-6);
    assert!(near, "{found:?} is not {expected:?}");
}

/// Rows of which each operation reads so many on average, 0.40 USD a million in S3.
fn rows(mean: f64, deviation: f64, sampled: u64) -> Option<Work> {
    let spread = Some(Spread { rows_read: deviation, ..Spread::default() });
    Some(Work { reads: 1.0, rows_read: mean, sampled, spread, ..Work::default() })
}

#[test]
fn where_a_quota_makes_more_load_dearer_the_interval_is_still_ordered() {
    // 40 % of 30, 50 and 60 writes a second: the fee of 4.99 covers 25 of the 31.5, 52.6 and 63.1 million a month, each
    // further million is 1 USD, and all reads are covered.
    let mut run = run("any", &[("write", 1_000_000, Some(write_of(1_024.0)))]);
    (run.throughput_per_s, run.throughput_interval) = (50.0, Some([30.0, 60.0]));
    let usd = |per_s: f64| (4.99 + (per_s * 0.4 * 2.628 - 25.0)) / (per_s * 0.4 * 2.628);
    let estimate = priced("turso.developer", &run);
    assert!((estimate.usd_per_million / usd(50.0) - 1.0).abs() < 1e-9, "{}", estimate.usd_per_million);
    close(estimate.interval, [usd(30.0), usd(60.0)]);
    // From 10/s, of which the fee covers all, the figure falls until the quota is used up and rises from there.
    run.throughput_interval = Some([10.0, 60.0]);
    close(priced("turso.developer", &run).interval, [4.99 / 25.0, usd(60.0)]);
}

#[test]
fn a_sample_of_every_64th_operation_leaves_what_its_spread_says() {
    // 100 of 6,400 operations read 50 rows, give or take 20: t(99) = 1.98422 times 2 * sqrt(63 / 64) rows.
    let run_of = |work| run("any", &[("scan", 6_400, work)]);
    let by = 0.4 * 1.984_217 * 2.0 * (63.0_f64 / 64.0).sqrt();
    close(priced("s3.standard", &run_of(rows(50.0, 20.0, 100))).interval, [20.0 - by, 20.0 + by]);
    // Nothing is left open where all were counted or all are alike; and where one was, or the record is old, all is.
    assert_eq!(priced("s3.standard", &run_of(rows(50.0, 20.0, 6_400))).interval, None);
    assert_eq!(priced("s3.standard", &run_of(rows(50.0, 0.0, 100))).interval, None);
    assert_eq!(priced("turso.developer", &run_of(rows(50.0, 0.0, 1))).interval, None);
    let old = rows(50.0, 20.0, 100).map(|work| Work { spread: None, ..work });
    assert_eq!(priced("turso.developer", &run_of(old)).interval, None);
    // What is paid by the hour is not moved by rows.
    assert!(priced("ec2.m7g.large", &run_of(old)).interval.is_some());
}

#[test]
fn sizes_of_items_are_off_for_all_operations_alike() {
    let spread = Some(Spread { item_bytes_read: 20.48, ..Spread::default() });
    let read = Work { spread, ..read_of(2_048.0) };
    let two = run("any", &[("a", 500_000, Some(read)), ("b", 500_000, Some(read))]);
    // Two KB are two units of 0.0023 USD a million; 1.96 % of both together, not of each by itself.
    let usd = 2.0 * 0.0023;
    close(priced("elasticache-serverless.valkey", &two).interval, [usd * (1.0 - 0.0196), usd * (1.0 + 0.0196)]);
}

#[test]
fn how_often_each_operation_came_is_a_sample_as_well() {
    // Half of 10,000 operations read 1 row and half 3: 0.8 USD a million, give or take 0.4 for one of them.
    let run = run("any", &[("small", 5_000, rows(1.0, 0.0, 5_000)), ("large", 5_000, rows(3.0, 0.0, 5_000))]);
    let by = 1.96 * 0.4 / 100.0;
    close(priced("s3.standard", &run).interval, [0.8 - by, 0.8 + by]);
}

#[test]
fn independent_causes_add_up_as_squares() {
    let mut run = run("any", &[("scan", 6_400, rows(50.0, 20.0, 100))]);
    let [sampled, _] = priced("s3.standard", &run).interval.expect("a sample");
    // Storage by the month, whose price per operation falls with the load.
    run.footprint.after_run.disk_bytes = Some(10 << 30);
    let all = priced("s3.standard", &run);
    run.operations.values_mut().for_each(|operation| operation.work = rows(50.0, 0.0, 100));
    let [by_load, _] = priced("s3.standard", &run).interval.expect("an interval of the throughput");
    let low = all.usd_per_million - (20.0 - sampled).hypot(all.usd_per_million - by_load);
    assert!((all.interval.expect("both")[0] / low - 1.0).abs() < 1e-9, "{all:?}");
}

#[test]
fn nineteen_of_twenty_intervals_hold_the_cost_of_the_whole_run() {
    const RUNS: u64 = 1_000;
    const OPERATIONS: u64 = 64 * 60;
    let mut rng = SplitMix64::seed_from_u64(1);
    let held = (0..RUNS).filter(|_| {
        // Scans of 1 to 100 rows, as YCSB's workload E makes them.
        let scans: Vec<f64> = (0..OPERATIONS).map(|_| f64::from(rng.random_range(1..=100))).collect();
        let counted: Vec<f64> = scans.iter().copied().step_by(64).collect();
        let mean = |rows: &[f64]| rows.iter().sum::<f64>() / rows.len() as f64;
        let squares: f64 = counted.iter().map(|rows| (rows - mean(&counted)).powi(2)).sum();
        let deviation = (squares / (counted.len() - 1) as f64).sqrt();
        let run = run("any", &[("scan", OPERATIONS, rows(mean(&counted), deviation, counted.len() as u64))]);
        let catalogue = CATALOGUE.get_or_init(catalogue);
        let estimate = price(&run, &host(), catalogue, offer(catalogue, "s3.standard"), &terms(&run, 0.4, 1));
        let [low, high] = estimate.expect("a figure").interval.expect("a sample");
        (low..=high).contains(&(0.4 * mean(&scans)))
    });
    // 950 are expected, give or take 7.
    let held = held.count();
    assert!((925..=975).contains(&held), "{held} of {RUNS}");
}

static CATALOGUE: std::sync::OnceLock<Catalogue> = std::sync::OnceLock::new();

fn any_requests() -> impl Strategy<Value = Pricing> {
    let counts = prop::sample::select(vec![
        BillingUnit::Items,
        BillingUnit::Kilobytes,
        BillingUnit::Commands,
        BillingUnit::Rows,
        BillingUnit::Objects,
    ]);
    let storage = prop::option::of(Just("elasticache-serverless.valkey.storage".to_owned()));
    let quotas = (0.0_f64..50.0, 0.0_f64..5e9, 0.0_f64..5e9);
    (counts, 0.0_f64..5.0, 0.0_f64..5.0, quotas, storage).prop_map(|(counts, reads, writes, quotas, storage)| {
        Pricing::Requests(Requests {
            counts,
            usd_per_million_reads: reads,
            usd_per_million_writes: writes,
            usd_per_month: quotas.0,
            included_reads_per_month: quotas.1,
            included_writes_per_month: quotas.2,
            max_commands_per_s: None,
            storage,
            beside: Default::default(),
            free: Default::default(),
        })
    })
}

/// Every way to bill, the requests most often: they have quotas.
fn any_kind() -> impl Strategy<Value = Pricing> {
    let beside = Default::default;
    let storage = || Some("ebs.gp3".to_owned());
    prop_oneof![
        6 => any_requests(),
        1 => (0.001_f64..5.0).prop_map(move |usd_per_hour| Pricing::Node(Node {
            usd_per_hour, vcpus: None, memory_gb: None, nodes: 1, storage: storage(), beside: beside(),
        })),
        1 => (0.001_f64..5.0).prop_map(move |usd_per_unit_hour| Pricing::Serverless(Serverless {
            unit: "CU".to_owned(), usd_per_unit_hour, memory_gb_per_unit: 4.0, minimum_units: 0.5, storage: storage(),
            beside: beside(),
        })),
        1 => (1e-5_f64..1e-2, 1e-5_f64..1e-2).prop_map(|(reads, writes)| Pricing::Provisioned(Provisioned {
            usd_per_read_unit_hour: reads, usd_per_write_unit_hour: writes, storage: Some("dynamodb.storage".to_owned()),
        })),
        1 => (0.01_f64..1.0).prop_map(|usd_per_gb_month| Pricing::Storage(Storage {
            usd_per_gb_month, minimum_gb: 1.0, shared: true, in_memory: false, beside: beside_none(), free: beside_none(),
        })),
        1 => (1.0_f64..100.0).prop_map(|usd_per_month| Pricing::Plan(FlatPlan {
            usd_per_month, max_gb: 100.0, max_commands_per_s: 1e12, in_memory: false,
        })),
    ]
}

fn beside_none() -> crate::cost::pricing::OtherCharges {
    Default::default()
}

fn any_operation() -> impl Strategy<Value = (u64, Work)> {
    let mean = || prop_oneof![Just(0.0), 0.0_f64..100.0];
    let bytes = || prop_oneof![Just(0.0), 0.0_f64..100_000.0];
    let amounts = (mean(), mean(), bytes(), mean(), bytes());
    (2_u64..1_000_000, 2_u64..10_000, amounts, [0.0_f64..2.0, 0.0..0.2], any::<bool>()).prop_map(
        |(ok, sampled, (reads, rows_read, bytes_read, rows_written, bytes_written), [spread, size], transactional)| {
            let work = Work {
                reads,
                rows_read,
                bytes_read,
                rows_written,
                bytes_written,
                transactional,
                sampled: sampled.min(ok),
                spread: Some(Spread {
                    reads: spread * reads,
                    rows_read: spread * rows_read,
                    bytes_read: spread * bytes_read,
                    rows_written: spread * rows_written,
                    bytes_written: spread * bytes_written,
                    item_bytes_read: size * bytes_read,
                    item_bytes_written: size * bytes_written,
                }),
            };
            (ok, work)
        },
    )
}

proptest! {
    #[test]
    fn an_interval_is_ordered_and_holds_its_figure(
        pricing in any_kind(),
        operations in prop::collection::vec(any_operation(), 1..4),
        throughput_per_s in 0.1_f64..100_000.0,
        around in (0.01_f64..=1.0, 1.0_f64..=3.0),
        utilisation in 0.001_f64..=1.0,
        gb in 0_u64..20,
    ) {
        let names = ["a", "b", "c"];
        let named: Vec<_> = names.iter().zip(&operations).map(|(name, (ok, work))| (*name, *ok, Some(*work))).collect();
        let mut run = run("redis", &named);
        run.throughput_per_s = throughput_per_s;
        run.throughput_interval = Some([throughput_per_s * around.0, throughput_per_s * around.1]);
        run.footprint.after_run = Footprint { disk_bytes: Some(gb << 30), memory_bytes: Some(gb << 29), written_bytes: None };
        let catalogue = CATALOGUE.get_or_init(catalogue);
        let priced = Offer { pricing, ..offer(catalogue, "upstash.payg").clone() };
        let terms = terms(&run, utilisation, 2);
        let estimate = price(&run, &host(), catalogue, &priced, &terms).expect("a figure");
        let figure = estimate.usd_per_million;
        prop_assert!(figure.is_finite() && figure >= 0.0);
        if let Some([low, high]) = estimate.interval {
            prop_assert!(0.0 <= low && low <= figure && figure <= high && high.is_finite(), "{low} {figure} {high}");
        }
        // It is at least as wide as the throughput alone makes it, at the ends and anywhere between them.
        let bill = bill(catalogue, &priced, &BillingBasis::from_run(&run, &host()), &terms, 1.0).expect("a bill");
        let [low, high] = estimate.interval.unwrap_or([figure; 2]);
        for part in [0.0, 0.1, 0.3, 0.6, 1.0] {
            let per_s = throughput_per_s * (around.0 + part * (around.1 - around.0));
            let usd = bill.usd_per_million(per_s * utilisation);
            prop_assert!(low <= usd * (1.0 + 1e-6) && usd <= high * (1.0 + 1e-6), "{low} {usd} {high} at {per_s}/s");
        }
    }
}
