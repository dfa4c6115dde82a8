//! The figures as tables for spreadsheets and notebooks: `summary.csv`, one row for each run and operation, and
//! `timeline.csv`, one for each second. Numbers are plain: nanoseconds, seconds, counts.
//!
//! Rows of invalid runs are there, with `valid` = false and the reasons beside their figures; those of overloaded ones have
//! the completed rate, the backlog of arrivals at the planned end, and no latencies. A percentile that too few
//! samples carry is an empty field beside the number of samples above it. Spreadsheets take text that begins with `=`, `+`,
//! `-` or `@` for a formula: names, versions and reasons that do have an apostrophe before them.

use drivers::one_line;

use super::words::sendings;
use crate::record::{Brief, Experiment, Latency, Mode, OperationRecord, Percentile, Phase, Run};

/// The name of the row over all operations.
const TOTAL: &str = "total";

const RUN_COLUMNS: [&str; 20] = [
    "run",
    "repetition",
    "workload",
    "store",
    "version",
    "durability",
    "transactions",
    "mode",
    "clients",
    "rate_per_s",
    "duration_s",
    "operation",
    "ok",
    "failed",
    "refused",
    "retries",
    "throughput_per_s",
    "throughput_low_per_s",
    "throughput_high_per_s",
    "valid",
];
const INTERVAL_COLUMNS: [&str; 3] = ["low_ns", "high_ns", "above"];
const CLOCKS: [&str; 3] = ["response", "service", "lag"];

/// `summary.csv`: a row for each run and operation.
///
/// # Errors
/// When a row cannot be written to memory, which would be a bug.
pub fn summary(experiment: &Experiment) -> anyhow::Result<Vec<u8>> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(summary_header())?;
    for run in &experiment.runs {
        for (name, operation) in &run.operations {
            rows.write_record(summary_row(run, name, operation, None))?;
        }
        rows.write_record(summary_row(run, TOTAL, &run.total, Some(run.throughput_per_s)))?;
    }
    Ok(rows.into_inner().map_err(|error| error.into_error())?)
}

/// `timeline.csv`: a row for each second of each run.
///
/// # Errors
/// When a row cannot be written to memory, which would be a bug.
pub fn timeline(experiment: &Experiment) -> anyhow::Result<Vec<u8>> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    let percentiles = Percentile::REPORTED.map(|percentile| format!("{}_ns", percentile.name()));
    let columns = [&["count".to_owned()], &percentiles[..], &["max_ns".to_owned()]].concat();
    let briefs = CLOCKS.iter().flat_map(|clock| columns.iter().map(move |column| format!("{clock}_{column}")));
    let fixed = ["run", "at_s", "length_s", "phase", "ok", "failed", "skipped"].map(str::to_owned);
    rows.write_record(fixed.into_iter().chain(briefs))?;
    for run in &experiment.runs {
        for second in &run.timeline {
            let mut row = vec![text(&run.id), second.at_s.to_string(), second.length_s.to_string()];
            row.push(phase(second.phase).to_owned());
            row.extend([second.ok, second.failed, second.skipped].map(|count| count.to_string()));
            row.extend([second.response_ns, second.service_ns, second.lag_ns].into_iter().flat_map(brief));
            rows.write_record(row)?;
        }
    }
    Ok(rows.into_inner().map_err(|error| error.into_error())?)
}

fn summary_header() -> Vec<String> {
    let mut header: Vec<String> = RUN_COLUMNS.map(str::to_owned).into();
    for clock in &CLOCKS[..2] {
        let recorded = Percentile::RECORDED.map(Percentile::name);
        header.extend(["mean"].iter().chain(&recorded).chain(&["max"]).map(|name| format!("{clock}_{name}_ns")));
        let interval = |p: Percentile| INTERVAL_COLUMNS.map(|column| format!("{clock}_{}_{column}", p.name()));
        header.extend(Percentile::RECORDED.into_iter().flat_map(interval));
    }
    header.extend(
        ["reasons", "noisy", "verdict", "backlog", "behind_s", "stability", "stability_evidence"].map(str::to_owned),
    );
    header
}

/// `throughput_per_s` is given for the total alone; an operation's own is its count over the measured time.
fn summary_row(run: &Run, name: &str, operation: &OperationRecord, throughput_per_s: Option<f64>) -> Vec<String> {
    let interval = throughput_per_s.and(run.throughput_interval);
    let mut row = vec![
        text(&run.id),
        run.repetition.to_string(),
        text(&run.workload.name),
        text(&run.store.name),
        text(&run.store.description.version),
        run.store.description.guarantees.durability.name().to_owned(),
        sendings(run).join(" "),
        mode(run.load.mode).to_owned(),
        run.load.clients.to_string(),
        optional(run.load.rate_per_s),
        run.phases.measure_s.to_string(),
        text(name),
        operation.ok.to_string(),
        operation.failed.to_string(),
        operation.refused.to_string(),
        operation.retries.to_string(),
        decimal(throughput_per_s.unwrap_or_else(|| run.per_second(operation))),
        optional(interval.map(|[low, _]| decimal(low))),
        optional(interval.map(|[_, high]| decimal(high))),
        run.verdict.valid.to_string(),
    ];
    let overload = run.verdict.overload.as_ref();
    for latency in [&operation.response_ns, &operation.service_ns] {
        row.extend(if overload.is_some() { no_distribution() } else { distribution(latency) });
    }
    row.extend([&run.verdict.reasons, &run.verdict.noisy].map(|sentences| text(&sentences.join("; "))));
    let verdict = match overload {
        Some(_) => "overloaded",
        None if run.verdict.valid => "valid",
        None => "invalid",
    };
    row.push(verdict.to_owned());
    row.push(optional(overload.map(|overload| overload.waiting)));
    row.push(optional(overload.map(|overload| format!("{:.3}", overload.behind_s))));
    let stability = run.verdict.stability.as_ref();
    row.push(optional(stability.map(|found| found.verdict.name())));
    row.push(optional(stability.map(|found| text(&found.evidence))));
    row
}

/// Empty fields for a distribution without samples: nothing is not zero.
fn distribution(latency: &Latency) -> Vec<String> {
    if latency.count == 0 {
        return no_distribution();
    }
    let mut fields = vec![decimal(latency.mean)];
    fields.extend(Percentile::RECORDED.map(|percentile| optional(latency.percentile_ns(percentile))));
    fields.push(latency.max.to_string());
    for percentile in Percentile::RECORDED {
        let uncertainty = latency.uncertainty(percentile);
        fields.push(optional(uncertainty.and_then(|uncertainty| uncertainty.low)));
        fields.push(optional(uncertainty.and_then(|uncertainty| uncertainty.high)));
        fields.push(percentile.above(latency.count).to_string());
    }
    fields
}

fn no_distribution() -> Vec<String> {
    vec![String::new(); 2 + Percentile::RECORDED.len() * (1 + INTERVAL_COLUMNS.len())]
}

/// Nothing but a count where nothing ended.
fn brief(brief: Brief) -> [String; 5] {
    let max = Some(brief.max).filter(|_| brief.count > 0);
    [Some(brief.count), brief.p50, brief.p99, brief.p999, max].map(optional)
}

/// A field that is text: one line that can be shown, and no formula. The signs are those of the OWASP's page on CSV
/// injection; full-width ones begin a formula, too.
fn text(foreign: &str) -> String {
    let line = one_line(foreign);
    let is_formula = line.starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if is_formula { format!("'{line}") } else { line }
}

fn decimal(number: f64) -> String {
    format!("{number:.1}")
}

fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Closed => "closed",
        Mode::Open => "open",
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Warmup => "warmup",
        Phase::Measure => "measure",
        Phase::Drain => "drain",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    fn utf8(bytes: anyhow::Result<Vec<u8>>) -> String {
        String::from_utf8(bytes.expect("it writes to memory")).expect("the fixture is UTF-8")
    }

    #[test]
    fn the_summary_has_a_row_for_each_operation_and_the_total() {
        let mut experiment = fixtures::experiment(vec![fixtures::read_heavy()]);
        experiment.runs[0].store.name = "libsql, \"local\"".to_owned();
        let summary = utf8(summary(&experiment));
        let lines: Vec<&str> = summary.lines().collect();
        let columns = lines[0].split(',').count();
        assert_eq!((lines.len(), columns), (4, 20 + 2 * (6 + 12) + 7));
        insta::assert_snapshot!(lines[0].split(',').take(26).collect::<Vec<_>>().join(","), @r"
        run,repetition,workload,store,version,durability,transactions,mode,clients,rate_per_s,duration_s,operation,ok,failed,refused,retries,throughput_per_s,throughput_low_per_s,throughput_high_per_s,valid,response_mean_ns,response_p50_ns,response_p90_ns,response_p99_ns,response_p999_ns,response_max_ns
        ");
        insta::assert_snapshot!(lines[3].split(',').take(27).collect::<Vec<_>>().join(","), @r#"
        read-heavy-libsql-1,1,read-heavy,"libsql, ""local""",3.45.1,durable,,closed,2,,30,total,59912,0,0,0,1997.1,1982.3,2011.8,true,57023.3,43039,73855,395519,711167,1637375
        "#);
    }

    #[test]
    fn nothing_is_not_zero_and_invalid_rows_say_so() {
        let mut run = fixtures::read_heavy();
        run.operations.insert("never".to_owned(), OperationRecord::default());
        run.verdict = fixtures::invalid("the client was the limit");
        let summary = utf8(summary(&fixtures::experiment(vec![run])));
        let never = summary.lines().find(|line| line.contains(",never,")).expect("its row");
        assert!(never.contains(",0.0,,,false,,,,,"), "{never}");
        assert!(never.ends_with(",the client was the limit,,invalid,,,,"), "{never}");
    }

    #[test]
    fn what_too_few_samples_carry_is_empty_and_their_number_is_there() {
        let run = fixtures::run(&fixtures::SyntheticRun { seconds: 3, ..fixtures::SyntheticRun::default() });
        let summary = utf8(summary(&fixtures::experiment(vec![run])));
        let [header, _, update, _] = summary.lines().collect::<Vec<_>>()[..] else { panic!("a header and three rows") };
        let field = |name: &str| {
            header.split(',').zip(update.split(',')).find(|(column, _)| *column == name).map(|pair| pair.1)
        };
        let ok: u64 = field("ok").and_then(|ok| ok.parse().ok()).expect("a count");
        assert!((100..1_000).contains(&ok) && field("response_p90_ns").is_some_and(|p90| !p90.is_empty()));
        assert_eq!([field("response_p99_ns"), field("response_p999_ns")], [Some(""), Some("")]);
        let above = ["p50", "p90", "p99", "p999"].map(|p| field(&format!("response_{p}_above")).map(str::to_owned));
        assert_eq!(above, Percentile::RECORDED.map(|percentile| Some(percentile.above(ok).to_string())));
    }

    #[test]
    fn text_is_no_formula_and_numbers_stay_numbers() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n@x", "\u{ff1d}1"] {
            assert!(text(formula).starts_with('\''), "{formula:?}: {}", text(formula));
        }
        assert_eq!(text("libsql?x=1"), "libsql?x=1");
        let mut run = fixtures::read_heavy();
        run.store.name = "=HYPERLINK(\"http://example.com\")".to_owned();
        let experiment = fixtures::experiment(vec![run]);
        assert!(utf8(summary(&experiment)).contains(",\"'=HYPERLINK(\"\"http://example.com\"\")\","));
        assert!(utf8(timeline(&experiment)).contains(",-5,1,warmup,"), "a negative number is no formula");
    }

    #[test]
    fn the_timeline_has_a_row_for_each_second() {
        let timeline = utf8(timeline(&fixtures::experiment(vec![fixtures::read_heavy()])));
        assert_eq!(timeline.lines().count(), 1 + 35);
        insta::assert_snapshot!(timeline.lines().take(2).collect::<Vec<_>>().join("\n"), @r"
        run,at_s,length_s,phase,ok,failed,skipped,response_count,response_p50_ns,response_p99_ns,response_p999_ns,response_max_ns,service_count,service_p50_ns,service_p99_ns,service_p999_ns,service_max_ns,lag_count,lag_p50_ns,lag_p99_ns,lag_p999_ns,lag_max_ns
        read-heavy-libsql-1,-5,1,warmup,2012,0,0,2012,42719,405503,,850431,2012,42719,405503,,850431,0,,,,
        ");
    }
}
