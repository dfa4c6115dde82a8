//! The figures as tables for spreadsheets and notebooks: `summary.csv`, one row for each run and operation, and
//! `timeline.csv`, one for each second. Numbers are plain: nanoseconds, seconds, counts.
//!
//! Rows of invalid runs are there, with `valid` = false and the reasons beside their figures.

use crate::record::{Brief, Experiment, Latency, Mode, OperationRecord, Phase, Run};

/// The name of the row over all operations.
const TOTAL: &str = "total";

const RUN_COLUMNS: [&str; 19] = [
    "run",
    "repetition",
    "workload",
    "store",
    "version",
    "durability",
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
const LATENCY_COLUMNS: [&str; 6] = ["mean", "p50", "p90", "p99", "p999", "max"];
const INTERVAL_COLUMNS: [&str; 3] = ["low_ns", "high_ns", "above"];
const PERCENTILES: [&str; 4] = ["p50", "p90", "p99", "p999"];
const BRIEF_COLUMNS: [&str; 4] = ["p50", "p99", "p999", "max"];
const CLOCKS: [&str; 3] = ["response", "service", "lag"];

/// `summary.csv`.
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

/// `timeline.csv`.
pub fn timeline(experiment: &Experiment) -> anyhow::Result<Vec<u8>> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    let briefs = CLOCKS.iter().flat_map(|clock| BRIEF_COLUMNS.map(|column| format!("{clock}_{column}_ns")));
    let fixed = ["run", "at_s", "length_s", "phase", "ok", "failed", "skipped"].map(str::to_owned);
    rows.write_record(fixed.into_iter().chain(briefs))?;
    for run in &experiment.runs {
        for second in &run.timeline {
            let mut row = vec![run.id.clone(), second.at_s.to_string(), second.length_s.to_string()];
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
        header.extend(LATENCY_COLUMNS.map(|column| format!("{clock}_{column}_ns")));
        header.extend(PERCENTILES.iter().flat_map(|p| INTERVAL_COLUMNS.map(|column| format!("{clock}_{p}_{column}"))));
    }
    header.push("reasons".to_owned());
    header
}

/// `throughput_per_s` is given for the total alone; an operation's own is its count over the measured time.
fn summary_row(run: &Run, name: &str, operation: &OperationRecord, throughput_per_s: Option<f64>) -> Vec<String> {
    let interval = throughput_per_s.and(run.throughput_interval);
    let mut row = vec![
        run.id.clone(),
        run.repetition.to_string(),
        run.workload.name.clone(),
        run.store.name.clone(),
        run.store.description.version.clone(),
        run.store.description.guarantees.durability.name().to_owned(),
        mode(run.load.mode).to_owned(),
        run.load.clients.to_string(),
        optional(run.load.rate_per_s),
        run.phases.measure_s.to_string(),
        name.to_owned(),
        operation.ok.to_string(),
        operation.failed.to_string(),
        operation.refused.to_string(),
        operation.retries.to_string(),
        decimal(throughput_per_s.unwrap_or_else(|| super::per_second(run, operation))),
        optional(interval.map(|[low, _]| decimal(low))),
        optional(interval.map(|[_, high]| decimal(high))),
        run.verdict.valid.to_string(),
    ];
    row.extend(distribution(&operation.response_ns));
    row.extend(distribution(&operation.service_ns));
    row.push(run.verdict.reasons.join("; "));
    row
}

/// Empty fields for a distribution without samples: nothing is not zero.
fn distribution(latency: &Latency) -> Vec<String> {
    if latency.count == 0 {
        return vec![String::new(); LATENCY_COLUMNS.len() + PERCENTILES.len() * INTERVAL_COLUMNS.len()];
    }
    let mut fields = vec![decimal(latency.mean)];
    fields.extend([latency.p50, latency.p90, latency.p99, latency.p999, latency.max].map(|ns| ns.to_string()));
    for percentile in PERCENTILES {
        let interval = latency.intervals.get(percentile);
        fields.push(optional(interval.map(|interval| interval.low)));
        fields.push(optional(interval.and_then(|interval| interval.high)));
        fields.push(optional(interval.map(|interval| interval.above)));
    }
    fields
}

fn brief(brief: Brief) -> [String; 4] {
    [brief.p50, brief.p99, brief.p999, brief.max].map(|ns| ns.to_string())
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
    use crate::report::fixture;

    fn text(bytes: anyhow::Result<Vec<u8>>) -> String {
        String::from_utf8(bytes.expect("it writes to memory")).expect("the fixture is UTF-8")
    }

    #[test]
    fn the_summary_has_a_row_for_each_operation_and_the_total() {
        let mut experiment = fixture::experiment(vec![fixture::read_heavy()]);
        experiment.runs[0].store.name = "libsql, \"local\"".to_owned();
        let summary = text(summary(&experiment));
        let lines: Vec<&str> = summary.lines().collect();
        let columns = lines[0].split(',').count();
        assert_eq!((lines.len(), columns), (4, 19 + 2 * (6 + 12) + 1));
        insta::assert_snapshot!(lines[0].split(',').take(25).collect::<Vec<_>>().join(","), @r"
        run,repetition,workload,store,version,durability,mode,clients,rate_per_s,duration_s,operation,ok,failed,refused,retries,throughput_per_s,throughput_low_per_s,throughput_high_per_s,valid,response_mean_ns,response_p50_ns,response_p90_ns,response_p99_ns,response_p999_ns,response_max_ns
        ");
        insta::assert_snapshot!(lines[3].split(',').take(26).collect::<Vec<_>>().join(","), @r#"
        read-heavy-libsql-1,1,read-heavy,"libsql, ""local""",3.45.1,durable,closed,2,,30,total,59912,0,0,0,1997.1,1981.1,2013.0,true,57023.3,43039,73855,395519,711167,1637375
        "#);
    }

    #[test]
    fn nothing_is_not_zero_and_invalid_rows_say_so() {
        let mut run = fixture::read_heavy();
        run.operations.insert("never".to_owned(), OperationRecord::default());
        run.verdict = fixture::invalid("the client was the limit");
        let summary = text(summary(&fixture::experiment(vec![run])));
        let never = summary.lines().find(|line| line.contains(",never,")).expect("its row");
        assert!(never.contains(",0.0,,,false,,,,,"), "{never}");
        assert!(never.ends_with(",the client was the limit"), "{never}");
    }

    #[test]
    fn the_timeline_has_a_row_for_each_second() {
        let timeline = text(timeline(&fixture::experiment(vec![fixture::read_heavy()])));
        assert_eq!(timeline.lines().count(), 1 + 35);
        insta::assert_snapshot!(timeline.lines().take(2).collect::<Vec<_>>().join("\n"), @r"
        run,at_s,length_s,phase,ok,failed,skipped,response_p50_ns,response_p99_ns,response_p999_ns,response_max_ns,service_p50_ns,service_p99_ns,service_p999_ns,service_max_ns,lag_p50_ns,lag_p99_ns,lag_p999_ns,lag_max_ns
        read-heavy-libsql-1,-5,1,warmup,2012,0,0,42719,405503,660479,850431,42719,405503,660479,850431,0,0,0,0
        ");
    }
}
