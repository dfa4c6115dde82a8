//! Reads a workload file into a [`Spec`]: the parts of the dataset, then the operations on them, then the rest.
//!
//! Here are the top level and the parts; each other section of a file has a module of its own. All of them go through
//! `document.rs`, which knows positions, and name what `declarations.rs` has collected.

mod checks;
mod declarations;
mod distribution;
mod document;
mod fields;
mod keys;
mod load;
mod operations;
mod steps;
mod text;
mod values;

pub(super) use document::LARGEST_BYTES;

use super::distribution::Distribution;
use super::error::WorkloadError;
use super::field::{FieldSpec, KeyPattern, ValueSpec};
use super::spec::{LogSpec, MOST_RECORDS, MetricSpec, SeriesSpec, Spec, TableSpec};
use declarations::Declarations;
use document::{Item, ParseResult, Section, last_instant};
use drivers::{Kind, Part};

/// Reads the text of a workload file. `file` is what errors call it.
pub(super) fn parse(file: &str, text: &str) -> Result<Spec, WorkloadError> {
    document::read(file, text, |root| spec(&root))
}

/// What may stand at the top of a workload file.
const ROOT: [&str; 10] =
    ["about", "primary", "tables", "logs", "series", "operations", "checks", "load", "slo", "require"];

/// Whether a line begins a part of a workload file: `[tables.orders]`, `about = "a shop"`.
pub(super) fn is_of_a_workload(line: &str) -> bool {
    let line = line.trim_start();
    let key = line.trim_start_matches(['[', ' ', '\t', '"', '\'']);
    let end = key.find(['.', '=', ']', ' ', '\t', '"', '\'']).unwrap_or(key.len());
    ROOT.contains(&&key[..end]) && (line.starts_with('[') || key[end..].contains('='))
}

fn spec(root: &Section<'_>) -> ParseResult<Spec> {
    root.only(&ROOT)?;
    let about = root.need("about")?.text()?.trim().to_string();
    let mut declared = declarations(root)?;
    fields_of_parts(root, &mut declared)?;
    let operations = operations::operations(&mut declared, &root.need("operations")?.section()?)?;
    let checks = root.get_or("checks", Vec::new(), |item| checks::checks(&declared, item))?;
    let primary = primary(root, &declared)?;
    let Declarations { tables, logs, series, key_choosers } = declared;
    Ok(Spec {
        about,
        tables,
        logs,
        series,
        key_choosers,
        operations,
        checks,
        load: root.get("load", |item| load::load(&item.section()?))?.unwrap_or_default(),
        slo: root.get("slo", |item| load::slo(&item.section()?))?.unwrap_or_default(),
        require: root.get("require", |item| load::require(&item.section()?))?.unwrap_or_default(),
        primary,
    })
}

/// The named parts of one kind, in written order.
fn parts<'a>(root: &Section<'a>, kind: &str) -> ParseResult<Vec<(&'a str, Section<'a>)>> {
    let Some(item) = root.find(kind) else { return Ok(Vec::new()) };
    let named = item.section()?.entries().into_iter().map(|(name, item)| {
        fields::identifier(name, &item)?;
        // sqlite.org/lang_createtable.html
        if name.starts_with("sqlite_") {
            return Err(item.error("SQLite keeps names that begin with `sqlite_` for itself; choose another one"));
        }
        Ok((name, item.section()?))
    });
    named.collect()
}

/// Reads names, sizes and keys, which fields and operations refer to in any order.
fn declarations(root: &Section<'_>) -> ParseResult<Declarations> {
    let mut declared = Declarations::default();
    let key = |section: &Section<'_>| section.get_or("key", KeyPattern::Int, text::key);
    let count = |item: Item<'_>, least| item.integer_in(least, MOST_RECORDS).map(i64::unsigned_abs);
    for (name, section) in parts(root, "tables")? {
        section.only(&["records", "key", "primary_key", "index", "fields"])?;
        let (key, records) = (key(&section)?, count(section.need("records")?, 0)?);
        let is_keyed = section.get_or("primary_key", true, Item::flag)?;
        let (fields, indexes) = (Vec::new(), Vec::new());
        declared.tables.push(TableSpec { name: name.into(), key, is_keyed, records, fields, indexes });
    }
    for (name, section) in parts(root, "logs")? {
        section.only(&["streams", "key", "events", "fields"])?;
        let none = Distribution::constant(0.0);
        let events = section.get_or("events", none, |item| distribution::ints(item, 0, 1 << 30))?;
        let (key, streams) = (key(&section)?, count(section.need("streams")?, 1)?);
        declared.logs.push(LogSpec { name: name.into(), key, streams, events, fields: Vec::new() });
    }
    for (name, section) in parts(root, "series")? {
        declared.series.push(series(name, &section)?);
    }
    if declared.parts().next().is_none() {
        let problem = "there is no data; write at least one of [tables.NAME], [logs.NAME] and [series.NAME]";
        return Err(root.error(problem));
    }
    Ok(declared)
}

/// Reads the fields of records and events.
fn fields_of_parts(root: &Section<'_>, declared: &mut Declarations) -> ParseResult<()> {
    for (at, (_, section)) in parts(root, "tables")?.into_iter().enumerate() {
        let fields = fields::fields(declared, &section.need("fields")?.section()?)?;
        declared.tables[at].indexes = section.get_or("index", Vec::new(), |item| indexes(item, &fields))?;
        if let (false, Some(index)) = (declared.tables[at].is_keyed, section.find("index")) {
            return Err(index.error("a table without a primary key has no index either; leave one of both out"));
        }
        declared.tables[at].fields = fields;
    }
    for (at, (_, section)) in parts(root, "logs")?.into_iter().enumerate() {
        let written = section.need("fields")?.section()?;
        let mut fields = fields::fields(declared, &written)?;
        if let Some(own) = written.find("event_id") {
            return Err(own.error("the suite adds a field of this name itself; choose another one"));
        }
        let content = ValueSpec::EventId;
        fields.push(FieldSpec { name: "event_id".into(), kind: Kind::Int, present: 1.0, content });
        declared.logs[at].fields = fields;
    }
    Ok(())
}

fn indexes(item: &Item<'_>, fields: &[FieldSpec]) -> ParseResult<Vec<usize>> {
    let known: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    let mut indexes = Vec::new();
    for name in item.items()? {
        let at = name.one_of(&known)?;
        if !matches!(fields[at].kind, Kind::Bool | Kind::Int | Kind::Float | Kind::Text | Kind::Time) {
            return Err(name.error("only a bool, int, float, text or time can be indexed"));
        }
        if !indexes.contains(&at) {
            indexes.push(at);
        }
    }
    Ok(indexes)
}

fn series(name: &str, section: &Section<'_>) -> ParseResult<SeriesSpec> {
    let keys = ["entities", "batch", "start", "interval", "load", "missing", "late", "late_by", "metrics"];
    section.only(&keys)?;
    let fraction = |name: &str| section.get_or(name, 0.0, |item| item.number_in(0.0, 0.9));
    let interval_ms = section.need("interval")?.duration_ms()?;
    let loaded = section.need("load")?;
    let load_ticks = loaded.duration_ms()? / interval_ms;
    if !(1..=MOST_RECORDS).contains(&load_ticks) {
        return Err(loaded.error("it is shorter than one `interval`; write at least as much"));
    }
    let start_ms = section.need("start")?.instant_ms()?;
    if start_ms + load_ticks * interval_ms > jiff::Timestamp::MAX.as_millisecond() {
        return Err(loaded.error(format!("the series would end after {}; start earlier or load less", last_instant())));
    }
    let (missing, late) = (fraction("missing")?, fraction("late")?);
    let late_ticks = section.get_or("late_by", 1, |item| match item.duration_ms()? / interval_ms {
        ticks @ 1..=1000 => Ok(ticks as u64),
        _ => Err(item.error("write something from 1 to 1000 times the `interval`")),
    })?;
    let metrics = section.need("metrics")?.section()?.entries();
    let metrics = metrics.into_iter().map(|(name, item)| metric(name, &item)).collect::<ParseResult<Vec<_>>>()?;
    if metrics.is_empty() {
        return Err(section.error("there are no metrics; write at least one in [series.NAME.metrics]"));
    }
    Ok(SeriesSpec {
        name: name.into(),
        entities: section.need("entities")?.integer_in(1, MOST_RECORDS)?.unsigned_abs(),
        batch: section.need("batch")?.integer_in(1, 100_000)?.unsigned_abs(),
        start_ms,
        interval_ms,
        load_ticks: load_ticks as u64,
        missing,
        late,
        late_ticks,
        metrics,
    })
}

/// `temperature = { walk = [-20, 60], step = 0.2, decimals = 1 }`.
fn metric(name: &str, item: &Item<'_>) -> ParseResult<MetricSpec> {
    fields::column(name, item)?;
    let section = item.section()?;
    section.only(&["walk", "step", "decimals"])?;
    let walk = section.need("walk")?;
    let ends = walk.items()?;
    let [low, high] = ends.as_slice() else {
        return Err(walk.error("a walk keeps between two numbers; write [low, high]"));
    };
    let (low, high) = (low.number_in(-1e12, 1e12)?, high.number_in(-1e12, 1e12)?);
    if low >= high {
        return Err(walk.error("the range is empty; write the lower number first"));
    }
    let step = section.need("step")?.number_in(0.0, high - low)?;
    let decimals = section.get_or("decimals", 2, |item| item.integer_in(0, 9))? as i32;
    Ok(MetricSpec { name: name.into(), low, high, step, decimals })
}

/// The part that `--records` sizes: `primary`, or the part with the most records, streams or entities.
fn primary(root: &Section<'_>, declared: &Declarations) -> ParseResult<Part> {
    if let Some(item) = root.find("primary") {
        let parts: Vec<_> = declared.parts().collect();
        let names: Vec<_> = parts.iter().map(|part| declared.part_name(*part)).collect();
        return Ok(parts[item.one_of(&names)?]);
    }
    let largest = declared.parts().rev().max_by_key(|part| declared.part_size(*part));
    largest.ok_or_else(|| root.error("there is no data"))
}
