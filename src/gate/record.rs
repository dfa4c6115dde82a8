//! The record of a gate, `gate.json`: every pair, order and value. Everything that a gate prints, draws or exports derives
//! from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decision::GateVerdict;
use super::look::Look;
use super::matching::title;
use super::quantity::Quantity;
use crate::record::{Host, Tool};

/// Name and version of the format. A change that would mislead an old reader raises the number.
pub const GATE_SCHEMA: &str = "storebench/gate/1";

/// The name by which the figures of all operations together go.
pub const TOTAL: &str = "total";

/// A head set against its base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateRecord {
    /// Name and version of the format, [`GATE_SCHEMA`].
    pub schema: String,
    /// The program that decided.
    pub tool: Tool,
    /// The command line, passwords removed.
    pub command: String,
    /// What is compared with.
    pub base: GateSide,
    /// What is judged.
    pub head: GateSide,
    /// Of everything together.
    pub verdict: GateVerdict,
    /// The verdict in one sentence.
    pub sentence: String,
    /// The share of gates in which chance alone may raise an alarm, over all figures.
    pub alpha: f64,
    /// How likely a change of the size `smallest_detectable` is found.
    pub power: f64,
    /// Whether a regression only counts, and does not fail.
    pub advise: bool,
    /// Fields in which the sides differ and that make them incomparable, unless that was allowed.
    pub mismatches: Vec<Mismatch>,
    /// Whether they were compared in spite of that.
    pub mismatch_allowed: bool,
    /// Why the sides are incomparable, apart from mismatches: invalid runs, and what is missing in the head. A sentence each.
    pub problems: Vec<String>,
    /// What a reader should know. A sentence each.
    pub notes: Vec<String>,
    /// What else differs where a figure regressed, by workload, load and store: where to look.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub differences: BTreeMap<String, Vec<String>>,
    /// One for each workload, store, operation and figure.
    pub comparisons: Vec<GateComparison>,
    /// One for each pair; runs that are no pairs are listed side by side, without an order.
    pub pairs: Vec<GatePair>,
    /// How a gate went that measured its pairs itself; absent of stored runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredGate>,
}

/// A gate that measures its pairs: what was planned, and how far it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredGate {
    /// What was asked for: a sentence for each workload. A gate goes on only with the same.
    pub asked: Vec<String>,
    /// All orders follow from it.
    pub seed: u64,
    /// When the pairs are judged.
    pub looks: Vec<Look>,
    /// The look at which it ended, from 1; 0 before the first one.
    pub looked: usize,
    /// How many figures were flagged at that look and had to show again on fresh pairs.
    pub flagged: usize,
    /// Whether it was interrupted: then nothing is decided, and `--resume` goes on.
    pub interrupted: bool,
    /// The builds of the suite that measured base and head, where they are two; none where the same process measured both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
}

/// One side of a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateSide {
    /// What the user called it: a folder, without passwords.
    pub label: String,
    /// The versions of the suite that measured it.
    pub tools: Vec<Tool>,
    /// The stores with their versions.
    pub stores: Vec<String>,
    /// The machine.
    pub host: Host,
    /// When its first run began: RFC 3339, UTC.
    pub started_at: String,
    /// When its last experiment ended: RFC 3339, UTC.
    pub finished_at: String,
}

/// A field in which the sides differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Which one: `CPU model`, `workload hash`.
    pub field: String,
    /// Of which workload; absent for the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// Its value in the base.
    pub base: String,
    /// Its value in the head.
    pub head: String,
}

impl Mismatch {
    /// `CPU model: A in the base, B in the head`.
    pub fn sentence(&self) -> String {
        let of = self.workload.as_ref().map_or_else(String::new, |workload| format!(" of {workload}"));
        format!("{}{of}: {} in the base, {} in the head", self.field, self.base, self.head)
    }
}

/// One figure on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateComparison {
    /// The workload.
    pub workload: String,
    /// The level of load, where there are several of this workload on this store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<String>,
    /// The store of the head, with that of the base where it has another name.
    pub store: String,
    /// The operation, or `total`.
    pub operation: String,
    /// The figure.
    pub metric: Quantity,
    /// The unit of its values.
    pub unit: String,
    /// `higher` or `lower`.
    pub better: String,
    /// Whether it may fail the gate.
    pub gated: bool,
    /// By which share it may get worse; absent where it does not gate.
    pub margin: Option<f64>,
    /// Median over the runs of the base.
    pub base: Option<f64>,
    /// Median over the runs of the head.
    pub head: Option<f64>,
    /// Head over base, from pairs or samples; absent where it cannot be said.
    pub ratio: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// The least share by which it could have got worse and been found in nine of ten gates; absent where nothing could.
    pub smallest_detectable: Option<f64>,
    /// Holm's probability of as much by chance.
    pub probability: Option<f64>,
    /// Standard deviation of ln(head / base) over the pairs, without the effect of the order; absent of runs that are no pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// The smallest margin that so many pairs tell on this machine, from its calibration; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// By which share the second run of a pair is higher than the first; absent of runs that are no pairs.
    pub position: Option<f64>,
    /// `pairs`, or `runs` that are none.
    pub unit_of_evidence: String,
    /// How many of them, on either side.
    pub counts: [usize; 2],
    /// What it is; absent where it does not gate.
    pub verdict: Option<GateVerdict>,
    /// What was found, in one sentence.
    pub sentence: String,
}

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatePair {
    /// The workload.
    pub workload: String,
    /// The level of load, as in the comparisons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<String>,
    /// The store, as in the comparisons.
    pub store: String,
    /// Its number, from 1.
    pub number: usize,
    /// `base first` or `head first`; absent where the two are no pair.
    pub order: Option<String>,
    /// The run of the base.
    pub base: Option<RunValues>,
    /// The run of the head.
    pub head: Option<RunValues>,
    /// Whether it was measured to confirm what was flagged, and is no evidence of anything else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirms: bool,
    /// Why it is no evidence; absent of one that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// The figures of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunValues {
    /// Its id in its experiment.
    pub run: String,
    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// Whether something else than the store moved its figures.
    pub noisy: bool,
    /// By `operation/metric`.
    pub values: BTreeMap<String, f64>,
}

impl GateComparison {
    /// `oltp on libsql`, `oltp at 500/s on libsql`.
    pub fn title(&self) -> String {
        title(&self.workload, self.load.as_deref(), &self.store)
    }

    /// `oltp`, `oltp at 500/s`.
    pub fn workload_at_load(&self) -> String {
        self.load.as_ref().map_or_else(|| self.workload.clone(), |load| format!("{} at {load}", self.workload))
    }

    /// `p99 of pay (oltp on libsql)`.
    pub fn name(&self) -> String {
        format!("{} of {} ({})", self.metric.label(), self.operation, self.title())
    }

    /// Whether both are figures of the same runs.
    pub fn is_beside(&self, other: &GateComparison) -> bool {
        self.workload == other.workload && self.load == other.load && self.store == other.store
    }

    /// Whether both are about the same runs.
    pub fn is_of(&self, pair: &GatePair) -> bool {
        self.workload == pair.workload && self.load == pair.load && self.store == pair.store
    }
}

impl GateRecord {
    /// The canonical text: pretty JSON with a final newline.
    ///
    /// # Errors
    /// When a number in it is not JSON, which would be a bug.
    pub fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The pairs, or runs, that are evidence of a figure.
    pub fn evidence(&self, of: &GateComparison) -> impl Iterator<Item = &GatePair> {
        self.pairs.iter().filter(move |pair| pair.left_out.is_none() && !pair.confirms && of.is_of(pair))
    }

    /// Those with this verdict.
    pub fn with(&self, verdict: GateVerdict) -> impl Iterator<Item = &GateComparison> {
        self.comparisons.iter().filter(move |one| one.verdict == Some(verdict))
    }
}
