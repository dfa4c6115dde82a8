//! What `sweep.json` says of a sweep, a level and an answer.

use std::time::Duration;

use super::requests::Search;
use crate::record::{Experiment, Run};
use crate::stats::ScalabilityLaw;
use crate::sweep::{AtRate, SWEEP_SCHEMA, ScalabilityRecord, SweepAnswer, SweepLevel, SweepRecord};
use crate::sweep::{Breach, LevelAsk, LevelFound, LevelVerdict, SweepLimit};

/// The record before the first level.
pub fn record(experiment: &Experiment, budget: Duration, searches: &[Search]) -> SweepRecord {
    let Experiment { tool, host, command, started_at, finished_at, seed, .. } = experiment.clone();
    let answer = |search: &Search| SweepAnswer {
        workload: search.request.workload.name.clone(),
        store: search.request.address.to_string(),
        version: String::new(),
        durability: None,
        clients: search.request.load.clients,
        slo: search.limits.iter().map(ToString::to_string).collect(),
        rate_per_s: Default::default(),
        capacity_per_s: None,
        saturated: false,
        knee_per_s: None,
        broke_first: None,
        at_low: None,
        ran_out: false,
        scalability: None,
        problem: Some("not finished: the sweep was interrupted".to_owned()),
        levels: Vec::new(),
    };
    SweepRecord {
        schema: SWEEP_SCHEMA.to_owned(),
        tool,
        host,
        command,
        started_at,
        finished_at,
        seed,
        budget_s: budget.as_secs_f64(),
        interrupted: true,
        answers: searches.iter().map(answer).collect(),
    }
}

/// A level and what was found at it.
pub fn level(ask: &LevelAsk, found: &LevelFound, limits: &[SweepLimit], run: &Run) -> SweepLevel {
    let verdict = found.verdict();
    let response = &run.total.response_ns;
    let shown = |ns: Option<u64>| ns.filter(|_| run.verdict.valid);
    let ended = run.counts.succeeded + run.counts.failed;
    let is_closed = ask.rate_per_s.is_none();
    SweepLevel {
        run: run.id.clone(),
        stage: ask.stage.name().to_owned(),
        offered_per_s: ask.rate_per_s,
        clients: run.load.clients,
        window_s: ask.window.as_secs_f64(),
        spent_ns: u64::try_from(found.spent.as_nanos()).unwrap_or(u64::MAX),
        completed_per_s: run.throughput_per_s,
        mean_ns: Some(response.mean).filter(|_| run.verdict.valid && response.count > 0),
        p50_ns: shown(response.p50),
        p99_ns: shown(response.p99),
        p999_ns: shown(response.p999),
        failed_share: run.counts.failed as f64 / ended.max(1) as f64,
        verdict: match &verdict {
            _ if is_closed && !verdict.is_unusable() => "none",
            LevelVerdict::Within => "within",
            LevelVerdict::Undecided { .. } => "undecided",
            LevelVerdict::Beyond(_) => "beyond",
        }
        .to_owned(),
        broke: verdict
            .breach()
            .filter(|_| !is_closed || verdict.is_unusable())
            .map(|breach| breach_text(breach, limits)),
        noisy: run.verdict.noisy.clone(),
    }
}

/// What broke, as `sweep.json` says it.
pub fn breach_text(breach: &Breach, limits: &[SweepLimit]) -> String {
    match breach {
        Breach::Overload => "overload".to_owned(),
        Breach::Errors => "errors".to_owned(),
        Breach::Limit(at) => limits[*at].to_string(),
        Breach::Unusable(reason) => reason.clone(),
    }
}

/// What server and client used at the rate of a run, and what it costs there.
pub fn at_rate(run: &Run, cpus: u64) -> AtRate {
    let estimate = run.cost.as_ref().and_then(|cost| cost.estimates.first());
    AtRate {
        run: run.id.clone(),
        server_cpus: run.server_cpu_ns_per_op.map(|ns| ns * run.throughput_per_s / 1e9),
        client_cpus: run.client.cpu_share * cpus as f64,
        threads_busy: run.client.threads_busy,
        usd_per_million: estimate.map(|estimate| estimate.usd_per_million),
        offer: estimate.map(|estimate| estimate.offer.id.clone()),
        utilisation: estimate.map(|estimate| estimate.utilisation),
    }
}

/// The law of scalability as `sweep.json` has it.
pub fn scalability(law: &ScalabilityLaw) -> ScalabilityRecord {
    let ScalabilityLaw { one_client_per_s, contention, coherency, peak } = *law;
    let (peak_clients, peak_per_s) = peak.unzip();
    ScalabilityRecord { one_client_per_s, contention, coherency, peak_clients, peak_per_s }
}
