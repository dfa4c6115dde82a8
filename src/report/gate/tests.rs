//! What a gate makes of stored runs, from matching to the verdict.

use super::fixtures::{BASE, GateRuns, gate, regressed, side};
use crate::gate::{GateOptions, GateRecord, GateVerdict, Margins, Quantity};
use crate::record::{Experiment, Work};
use crate::report::fixtures::invalid;

/// What is named, and what changes it.
type NamedChange = (&'static str, fn(&mut Experiment));

fn head() -> Experiment {
    side(GateRuns { is_head: true, ..BASE })
}

fn compared(base: &Experiment, head: &Experiment) -> GateRecord {
    gate(base, head, &GateOptions::default())
}

#[test]
fn runs_in_turn_are_pairs_and_a_slower_head_is_a_regression() {
    let record = regressed();
    assert_eq!(record.verdict, GateVerdict::Regression, "{}", record.sentence);
    assert_eq!(record.pairs.len(), 12);
    assert!(record.comparisons.iter().all(|one| one.unit_of_evidence == "pairs"));
    let orders: Vec<Option<&str>> = record.pairs.iter().map(|pair| pair.order.as_deref()).collect();
    assert!(orders.contains(&Some("base first")) && orders.contains(&Some("head first")), "{orders:?}");
    let throughput = &record.comparisons[0];
    assert_eq!((throughput.metric, throughput.operation.as_str()), (Quantity::Throughput, "total"));
    assert_eq!(throughput.verdict, Some(GateVerdict::Regression));
    assert!(throughput.ratio.is_some_and(|ratio| (0.7..0.85).contains(&ratio)), "{throughput:?}");
    let margin_and_seen = throughput.margin.zip(throughput.smallest_detectable).expect("both");
    assert!(margin_and_seen.1 > margin_and_seen.0 && margin_and_seen.1 < 0.3, "{margin_and_seen:?}");
}

#[test]
fn pairs_too_few_for_the_signs_of_so_many_figures_are_judged_as_two_samples() {
    let paired = GateRuns { alternates: true, count: 8, ..BASE };
    let record = gate(&side(paired), &side(GateRuns { slower: 1.3, is_head: true, ..paired }), &GateOptions::default());
    assert_eq!(record.verdict, GateVerdict::Regression, "{}", record.sentence);
    assert!(record.comparisons.iter().all(|one| one.unit_of_evidence == "runs"));
    assert!(record.pairs.iter().all(|pair| pair.order.is_some()), "they are pairs all the same");
}

/// Seven runs of the base at the lower of two levels, and seven of the head at the upper one: most pairs show no change.
#[test]
fn medians_of_the_sides_that_contradict_the_pairs_are_named() {
    let paired = GateRuns { alternates: true, count: 12, ..BASE };
    let levels = |mut side: Experiment, low: usize| {
        for (at, run) in side.runs.iter_mut().enumerate() {
            run.throughput_per_s = if at < low { 700_000.0 } else { 1_154_000.0 } * (1.0 + 0.001 * (at % 3) as f64);
        }
        side
    };
    let record = compared(&levels(side(paired), 7), &levels(side(GateRuns { is_head: true, ..paired }), 5));
    let throughput = &record.comparisons[0];
    assert!(throughput.ratio.is_some_and(|ratio| ratio < 1.05), "{throughput:?}");
    assert!(throughput.sentence.contains("the medians of the two sides are +65 % apart"), "{}", throughput.sentence);
    assert!(!regressed().comparisons[0].sentence.contains("medians"), "where they agree nothing is said");
}

#[test]
fn sessions_one_after_the_other_are_no_pairs_and_say_what_that_costs() {
    let record = compared(&side(BASE), &head());
    assert!(matches!(record.verdict, GateVerdict::Ok | GateVerdict::Inconclusive), "{}", record.sentence);
    assert!(record.pairs.iter().all(|pair| pair.order.is_none()) && record.pairs.len() == 10);
    assert!(record.notes.iter().any(|note| note.contains("no pairs")), "{:?}", record.notes);
    let slower = side(GateRuns { is_head: true, slower: 1.3, ..BASE });
    assert_eq!(compared(&side(BASE), &slower).verdict, GateVerdict::Regression);
    assert_eq!(compared(&slower, &side(BASE)).verdict, GateVerdict::Improved);
}

#[test]
fn what_should_be_equal_and_differs_is_named() {
    let changes: [NamedChange; 14] = [
        ("CPU model", |head| head.host.cpu = "another".to_owned()),
        ("CPUs", |head| head.host.cpus = 4),
        ("memory", |head| head.host.memory_bytes *= 2),
        ("kernel", |head| head.host.os = "Linux 7.0.1".to_owned()),
        ("virtualisation", |head| head.host.virtualization = None),
        ("build profile", |head| head.tool.profile = "debug".to_owned()),
        ("workload hash", |head| head.runs.iter_mut().for_each(|run| run.workload.hash = "0".to_owned())),
        ("rows", |head| head.runs.iter_mut().for_each(|run| run.workload.rows += 1)),
        ("clients", |head| head.runs.iter_mut().for_each(|run| run.load.clients += 1)),
        ("rate", |head| head.runs.iter_mut().for_each(|run| run.load.rate_per_s = Some(7.0))),
        ("length", |head| head.runs.iter_mut().for_each(|run| run.load.duration_s = Some(300.0))),
        ("warm-up", |head| head.runs.iter_mut().for_each(|run| run.load.warmup_s += 60.0)),
        ("durability", |head| {
            let relaxed = drivers::Durability::Relaxed;
            head.runs.iter_mut().for_each(|run| run.store.description.guarantees.durability = relaxed);
        }),
        ("operations (stream hash)", |head| head.runs[0].workload.stream_hash = "0".to_owned()),
    ];
    for (field, change) in changes {
        let mut head = head();
        change(&mut head);
        let record = compared(&side(BASE), &head);
        assert_eq!(record.verdict, GateVerdict::Incomparable, "{field}");
        assert!(record.mismatches.iter().any(|one| one.field == field), "{field}: {:?}", record.mismatches);
        assert!(record.sentence.contains("cannot be compared"), "{}", record.sentence);
        let allowed = gate(&side(BASE), &head, &GateOptions { allows_mismatch: true, ..GateOptions::default() });
        assert_ne!(allowed.verdict, GateVerdict::Incomparable, "{field}");
        assert!(
            allowed.sentence.contains("mismatch allowed: ") && allowed.sentence.contains(field),
            "{}",
            allowed.sentence
        );
    }
}

#[test]
fn versions_kernels_of_one_major_and_a_few_mib_do_not_matter() {
    let mut head = head();
    head.tool.version = "9.9.9".to_owned();
    head.host.os = "Linux 6.18.3".to_owned();
    head.host.memory_bytes += 20 << 20;
    head.runs.iter_mut().for_each(|run| run.store.description.version = "4.0".to_owned());
    let record = compared(&side(BASE), &head);
    assert_ne!(record.verdict, GateVerdict::Incomparable, "{}", record.sentence);
    assert_eq!(record.head.stores, ["libsql 4.0"]);
    assert_eq!(record.head.tools[0].version, "9.9.9");
}

#[test]
fn what_is_missing_or_invalid_in_the_head_is_no_pass() {
    let changes: [NamedChange; 4] = [
        ("operation `update`", |head| head.runs.iter_mut().for_each(|run| drop(run.operations.shift_remove("update")))),
        ("cpu of total", |head| head.runs.iter_mut().for_each(|run| run.server_cpu_ns_per_op = None)),
        ("the backlog grew", |head| head.runs[3].verdict = invalid("the backlog grew")),
        ("read-heavy on libsql is missing", |head| {
            head.runs.iter_mut().for_each(|run| run.workload.name = "oltp".to_owned());
        }),
    ];
    for (problem, change) in changes {
        let mut head = head();
        change(&mut head);
        head.runs.iter_mut().for_each(|run| run.client.cpu_ns_per_op = 0.0);
        let record = compared(&side(BASE), &head);
        assert_eq!(record.verdict, GateVerdict::Incomparable, "{problem}");
        assert!(record.problems.iter().any(|one| one.contains(problem)), "{problem}: {:?}", record.problems);
    }
}

#[test]
fn one_run_is_no_evidence_and_the_record_says_how_many_are_missing() {
    let record = compared(&side(GateRuns { count: 1, ..BASE }), &head());
    assert_eq!(record.verdict, GateVerdict::Incomparable);
    let problem = record.problems.iter().find(|one| one.contains("in the base")).expect("a problem");
    assert!(problem.contains("1 valid run") && problem.contains("7 more"), "{problem}");
}

#[test]
fn a_percentile_that_some_runs_do_not_carry_is_inconclusive_and_not_a_pass() {
    let mut head = head();
    head.runs[0].total.response_ns.count = 900;
    head.runs[0].total.response_ns.p99 = None;
    let record = compared(&side(BASE), &head);
    let p99 = record.comparisons.iter().find(|one| one.operation == "total" && one.metric.name() == "p99").expect("it");
    assert_eq!(p99.verdict, Some(GateVerdict::Inconclusive));
    assert!(p99.sentence.contains("too few samples carry it in 1 run of the head"), "{}", p99.sentence);
    assert_eq!(p99.ratio, None);
}

fn noisy(side: &mut Experiment, runs: std::ops::Range<usize>) {
    side.runs[runs].iter_mut().for_each(|run| run.verdict.noisy = vec!["other processes used a core".to_owned()]);
}

#[test]
fn noisy_runs_are_no_evidence_with_what_they_are_paired_with() {
    let paired = GateRuns { alternates: true, count: 12, ..BASE };
    let (base, mut head) = (side(paired), side(GateRuns { is_head: true, ..paired }));
    noisy(&mut head, 0..3);
    let record = compared(&base, &head);
    let left_out: Vec<&str> = record.pairs.iter().filter_map(|pair| pair.left_out.as_deref()).collect();
    assert_eq!((record.pairs.len(), left_out.len()), (12, 3));
    assert!(left_out[0].contains("is noisy: other processes used a core"), "{left_out:?}");
    assert!(record.comparisons.iter().all(|one| one.counts == [9, 9]), "{:?}", record.comparisons[0]);
    assert!(record.notes.iter().any(|note| note.contains("3 of the 24 runs are marked noisy")), "{:?}", record.notes);
    let kept = gate(&base, &head, &GateOptions { keeps_noisy: true, ..GateOptions::default() });
    assert!(kept.comparisons.iter().all(|one| one.counts == [12, 12]));
}

#[test]
fn what_only_noisy_runs_show_is_neither_a_regression_nor_a_pass() {
    for slower in [1.0, 1.3] {
        let mut head = side(GateRuns { is_head: true, slower, ..BASE });
        noisy(&mut head, 0..3);
        let record = compared(&side(BASE), &head);
        assert_eq!(record.verdict, GateVerdict::Inconclusive, "{}", record.sentence);
        assert!(record.comparisons[0].sentence.contains("marked noisy"), "{}", record.comparisons[0].sentence);
        assert!(record.comparisons.iter().all(|one| one.smallest_detectable.is_none()));
    }
}

#[test]
fn levels_of_load_are_told_apart_in_every_file() {
    let with_levels = |mut side: Experiment| {
        let mut more = side.runs.clone();
        for run in &mut more {
            run.id += "-8-clients";
            run.load.clients = 8;
        }
        side.runs.extend(more);
        side
    };
    let record = compared(&with_levels(side(BASE)), &with_levels(head()));
    assert_eq!(record.problems, Vec::<String>::new());
    let titles: Vec<String> =
        crate::report::gate::rows::groups(&record.comparisons).map(|one| one[0].title()).collect();
    assert_eq!(titles, ["read-heavy at 2 clients on libsql", "read-heavy at 8 clients on libsql"]);
    assert!(record.comparisons.iter().all(|one| record.evidence(one).count() == 10));
    for (name, bytes) in crate::report::gate::files(&record).expect("files") {
        let text = String::from_utf8(bytes).expect("text");
        assert!(text.contains("8 clients") || text.contains("8_clients"), "{name}:\n{text}");
    }
}

#[test]
fn a_head_that_writes_nothing_has_no_missing_figure_and_a_base_that_does_has_none_to_compare_with() {
    let writing = |mut side: Experiment, bytes: u64| {
        for run in &mut side.runs {
            run.footprint.after_load.written_bytes = Some(1_000);
            run.footprint.after_run.written_bytes = Some(1_000 + bytes);
        }
        side
    };
    let bytes = |record: &GateRecord| {
        record.comparisons.iter().find(|one| one.metric == Quantity::BytesWritten).map(|one| one.sentence.clone())
    };
    let record = compared(&writing(side(BASE), 5_000_000), &writing(head(), 0));
    assert_eq!(record.problems, Vec::<String>::new());
    assert_eq!(bytes(&record).as_deref(), Some("withheld: it is nothing, or unknown, in 10 runs of the head"));
    assert_eq!(bytes(&compared(&writing(side(BASE), 0), &writing(head(), 0))), None);
    let mut silent = head();
    silent.runs.iter_mut().for_each(|run| run.footprint.after_run.written_bytes = None);
    let record = compared(&writing(side(BASE), 5_000_000), &silent);
    assert!(record.problems[0].contains("bytes written of total"), "{:?}", record.problems);
}

#[test]
fn a_margin_makes_a_figure_gate_and_off_makes_it_shown_only() {
    let mut margins = Margins::default();
    for flag in ["p90=20%", "read-heavy/update/p99=off", "shop/p99=5%"] {
        margins.add_flag(flag).expect("a margin");
    }
    let record = gate(&side(BASE), &head(), &GateOptions { margins, ..GateOptions::default() });
    let of = |operation: &str, metric: &str| {
        record.comparisons.iter().find(|one| one.operation == operation && one.metric.name() == metric).expect("it")
    };
    assert!(of("total", "p90").gated && !of("update", "p99").gated && of("read", "p99").gated);
    assert_eq!(of("update", "p99").verdict, None);
    assert!(record.notes.iter().any(|note| note.contains("for shop, which is not compared")), "{:?}", record.notes);
}

#[test]
fn stores_of_other_names_are_matched_where_there_is_one_on_either_side() {
    let mut head = head();
    head.runs.iter_mut().for_each(|run| run.store.name = "libsql?cache=1".to_owned());
    let record = compared(&side(BASE), &head);
    assert_eq!(record.comparisons[0].store, "libsql \u{2192} libsql?cache=1");
    assert!(record.problems.is_empty(), "{:?}", record.problems);
}

#[test]
fn the_record_survives_being_written() {
    let record = regressed();
    let json = record.to_json().expect("plain data");
    assert_eq!(serde_json::from_str::<GateRecord>(&json).expect("its own"), record);
    for key in ["\"schema\"", "\"verdict\": \"regression\"", "\"smallest_detectable\"", "\"order\": \"base first\""] {
        assert!(json.contains(key), "{key}");
    }
}

#[test]
fn after_a_regression_it_says_where_to_look_and_else_nothing() {
    let paired = GateRuns { alternates: true, count: 12, ..BASE };
    let changed = |slower| {
        let mut head = side(GateRuns { slower, is_head: true, ..paired });
        for run in &mut head.runs {
            run.store.description.catalog.extend((0..6).map(|at| format!("index items_{at}_idx")));
            run.store.description.settings.insert("cache_mb".to_owned(), "10".to_owned());
            run.standstill.length_s += 3.0;
        }
        gate(&side(paired), &head, &GateOptions::default())
    };
    assert!(changed(1.0).differences.is_empty(), "nothing regressed");
    let record = changed(1.3);
    let found: Vec<&String> = record.differences.values().flatten().collect();
    let says = |words: &str| found.iter().any(|sentence| sentence.contains(words));
    assert!(says("only the catalogue of the head has: index items_0_idx"), "{found:#?}");
    assert!(says("and 2 more differences of the same kind"), "{found:#?}");
    assert!(says("setting cache_mb: not there in the base, 10 in the head"), "{found:#?}");
    assert!(says("longest time without an operation's end: "), "{found:#?}");
    assert!(says("CPU of the store for each operation: "), "{found:#?}");
    let text = super::text(&record, 120);
    assert!(text.contains("where to look: read-heavy on "), "{text}");
    assert!(super::markdown::markdown(&record).contains("- Where to look: "));
}

#[test]
fn what_a_store_writes_beside_operations_that_write_nothing_is_no_figure() {
    let written = |rows_written: f64| {
        let paired = GateRuns { alternates: true, count: 12, ..BASE };
        let sides = [paired, GateRuns { is_head: true, ..paired }].map(|of| {
            let mut side = side(of);
            for run in &mut side.runs {
                run.footprint.after_load.written_bytes = Some(0);
                run.footprint.after_run.written_bytes = Some(1_000_000);
                run.total.work = Some(Work { rows_written, ..Work::default() });
            }
            side
        });
        let record = gate(&sides[0], &sides[1], &GateOptions::default());
        record.comparisons.iter().any(|one| one.metric == Quantity::BytesWritten)
    };
    assert!(written(2.0) && !written(0.0));
}
