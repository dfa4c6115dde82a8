//! The history of a figure: one line of JSON for each experiment, which is only ever added to.
//!
//! A line is short, so that a branch or a small file holds years of them. It says what was measured, on which machine and for
//! which commit, where the runs are, and the medians of the head.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::decision::GateVerdict;
use super::margins::Margins;
use super::matching::repetitions_of;
use super::quantity::Quantity;
use super::record::TOTAL;
use super::terms;
use crate::record::{Host, Run, Tool};

/// Name and version of the format. A change that would mislead an old reader raises the number.
pub const HISTORY_SCHEMA: &str = "storebench/history/1";
/// No line is longer, its end included. What does not fit is left out and counted, what is only shown first.
pub const LONGEST_LINE: usize = 2_000;
/// No text of a line is longer, but for the path of the runs.
const LONGEST_TEXT: usize = 80;

/// What is kept of one experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryLine {
    /// Name and version of the format, [`HISTORY_SCHEMA`].
    pub schema: String,
    /// When it ended: RFC 3339, UTC.
    pub at: String,
    /// The commit that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The release that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The program that measured: `storebench 0.1.0 (release)`.
    pub tool: String,
    /// The machine.
    pub host: HostFingerprint,
    /// What its gate said; absent of one that was added without a gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<GateVerdict>,
    /// The results folder with its runs, from the folder of the history where it lies below that.
    pub results: String,
    /// Whether the folder is that of a measured gate, of which these are the runs of the head.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_head: bool,
    /// What was measured.
    pub work: Vec<MeasuredWork>,
    /// How many figures did not fit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
}

/// The machine, as far as figures of two machines may not be set against each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFingerprint {
    /// CPU model.
    pub cpu: String,
    /// Logical CPUs.
    pub cpus: u64,
    /// Installed memory in MiB.
    pub memory_mib: u64,
    /// Name and major version of the kernel.
    pub kernel: String,
    /// Hypervisor or container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtualization: Option<String>,
    /// The cloud's instance type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// The medians of one workload on one store under one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredWork {
    /// The workload.
    pub workload: String,
    /// The store.
    pub store: String,
    /// The level of load, where there are several of this workload on this store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<String>,
    /// A digest of all that has to be equal before runs may be compared: data, operations, load, length, durability.
    pub terms: String,
    /// How many runs the medians are of.
    pub runs: usize,
    /// By `operation/metric`, to four digits, in the units of `gate.json`.
    pub medians: BTreeMap<String, f64>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What the medians of a line are of, and what is said beside them.
pub struct KeptExperiment<'a> {
    /// The runs. Invalid ones are left out, and noisy ones where others are left.
    pub runs: Vec<&'a Run>,
    /// When it ended.
    pub at: &'a str,
    /// The program that measured.
    pub tool: &'a Tool,
    /// The machine.
    pub host: &'a Host,
    /// What its gate said.
    pub verdict: Option<GateVerdict>,
    /// Where the runs are.
    pub results: String,
    /// Whether there are runs of a base as well.
    pub of_head: bool,
    /// The commit that was measured.
    pub commit: Option<String>,
    /// The release that was measured.
    pub release: Option<String>,
}

impl HostFingerprint {
    /// The fingerprint of a machine.
    pub fn of(host: &Host) -> HostFingerprint {
        HostFingerprint {
            cpu: short(&host.cpu),
            cpus: host.cpus,
            memory_mib: host.memory_bytes >> 20,
            kernel: short(&terms::kernel(host)),
            virtualization: host.virtualization.as_deref().map(short),
            instance: host.instance.as_deref().map(short),
        }
    }

    /// Whether figures of both may be set against each other.
    pub fn is_same(&self, other: &HostFingerprint) -> bool {
        let (less, more) = (self.memory_mib.min(other.memory_mib), self.memory_mib.max(other.memory_mib));
        let of_this_memory = HostFingerprint { memory_mib: self.memory_mib, ..other.clone() };
        *self == of_this_memory && more as f64 <= less as f64 * (1.0 + terms::SAME_MEMORY)
    }

    /// `AMD EPYC 7763, 2 CPUs, 7944 MiB, Linux 6, kvm`.
    pub fn sentence(&self) -> String {
        let HostFingerprint { cpu, cpus, memory_mib, kernel, virtualization, instance } = self;
        let more = virtualization.iter().chain(instance).map(|one| format!(", {one}")).collect::<String>();
        format!("{cpu}, {cpus} CPUs, {memory_mib} MiB, {kernel}{more}")
    }
}

impl HistoryLine {
    /// The line of an experiment, of which `margins` say which figures matter most.
    ///
    /// # Errors
    /// When none of its runs has figures, or the line is too long without any.
    pub fn of(kept: KeptExperiment<'_>, margins: &Margins) -> Result<HistoryLine, String> {
        let valid: Vec<&Run> = kept.runs.iter().copied().filter(|run| run.verdict.valid).collect();
        let mut work = Vec::new();
        for (load, all) in repetitions_of(&valid) {
            let quiet: Vec<&Run> = all.iter().copied().filter(|run| run.verdict.noisy.is_empty()).collect();
            let runs = if quiet.is_empty() { all } else { quiet };
            work.push(MeasuredWork {
                workload: short(&runs[0].workload.name),
                store: short(&runs[0].store.name),
                load,
                terms: format!("{:08x}", xxh3_64(terms::text(runs[0]).as_bytes()) as u32),
                runs: runs.len(),
                medians: medians(&runs),
            });
        }
        if work.iter().all(|one| one.medians.is_empty()) {
            return Err("none of its runs is valid".to_owned());
        }
        let Tool { name, version, profile } = kept.tool;
        let line = HistoryLine {
            schema: HISTORY_SCHEMA.to_owned(),
            at: short(kept.at),
            commit: kept.commit.as_deref().map(short),
            release: kept.release.as_deref().map(short),
            tool: short(&format!("{name} {version} ({profile})")),
            host: HostFingerprint::of(kept.host),
            verdict: kept.verdict,
            results: kept.results,
            of_head: kept.of_head,
            work,
            left_out: 0,
        };
        line.fitted(margins)
    }

    /// The line without the figures for which there is no room. Last go those that gate of all operations together, before
    /// them those that gate of one operation, then what is shown of all together, and first what is shown of one operation.
    fn fitted(mut self, margins: &Margins) -> Result<HistoryLine, String> {
        let mut order: Vec<(usize, usize, String)> = Vec::new();
        for (at, work) in self.work.iter().enumerate() {
            for key in work.medians.keys() {
                let (operation, quantity) = figure(key).unwrap_or((TOTAL, Quantity::Throughput));
                let single = Some(operation).filter(|name| *name != TOTAL);
                let is_gated = margins.of(&work.workload, single, quantity).is_some();
                let rank = 2 * usize::from(!is_gated) + usize::from(single.is_some());
                order.push((rank, at, key.clone()));
            }
        }
        order.sort();
        while self.to_json().len() > LONGEST_LINE {
            let Some((_, at, key)) = order.pop() else {
                return Err(format!(
                    "its line has more than {LONGEST_LINE} bytes even without figures: use a shorter path"
                ));
            };
            self.work[at].medians.remove(&key);
            self.left_out += 1;
        }
        self.work.retain(|work| !work.medians.is_empty());
        Ok(self)
    }

    /// The line with its end.
    pub fn to_json(&self) -> String {
        // Text and finite numbers only.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// All lines of a file, in their order.
    ///
    /// # Errors
    /// When one is no line of this format; the sentence gives its number.
    pub fn read_all(text: &str) -> Result<Vec<HistoryLine>, String> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let mut read = Vec::new();
        for (at, line) in lines {
            read.push(HistoryLine::read(line).map_err(|problem| format!("line {}: {problem}", at + 1))?);
        }
        if !text.is_empty() && !text.ends_with('\n') {
            let last = text.lines().count();
            return Err(format!(
                "line {last}: it has no end, so it may be cut off; remove it, or end it with a newline"
            ));
        }
        Ok(read)
    }

    fn read(line: &str) -> Result<HistoryLine, String> {
        let raw: serde_json::Value = serde_json::from_str(line).map_err(|error| {
            format!("it is not JSON ({error}); a write that was cut off leaves such a line: remove it")
        })?;
        let schema = raw.get("schema").and_then(|schema| schema.as_str()).unwrap_or("none");
        if schema != HISTORY_SCHEMA {
            return Err(format!("it has schema `{}`; this version reads `{HISTORY_SCHEMA}`", short(schema)));
        }
        let read: HistoryLine = serde_json::from_value(raw).map_err(|error| error.to_string())?;
        for (key, value) in read.work.iter().flat_map(|work| &work.medians) {
            if figure(key).is_none() {
                return Err(format!("there is no figure `{}`", short(key)));
            }
            if !(value.is_finite() && *value > 0.0) {
                return Err(format!("`{}` is {value} and not a positive number", short(key)));
            }
        }
        Ok(read)
    }

    /// Whether it may serve as a baseline: its gate did not fail, or it had none.
    pub fn is_good(&self) -> bool {
        matches!(self.verdict, None | Some(GateVerdict::Ok | GateVerdict::Improved))
    }

    /// `0123456789ab of 2026-11-20T13:00:00Z`: the commit, cut as people cut it, or the release, with the time.
    pub fn name(&self) -> String {
        let commit = self.commit.as_ref().map(|commit| commit.chars().take(12).collect::<String>());
        let time = self.at.split('.').next().unwrap_or_default().trim_end_matches('Z');
        match (&self.release, commit) {
            (Some(release), Some(commit)) => format!("{release} ({commit}) of {time}Z"),
            (Some(name), None) => format!("{name} of {time}Z"),
            (None, Some(name)) => format!("{name} of {time}Z"),
            (None, None) => format!("a run of {time}Z"),
        }
    }
}

/// The operation and the quantity of a key.
pub fn figure(key: &str) -> Option<(&str, Quantity)> {
    let (operation, quantity) = key.rsplit_once('/')?;
    Some((operation, quantity.parse().ok()?))
}

fn medians(runs: &[&Run]) -> BTreeMap<String, f64> {
    let mut medians = BTreeMap::new();
    let mut keep = |operation: &str, quantity: Quantity, value: &dyn Fn(&Run) -> Option<f64>| {
        let values: Option<Vec<f64>> = runs.iter().map(|run| value(run)).collect();
        // A figure that a run does not carry is withheld of all.
        let values = values.filter(|values| values.iter().all(|value| value.is_finite() && *value > 0.0));
        if let Some(mut values) = values {
            values.sort_by(f64::total_cmp);
            let median = (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0;
            medians.insert(format!("{operation}/{}", quantity.name()), four_digits(median));
        }
    };
    let operations: Vec<&String> =
        runs[0].operations.iter().filter(|(_, one)| !one.is_step).map(|(name, _)| name).collect();
    for quantity in Quantity::ALL {
        keep(TOTAL, quantity, &|run| quantity.of_run(run));
        for name in operations.iter().filter(|_| operations.len() > 1 || quantity == Quantity::RoundTrips) {
            keep(name, quantity, &|run| quantity.of_named(run, name));
        }
    }
    medians
}

fn four_digits(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

fn short(text: &str) -> String {
    drivers::one_line(text).chars().take(LONGEST_TEXT).collect()
}
