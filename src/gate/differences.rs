//! What else differs between base and head where a figure got worse: where to look, not what is to blame.

use std::collections::BTreeMap;

use drivers::one_line;

use super::quantity::Quantity;
use super::sentences::{change, distinct};
use crate::record::{Latency, Run};
use crate::units;

/// Less than this between the medians is not named.
const WORTH_NAMING: f64 = 0.05;
/// The longest text that a sentence quotes.
const LONGEST: usize = 120;
/// More entries of a list than this are counted.
const MOST: usize = 4;

/// Sentences about the runs of one workload on both sides: settings, indexes, statements, and what both used and waited for.
pub fn differences(base: &[&Run], head: &[&Run]) -> Vec<String> {
    let (Some(one), Some(other)) = (base.first(), head.first()) else { return Vec::new() };
    let mut found = Vec::new();
    let (of_base, of_head) = (&one.store.description, &other.store.description);
    if of_base.version != of_head.version {
        found.push(format!("version {} in the base, {} in the head", of_base.version, of_head.version));
    }
    found.extend(settings(&of_base.settings, &of_head.settings));
    found.extend(entries("the catalogue", &of_base.catalog, &of_head.catalog));
    found.extend(entries("the layout", &of_base.layout, &of_head.layout));
    found.extend(statements(one, other));
    found.extend(used(base, head));
    found
}

fn settings(base: &BTreeMap<String, String>, head: &BTreeMap<String, String>) -> Vec<String> {
    let names = distinct(base.keys().chain(head.keys()).collect());
    let value =
        |side: &BTreeMap<String, String>, name: &str| side.get(name).map_or("not there".to_owned(), |it| cut(it));
    let differing = names.into_iter().filter(|name| base.get(*name) != head.get(*name));
    counted(
        differing.map(|name| {
            format!("setting {name}: {} in the base, {} in the head", value(base, name), value(head, name))
        }),
    )
}

/// Tables, indexes and the like that only one side has.
fn entries(what: &str, base: &[String], head: &[String]) -> Vec<String> {
    let only = |side: &'static str, own: &[String], other: &[String]| -> Vec<String> {
        let own: Vec<String> = own.iter().filter(|entry| !other.contains(entry)).map(|entry| cut(entry)).collect();
        counted(own.into_iter().map(|entry| format!("only {what} of the {side} has: {entry}")))
    };
    [only("base", base, head), only("head", head, base)].concat()
}

/// Operations that are carried out otherwise.
fn statements(base: &Run, head: &Run) -> Vec<String> {
    let differing = base.store.bindings.iter().filter_map(|(name, of_base)| {
        let of_head = head.store.bindings.get(name).filter(|of_head| *of_head != of_base)?;
        let all = |steps: &[drivers::Binding]| -> Vec<String> {
            steps.iter().flat_map(|step| step.statements.iter().cloned()).collect()
        };
        let (of_base, of_head) = (all(of_base), all(of_head));
        let first = of_base.iter().zip(&of_head).find(|(a, b)| a != b);
        let what = match first {
            Some((a, b)) => format!("{} in the base, {} in the head", cut(a), cut(b)),
            None => format!("{} statements in the base, {} in the head", of_base.len(), of_head.len()),
        };
        Some(format!("{name} is carried out otherwise: {what}"))
    });
    counted(differing)
}

/// What a side used, stored or waited for.
struct UsedFigure {
    what: &'static str,
    of: fn(&Run) -> Option<f64>,
    text: fn(f64) -> String,
}

const USED: [UsedFigure; 6] = [
    UsedFigure { what: "CPU of the store for each operation", of: |run| Quantity::Cpu.of_run(run), text: time },
    UsedFigure { what: "CPU of the client for each operation", of: |run| Some(run.client.cpu_ns_per_op), text: time },
    UsedFigure { what: "bytes written for each operation", of: |run| Quantity::BytesWritten.of_run(run), text: bytes },
    UsedFigure {
        what: "bytes on disk after loading",
        of: |run| run.footprint.after_load.disk_bytes.map(|bytes| bytes as f64),
        text: bytes,
    },
    UsedFigure {
        what: "retries for each operation",
        of: |run| Some(run.total.retries as f64 / run.total.ok.max(1) as f64),
        text: units::quantity,
    },
    UsedFigure { what: "longest response", of: |run| longest(&run.total.response_ns), text: time },
];

fn time(ns: f64) -> String {
    units::latency(ns as u64)
}

fn bytes(bytes: f64) -> String {
    units::bytes(bytes as u64)
}

/// What the sides used, stored and waited for, where their medians differ.
fn used(base: &[&Run], head: &[&Run]) -> Vec<String> {
    let compared = |UsedFigure { what, of, text }: &UsedFigure| {
        let (base, head) = (median(base, *of)?, median(head, *of)?);
        let ratio = head / base;
        let is_much = base > 0.0 && head > 0.0 && ratio.ln().abs() > WORTH_NAMING;
        is_much.then(|| format!("{what}: {} in the base, {} in the head ({})", text(base), text(head), change(ratio)))
    };
    let mut found: Vec<String> = USED.iter().filter_map(compared).collect();
    let still_s = |side: &[&Run]| side.iter().map(|run| run.standstill.length_s).fold(0.0, f64::max);
    let (of_base, of_head) = (still_s(base), still_s(head));
    if of_head > 2.0 * of_base && of_head >= 0.5 {
        found.push(format!(
            "longest time without an operation's end: {} in the base, {} in the head",
            units::seconds(of_base),
            units::seconds(of_head)
        ));
    }
    found
}

fn longest(latency: &Latency) -> Option<f64> {
    (latency.count > 0).then_some(latency.max as f64)
}

/// None where a run does not know it.
fn median(side: &[&Run], of: fn(&Run) -> Option<f64>) -> Option<f64> {
    let mut values = side.iter().map(|run| of(run)).collect::<Option<Vec<f64>>>()?;
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some((values[last / 2] + values[values.len() / 2]) / 2.0)
}

fn counted(sentences: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = sentences.collect();
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    if more > 0 {
        all.push(format!("and {} of the same kind", units::counted(more as u64, "more difference")));
    }
    all
}

fn cut(text: &str) -> String {
    let line = one_line(text);
    if line.chars().count() <= LONGEST { line } else { line.chars().take(LONGEST).chain(['\u{2026}']).collect() }
}
