//! The terminal's table of an experiment: a block for each run, grouped by workload and durability tier. ASCII only.
//!
//! The figures of an invalid run are not printed; its reasons are, and of an overloaded one the rate that it completed.

pub mod limits;
mod stores;
pub mod sweep;
pub mod wanted;

use super::group::{self, Cell};
use super::reading::{Percentile, cell_text, largest_text, over_runs, reading};
use super::table::{self, Align};
use super::{cost, words};
use crate::record::{Experiment, Latency, Mode, OperationRecord, Run, Verdict};
use crate::stats::spread_of;
use crate::units;

const COLUMNS: [(&str, Align); 13] = [
    ("operation", Align::Left),
    ("ok", Align::Right),
    ("share", Align::Right),
    ("refused", Align::Right),
    ("failed", Align::Right),
    ("retries", Align::Right),
    ("per second", Align::Right),
    ("", Align::Left), // The interval of the total's throughput.
    ("p50", Align::Left),
    ("p99", Align::Left),
    ("p999", Align::Left),
    ("max", Align::Right),
    ("service p99", Align::Left),
];

/// The whole experiment, one block after another.
pub fn experiment(experiment: &Experiment) -> String {
    let cells = group::cells(experiment);
    let mut text = String::new();
    for workload in group::by_workload(&cells) {
        for of_group in group::comparable(workload) {
            if group::terms_differ(workload) {
                let terms = &of_group[0].terms;
                text += &format!("-- {}, {}\n\n", terms.workload, group::heading(terms, workload));
            }
            for cell in of_group {
                for run in &cell.runs {
                    text += &block(run, asked(experiment, cell));
                    text.push('\n');
                }
                text += &spread(cell);
            }
        }
    }
    if group::by_workload(&cells).any(|of_workload| of_workload.len() > 1) {
        text += &stores::tables(&cells);
    }
    text += &limits::table(&limits::judged(experiment));
    text += &wanted::lines(experiment);
    text += &absences(experiment);
    group::reasons_apart(&cells).iter().for_each(|reason| text += &format!("{reason}\n"));
    if experiment.runs.iter().any(|run| run.verdict.valid && run.total.response_ns.has_intervals()) {
        text += "[low, high] is a 95 % interval from batch means over up to 20 blocks of a run.\n";
        text += &format!("{}\n", words::WITHIN_ONE_RUN);
    }
    cost::left_out(&experiment.runs).iter().for_each(|line| text += wrapped(line).trim_start());
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// For scripts and hurried readers: a table for each tier, a row for each store, and what is wrong.
pub fn brief(experiment: &Experiment) -> String {
    let cells = group::cells(experiment);
    let mut text = stores::tables(&cells);
    text += &limits::table(&limits::judged(experiment));
    text += &wanted::lines(experiment);
    group::withheld(&cells).iter().for_each(|sentence| text += &format!("{sentence}\n"));
    text += &absences(experiment);
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// Runs that were asked for and are not there. Those with one cause, such as an interruption, stand in one line.
fn absences(experiment: &Experiment) -> String {
    let mut text = String::new();
    for alike in experiment.missing.chunk_by(|a, b| a.problem == b.problem) {
        let ids: Vec<&str> = alike.iter().map(|missing| missing.id.as_str()).collect();
        text += &format!("no result: {}: {}\n", ids.join(", "), alike[0].problem);
    }
    if experiment.interrupted {
        text += "interrupted: runs are missing or shorter than asked\n";
    }
    text
}

/// How many repetitions were asked for, those without a result included.
fn asked(experiment: &Experiment, cell: &Cell<'_>) -> usize {
    let missing = experiment.missing.iter();
    cell.runs.len() + missing.filter(|run| run.workload == cell.terms.workload && run.store == cell.store).count()
}

/// One run; `of` is the number of its repetitions.
pub fn block(run: &Run, of: usize) -> String {
    let repetition = if of > 1 { format!(", run {} of {of}", run.repetition) } else { String::new() };
    let mut text = format!(
        "{} on {} ({}): {}, {}{repetition}\n",
        run.workload.name,
        words::store(run),
        words::tier(run),
        words::load(run),
        words::duration(run)
    );
    if run.verdict.valid {
        for evidence in &run.verdict.noisy {
            text += &format!("  NOISY: {evidence}; repeat the run before you use its figures\n");
        }
        words::stability(run).iter().for_each(|found| text += &wrapped(found));
        text += &figures(run);
    } else {
        match &run.verdict {
            Verdict { overload: None, reasons, .. } if reasons.len() > 1 => {
                reasons.iter().for_each(|reason| text += &format!("  INVALID: {reason}\n"));
            }
            _ => words::withheld(run).iter().for_each(|withheld| text += &format!("  {withheld}\n")),
        }
    }
    text + &remarks(run)
}

fn figures(run: &Run) -> String {
    let operation = |(name, operation): (&String, &OperationRecord)| {
        row(run, name, operation, [units::rate(run.per_second(operation)), String::new()])
    };
    let mut rows: Vec<Vec<String>> = run.operations.iter().map(operation).collect();
    let interval = run.throughput_interval.map(|[low, high]| format!("[{}, {}]", units::rate(low), units::rate(high)));
    rows.push(row(run, "total", &run.total, [units::rate(run.throughput_per_s), interval.unwrap_or_default()]));
    table::layout(&COLUMNS, &rows)
}

fn row(run: &Run, name: &str, operation: &OperationRecord, [throughput, interval]: [String; 2]) -> Vec<String> {
    let total = &run.total;
    let if_any = |of_run: u64, own: u64| if of_run > 0 { units::count(own) } else { String::new() };
    let percentile = |percentile| cell_text(reading(&operation.response_ns, percentile));
    let service = match run.load.mode {
        Mode::Open => cell_text(reading(&operation.service_ns, Percentile::P99)),
        Mode::Closed => String::new(),
    };
    vec![
        name.to_owned(),
        units::count(operation.ok),
        units::share(operation.ok, total.ok),
        if_any(total.refused, operation.refused),
        if_any(total.failed, operation.failed),
        if_any(total.retries, operation.retries),
        throughput,
        interval,
        percentile(Percentile::P50),
        percentile(Percentile::P99),
        percentile(Percentile::P999),
        largest_text(&[&operation.response_ns]),
        service,
    ]
}

/// What else a reader must know: losses, failures by kind, checks, notes.
fn remarks(run: &Run) -> String {
    let mut text = String::new();
    if run.counts.skipped > 0 {
        let scheduled = units::count(run.counts.scheduled);
        text += &format!("  skipped: {} of {scheduled} scheduled operations\n", units::count(run.counts.skipped));
    }
    for (name, operation) in &run.operations {
        for (kind, failures) in &operation.failures {
            let example = operation.messages.get(kind).map(|message| format!(", e.g. {message:?}")).unwrap_or_default();
            text += &format!("  failed: {name}, {} {kind}{example}\n", units::count(*failures));
        }
    }
    text += &format!("  checks: {}\n", words::checks(run));
    for (what, check) in words::notable_checks(run) {
        text += &wrapped(&format!("{what}: {}: {}", check.name, check.detail));
    }
    if run.verdict.valid && run.total.ok > 0 && !run.total.response_ns.has_intervals() {
        text += "  note: no intervals: fewer than ten whole seconds in which operations ended\n";
    }
    run.verdict.notes.iter().for_each(|note| text += &wrapped(&format!("note: {note}")));
    cost::lines(run).iter().for_each(|line| text += &wrapped(line));
    text
}

/// A paragraph in lines of a terminal's width, indented, those after the first a little more.
fn wrapped(paragraph: &str) -> String {
    const WIDTH: usize = 116;
    let mut lines = vec![String::from(" ")];
    for word in paragraph.split(' ') {
        if lines.last().is_some_and(|line| line.chars().count() + 1 + word.chars().count() > WIDTH) {
            lines.push(String::from("   "));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

/// Of several repetitions, the median and the extremes: each run is one sample.
fn spread(cell: &Cell<'_>) -> String {
    let runs: Vec<&Run> = cell.valid().collect();
    if runs.len() < 2 {
        return String::new();
    }
    let [low, median, high] = spread_of(runs.iter().map(|run| run.throughput_per_s)).map(units::rate);
    let latencies: Vec<&Latency> = runs.iter().map(|run| &run.total.response_ns).collect();
    format!(
        "{} on {}, median of {} valid runs [lowest, highest]: {median}/s [{low}, {high}], p99 {}\n\n",
        cell.terms.workload,
        words::store(runs[0]),
        runs.len(),
        cell_text(over_runs(&latencies, Percentile::P99))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{CheckResult, Course, Stability};
    use crate::report::fixtures::{self, SyntheticRun};
    use drivers::Durability;

    #[test]
    fn a_closed_loop() {
        insta::assert_snapshot!(experiment(&fixtures::experiment(vec![fixtures::read_heavy()])), @r"
        read-heavy on libsql 3.45.1 (durable): closed loop, 2 clients, 30 s after 5 s of warm-up
          operation      ok   share  per second                  p50                   p99                   p999                           max
          read       56,979   95.1%       1,899                  42.0 us [41.9, 42.2]  95.0 us [93.7, 96.2]  126 us [123, 131]           217 us
          update      2,933    4.9%        97.8                  261 us [254, 267]     826 us [764, 926]     >= 1.06 ms (n=2, too few)  1.64 ms
          total      59,912  100.0%       1,997  [1,982, 2,012]  43.0 us [42.8, 43.3]  396 us [384, 407]     711 us [678, 785]          1.64 ms
          checks: 1 of 1 passed

        [low, high] is a 95 % interval from batch means over up to 20 blocks of a run.
        It is of one run by itself and not for comparing: runs of the same store differ by more. To compare stores, repeat with --runs 5.
        ");
    }

    #[test]
    fn an_open_loop_with_losses() {
        let mut run = fixtures::open_loop();
        run.counts.skipped = 1_203;
        run.counts.scheduled += 1_210;
        run.total.failed = 7;
        run.counts.failed = 7;
        let append = run.operations.get_mut("append").expect("the fixture's");
        append.failed = 7;
        append.failures.insert("timeout".to_owned(), 7);
        append.messages.insert("timeout".to_owned(), "no reply within 5 s".to_owned());
        run.verdict.notes.push("the client used 71 % of its CPUs".to_owned());
        insta::assert_snapshot!(experiment(&fixtures::experiment(vec![run])), @r#"
        append-only on libsql 3.45.1 (durable): open loop, 500/s poisson, cap 16 clients, 30 s after 5 s of warm-up
          operation      ok   share  failed  per second              p50                p99                   p999                           max  service p99
          append     13,356   89.1%       7         445              275 us [272, 278]  1.31 ms [1.22, 1.43]  3.39 ms [2.89, 3.75]       6.17 ms  479 us [469, 492]
          tail        1,628   10.9%       0        54.3              524 us [508, 540]  1.61 ms [1.49, 1.80]  >= 2.25 ms (n=1, too few)  2.66 ms  1.30 ms [1.21, 1.42]
          total      14,984  100.0%       7         499  [493, 506]  290 us [287, 293]  1.39 ms [1.32, 1.49]  3.35 ms [2.86, 3.73]       6.17 ms  807 us [777, 855]
          skipped: 1,203 of 16,194 scheduled operations
          failed: append, 7 timeout, e.g. "no reply within 5 s"
          checks: 1 of 1 passed
          note: the client used 71 % of its CPUs

        [low, high] is a 95 % interval from batch means over up to 20 blocks of a run.
        It is of one run by itself and not for comparing: runs of the same store differ by more. To compare stores, repeat with --runs 5.
        "#);
    }

    #[test]
    fn an_invalid_run_has_no_figures() {
        let mut run = fixtures::read_heavy();
        run.verdict = fixtures::invalid("1 of 1 checks failed");
        run.checks[0] = CheckResult {
            name: "acknowledged writes".to_owned(),
            passed: false,
            undecided: false,
            sampled: false,
            detail: "3,012 of 3,013 found".to_owned(),
        };
        insta::assert_snapshot!(experiment(&fixtures::experiment(vec![run])), @r"
        read-heavy on libsql 3.45.1 (durable): closed loop, 2 clients, 30 s after 5 s of warm-up
          INVALID: 1 of 1 checks failed
          checks: 0 of 1 passed
          FAILED CHECK: acknowledged writes: 3,012 of 3,013 found
        ");
    }

    #[test]
    fn a_run_that_drifted_says_so_before_its_figures_and_with_the_evidence() {
        let mut run = fixtures::read_heavy();
        let evidence = "the throughput drifted from 2,100/s to 1,900/s".to_owned();
        run.verdict.stability = Some(Stability { verdict: Course::Drifting, evidence });
        let text = experiment(&fixtures::experiment(vec![run]));
        let (before, _) = text.split_once("  operation ").expect("its table");
        let expected = "DRIFTING: the throughput drifted from 2,100/s to 1,900/s; its figures are of no single level\n";
        assert!(before.ends_with(expected), "{text}");
    }

    #[test]
    fn a_check_that_compared_a_sample_says_so_although_it_passed() {
        let mut run = fixtures::read_heavy();
        run.checks[0].sampled = true;
        let text = experiment(&fixtures::experiment(vec![run]));
        let expected = "checks: 1 of 1 passed\n  sampled check: acknowledged writes: 3,013 of 3,013 found\n";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_run_too_short_for_intervals_with_an_operation_that_never_ran() {
        let mut run = fixtures::run(&SyntheticRun { seconds: 3, ..SyntheticRun::default() });
        run.operations.insert("delete".to_owned(), OperationRecord::default());
        insta::assert_snapshot!(experiment(&fixtures::experiment(vec![run])), @r"
        read-heavy on libsql 3.45.1 (durable): closed loop, 2 clients, 3 s after 3 s of warm-up
          operation     ok   share  per second  p50      p99             p999                max
          read       5,588   94.7%       1,863  41.9 us  93.1 us         (n=5, too few)   176 us
          update       310    5.3%         103  280 us   (n=3, too few)  (n=0, too few)  1.00 ms
          delete         0    0.0%           0  -        -               -                     -
          total      5,898  100.0%       1,966  42.9 us  434 us          (n=5, too few)  1.00 ms
          checks: 1 of 1 passed
          note: no intervals: fewer than ten whole seconds in which operations ended
        ");
    }

    #[test]
    fn tiers_are_kept_apart_and_repetitions_summed_up() {
        let plan = |store, tier, seed| SyntheticRun { store, tier, seed, ..SyntheticRun::default() };
        let mut second = fixtures::run(&plan("libsql", Durability::Durable, 9));
        second.repetition = 2;
        let relaxed = fixtures::run(&plan("redis", Durability::Relaxed, 5));
        let text = experiment(&fixtures::experiment(vec![relaxed, fixtures::read_heavy(), second]));
        let headers: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with("  ")).collect();
        insta::assert_snapshot!(headers.join("\n"), @r"
        -- read-heavy, durability: durable (compare within this group only)
        read-heavy on libsql 3.45.1 (durable): closed loop, 2 clients, 30 s after 5 s of warm-up, run 1 of 2
        read-heavy on libsql 3.45.1 (durable): closed loop, 2 clients, 30 s after 5 s of warm-up, run 2 of 2
        read-heavy on libsql 3.45.1, median of 2 valid runs [lowest, highest]: 2,003/s [1,997, 2,008], p99 395 us [395, 396]
        -- read-heavy, durability: relaxed (compare within this group only)
        read-heavy on redis 3.45.1 (relaxed): closed loop, 2 clients, 30 s after 5 s of warm-up
        All durable stores, closed loop, 2 clients, medians of valid runs (max: of all of them):
        All relaxed stores, closed loop, 2 clients, medians of valid runs (max: of all of them):
        read-heavy: 2 groups that are not comparable, for they differ in durability.
        [low, high] is a 95 % interval from batch means over up to 20 blocks of a run.
        It is of one run by itself and not for comparing: runs of the same store differ by more. To compare stores, repeat with --runs 5.
        ");
    }
}
