//! Charts of an experiment, as SVG: latency by operation, by percentile, over time and under rising load; stores set
//! against each other, in speed and in money.
//!
//! `rows` and `seconds` say what is shown (and, beside this folder, `load_levels`, `ratios` and `priced`), a file for each
//! chart where it stands, `panel` and `plane` what several of them share, `frame` what surrounds it; `canvas` draws it in
//! the `style` of the house.

mod canvas;
mod cost_latency;
mod cost_load;
mod forest;
mod frame;
mod heat;
mod labels;
mod latency;
mod load_curve;
mod marks;
mod metrics;
mod panel;
mod percentiles;
mod plane;
mod rows;
mod scale;
mod seconds;
mod style;
mod time;

use std::collections::HashMap;

use self::canvas::Canvas;
use super::{group, units};
use crate::record::Experiment;

/// What a chart shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Latency of all workloads.
    Overview,
    /// Latency by operation.
    Latency,
    /// Latency by percentile.
    Percentiles,
    /// Latency against achieved throughput.
    LoadCurve,
    /// Ratios to the first store.
    Ratios,
    /// Cost against p99.
    CostLatency,
    /// Monthly cost against load.
    CostLoad,
    /// Throughput and latency over time.
    Time,
    /// Latency bands over time.
    Heat,
}

/// A drawn chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// What it shows.
    pub kind: Kind,
    /// Of which workload, or for [`Kind::Time`] and [`Kind::Heat`] which run; empty for [`Kind::Overview`].
    pub subject: String,
    /// Its file name without extension: `latency`, `latency-oltp`, `percentiles-oltp`, `time-oltp-libsql-1`.
    pub name: String,
    /// What it asks.
    pub title: String,
    /// What it shows, in a sentence with numbers.
    pub finding: String,
    /// The document.
    pub svg: String,
}

/// All charts of an experiment: the overview, then by workload, then by run.
pub fn charts(experiment: &Experiment) -> anyhow::Result<Vec<Chart>> {
    let mut taken = HashMap::new();
    let chart = |Drawn { kind, subject, canvas }: Drawn| {
        let name = free_name(kind.file_name(&subject), &mut taken);
        Ok(Chart { kind, subject, name, svg: canvas.svg()?, title: canvas.title, finding: canvas.finding })
    };
    canvases(experiment)?.into_iter().map(chart).collect()
}

/// The name, numbered where another chart has it: names that differ in other signs than letters and digits look alike.
fn free_name(name: String, taken: &mut HashMap<String, usize>) -> String {
    let times = taken.entry(name.clone()).or_default();
    *times += 1;
    if *times == 1 { name } else { format!("{name}.{times}") }
}

struct Drawn {
    kind: Kind,
    subject: String,
    canvas: Canvas,
}

fn canvases(experiment: &Experiment) -> anyhow::Result<Vec<Drawn>> {
    let cells = group::cells(experiment);
    let mut canvases = Vec::new();
    let mut add = |kind, subject: &str, canvas: Option<Canvas>| {
        canvases.extend(canvas.map(|canvas| Drawn { kind, subject: subject.to_owned(), canvas }));
    };
    if !cells.is_empty() {
        add(Kind::Overview, "", Some(latency::overview(experiment, &cells)));
    }
    for cells in group::by_workload(&cells) {
        let name = cells[0].terms.workload;
        add(Kind::Latency, name, Some(latency::of_workload(experiment, cells)));
        add(Kind::Percentiles, name, Some(percentiles::of_workload(experiment, cells)?));
        add(Kind::LoadCurve, name, load_curve::of_workload(experiment, cells));
        add(Kind::Ratios, name, forest::of_workload(experiment, name));
        add(Kind::CostLatency, name, cost_latency::of_workload(experiment, name));
        add(Kind::CostLoad, name, cost_load::of_workload(experiment, cells));
    }
    for run in &experiment.runs {
        add(Kind::Time, &run.id, Some(time::of_run(experiment, run)));
        add(Kind::Heat, &run.id, heat::of_run(experiment, run));
    }
    Ok(canvases)
}

impl Kind {
    /// Whether it is drawn of a single run.
    pub fn is_of_run(self) -> bool {
        matches!(self, Kind::Time | Kind::Heat)
    }

    fn file_name(self, subject: &str) -> String {
        let prefix = match self {
            Kind::Overview => return "latency".to_owned(),
            Kind::Latency => "latency",
            Kind::Percentiles => "percentiles",
            Kind::LoadCurve => "load",
            Kind::Ratios => "ratios",
            Kind::CostLatency => "cost-latency",
            Kind::CostLoad => "cost-load",
            Kind::Time => "time",
            Kind::Heat => "heat",
        };
        format!("{prefix}-{}", file_name(subject))
    }
}

/// A tick without needless decimals: `1 ms`, not `1.00 ms`.
fn tick_text(ns: f64) -> String {
    let text = units::latency(ns.round() as u64);
    let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
    let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    units::typeset(&format!("{number} {unit}"))
}

/// Letters, digits, dots and dashes only, and no more than file systems take: a name can neither leave its folder nor hide.
fn file_name(name: &str) -> String {
    const MOST_SIGNS: usize = 160;
    let safe = |sign: char| if sign.is_ascii_alphanumeric() || "-_.".contains(sign) { sign } else { '-' };
    name.trim_start_matches('.').chars().map(safe).take(MOST_SIGNS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{fixture, zoo};
    use resvg::usvg::roxmltree::Document;

    #[test]
    fn no_text_is_clipped_or_touches_another() {
        for (experiment_name, experiment) in zoo::all() {
            for Drawn { kind, subject, canvas } in canvases(&experiment).expect("it draws") {
                assert_eq!(canvas.faults(), [""; 0], "{experiment_name}: {kind:?} of {subject}");
            }
        }
    }

    #[test]
    fn the_same_record_gives_the_same_bytes() {
        let experiment = fixture::experiment(vec![fixture::oltp()]);
        assert_eq!(charts(&experiment).expect("it draws"), charts(&experiment).expect("it draws"));
    }

    #[test]
    fn each_chart_says_in_words_what_it_shows() {
        let experiment = fixture::experiment(vec![fixture::read_heavy()]);
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
        let mut run = fixture::read_heavy();
        run.verdict = fixture::invalid("it ran on a toaster");
        let p99_ns = run.total.response_ns.p99.expect("enough samples");
        let (rate, p99) = (units::rate(run.throughput_per_s), units::typeset(&units::latency(p99_ns)));
        for chart in charts(&fixture::experiment(vec![run])).expect("it draws") {
            assert!(chart.svg.contains("it ran on a toaster"), "{}", chart.name);
            assert!(!chart.svg.contains(&rate) && !chart.svg.contains(&p99), "{}", chart.name);
        }
    }

    #[test]
    fn each_kind_of_chart_is_drawn_as_it_was() {
        let small = zoo::small();
        let charts = charts(&small).expect("it draws");
        for kind in [Kind::LoadCurve, Kind::Ratios, Kind::CostLatency, Kind::CostLoad, Kind::Heat] {
            let chart = charts.iter().find(|chart| chart.kind == kind).unwrap_or_else(|| panic!("no {kind:?}"));
            insta::assert_snapshot!(format!("{kind:?}"), chart.svg);
        }
    }

    #[test]
    fn foreign_text_stays_text_in_every_chart() {
        use crate::report::view::furnished::hostile;
        for experiment in [zoo::small(), zoo::priced_stores()] {
            for chart in charts(&hostile(experiment)).expect("it draws") {
                let document = Document::parse(&chart.svg).unwrap_or_else(|error| panic!("{}: {error}", chart.name));
                let foreign =
                    document.descendants().filter(|node| node.has_tag_name("script") || node.has_tag_name("img"));
                assert_eq!(foreign.count(), 0, "{}", chart.name);
                assert!(!chart.name.contains(['/', '<', '\0']), "{}", chart.name);
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 32, failure_persistence: None, ..Default::default() })]

        /// Names of 0 to 100,000 signs of all Unicode, in 1 to 200 rows: they come in by way of a record, and are drawn whole
        /// or cut. Nothing panics, nothing is clipped, and every document can be read.
        #[test]
        fn any_name_can_be_drawn(
            signs in proptest::collection::vec(proptest::char::any(), 0..12),
            length in 0_usize..5,
            rows in 0_usize..40,
            differ in proptest::bool::ANY,
            sweeps in proptest::bool::ANY,
        ) {
            let length = [0, 1, 130, 4_000, 100_000][length];
            // Few rows are drawn often, 200 now and then.
            let rows = if rows == 0 { 200 } else { rows }.min(2_000_000 / length.max(1));
            let name: String = signs.iter().cycle().take(if signs.is_empty() { 0 } else { length }).collect();
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
            assert!(!canvases(&experiment).expect("it draws").is_empty());
            charts(&experiment).expect("it draws");
        }
    }

    fn drawn_whole(experiment: &Experiment) {
        for Drawn { kind, canvas, .. } in canvases(experiment).expect("it draws") {
            let clipped: Vec<String> =
                canvas.faults().into_iter().filter(|fault| fault.starts_with("clipped")).take(3).collect();
            assert_eq!(clipped, [""; 0], "{kind:?}");
            let svg = canvas.svg().expect("it draws");
            assert!(Document::parse(&svg).is_ok(), "{kind:?}");
        }
    }

    /// So many stores, or runs of one, whose every name is this one; at several levels of load on request.
    fn named(name: &str, rows: usize, differ: bool, sweeps: bool) -> Experiment {
        static RUN: std::sync::LazyLock<crate::record::Run> = std::sync::LazyLock::new(|| {
            let shapes: &[fixture::Shape] = &[("get", 700.0, 900_000, 0.3)];
            let run = fixture::run(&fixture::Plan { shapes, seconds: 2, ..Default::default() });
            crate::report::view::furnished::priced(run, &fixture::experiment(Vec::new()).host)
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
                run.verdict = fixture::invalid(name);
            }
            run
        };
        let mut experiment = fixture::experiment((0..rows).map(row).collect());
        name.clone_into(&mut experiment.host.cpu);
        let json = experiment.to_json().expect("it is written");
        Experiment::from_json(&json).expect("it is read")
    }

    #[test]
    fn charts_of_different_things_are_different_files() {
        let runs = ["\u{65e5}\u{672c}", "\u{4e2d}\u{56fd}", "x".repeat(4_000).as_str(), "x".repeat(4_001).as_str()]
            .map(|workload| {
                let mut run = fixture::run(&fixture::Plan { workload, seconds: 1, ..fixture::Plan::default() });
                run.id = workload.to_owned();
                run
            });
        let charts = charts(&fixture::experiment(runs.into())).expect("they draw");
        let names: std::collections::BTreeSet<&str> = charts.iter().map(|chart| chart.name.as_str()).collect();
        assert_eq!(names.len(), charts.len(), "{names:?}");
        assert!(names.iter().all(|name| name.len() < 200), "{names:?}");
    }

    #[test]
    fn names_cannot_leave_their_folder() {
        assert_eq!(file_name("../etc/pass wd"), "-etc-pass-wd");
        assert_eq!(file_name("read-heavy_1.5"), "read-heavy_1.5");
    }
}
