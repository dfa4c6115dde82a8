//! The work: what each workload is, how its data was loaded, and what it weighs.

use super::figure::Figure;
use crate::percentile::Limit;
use crate::record::{Experiment, Requirements, Run};
use crate::report::lists::distinct;
use crate::report::words;
use crate::stats::spread_of;
use crate::units;

/// A workload as run.
#[derive(Debug)]
pub struct WorkloadView {
    pub name: String,
    /// One sentence on what it mimics.
    pub about: String,
    /// Hash of its text.
    pub hash: String,
    /// Hashes of the streams of operations: one, if all stores were given the same work.
    pub streams: Vec<String>,
    /// Rows before the measurement.
    pub rows: String,
    /// How skewed the accesses were, in a sentence.
    pub skew: Option<String>,
    /// The workload file as run.
    pub text: String,
    /// Its limits over all operations.
    pub limits: Vec<Limit>,
    /// What it requires of its store.
    pub requires: Requirements,
    /// Whether any store tells what it holds in memory.
    pub tells_memory: bool,
    /// Whether any store tells what it has written.
    pub tells_written: bool,
    /// What loading took, by store.
    pub loads: Vec<LoadingRow>,
}

/// What loading a store took, the median of its runs.
#[derive(Debug)]
pub struct LoadingRow {
    pub store: String,
    /// Rows loaded per second.
    pub rows_per_s: Figure,
    /// How long loading took.
    pub loading: String,
    /// How long indexes, statistics and checkpoints took after it.
    pub settling: String,
    /// Logical size; here and below, what is unknown is a dash.
    pub data: String,
    /// On disk after loading.
    pub disk_loaded: String,
    /// Bytes on disk for each byte of data.
    pub amplification: Figure,
    /// On disk after the run.
    pub disk_after: String,
    /// In memory after the run.
    pub memory_after: String,
    /// Written to storage since the store was opened.
    pub written: String,
}

/// All workloads, in the order of the record.
pub fn workloads(experiment: &Experiment) -> Vec<WorkloadView> {
    let keys = distinct(experiment.runs.iter().map(|run| (&run.workload.name, &run.workload.hash)));
    let of = |key: (&String, &String)| {
        let runs = experiment.runs.iter().filter(|run| (&run.workload.name, &run.workload.hash) == key);
        workload(&runs.collect::<Vec<_>>())
    };
    keys.into_iter().map(of).collect()
}

fn workload(runs: &[&Run]) -> WorkloadView {
    let info = &runs[0].workload;
    let stores = distinct(runs.iter().map(|run| words::store(run)));
    let load = |store: String| {
        let own: Vec<&Run> = runs.iter().copied().filter(|run| words::store(run) == store).collect();
        load(store, &own)
    };
    WorkloadView {
        name: info.name.clone(),
        about: info.about.clone(),
        hash: info.hash.clone(),
        streams: distinct(runs.iter().map(|run| run.workload.stream_hash.clone())),
        rows: units::count(info.rows),
        skew: skew(runs),
        text: info.text.clone(),
        limits: info.limits(None).to_vec(),
        requires: info.requires.unwrap_or_default(),
        tells_memory: runs.iter().any(|run| run.footprint.after_run.memory_bytes.is_some()),
        tells_written: runs.iter().any(|run| run.footprint.after_run.written_bytes.is_some()),
        loads: stores.into_iter().map(load).collect(),
    }
}

/// How unevenly the accesses fell on the keys.
fn skew(runs: &[&Run]) -> Option<String> {
    // Shares that were computed are better than those that an older version counted, and of these the most accesses.
    let skews = runs.iter().filter_map(|run| run.skew.as_ref());
    let skew = skews.max_by_key(|skew| skew.shares.accesses.unwrap_or(u64::MAX))?;
    let shares = skew.shares;
    let percent = |share: f64| format!("{:.1}%", 100.0 * share);
    Some(format!(
        "of {} to {}, {} went to the hottest 1% of {} keys, {} to the hottest 10%, {} to the hottest 20%, and {} \
         to the hottest key alone",
        shares.accesses.map_or("the accesses".to_owned(), |counted| format!("{} accesses", units::count(counted))),
        skew.part,
        percent(shares.top_1),
        units::count(shares.keys),
        percent(shares.top_10),
        percent(shares.top_20),
        percent(shares.hottest),
    ))
}

fn load(store: String, runs: &[&Run]) -> LoadingRow {
    let median = |of: &dyn Fn(&Run) -> Option<f64>| {
        let known: Vec<f64> = runs.iter().copied().filter_map(of).collect();
        let [_, median, _] = spread_of(known.iter().copied());
        (!known.is_empty()).then_some(median)
    };
    let bytes = |of: fn(&Run) -> Option<u64>| median(&|run| of(run).map(|bytes| bytes as f64));
    let text = |bytes: Option<f64>| bytes.map_or("\u{2013}".to_owned(), |bytes| units::bytes(bytes as u64));
    let logical = bytes(|run| Some(run.loading.logical_bytes).filter(|bytes| *bytes > 0));
    let disk = bytes(|run| run.footprint.after_load.disk_bytes);
    let rates: Vec<f64> = runs.iter().map(|run| run.loading.rows_per_s).filter(|rate| *rate > 0.0).collect();
    let seconds = |of: fn(&Run) -> f64| units::seconds(median(&|run| Some(of(run))).unwrap_or_default());
    LoadingRow {
        store,
        rows_per_s: Figure::rate(&rates, None),
        loading: seconds(|run| run.phases.load_s),
        settling: seconds(|run| run.phases.settle_s),
        data: text(logical),
        disk_loaded: text(disk),
        disk_after: text(bytes(|run| run.footprint.after_run.disk_bytes)),
        memory_after: text(bytes(|run| run.footprint.after_run.memory_bytes)),
        written: text(bytes(|run| run.footprint.after_run.written_bytes)),
        amplification: match (logical, disk) {
            (Some(logical), Some(disk)) if disk > 0.0 => {
                let ratio = disk / logical;
                Figure { value: format!("{ratio:.2}\u{d7}"), spread: String::new(), sort: Some(ratio) }
            }
            _ => Figure::none(),
        },
    }
}
