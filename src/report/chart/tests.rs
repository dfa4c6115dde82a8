//! What must hold of every chart, whatever a record says.

use std::collections::HashSet;

use resvg::usvg::roxmltree::Document;

use super::*;
use crate::report::fixtures;
use crate::units;

#[test]
fn nothing_is_clipped_and_no_text_touches_another() {
    for (experiment_name, experiment) in fixtures::all() {
        for DrawnChart { kind, subject, canvas } in drawn(&experiment).expect("it draws") {
            assert_eq!(canvas.faults(), [""; 0], "{experiment_name}: {kind:?} of {subject}");
        }
    }
}

#[test]
fn load_curves_of_one_two_and_eight_stores_have_room_for_all() {
    for stores in [1, 2, 8] {
        let experiment = fixtures::rates(stores);
        let drawn = drawn(&experiment).expect("it draws");
        let curve = drawn.iter().find(|chart| chart.kind == ChartKind::LoadCurve).expect("six levels");
        assert_eq!(curve.canvas.faults(), [""; 0], "{stores} stores");
        let overloaded = curve.canvas.texts().filter(|text| text.contains("OVERLOADED at")).count();
        assert_eq!(overloaded, stores, "each has its mark");
    }
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    let experiment = fixtures::experiment(vec![fixtures::oltp()]);
    assert_eq!(charts(&experiment).expect("it draws"), charts(&experiment).expect("it draws"));
}

#[test]
fn each_chart_says_in_words_what_it_shows() {
    let experiment = fixtures::experiment(vec![fixtures::read_heavy()]);
    let charts = charts(&experiment).expect("it draws");
    let names: Vec<&str> = charts.iter().map(|chart| chart.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "latency",
            "latency-read-heavy",
            "percentiles-read-heavy",
            "time-read-heavy-libsql-1",
            "heat-read-heavy-libsql-1",
        ]
    );
    for chart in &charts {
        let document = Document::parse(&chart.svg).expect("well-formed");
        let text = |tag| document.descendants().find(|node| node.has_tag_name(tag)).and_then(|node| node.text());
        assert_eq!(document.root_element().attribute("role"), Some("img"));
        assert_eq!((text("title"), text("desc")), (Some(chart.title.as_str()), Some(chart.finding.as_str())));
    }
    insta::assert_snapshot!(charts[1].finding, @r"
    read-heavy on libsql 3.45.1 (durable): 1,997 operations per second, p50 43.0 µs, p99 396 µs, p99.9 711 µs.
    ");
}

#[test]
fn the_figures_of_an_invalid_run_are_in_no_chart() {
    let mut run = fixtures::read_heavy();
    run.verdict = fixtures::invalid("it ran on a toaster");
    let p99_ns = run.total.response_ns.p99.expect("enough samples");
    let (rate, p99) = (units::rate(run.throughput_per_s), units::typeset(&units::latency(p99_ns)));
    for chart in charts(&fixtures::experiment(vec![run])).expect("it draws") {
        assert!(chart.svg.contains("it ran on a toaster"), "{}", chart.name);
        assert!(!chart.svg.contains(&rate) && !chart.svg.contains(&p99), "{}", chart.name);
    }
}

/// What each chart shows is in the snapshot beside its code; this is about how it becomes a document.
#[test]
fn each_kind_of_chart_becomes_a_document_with_everything_inside_its_frame() {
    let mut kinds = HashSet::new();
    for DrawnChart { kind, canvas, .. } in drawn(&fixtures::small()).expect("it draws") {
        let svg = canvas.svg().expect("it draws");
        let document = Document::parse(&svg).expect("well-formed");
        let frame = document.root_element().attribute("viewBox").expect("a frame");
        let [left, top, right, bottom] = numbers(frame)[..] else { panic!("{frame}") };
        for node in document.root_element().children() {
            let attribute = |name| numbers(node.attribute(name).unwrap_or_default());
            for x in [attribute("x"), attribute("cx"), attribute("points").into_iter().step_by(2).collect()].concat() {
                assert!((left..=right).contains(&x), "{kind:?}: {x} of {node:?}");
            }
            let ys = attribute("points").into_iter().skip(1).step_by(2).collect();
            for y in [attribute("y"), attribute("cy"), ys].concat() {
                assert!((top..=bottom).contains(&y), "{kind:?}: {y} of {node:?}");
            }
        }
        let texts = document.descendants().filter(|node| node.has_tag_name("text"));
        let texts: Vec<&str> = texts.filter_map(|node| node.text()).map(str::trim).collect();
        assert_eq!(texts, canvas.texts().map(str::trim).collect::<Vec<_>>(), "{kind:?}");
        kinds.insert(format!("{kind:?}"));
    }
    assert_eq!(kinds.len(), 9, "{kinds:?}");
}

fn numbers(text: &str) -> Vec<f64> {
    text.split([' ', ',']).filter(|number| !number.is_empty()).map(|number| number.parse().expect(text)).collect()
}

#[test]
fn foreign_text_stays_text_in_every_chart() {
    for experiment in [fixtures::small(), fixtures::priced_stores()] {
        for chart in charts(&fixtures::hostile(experiment)).expect("it draws") {
            let document = Document::parse(&chart.svg).unwrap_or_else(|error| panic!("{}: {error}", chart.name));
            let foreign = document.descendants().filter(|node| node.has_tag_name("script") || node.has_tag_name("img"));
            assert_eq!(foreign.count(), 0, "{}", chart.name);
            assert!(!chart.name.contains(['/', '<', '\0']), "{}", chart.name);
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 32, failure_persistence: None, ..Default::default() })]

    /// Names of 0 to 100,000 characters of all Unicode, in 1 to 200 rows: they come from a record and are drawn whole or cut.
    /// Nothing panics, nothing is clipped, and every document can be read.
    #[test]
    fn any_name_can_be_drawn(
        characters in proptest::collection::vec(proptest::char::any(), 0..12),
        length in 0_usize..5,
        rows in 0_usize..40,
        differ in proptest::bool::ANY,
        sweeps in proptest::bool::ANY,
    ) {
        let length = [0, 1, 130, 4_000, 100_000][length];
        // Few rows are drawn often, 200 now and then.
        let rows = if rows == 0 { 200 } else { rows }.min(2_000_000 / length.max(1));
        let name: String = characters.iter().cycle().take(if characters.is_empty() { 0 } else { length }).collect();
        drawn_whole(&named(&name, rows, differ, sweeps));
    }
}

#[test]
fn two_hundred_stores_of_long_names_can_be_drawn() {
    drawn_whole(&named(&"\u{65e5}/@".repeat(1_000), 200, true, false));
}

#[test]
fn figures_without_bounds_can_be_drawn() {
    let (huge, tiny) = (1.7e308, 5e-324);
    for (rate, at_s, usd) in [(huge, huge, huge), (tiny, -huge, tiny), (huge, tiny, 1.0)] {
        let mut experiment = named("libsql", 4, true, true);
        for (nth, run) in experiment.runs.iter_mut().enumerate() {
            run.load.rate_per_s = Some(rate);
            run.throughput_per_s = if nth % 2 == 0 { rate } else { 1.0 };
            run.throughput_interval = Some([tiny, huge]);
            run.timeline[0].at_s = at_s;
            run.timeline[1].length_s = huge;
            run.phases.measure_s = rate;
            for estimate in run.cost.iter_mut().flat_map(|cost| &mut cost.estimates) {
                estimate.usd_per_million = usd;
                estimate.interval = Some([tiny, huge]);
            }
        }
        assert!(!drawn(&experiment).expect("it draws").is_empty());
        charts(&experiment).expect("it draws");
    }
}

fn drawn_whole(experiment: &Experiment) {
    for DrawnChart { kind, canvas, .. } in drawn(experiment).expect("it draws") {
        let clipped: Vec<String> =
            canvas.faults().into_iter().filter(|fault| fault.starts_with("clipped")).take(3).collect();
        assert_eq!(clipped, [""; 0], "{kind:?}");
        let svg = canvas.svg().expect("it draws");
        assert!(Document::parse(&svg).is_ok(), "{kind:?}");
    }
}

/// An experiment of so many rows in which every name is `name`: of several stores if they `differ`, else runs of one; at
/// several levels of load if it `sweeps`.
fn named(name: &str, rows: usize, differ: bool, sweeps: bool) -> Experiment {
    static RUN: std::sync::LazyLock<crate::record::Run> = std::sync::LazyLock::new(|| {
        let operations: &[fixtures::SyntheticOperation] = &[("get", 700.0, 900_000, 0.3)];
        let run = fixtures::run(&fixtures::SyntheticRun { operations, seconds: 2, ..Default::default() });
        fixtures::priced(run, &fixtures::experiment(Vec::new()).host)
    });
    let row = |nth: usize| {
        let mut run = RUN.clone();
        let named = |text: &mut String| *text = name.to_owned();
        let (store, workload) = (&mut run.store, &mut run.workload);
        [&mut run.id, &mut workload.name, &mut workload.about, &mut workload.hash, &mut store.name]
            .into_iter()
            .chain([&mut store.description.version, &mut store.description.guarantees.because])
            .for_each(named);
        let operation = run.operations.swap_remove("get").expect("the fixture's");
        run.operations.insert(name.to_owned(), operation);
        run.load.arrivals = Some(name.to_owned());
        if differ {
            run.store.name = format!("{nth} {name}");
        }
        if sweeps {
            run.load.clients = 1 + nth as u32 % 5;
        }
        (run.repetition, run.id) = (nth as u32 + 1, format!("{nth} {name}"));
        if nth % 7 == 6 {
            run.verdict = fixtures::invalid(name);
        }
        run
    };
    let mut experiment = fixtures::experiment((0..rows).map(row).collect());
    name.clone_into(&mut experiment.host.cpu);
    let json = experiment.to_json().expect("it is written");
    Experiment::from_json(&json).expect("it is read")
}

#[test]
fn charts_of_different_things_are_different_files() {
    let runs = ["\u{65e5}\u{672c}", "\u{4e2d}\u{56fd}", "x".repeat(4_000).as_str(), "x".repeat(4_001).as_str()].map(
        |workload| {
            let mut run =
                fixtures::run(&fixtures::SyntheticRun { workload, seconds: 1, ..fixtures::SyntheticRun::default() });
            run.id = workload.to_owned();
            run
        },
    );
    let charts = charts(&fixtures::experiment(runs.into())).expect("they draw");
    let names: std::collections::BTreeSet<&str> = charts.iter().map(|chart| chart.name.as_str()).collect();
    assert_eq!(names.len(), charts.len(), "{names:?}");
    assert!(names.iter().all(|name| name.len() < 200), "{names:?}");
}

#[test]
fn names_cannot_leave_their_folder() {
    assert_eq!(file_name("../etc/pass wd"), "-etc-pass-wd");
    assert_eq!(file_name("read-heavy_1.5"), "read-heavy_1.5");
}
