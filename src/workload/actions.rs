//! Reads what a single step does: a verb with its keys, `do = "read", table = "users", key = "zipfian"`.
//!
//! The verbs are those of `drivers/seam/op.rs`. How steps go together is in `operations.rs`.

use super::numbers::Numbers;
use super::operation::{Action, Aim, Matching, Source, Span, Which};
use super::operations::{GROUPS, MOST_STEPS, Reader};
use super::reader::{Item, Reading, Section, not_one_of};
use drivers::{Fold, KeyKind, Kind, Order, Part};

/// The verbs of single steps, each with the keys that it takes.
const VERBS: [(&str, &[&str]); 14] = [
    ("insert", &["table", "record", "set"]),
    ("read", &["table", "key", "fields"]),
    ("update", &["table", "key", "fields", "set"]),
    ("delete", &["table", "key"]),
    ("bump", &["table", "key", "field", "by", "floor"]),
    ("scan", &["table", "key", "limit", "fields"]),
    ("find", &["table", "by", "equal", "from", "width", "order", "limit", "fields"]),
    ("append", &["log", "key", "events"]),
    ("tail", &["log", "key", "limit"]),
    ("ingest", &["series"]),
    ("last", &["series", "key"]),
    ("range", &["series", "key", "span", "ends"]),
    ("window", &["series", "key", "metric", "span", "ends", "every", "fold"]),
    ("above", &["series", "metric", "threshold", "span", "ends", "limit"]),
];

/// Most rows of one answer.
const MOST_ROWS: i64 = 100_000;

impl Reader<'_> {
    /// What a step does. `beside` are keys of the step that are no affair of its verb.
    pub fn action(&mut self, section: &Section<'_>, beside: &[&str]) -> Reading<Action> {
        let item = section.need("do")?;
        let verb = item.text()?;
        let Some((_, keys)) = VERBS.iter().find(|(name, _)| *name == verb) else {
            let groups = GROUPS.iter().map(|(name, _)| *name).filter(|_| beside.contains(&"weight"));
            let known: Vec<_> = VERBS.iter().map(|(name, _)| *name).chain(groups).collect();
            return Err(item.fault(not_one_of("nothing that can be done here", verb, &known)));
        };
        section.only(&[keys, beside].concat())?;
        match verb {
            "insert" => self.insert(section),
            "read" => {
                let table = self.table(section)?;
                Ok(Action::Read { table, key: self.record_key(section, table)?, which: self.which(section, table)? })
            }
            "update" => self.update(section),
            "delete" => {
                let table = self.table(section)?;
                Ok(Action::Delete { table, key: self.record_key(section, table)? })
            }
            "bump" => self.bump(section),
            "scan" => {
                let table = self.table(section)?;
                let (from, limit) = (self.record_key(section, table)?, limit(section)?);
                Ok(Action::Scan { table, from, limit, which: self.which(section, table)? })
            }
            "find" => self.find(section),
            "append" => {
                let log = self.scope.log(&section.need("log")?)?;
                let events = section
                    .find("events")
                    .map_or(Ok(Numbers::constant(1.0)), |item| Numbers::ints(&item, 1, MOST_STEPS))?;
                Ok(Action::Append { log, stream: self.stream(section, log)?, events })
            }
            "tail" => {
                let log = self.scope.log(&section.need("log")?)?;
                Ok(Action::Tail { log, stream: self.stream(section, log)?, limit: limit(section)? })
            }
            _ => self.series_action(verb, section),
        }
    }

    /// The verbs of series.
    fn series_action(&mut self, verb: &str, section: &Section<'_>) -> Reading<Action> {
        let series = self.scope.one_series(&section.need("series")?)?;
        let entity = |reader: &mut Self| {
            let kind = KeyKind::Int;
            reader.values.aim(reader.scope, &section.need("key")?, Part::Series(series), kind)
        };
        let metric = |reader: &Self| {
            let names: Vec<_> = reader.scope.series[series].metrics.iter().map(|metric| metric.name.as_str()).collect();
            section.need("metric")?.one_of(&names)
        };
        match verb {
            "ingest" => Ok(Action::InsertPoints { series }),
            "last" => Ok(Action::LastPoint { series, entity: entity(self)? }),
            "range" => Ok(Action::PointRange { series, entity: entity(self)?, span: span(section)? }),
            "window" => Ok(Action::Window {
                series,
                entity: entity(self)?,
                metric: metric(self)?,
                span: span(section)?,
                every_ms: section.need("every")?.duration_ms()?,
                fold: fold(section)?,
            }),
            _ => Ok(Action::PointsAbove {
                series,
                metric: metric(self)?,
                threshold: Numbers::floats(&section.need("threshold")?)?,
                span: span(section)?,
                limit: limit(section)?,
            }),
        }
    }

    fn table(&self, section: &Section<'_>) -> Reading<usize> {
        self.scope.table(&section.need("table")?)
    }

    fn record_key(&mut self, section: &Section<'_>, table: usize) -> Reading<Aim> {
        let kind = self.scope.tables[table].key.kind();
        self.values.aim(self.scope, &section.need("key")?, Part::Table(table), kind)
    }

    fn stream(&mut self, section: &Section<'_>, log: usize) -> Reading<Aim> {
        let kind = self.scope.logs[log].key.kind();
        self.values.aim(self.scope, &section.need("key")?, Part::Log(log), kind)
    }

    fn insert(&mut self, section: &Section<'_>) -> Reading<Action> {
        match (section.find("table"), section.find("record")) {
            (Some(table), None) => {
                let table = self.scope.table(&table)?;
                Ok(Action::Insert { table, set: self.set(section, table)? })
            }
            (None, Some(record)) => {
                if let Some(set) = section.find("set") {
                    return Err(set.fault("a drawn record is inserted as it is; leave `set` out"));
                }
                let (draw, table) = self.values.new_record(&record)?;
                Ok(Action::InsertDrawn { table, draw })
            }
            _ => Err(section.fault("write either `table` (the next record) or `record` (one that the operation drew)")),
        }
    }

    fn update(&mut self, section: &Section<'_>) -> Reading<Action> {
        let table = self.table(section)?;
        let key = self.record_key(section, table)?;
        let set = self.set(section, table)?;
        let which = match section.find("fields") {
            None if set.is_empty() => return Err(section.fault("it changes nothing; write `fields` or `set`")),
            None => Which::These(Vec::new()),
            Some(fields) => {
                let which = self.which(section, table)?;
                let (Which::All(changed) | Which::One(changed) | Which::These(changed)) = &which;
                for at in changed {
                    let field = &self.scope.tables[table].fields[*at];
                    if !field.content.is_independent() {
                        let name = &field.name;
                        return Err(
                            fields.fault(format!("`{name}` depends on other fields; name the others, or `set` it"))
                        );
                    }
                }
                which
            }
        };
        Ok(Action::Update { table, key, which, set })
    }

    /// `set = { status = { text = ["paid"] }, owner = "customer" }`.
    fn set(&mut self, section: &Section<'_>, table: usize) -> Reading<Vec<(usize, Source)>> {
        let Some(set) = section.find("set") else { return Ok(Vec::new()) };
        let mut sources = Vec::new();
        for (name, item) in set.section()?.entries() {
            let fields = &self.scope.tables[table].fields;
            let known: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
            let Some(at) = known.iter().position(|one| *one == name) else {
                return Err(item.fault(not_one_of("no field of the table", name, &known)));
            };
            let kind = fields[at].kind.clone();
            sources.push((at, self.values.source(self.scope, &item, &kind)?));
        }
        Ok(sources)
    }

    fn bump(&mut self, section: &Section<'_>) -> Reading<Action> {
        let table = self.table(section)?;
        let key = self.record_key(section, table)?;
        let (field, kind) = self.field(&section.need("field")?, table)?;
        if kind != Kind::Int || self.scope.tables[table].fields[field].present < 1.0 {
            return Err(section.need("field")?.fault("only an `int` that is always there can be bumped"));
        }
        let by = self.values.amount(self.scope, &section.need("by")?)?;
        let floor = section.find("floor").map(|item| item.integer()).transpose()?;
        Ok(Action::Increment { table, key, field, by, floor })
    }

    fn find(&mut self, section: &Section<'_>) -> Reading<Action> {
        let table = self.table(section)?;
        let by = section.need("by")?;
        let (field, kind) = self.field(&by, table)?;
        if !self.scope.tables[table].indexes.contains(&field) {
            return Err(by.fault("the field is not indexed; add it to the table's `index`"));
        }
        let matching = match (section.find("equal"), section.find("from"), section.find("width")) {
            (None, None, None) if !self.scope.tables[table].fields[field].content.is_independent() => {
                return Err(by.fault("the field depends on others, so its values cannot be drawn; write `equal`"));
            }
            (None, None, None) => Matching::Own,
            (Some(equal), None, None) => Matching::Equal(self.values.source(self.scope, &equal, &kind)?),
            (None, Some(from), Some(width)) => self.between(&from, &width, &kind)?,
            _ => return Err(section.fault("write either `equal` or both `from` and `width`, or none of them")),
        };
        let order = match section.find("order") {
            None => Order::Ascending,
            Some(item) => [Order::Ascending, Order::Descending][item.one_of(&["ascending", "descending"])?],
        };
        let (limit, which) = (limit(section)?, self.which(section, table)?);
        Ok(Action::Find { table, field, matching, order, limit, which })
    }

    fn between(&mut self, from: &Item<'_>, width: &Item<'_>, kind: &Kind) -> Reading<Matching> {
        let (content, found) = self.values.fresh(self.scope, &from.section()?)?;
        if found != *kind || !matches!(kind, Kind::Int | Kind::Float | Kind::Time) {
            return Err(from.fault("a range is between two numbers or times of the field's own type"));
        }
        let width = if *kind == Kind::Float { Numbers::floats(width)? } else { Numbers::ints(width, 0, 1 << 53)? };
        Ok(Matching::Between(content, width))
    }

    fn field(&self, item: &Item<'_>, table: usize) -> Reading<(usize, Kind)> {
        let fields = &self.scope.tables[table].fields;
        let known: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        let name = item.text()?;
        match known.iter().position(|one| *one == name) {
            Some(at) => Ok((at, fields[at].kind.clone())),
            None => {
                Err(item.fault(not_one_of(&format!("no field of `{}`", self.scope.tables[table].name), name, &known)))
            }
        }
    }

    /// `fields = "all"`, `"one"`, or a list of names.
    fn which(&self, section: &Section<'_>, table: usize) -> Reading<Which> {
        let all = (0..self.scope.tables[table].fields.len()).collect();
        let Some(item) = section.find("fields") else { return Ok(Which::All(all)) };
        if item.is_text() {
            return Ok(if item.one_of(&["all", "one"])? == 0 { Which::All(all) } else { Which::One(all) });
        }
        let named = item.items()?.iter().map(|name| Ok(self.field(name, table)?.0)).collect::<Reading<Vec<_>>>()?;
        if named.is_empty() {
            return Err(item.fault("there is no field; name at least one"));
        }
        Ok(Which::These(named))
    }
}

fn limit(section: &Section<'_>) -> Reading<Numbers> {
    Numbers::ints(&section.need("limit")?, 1, MOST_ROWS)
}

/// `span = "1h"` or one of several, `["1h", "12h"]`; `ends = "now"` or `"anywhere"`.
fn span(section: &Section<'_>) -> Reading<Span> {
    let item = section.need("span")?;
    let lengths = if item.is_text() { vec![item.clone()] } else { item.items()? };
    let length_ms = lengths.iter().map(|item| item.duration_ms()).collect::<Reading<Vec<_>>>()?;
    if length_ms.is_empty() {
        return Err(item.fault("there is no length of time; write one, such as \"1h\""));
    }
    let anywhere = section.find("ends").map_or(Ok(0), |item| item.one_of(&["now", "anywhere"]))? == 1;
    Ok(Span { length_ms, anywhere })
}

fn fold(section: &Section<'_>) -> Reading<Fold> {
    const FOLDS: [Fold; 5] = [Fold::Mean, Fold::Min, Fold::Max, Fold::Sum, Fold::Count];
    Ok(FOLDS[section.need("fold")?.one_of(&["mean", "min", "max", "sum", "count"])?])
}
