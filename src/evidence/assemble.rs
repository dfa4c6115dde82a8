//! From a run's evidence to its record: percentiles with their intervals, counts that must add up, verdict.

use std::collections::BTreeMap;
use std::time::Duration;

use drivers::{Description, Durability, FailureKind, Placement, Store};
use hdrhistogram::Histogram;
use indexmap::IndexMap;

use super::measurement::Measurement;
use super::stability;
use super::timeline;
use super::verdict::{self, Findings, MeasuredLimit};
use super::work;
use crate::generate;
use crate::host;
use crate::measure::collector::{BlockedHistogram, Totals};
use crate::measure::histogram;
use crate::percentile::Limit;
use crate::record::{
    CheckResult, Client, Counts, Footprints, Latency, LoadInfo, Loading, Mode, OperationRecord, Percentile, Phases,
    Requirements, Run, Skew, SloRecord, StoreInfo, Uncertainty, WorkloadInfo,
};
use crate::request::{Pinning, RunRequest};
use crate::stats;
use crate::units;
use crate::workload::Changes;

/// All that is known of a run when it has ended.
pub struct RunEvidence<'a> {
    /// What was asked for.
    pub request: &'a RunRequest,
    /// What the store was and what it held.
    pub store: StoreEvidence,
    /// What the lanes measured.
    pub measurement: &'a Measurement,
    /// Why the measurement ended before its time; none if it did not.
    pub early_end: Option<EarlyEnd>,
}

/// What is known of the store of a run: from before the measurement, and from the checks after it.
#[derive(Clone)]
pub struct StoreEvidence {
    /// When it began to be prepared, as the record writes it.
    pub began_at: String,
    /// What it says of itself.
    pub description: Description,
    /// The durability tier that it was set for.
    pub tier: Durability,
    /// What was loaded, and how fast.
    pub loading: Loading,
    /// Whether it holds what was loaded, and after the run what it acknowledged.
    pub checks: Vec<CheckResult>,
    /// How much room the data takes.
    pub footprints: Footprints,
    /// How long the phases took; those that the lanes go through are still to be filled in.
    pub phases: Phases,
    /// Whether its server takes CPU time from its own clients.
    pub shares_machine: bool,
    /// What was found wrong with the store itself after the run, each in one sentence.
    pub problems: Vec<String>,
}

impl StoreEvidence {
    /// Makes it that of one more run on the same data, which loads nothing.
    pub fn used_again(&mut self) {
        self.began_at = host::timestamp();
        self.phases = Phases::default();
        self.loading.reused = true;
        self.loading.rows_per_s = 0.0;
    }
}

/// Why a measurement ended before its time.
#[derive(Debug, Clone)]
pub enum EarlyEnd {
    /// The user stopped it.
    Interrupted,
    /// It could not go on, for this reason.
    GivenUp(String),
}

/// Assembles the record of a run on this store.
///
/// # Errors
/// When a histogram cannot be encoded, which would be a bug.
///
/// # Panics
/// When the counters do not add up: then no figure of the run can be trusted.
pub fn assemble<S: Store>(evidence: RunEvidence<'_>, store: &S) -> anyhow::Result<Run> {
    let RunEvidence { request, store: known, measurement, early_end } = evidence;
    let load = load_info(request, measurement, known.tier);
    let open_loop = load.mode == Mode::Open;
    let collected = &measurement.collected;
    let counts = counts(measurement);

    let mut operations = IndexMap::new();
    for (slot, totals) in measurement.slots.iter().zip(&collected.slots) {
        let record = OperationRecord { is_step: slot.is_step, ..operation(totals, open_loop)? };
        operations.insert(slot.name.clone(), record);
    }
    add_work(&mut operations, request, measurement);
    let total = OperationRecord { work: work::overall(operations.values()), ..operation(&collected.total, open_loop)? };

    let planned_s = request.load.until.elapsed().map(|planned| planned.as_secs_f64());
    let ended_s = collected.last_ended_ns.saturating_sub(measurement.measure_ns) as f64 / 1e9;
    // A store that did nothing at the end of the planned time did nothing in it; only a run that was stopped is shorter.
    let measure_s = planned_s.filter(|_| early_end.is_none()).map_or(ended_s, |planned_s| ended_s.max(planned_s));
    let mut timeline = timeline::without_gaps(&collected.timeline, measure_s, planned_s);
    measurement.usage.join(&mut timeline);
    let server = measurement.usage.total();
    let mut phases = known.phases;
    phases.warmup_s = Duration::from_nanos(measurement.measure_ns).as_secs_f64();
    phases.measure_s = measure_s;
    phases.drain_s = planned_s.map_or(0.0, |planned_s| (measure_s - planned_s).max(0.0));

    let client = client::<S>(request, measurement, counts, known.shares_machine)?;
    let standstill = collected.completions.longest_standstill(measure_s);
    let mut verdict = verdict::reach(&Findings {
        mode: load.mode,
        rate_per_s: load.rate_per_s,
        counts,
        timeline: &timeline,
        standstill,
        response: &total.response_ns,
        service: &total.service_ns,
        client: &client,
        checks: &known.checks,
        failed: &total.failed_ns,
        clients_s: measurement.clients_s,
        store_problems: known.problems,
        early_end: early_end.map(|end| match end {
            EarlyEnd::GivenUp(reason) => reason,
            EarlyEnd::Interrupted => format!("interrupted after {} of measurement", units::seconds(measure_s)),
        }),
        is_debug_build: cfg!(debug_assertions),
        limits: limits(request, &operations, &total),
    });
    verdict.notes.extend(measurement.warmup.as_ref().and_then(stability::of_warmup));
    if let (Some(stability), Some(warmup)) = (&mut verdict.stability, &measurement.warmup) {
        stability::after_warmup(stability, warmup);
    }
    verdict.notes.extend(request.workload.notes.iter().map(|note| note.text.clone()));
    verdict.notes.extend(notes_on_kept_data(request, known.loading.reused));
    Ok(Run {
        id: request.id.clone(),
        repetition: request.repetition,
        started_at: known.began_at,
        workload: workload_info(request),
        store: store_info(request, known.description, store),
        throughput_per_s: if measure_s > 0.0 { counts.succeeded as f64 / measure_s } else { 0.0 },
        throughput_interval: timeline::throughput_interval(&timeline),
        standstill,
        load,
        phases,
        warmup: measurement.warmup.clone(),
        loading: known.loading,
        counts,
        operations,
        total,
        timeline,
        client,
        footprint: Footprints { server, ..known.footprints },
        checks: known.checks,
        skew: skew(request),
        server_cpu_ns_per_op: server.map(|server| server.cpu_s * 1e9 / counts.succeeded.max(1) as f64),
        cost: None,
        verdict,
    })
}

/// What the suite itself did and used.
fn client<S: Store>(
    request: &RunRequest,
    measurement: &Measurement,
    counts: Counts,
    shares_machine: bool,
) -> anyhow::Result<Client> {
    let &Measurement { cpu, wall, threads, .. } = measurement;
    let collected = &measurement.collected;
    Ok(Client {
        cpu_ns_per_op: cpu.as_nanos() as f64 / (counts.succeeded + counts.failed).max(1) as f64,
        cpu_share: share(cpu, wall, host::cpus()),
        threads_busy: (S::PLACEMENT == Placement::Remote).then(|| share(cpu, wall, host::cpus().min(threads as u64))),
        lag_ns: latency(&collected.total.lag, &[])?,
        pacer_ns: latency(&collected.pacer, &[])?,
        delay_ns: latency(&collected.delay, &[])?,
        clamped: collected.clamped,
        reconnects: measurement.reconnects,
        disconnected_s: measurement.disconnected_s,
        shares_machine,
        threads_ran: measurement.run_queue.map(|queue| busy_cpus(queue.ran, measurement.measured)),
        threads_waited: measurement.run_queue.map(|queue| busy_cpus(queue.waited, measurement.measured)),
        threads_cpus: threads_cpus(request, measurement, shares_machine),
        other_cpus: other_cpus(measurement, shares_machine),
        stolen_cpus: measurement.machine.map(|machine| busy_cpus(machine.stolen, wall)),
        throttled_cpus: measurement.machine.map(|machine| busy_cpus(machine.throttled, wall)),
        floor_per_s: request.load.client_floor_per_s,
    })
}

/// What became of data that an earlier run kept, and what will become of this run's.
fn notes_on_kept_data(request: &RunRequest, reused: bool) -> Vec<String> {
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
    request: &'a RunRequest,
    operations: &'a IndexMap<String, OperationRecord>,
    total: &'a OperationRecord,
) -> Vec<MeasuredLimit<'a>> {
    let overall = request.plan().slo.limits.iter().map(|limit| ("all operations", Some(total), *limit));
    let single = request.plan().operations.iter().flat_map(|operation| {
        let record = operations.get(&operation.name);
        operation.slo.limits.iter().map(move |limit| (operation.name.as_str(), record, *limit))
    });
    let limited = |(of, record, limit): (&'a str, Option<&'a OperationRecord>, Limit)| {
        Some(MeasuredLimit { of, limit, response: &record?.response_ns })
    };
    overall.chain(single).filter_map(limited).collect()
}

/// Every operation that was due has an outcome, and every outcome an operation.
fn counts(measurement: &Measurement) -> Counts {
    let total = &measurement.collected.total;
    let counts = Counts {
        scheduled: measurement.scheduled,
        succeeded: total.ok,
        refused: total.refused,
        failed: total.failures(),
        skipped: measurement.collected.skipped,
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

/// Adds to each operation of the workload what it moves.
fn add_work(operations: &mut IndexMap<String, OperationRecord>, request: &RunRequest, measurement: &Measurement) {
    let Some(tally) = &measurement.tally else { return };
    for (at, operation) in request.plan().operations.iter().enumerate() {
        if let Some(record) = operations.get_mut(&operation.name) {
            record.work = tally.work(at);
        }
    }
}

fn by_name<T: Clone>(by_kind: &BTreeMap<FailureKind, T>) -> BTreeMap<String, T> {
    by_kind.iter().map(|(kind, value)| (kind.name().to_owned(), value.clone())).collect()
}

fn series(series: &BlockedHistogram) -> anyhow::Result<Latency> {
    latency(&series.all, series.complete_blocks())
}

/// A distribution with the percentiles that it has enough samples for; with blocks, also their intervals.
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

/// CPUs that the client's threads could have used. Unknown beside a server on this machine that the suite has not started.
fn threads_cpus(request: &RunRequest, measurement: &Measurement, shares_machine: bool) -> Option<f64> {
    let Pinning { client, server } = &request.load.cpus;
    let cpus = if client.is_empty() { host::cpus() as f64 } else { client.len() as f64 };
    let is_apart = !client.is_empty() && !server.is_empty() && !client.iter().any(|cpu| server.contains(cpu));
    match measurement.usage.total() {
        Some(used) if !is_apart => Some(cpus - used.cpu_s / measurement.wall.as_secs_f64().max(1e-9)),
        None if shares_machine => None,
        _ => Some(cpus),
    }
}

/// CPUs that were busy with neither this process nor the store's server. What a server uses that is not ours to watch cannot
/// be distinguished from what other processes use.
fn other_cpus(measurement: &Measurement, shares_machine: bool) -> Option<f64> {
    let server = match measurement.usage.total() {
        Some(server) => Duration::from_secs_f64(server.cpu_s),
        None if shares_machine => return None,
        None => Duration::ZERO,
    };
    Some(busy_cpus(measurement.machine?.busy.saturating_sub(measurement.cpu + server), measurement.wall))
}

/// CPU time as the number of CPUs that it keeps busy all of the time.
fn busy_cpus(cpu: Duration, wall: Duration) -> f64 {
    cpu.as_secs_f64() / wall.as_secs_f64().max(1e-9)
}

/// How skewed the accesses are of the part that most operations aim at.
fn skew(request: &RunRequest) -> Option<Skew> {
    let (part, shares) = generate::shares(request.plan())?;
    Some(Skew { part: request.plan().dataset.name_of(part).to_owned(), shares })
}

/// CPU time as a share of what so many CPUs have; at most 1.
fn share(cpu: Duration, wall: Duration, cpus: u64) -> f64 {
    let available = wall.as_secs_f64() * cpus as f64;
    if available > 0.0 { (cpu.as_secs_f64() / available).min(1.0) } else { 0.0 }
}

fn load_info(request: &RunRequest, measurement: &Measurement, durability: Durability) -> LoadInfo {
    let load = &request.load;
    LoadInfo {
        mode: if load.rate_per_s.is_some() { Mode::Open } else { Mode::Closed },
        clients: load.clients,
        threads: measurement.threads as u32,
        rate_per_s: load.rate_per_s,
        arrivals: load.rate_per_s.map(|_| format!("{:?}", load.arrivals).to_lowercase()),
        skip_after_s: load.rate_per_s.and(load.skip_after).map(|limit| limit.as_secs_f64()),
        duration_s: load.until.elapsed().map(|planned| planned.as_secs_f64()),
        ops: load.until.operations(),
        warmup_s: load.warmup.as_secs_f64(),
        max_retries: load.max_retries,
        durability,
        client_cpus: load.cpus.client.clone(),
        server_cpus: load.cpus.server.clone(),
    }
}

fn workload_info(request: &RunRequest) -> WorkloadInfo {
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
fn slo(request: &RunRequest) -> SloRecord {
    let plan = request.plan();
    let limited = plan.operations.iter().filter(|operation| !operation.slo.limits.is_empty());
    let operations = limited.map(|operation| (operation.name.clone(), operation.slo.limits.clone()));
    SloRecord { total: plan.slo.limits.clone(), operations: operations.collect() }
}

fn store_info<S: Store>(request: &RunRequest, description: Description, store: &S) -> StoreInfo {
    let examples = generate::examples(&request.generator);
    let bindings = request
        .plan()
        .operations
        .iter()
        .zip(examples)
        .map(|(operation, ops)| (operation.name.clone(), ops.iter().map(|op| store.explain(op)).collect()));
    StoreInfo {
        name: request.address.to_string(),
        driver: S::NAME.to_owned(),
        placement: S::PLACEMENT,
        description,
        bindings: bindings.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_that_too_few_samples_carry_is_not_in_the_record_and_their_number_is() {
        let mut few = histogram::new();
        (1..=150).for_each(|ns| few.record(ns * 1_000).expect("it grows"));
        let latency = latency(&few, &[]).expect("it encodes");
        assert_eq!([latency.p50.is_some(), latency.p90.is_some()], [true, true]);
        assert_eq!([latency.p99, latency.p999], [None, None]);
        let above =
            Percentile::RECORDED.map(|percentile| latency.uncertainty(percentile).map(|uncertainty| uncertainty.above));
        assert_eq!(above, [75, 15, 1, 0].map(Some), "in a run without blocks, too");
        let whole = histogram::decode(&latency.histogram).expect("the distribution stays whole");
        assert_eq!((whole.len(), whole.max()), (150, latency.max));
    }
}
