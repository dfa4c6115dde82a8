//! From what was measured to the record of the run: percentiles with their intervals, counts that must add up, verdict.

use std::collections::BTreeMap;
use std::time::Duration;

use drivers::{Placement, Store};
use hdrhistogram::Histogram;
use indexmap::IndexMap;

use crate::generate;
use crate::host;
use crate::measure::collector::{Series, Totals};
use crate::measure::histogram;
use crate::percentile::Limit;
use crate::record::{
    Client, Counts, Footprints, Interval, Latency, LoadInfo, Mode, OperationRecord, Percentile, Phase, Requirements,
    Run, Skew, SloRecord, StoreInfo, Uncertainty, WorkloadInfo,
};
use crate::stats;
use crate::workload::Changes;

use super::measure::Measurement;
use super::pace::CancelToken;
use super::prepare::Prepared;
use super::verdict::{self, Evidence, Limited};
use super::work;
use super::{Request, Until};

/// The build profile, as far as the compiler tells.
pub const PROFILE: &str = if cfg!(debug_assertions) { "debug" } else { "release" };

/// Assembles the record.
///
/// # Errors
/// When a histogram cannot be encoded, which would be a bug.
///
/// # Panics
/// When the counters do not add up: then no figure of the run can be trusted.
pub fn assemble<S: Store>(
    request: &Request,
    prepared: &Prepared<S>,
    outcome: &Measurement,
    began_at: String,
    stop: &CancelToken,
    wrong: Vec<String>,
) -> anyhow::Result<Run> {
    let load = load_info(request, outcome, prepared);
    let open_loop = load.mode == Mode::Open;
    let measured = &outcome.measured;
    let counts = counts(outcome);

    let mut operations = IndexMap::new();
    for (slot, totals) in outcome.slots.iter().zip(&measured.slots) {
        let record = OperationRecord { is_step: slot.is_step, ..operation(totals, open_loop)? };
        operations.insert(slot.name.clone(), record);
    }
    weigh(&mut operations, request, outcome);
    let total = OperationRecord { work: work::overall(operations.values()), ..operation(&measured.total, open_loop)? };

    let planned_s = request.load.until.elapsed().map(|planned| planned.as_secs_f64());
    let ended_s = measured.last_ended_ns.saturating_sub(outcome.measure_ns) as f64 / 1e9;
    // A store that did nothing at the end of the planned time did nothing in it; only a run that was stopped is shorter.
    let measure_s = planned_s.filter(|_| !stop.is_set()).map_or(ended_s, |planned_s| ended_s.max(planned_s));
    let mut timeline = timeline(&measured.timeline, measure_s, planned_s);
    outcome.usage.join(&mut timeline);
    let server = outcome.usage.total();
    let mut phases = prepared.phases;
    phases.warmup_s = request.load.warmup.as_secs_f64();
    phases.measure_s = measure_s;
    phases.drain_s = planned_s.map_or(0.0, |planned_s| (measure_s - planned_s).max(0.0));

    let client = Client {
        cpu_ns_per_op: outcome.cpu.as_nanos() as f64 / (counts.succeeded + counts.failed).max(1) as f64,
        cpu_share: share(outcome.cpu, outcome.wall, host::cpus()),
        threads_busy: (S::PLACEMENT == Placement::Remote)
            .then(|| share(outcome.cpu, outcome.wall, host::cpus().min(outcome.threads as u64))),
        lag_ns: latency(&measured.total.lag, &[])?,
        pacer_ns: latency(&measured.pacer, &[])?,
        delay_ns: latency(&measured.delay, &[])?,
        clamped: measured.clamped,
        reconnects: outcome.ended.iter().map(|lane| lane.reconnects).sum(),
        disconnected_s: outcome.ended.iter().map(|lane| lane.disconnected.as_secs_f64()).sum(),
        shares_machine: prepared.shares_machine,
        other_cpus: other_cpus(outcome, prepared.shares_machine),
        stolen_cpus: outcome.given.map(|given| cpus(given.stolen, outcome.wall)),
    };
    let standstill = measured.completions.longest_standstill(measure_s);
    let mut verdict = verdict::reach(&Evidence {
        mode: load.mode,
        counts,
        timeline: &timeline,
        standstill,
        response: &total.response_ns,
        service: &total.service_ns,
        client: &client,
        checks: &prepared.checks,
        failed: &total.failed_ns,
        clients_s: outcome.ended.iter().map(|lane| lane.measured.as_secs_f64()).sum(),
        wrong,
        stopped: stop.is_set().then(|| {
            stop.reason().map_or_else(|| format!("interrupted after {measure_s:.1} s of measurement"), str::to_owned)
        }),
        profile: PROFILE,
        limits: limits(request, &operations, &total),
    });
    verdict.notes.extend(kept(request, prepared.loading.reused));
    Ok(Run {
        id: request.id.clone(),
        repetition: request.repetition,
        started_at: began_at,
        workload: workload_info(request),
        store: store_info(request, prepared),
        throughput_per_s: if measure_s > 0.0 { counts.succeeded as f64 / measure_s } else { 0.0 },
        throughput_interval: throughput_interval(&timeline),
        standstill,
        load,
        phases,
        loading: prepared.loading.clone(),
        counts,
        operations,
        total,
        timeline,
        client,
        footprint: Footprints { server, ..prepared.footprints },
        checks: prepared.checks.clone(),
        skew: skew(request),
        server_cpu_ns_per_op: server.map(|server| server.cpu_s * 1e9 / counts.succeeded.max(1) as f64),
        cost: None,
        verdict,
    })
}

/// What became of kept data, and will become of it.
fn kept(request: &Request, reused: bool) -> Vec<String> {
    let plan = request.plan();
    let changes = plan.dataset.parts().any(|part| plan.changes(part) != Changes::None);
    let mut notes = Vec::new();
    if reused {
        notes.push("the data of an earlier run was used again: nothing was loaded".to_owned());
    }
    if request.keep && changes {
        notes.push("the data was kept as this run has left it: --reuse will find it changed and load anew".to_owned());
    }
    notes
}

/// The limits of latency that the workload states, over all operations and for single ones.
fn limits<'a>(
    request: &'a Request,
    operations: &'a IndexMap<String, OperationRecord>,
    total: &'a OperationRecord,
) -> Vec<Limited<'a>> {
    let overall = request.plan().slo.limits.iter().map(|limit| ("all operations", Some(total), *limit));
    let single = request.plan().operations.iter().flat_map(|operation| {
        let record = operations.get(&operation.name);
        operation.slo.limits.iter().map(move |limit| (operation.name.as_str(), record, *limit))
    });
    let limited = |(of, record, limit): (&'a str, Option<&'a OperationRecord>, Limit)| {
        Some(Limited { of, limit, response: &record?.response_ns })
    };
    overall.chain(single).filter_map(limited).collect()
}

/// Every operation that was due has an outcome, and every outcome an operation.
fn counts(outcome: &Measurement) -> Counts {
    let total = &outcome.measured.total;
    let counts = Counts {
        scheduled: outcome.ended.iter().map(|lane| lane.scheduled).sum(),
        succeeded: total.ok,
        refused: total.refused,
        failed: total.failures(),
        skipped: outcome.measured.skipped,
        retries: total.retries,
    };
    assert_eq!(
        counts.scheduled,
        counts.succeeded + counts.failed + counts.skipped,
        "scheduled = succeeded + failed + skipped does not hold; no figure of this run can be trusted"
    );
    counts
}

fn operation(totals: &Totals, open_loop: bool) -> anyhow::Result<OperationRecord> {
    let service_ns = series(&totals.service)?;
    Ok(OperationRecord {
        ok: totals.ok,
        refused: totals.refused,
        failed: totals.failures(),
        failures: by_name(&totals.failed),
        messages: by_name(&totals.messages),
        retries: totals.retries,
        response_ns: if open_loop { series(&totals.response)? } else { service_ns.clone() },
        service_ns,
        failed_ns: latency(&totals.failed_service, &[])?,
        ..OperationRecord::default()
    })
}

/// Says of each operation what it moves.
fn weigh(operations: &mut IndexMap<String, OperationRecord>, request: &Request, outcome: &Measurement) {
    let Some((first, others)) = outcome.ended.split_first() else { return };
    let mut tally = first.tally.clone();
    others.iter().for_each(|lane| tally.merge(&lane.tally));
    for (at, operation) in request.plan().operations.iter().enumerate() {
        if let Some(record) = operations.get_mut(&operation.name) {
            record.work = tally.work(at);
        }
    }
}

fn by_name<T: Clone>(by_kind: &BTreeMap<drivers::FailureKind, T>) -> BTreeMap<String, T> {
    by_kind.iter().map(|(kind, value)| (kind.name().to_owned(), value.clone())).collect()
}

fn series(series: &Series) -> anyhow::Result<Latency> {
    latency(&series.all, series.complete_blocks())
}

/// A distribution with the percentiles that its samples carry; with blocks, also how sure they are.
fn latency(all: &Histogram<u64>, blocks: &[Histogram<u64>]) -> anyhow::Result<Latency> {
    if all.is_empty() {
        return Ok(Latency::default());
    }
    let ends = stats::percentile_intervals(blocks, Percentile::RECORDED.map(Percentile::quantile));
    let uncertainty = |(at, percentile): (usize, Percentile)| {
        let (low, high) = ends.map_or((None, None), |ends| (ends[at].low, ends[at].high));
        (percentile.name().to_owned(), Uncertainty { low, high, above: percentile.above(all.len()) })
    };
    let [p50, p90, p99, p999] = Percentile::RECORDED.map(|percentile| histogram::percentile_ns(all, percentile));
    Ok(Latency {
        count: all.len(),
        mean: all.mean(),
        p50,
        p90,
        p99,
        p999,
        max: all.max(),
        intervals: Percentile::RECORDED.into_iter().enumerate().map(uncertainty).collect(),
        histogram: histogram::encode(all)?,
    })
}

/// The timeline without gaps: a second in which nothing ended is a line of zeros, or a stall would be missing from
/// whatever is computed of it. Its seconds add up to the measurement, of which the last ends with the last operation.
fn timeline(lines: &[Interval], measure_s: f64, planned_s: Option<f64>) -> Vec<Interval> {
    let mut whole: Vec<Interval> = Vec::with_capacity(lines.len());
    let began_s = lines.iter().map(|line| line.at_s).fold(0.0, f64::min);
    let lines: BTreeMap<(i64, Phase), &Interval> =
        lines.iter().map(|line| ((line.at_s as i64, line.phase), line)).collect();
    for second in began_s as i64..measure_s.ceil() as i64 {
        let there = whole.len();
        whole.extend(lines.range((second, Phase::Warmup)..=(second, Phase::Drain)).map(|(_, line)| (*line).clone()));
        if whole.len() == there {
            whole.push(idle(second as f64, planned_s.unwrap_or(f64::INFINITY)));
        }
    }
    for line in whole.iter_mut().filter(|line| line.phase != Phase::Warmup) {
        line.length_s = (measure_s - line.at_s).clamp(0.001, 1.0);
    }
    whole
}

/// A second in which nothing ended.
fn idle(at_s: f64, planned_s: f64) -> Interval {
    let phase = match at_s {
        _ if at_s < 0.0 => Phase::Warmup,
        _ if at_s < planned_s => Phase::Measure,
        _ => Phase::Drain,
    };
    Interval { at_s, length_s: 1.0, phase, ..Interval::default() }
}

/// Over the same time as the throughput itself, drain included.
fn throughput_interval(timeline: &[Interval]) -> Option<[f64; 2]> {
    let measured = timeline.iter().filter(|line| line.phase != Phase::Warmup);
    let seconds: Vec<(u64, f64)> = measured.map(|line| (line.ok, line.length_s)).collect();
    stats::rate_interval(&seconds).map(|(_, interval)| interval)
}

/// CPUs that neither this process nor the store's server kept busy. What a server uses that is not ours to watch cannot be
/// told from what others use.
fn other_cpus(outcome: &Measurement, shares_machine: bool) -> Option<f64> {
    let server = match outcome.usage.total() {
        Some(server) => Duration::from_secs_f64(server.cpu_s),
        None if shares_machine => return None,
        None => Duration::ZERO,
    };
    Some(cpus(outcome.given?.busy.saturating_sub(outcome.cpu + server), outcome.wall))
}

/// As many CPUs as would be busy all of the time.
fn cpus(cpu: Duration, wall: Duration) -> f64 {
    cpu.as_secs_f64() / wall.as_secs_f64().max(1e-9)
}

/// How skewed the accesses are of the part that most operations aim at.
fn skew(request: &Request) -> Option<Skew> {
    let (part, shares) = generate::shares(request.plan())?;
    Some(Skew { part: request.plan().dataset.name_of(part).to_owned(), shares })
}

/// What CPU time is of so many CPUs.
fn share(cpu: Duration, wall: Duration, cpus: u64) -> f64 {
    let available = wall.as_secs_f64() * cpus as f64;
    if available > 0.0 { (cpu.as_secs_f64() / available).min(1.0) } else { 0.0 }
}

fn load_info<S: Store>(request: &Request, outcome: &Measurement, prepared: &Prepared<S>) -> LoadInfo {
    let load = &request.load;
    LoadInfo {
        mode: if load.rate_per_s.is_some() { Mode::Open } else { Mode::Closed },
        clients: load.clients,
        threads: outcome.threads as u32,
        rate_per_s: load.rate_per_s,
        arrivals: load.rate_per_s.map(|_| format!("{:?}", load.arrivals).to_lowercase()),
        skip_after_s: load.rate_per_s.and(load.skip_after).map(|limit| limit.as_secs_f64()),
        duration_s: load.until.elapsed().map(|planned| planned.as_secs_f64()),
        ops: match load.until {
            Until::Operations(operations) => Some(operations),
            Until::Elapsed(_) => None,
        },
        warmup_s: load.warmup.as_secs_f64(),
        max_retries: load.max_retries,
        durability: prepared.asked,
    }
}

fn workload_info(request: &Request) -> WorkloadInfo {
    let workload = &request.workload;
    WorkloadInfo {
        name: workload.name.clone(),
        about: workload.about.clone(),
        hash: workload.hash.clone(),
        stream_hash: generate::stream_hash(&request.generator, request.load.clients),
        rows: request.plan().rows(),
        text: workload.text.clone(),
        slo: Some(slo(request)),
        requires: Some(Requirements {
            durability: request.plan().require.durability,
            isolation: request.plan().require.isolation,
        }),
    }
}

/// The limits on latencies that the workload states.
fn slo(request: &Request) -> SloRecord {
    let plan = request.plan();
    let limited = plan.operations.iter().filter(|operation| !operation.slo.limits.is_empty());
    let operations = limited.map(|operation| (operation.name.clone(), operation.slo.limits.clone()));
    SloRecord { total: plan.slo.limits.clone(), operations: operations.collect() }
}

fn store_info<S: Store>(request: &Request, prepared: &Prepared<S>) -> StoreInfo {
    let examples = generate::examples(&request.generator);
    let bindings =
        request.plan().operations.iter().zip(examples).map(|(operation, ops)| {
            (operation.name.clone(), ops.iter().map(|op| prepared.store.explain(op)).collect())
        });
    StoreInfo {
        name: request.address.to_string(),
        driver: S::NAME.to_owned(),
        placement: S::PLACEMENT,
        description: prepared.description.clone(),
        bindings: bindings.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at_s: f64, phase: Phase) -> Interval {
        Interval { at_s, length_s: 1.0, phase, ok: 5, ..Interval::default() }
    }

    #[test]
    fn a_second_in_which_nothing_ended_is_a_line_of_the_timeline() {
        let lines = [line(-1.0, Phase::Warmup), line(0.0, Phase::Measure), line(3.0, Phase::Measure)];
        let whole = timeline(&lines, 5.5, Some(5.0));
        let told: Vec<_> = whole.iter().map(|line| (line.at_s, line.phase, line.ok, line.length_s)).collect();
        assert_eq!(
            told,
            [
                (-1.0, Phase::Warmup, 5, 1.0),
                (0.0, Phase::Measure, 5, 1.0),
                (1.0, Phase::Measure, 0, 1.0),
                (2.0, Phase::Measure, 0, 1.0),
                (3.0, Phase::Measure, 5, 1.0),
                (4.0, Phase::Measure, 0, 1.0),
                (5.0, Phase::Drain, 0, 0.5),
            ]
        );
    }

    #[test]
    fn a_percentile_that_too_few_samples_carry_is_not_in_the_record_and_their_number_is() {
        let mut few = histogram::new();
        (1..=150).for_each(|ns| few.record(ns * 1_000).expect("it grows"));
        let latency = latency(&few, &[]).expect("it encodes");
        assert_eq!([latency.p50.is_some(), latency.p90.is_some()], [true, true]);
        assert_eq!([latency.p99, latency.p999], [None, None]);
        let above = Percentile::RECORDED.map(|percentile| latency.uncertainty(percentile).map(|sure| sure.above));
        assert_eq!(above, [75, 15, 1, 0].map(Some), "in a run without blocks, too");
        let whole = histogram::decode(&latency.histogram).expect("the distribution stays whole");
        assert_eq!((whole.len(), whole.max()), (150, latency.max));
    }

    #[test]
    fn the_last_second_ends_with_the_last_operation() {
        let whole = timeline(&[line(0.0, Phase::Measure), line(1.0, Phase::Measure)], 1.25, None);
        assert_eq!(whole.iter().map(|line| line.length_s).collect::<Vec<_>>(), [1.0, 0.25]);
    }
}
