//! A history in the terminal: where levels changed, between which commits, and how much is missing where nothing can be said.

use super::chart;
use super::gate::rows;
use super::table::{Align, layout};
use crate::gate::{Courses, FigureChange, FigureHistory, HistoryLine, change};
use crate::units;

const COLUMNS: [(&str, Align); 6] = [
    ("operation", Align::Left),
    ("metric", Align::Left),
    ("latest", Align::Right),
    ("points", Align::Right),
    ("changes", Align::Right),
    ("last change", Align::Left),
];

/// The whole history; `name` is what the user called it.
pub fn text(lines: &[HistoryLine], courses: &Courses, name: &str) -> String {
    let Some(newest) = lines.last() else { return format!("history {name}: no experiment yet\n") };
    let count = units::counted(lines.len() as u64, "experiment");
    let mut text = format!("history {name}: {count}, the last one {}, on {}\n", newest.name(), newest.host.sentence());
    for figures in courses.figures.chunk_by(|a, b| a.title == b.title) {
        text += &format!("\n{}\n", figures[0].title);
        text += &layout(&COLUMNS, &figures.iter().map(row).collect::<Vec<_>>());
    }
    let told: Vec<String> = courses.figures.iter().flat_map(|figure| sentences(figure, lines)).collect();
    text += if told.is_empty() { "" } else { "\n" };
    text += &told.concat();
    let experiments = |count: usize| units::counted(count as u64, "experiment");
    let notes = [
        (courses.elsewhere > 0).then(|| format!("{} of other machines left out", experiments(courses.elsewhere))),
        (courses.otherwise > 0).then(|| {
            format!("{} with other data, load or length of the same workloads left out", experiments(courses.otherwise))
        }),
        (newest.left_out > 0).then(|| {
            format!(
                "{} of the last experiment had no room in its line",
                units::counted(newest.left_out as u64, "figure")
            )
        }),
    ];
    text += &notes.into_iter().flatten().map(|note| format!("note: {note}\n")).collect::<String>();
    text
}

/// The chart, `history.svg`, where there is anything to draw.
///
/// # Errors
/// When it cannot be drawn, which would be a bug.
pub fn files(lines: &[HistoryLine], courses: &Courses, name: &str) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let chart = chart::of_history(lines, courses, name)?;
    Ok(chart.into_iter().map(|svg| ("history.svg".to_owned(), svg.into_bytes())).collect())
}

fn row(figure: &FigureHistory) -> Vec<String> {
    let latest = figure.points.last().map(|(_, value)| *value);
    let last = match figure.changes.last() {
        Some(one) => format!("{} ({} ago)", change(one.ratio()), figure.points.len() - one.point),
        None if figure.lacking() > 0 => format!("needs {}", units::counted(figure.lacking() as u64, "more experiment")),
        None => "none".to_owned(),
    };
    vec![
        figure.operation.clone(),
        figure.quantity.label().to_owned(),
        rows::value(figure.quantity, latest),
        figure.points.len().to_string(),
        figure.changes.len().to_string(),
        last,
    ]
}

fn sentences(figure: &FigureHistory, lines: &[HistoryLine]) -> Vec<String> {
    let sentence = |one: &FigureChange| {
        let word = if figure.is_worse(one) { "WORSE" } else { "BETTER" };
        let [before, after] = [one.point - 1, one.point].map(|point| lines[figure.points[point].0].name());
        let [from, to] = one.levels.map(|level| rows::value(figure.quantity, Some(level)));
        format!(
            "{word}: {}: {}, from {from} to {to}, after {before} and up to {after}; {} of 1,000 shuffled histories show as much\n",
            figure.name(),
            change(one.ratio()),
            (one.probability * 1e3).round()
        )
    };
    figure.changes.iter().map(sentence).collect()
}

#[cfg(test)]
pub(super) mod fixtures {
    use crate::gate::{HistoryLine, KeptExperiment, Margins};
    use crate::report::fixtures;

    /// So many experiments of one store, 20 % slower from each of these on; they scatter by 2 %.
    pub fn stepped(count: usize, steps: &[usize]) -> Vec<HistoryLine> {
        let line = |at: usize| {
            let slower = 1.2_f64.powi(steps.iter().filter(|step| **step <= at).count() as i32);
            let scatter = slower * (1.0 + 0.02 * (((at * 37) % 11) as f64 - 5.0) / 5.0);
            let mut run = fixtures::read_heavy();
            run.throughput_per_s /= scatter;
            for operation in run.operations.values_mut().chain([&mut run.total]) {
                let times = &mut operation.response_ns;
                for value in [&mut times.p50, &mut times.p90, &mut times.p99] {
                    *value = value.map(|ns| (ns as f64 * scatter) as u64);
                }
            }
            let experiment = fixtures::experiment(vec![run]);
            let kept = KeptExperiment {
                runs: experiment.runs.iter().collect(),
                at: &format!("2026-11-{:02}T13:00:00Z", 1 + at % 30),
                tool: &experiment.tool,
                host: &experiment.host,
                verdict: None,
                results: format!("results/{at}"),
                of_head: false,
                commit: Some(format!("c{at:04}")),
                release: None,
            };
            HistoryLine::of(kept, &Margins::default()).expect("valid")
        };
        (0..count).map(line).collect()
    }

    /// The same after it was in a file.
    pub fn written(lines: &[HistoryLine]) -> Vec<HistoryLine> {
        HistoryLine::read_all(&lines.iter().map(HistoryLine::to_json).collect::<String>()).expect("its own")
    }
}

#[cfg(test)]
mod tests {
    use super::fixtures::{stepped, written};
    use super::*;
    use crate::gate::{Baseline, HostFingerprint, LONGEST_LINE, courses};

    #[test]
    fn a_step_is_told_with_the_commits_between_which_it_came() {
        let lines = written(&stepped(30, &[18]));
        let text = text(&lines, &courses(&lines), "h.jsonl");
        let told = text.lines().find(|line| line.starts_with("WORSE: throughput of total")).expect("it");
        assert!(told.contains("after c0017 of ") && told.contains("up to c0018 of "), "{told}");
        assert!(told.contains("-17 %"), "{told}");
        assert!(!text.contains("BETTER"), "{text}");
    }

    #[test]
    fn a_flat_history_has_no_change_and_a_short_one_says_what_is_missing() {
        let flat = stepped(30, &[]);
        assert!(!text(&flat, &courses(&flat), "h").contains("WORSE"));
        let short = stepped(7, &[3]);
        assert!(text(&short, &courses(&short), "h").contains("needs 5 more experiments"));
        assert!(text(&[], &Courses::default(), "h").contains("no experiment yet"));
    }

    #[test]
    fn other_machines_and_other_work_are_left_out_and_counted() {
        let mut lines = stepped(30, &[18]);
        for line in &mut lines[..18] {
            line.host.cpus = 64;
        }
        let found = courses(&lines);
        assert_eq!((found.elsewhere, found.figures[0].points.len()), (18, 12));
        assert!(text(&lines, &found, "h").contains("18 experiments of other machines"));
        let mut lines = stepped(30, &[18]);
        lines[..18].iter_mut().for_each(|line| line.work[0].terms = "0".to_owned());
        let found = courses(&lines);
        assert_eq!((found.otherwise, found.figures[0].points.len()), (18, 12));
        // Kernels of one machine keep a few MiB more or less for themselves.
        let mut lines = stepped(30, &[18]);
        lines[3].host.memory_mib += 20;
        assert_eq!(courses(&lines).elsewhere, 0);
    }

    #[test]
    fn what_is_no_line_is_named_by_its_number() {
        let whole: String = stepped(3, &[]).iter().map(HistoryLine::to_json).collect();
        let lines: Vec<&str> = whole.lines().collect();
        let broken = |second: &str| format!("{}\n{second}\n{}\n", lines[0], lines[2]);
        for (text, number, problem) in [
            (broken(&lines[1][..200]), 2, "is not JSON"),
            (broken("{}"), 2, "schema `none`"),
            (broken(&lines[1].replace("history/1", "history/9")), 2, "history/9"),
            (broken(&lines[1].replace("\"total/throughput\":", "\"total/speed\":")), 2, "no figure `total/speed`"),
            (broken(&lines[1].replace("\"total/throughput\":", "\"total/throughput\":-")), 2, "not a positive number"),
            (broken(&lines[1].replacen("\"at\":", "\"on\":", 1)), 2, "`on`"),
            (whole.trim_end().to_owned(), 3, "it has no end"),
        ] {
            let refused = HistoryLine::read_all(&text).expect_err(problem);
            assert!(refused.starts_with(&format!("line {number}: ")) && refused.contains(problem), "{refused}");
        }
        assert_eq!(HistoryLine::read_all("").expect("nothing"), []);
    }

    #[test]
    fn a_line_stays_short_by_leaving_out_what_tells_least() {
        let line = &stepped(1, &[])[0];
        assert!(line.to_json().len() <= LONGEST_LINE && line.left_out == 0, "{}", line.to_json());
        let mut run = crate::report::fixtures::read_heavy();
        let one = run.operations[0].clone();
        run.operations.extend((0..40).map(|at| (format!("operation-{at}"), one.clone())));
        let experiment = crate::report::fixtures::experiment(vec![run]);
        let kept = |results: String| crate::gate::KeptExperiment {
            runs: experiment.runs.iter().collect(),
            at: &experiment.finished_at,
            tool: &experiment.tool,
            host: &experiment.host,
            verdict: None,
            results,
            of_head: false,
            commit: None,
            release: None,
        };
        let margins = crate::gate::Margins::default();
        let long = HistoryLine::of(kept("results/1".to_owned()), &margins).expect("valid");
        assert!(long.to_json().len() <= LONGEST_LINE && long.left_out > 20, "{}", long.left_out);
        let keys: Vec<&String> = long.work[0].medians.keys().collect();
        for gated in ["total/throughput", "total/p50", "total/p99"] {
            assert!(keys.contains(&&gated.to_owned()), "{gated}: {keys:?}");
        }
        assert!(!keys.iter().any(|key| key.ends_with("/p90") && !key.starts_with("total")), "{keys:?}");
        let refused = HistoryLine::of(kept("x".repeat(3_000)), &margins).expect_err("no room");
        assert!(refused.contains("shorter path"), "{refused}");
    }

    #[test]
    fn baselines_are_of_this_machine_and_good_and_never_the_head_itself() {
        use crate::gate::GateVerdict::{Improved, Inconclusive, Ok, Regression};
        let mut lines = stepped(6, &[]);
        let verdicts = [None, Some(Ok), Some(Improved), Some(Inconclusive), Some(Regression), Some(Ok)];
        lines.iter_mut().zip(verdicts).for_each(|(line, verdict)| line.verdict = verdict);
        lines[1].release = Some("v1".to_owned());
        let host = lines[0].host.clone();
        let chosen = |text: &str, host: &HostFingerprint, except: &str| -> Result<Vec<String>, String> {
            let baseline: Baseline = text.parse()?;
            Result::Ok(baseline.of(&lines, host, except)?.iter().map(|line| line.results.clone()).collect())
        };
        let named = |names: &[usize]| Result::Ok(names.iter().map(|at| format!("results/{at}")).collect::<Vec<_>>());
        assert_eq!(chosen("last-good", &host, "results/9"), named(&[5]));
        assert_eq!(chosen("last-good", &host, "results/5"), named(&[2]), "neither inconclusive nor a regression");
        assert_eq!(chosen("release:v1", &host, ""), named(&[1]));
        assert_eq!(chosen("commit:c0002", &host, ""), named(&[2]));
        assert_eq!(chosen("median:3", &host, "results/5"), named(&[0, 1, 2]));
        let other = HostFingerprint { cpus: 64, ..host.clone() };
        for (text, host, problem) in [
            ("last-good", &other, "0 of this machine and 6 of others"),
            ("release:v2", &host, "no experiment of release v2"),
            ("commit:c0004", &host, "no experiment of commit c0004"),
            ("median:9", &host, "needs 5 more"),
            ("previous", &host, "give last-good"),
            ("median:1", &host, "give last-good"),
        ] {
            assert!(chosen(text, host, "").is_err_and(|refused| refused.contains(problem)), "{text}");
        }
    }
}
