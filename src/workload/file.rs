//! Reads a workload file into a [`Spec`]: the parts of the dataset, then the operations on them, then the rest.
//!
//! Here are the top level and the parts; fields, operations and the load have files of their own.

use super::content::{Choosing, Content, Field, KeyPattern};
use super::load;
use super::numbers::Numbers;
use super::reader::{Item, Reading, Section, last_instant, not_one_of};
use super::spec::{Log, Metric, Series, Spec, Table};
use super::{check, fields, operations, pattern};
use crate::draw::keys::KeyChoice;
use drivers::{Kind, Part};

/// The most records, streams or entities, and the most ticks: numbers stay exact in every store and as floats.
pub(super) const MOST_RECORDS: i64 = 1_000_000_000_000;

/// The names of [`KeyChoice`].
const CHOICES: [&str; 7] = ["uniform", "zipfian", "zipfian-ycsb", "latest", "hotspot", "exponential", "sequential"];

/// What is known so far of the file being read.
pub(super) struct Scope {
    pub tables: Vec<Table>,
    pub logs: Vec<Log>,
    pub series: Vec<Series>,
    pub choosings: Vec<Choosing>,
}

/// Reads the top level.
pub(super) fn spec(root: &Section<'_>) -> Reading<Spec> {
    root.only(&["about", "primary", "tables", "logs", "series", "operations", "checks", "load", "slo", "require"])?;
    let about = root.need("about")?.text()?.trim().to_string();
    let mut scope = heads(root)?;
    contents(root, &mut scope)?;
    let operations = operations::operations(&mut scope, &root.need("operations")?.section()?)?;
    let checks = root.find("checks").map_or(Ok(Vec::new()), |item| check::checks(&scope, &item))?;
    let primary = primary(root, &scope)?;
    let Scope { tables, logs, series, choosings } = scope;
    Ok(Spec {
        about,
        tables,
        logs,
        series,
        choosings,
        operations,
        checks,
        load: optional(root, "load", load::load)?,
        slo: optional(root, "slo", load::slo)?,
        require: optional(root, "require", load::require)?,
        primary,
    })
}

fn optional<T: Default>(root: &Section<'_>, name: &str, read: impl Fn(&Section<'_>) -> Reading<T>) -> Reading<T> {
    root.find(name).map_or(Ok(T::default()), |item| read(&item.section()?))
}

/// The named parts of one kind, in written order.
fn parts<'a>(root: &Section<'a>, kind: &str) -> Reading<Vec<(&'a str, Section<'a>)>> {
    let Some(item) = root.find(kind) else { return Ok(Vec::new()) };
    let named = item.section()?.entries().into_iter().map(|(name, item)| {
        fields::identifier(name, &item)?;
        // sqlite.org/lang_createtable.html
        if name.starts_with("sqlite_") {
            return Err(item.fault("SQLite keeps names that begin with `sqlite_` for itself; choose another one"));
        }
        Ok((name, item.section()?))
    });
    named.collect()
}

/// Reads names, sizes and keys, which fields and operations refer to in any order.
fn heads(root: &Section<'_>) -> Reading<Scope> {
    let mut scope = Scope { tables: Vec::new(), logs: Vec::new(), series: Vec::new(), choosings: Vec::new() };
    let key = |section: &Section<'_>| section.find("key").map_or(Ok(KeyPattern::Int), |item| pattern::key(&item));
    let count = |item: Item<'_>, least| item.integer_in(least, MOST_RECORDS).map(i64::unsigned_abs);
    for (name, section) in parts(root, "tables")? {
        section.only(&["records", "key", "index", "fields"])?;
        let (key, records) = (key(&section)?, count(section.need("records")?, 0)?);
        scope.tables.push(Table { name: name.into(), key, records, fields: Vec::new(), indexes: Vec::new() });
    }
    for (name, section) in parts(root, "logs")? {
        section.only(&["streams", "key", "events", "fields"])?;
        let events =
            section.find("events").map_or(Ok(Numbers::constant(0.0)), |item| Numbers::ints(&item, 0, 1 << 30))?;
        let (key, streams) = (key(&section)?, count(section.need("streams")?, 1)?);
        scope.logs.push(Log { name: name.into(), key, streams, events, fields: Vec::new() });
    }
    for (name, section) in parts(root, "series")? {
        scope.series.push(series(name, &section)?);
    }
    match scope.parts().next() {
        Some(_) => Ok(scope),
        None => Err(root.fault("there is no data; write at least one of [tables.NAME], [logs.NAME] and [series.NAME]")),
    }
}

/// Reads what records and events hold.
fn contents(root: &Section<'_>, scope: &mut Scope) -> Reading<()> {
    for (at, (_, section)) in parts(root, "tables")?.into_iter().enumerate() {
        let fields = fields::fields(scope, &section.need("fields")?.section()?)?;
        if let Some(index) = section.find("index") {
            scope.tables[at].indexes = indexes(&index, &fields)?;
        }
        scope.tables[at].fields = fields;
    }
    for (at, (_, section)) in parts(root, "logs")?.into_iter().enumerate() {
        let written = section.need("fields")?.section()?;
        let mut fields = fields::fields(scope, &written)?;
        if let Some(taken) = written.find("event_id") {
            return Err(taken.fault("the suite adds a field of this name itself; choose another one"));
        }
        fields.push(Field { name: "event_id".into(), kind: Kind::Int, present: 1.0, content: Content::EventId });
        scope.logs[at].fields = fields;
    }
    Ok(())
}

fn indexes(item: &Item<'_>, fields: &[Field]) -> Reading<Vec<usize>> {
    let known: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    let mut indexes = Vec::new();
    for name in item.items()? {
        let at = name.one_of(&known)?;
        if !matches!(fields[at].kind, Kind::Bool | Kind::Int | Kind::Float | Kind::Text | Kind::Time) {
            return Err(name.fault("only a bool, int, float, text or time can be indexed"));
        }
        if !indexes.contains(&at) {
            indexes.push(at);
        }
    }
    Ok(indexes)
}

fn series(name: &str, section: &Section<'_>) -> Reading<Series> {
    let keys = ["entities", "batch", "start", "interval", "load", "missing", "late", "late_by", "metrics"];
    section.only(&keys)?;
    let fraction = |name: &str| section.find(name).map_or(Ok(0.0), |item| item.number_in(0.0, 0.9));
    let interval_ms = section.need("interval")?.duration_ms()?;
    let loaded = section.need("load")?;
    let load_ticks = loaded.duration_ms()? / interval_ms;
    if !(1..=MOST_RECORDS).contains(&load_ticks) {
        return Err(loaded.fault("it is shorter than one `interval`; write at least as much"));
    }
    let start_ms = section.need("start")?.instant_ms()?;
    if start_ms + load_ticks * interval_ms > jiff::Timestamp::MAX.as_millisecond() {
        return Err(loaded.fault(format!("the series would end after {}; start earlier or load less", last_instant())));
    }
    let (missing, late) = (fraction("missing")?, fraction("late")?);
    let late_ticks = match section.find("late_by") {
        None => 1,
        Some(item) => match item.duration_ms()? / interval_ms {
            ticks @ 1..=1000 => ticks as u64,
            _ => return Err(item.fault("write something from 1 to 1000 times the `interval`")),
        },
    };
    let metrics = section.need("metrics")?.section()?.entries().into_iter().map(metric).collect::<Reading<Vec<_>>>()?;
    if metrics.is_empty() {
        return Err(section.fault("there are no metrics; write at least one in [series.NAME.metrics]"));
    }
    Ok(Series {
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
fn metric((name, item): (&str, Item<'_>)) -> Reading<Metric> {
    fields::column(name, &item)?;
    let section = item.section()?;
    section.only(&["walk", "step", "decimals"])?;
    let walk = section.need("walk")?;
    let ends = walk.items()?;
    let [low, high] = ends.as_slice() else {
        return Err(walk.fault("a walk keeps between two numbers; write [low, high]"));
    };
    let (low, high) = (low.number_in(-1e12, 1e12)?, high.number_in(-1e12, 1e12)?);
    if low >= high {
        return Err(walk.fault("the range is empty; write the lower number first"));
    }
    let step = section.need("step")?.number_in(0.0, high - low)?;
    let decimals = section.find("decimals").map_or(Ok(2), |item| item.integer_in(0, 9))? as i32;
    Ok(Metric { name: name.into(), low, high, step, decimals })
}

/// The part that `--records` sizes: `primary`, or the largest table, stream count or number of entities.
fn primary(root: &Section<'_>, scope: &Scope) -> Reading<Part> {
    if let Some(item) = root.find("primary") {
        let parts: Vec<_> = scope.parts().collect();
        return Ok(parts[item.one_of(&parts.iter().map(|part| scope.name_of(*part)).collect::<Vec<_>>())?]);
    }
    let largest = scope.parts().rev().max_by_key(|part| scope.size_of(*part));
    largest.ok_or_else(|| root.fault("there is no data"))
}

impl Scope {
    fn parts(&self) -> impl DoubleEndedIterator<Item = Part> + use<> {
        let tables = (0..self.tables.len()).map(Part::Table);
        tables.chain((0..self.logs.len()).map(Part::Log)).chain((0..self.series.len()).map(Part::Series))
    }

    fn name_of(&self, part: Part) -> &str {
        match part {
            Part::Table(at) => &self.tables[at].name,
            Part::Log(at) => &self.logs[at].name,
            Part::Series(at) => &self.series[at].name,
        }
    }

    fn size_of(&self, part: Part) -> u64 {
        match part {
            Part::Table(at) => self.tables[at].records,
            Part::Log(at) => self.logs[at].streams,
            Part::Series(at) => self.series[at].entities,
        }
    }

    /// The table that a text names.
    pub fn table(&self, item: &Item<'_>) -> Reading<usize> {
        position(item, "table", self.tables.iter().map(|table| table.name.as_str()))
    }

    /// The log that a text names.
    pub fn log(&self, item: &Item<'_>) -> Reading<usize> {
        position(item, "log", self.logs.iter().map(|log| log.name.as_str()))
    }

    /// The series that a text names.
    pub fn one_series(&self, item: &Item<'_>) -> Reading<usize> {
        position(item, "series", self.series.iter().map(|series| series.name.as_str()))
    }

    /// The position of the chooser for keys of a part; `uniform` where nothing is written.
    pub fn choosing(&mut self, item: Option<Item<'_>>, part: Part, grows: bool) -> Reading<usize> {
        let choice = item.as_ref().map_or(Ok(KeyChoice::Uniform {}), choice)?;
        let choosing = Choosing { part, choice, grows };
        let known = self.choosings.iter().position(|known| *known == choosing);
        Ok(known.unwrap_or_else(|| {
            self.choosings.push(choosing);
            self.choosings.len() - 1
        }))
    }
}

/// `"latest"`, or `{ choose = "zipfian", exponent = 0.9 }`.
fn choice(item: &Item<'_>) -> Reading<KeyChoice> {
    let named = if item.is_table() { item.section()?.need("choose")? } else { item.clone() };
    let name = named.text()?;
    if !CHOICES.contains(&name) {
        return Err(named.fault(not_one_of("no way to choose keys", name, &CHOICES)));
    }
    item.parse()
}

fn position<'n>(item: &Item<'_>, what: &str, names: impl Iterator<Item = &'n str>) -> Reading<usize> {
    let name = item.text()?;
    let names: Vec<_> = names.collect();
    let at = names.iter().position(|one| *one == name);
    at.ok_or_else(|| item.fault(not_one_of(&format!("no {what} of this workload"), name, &names)))
}
