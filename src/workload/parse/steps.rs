//! Reads the steps of an operation: a verb with its keys, `do = "read", table = "users", key = "zipfian"`. The meanings of
//! the verbs are those of `drivers/seam/op.rs`.

use super::declarations::Declarations;
use super::distribution;
use super::document::{Item, ParseResult, Section};
use super::fields;
use super::values::DrawnValues;
use crate::workload::distribution::Distribution;
use crate::workload::operation::{
    Action, DrawSpec, FieldSelection, Grouping, KeySource, MatchSpec, Repeat, StepSpec, TimeSpan, ValueSource,
};
use drivers::{KeyKind, Kind, Order, Part};

/// Most repetitions of a step, and most events of an append.
const MOST_STEPS: i64 = 1000;
/// Most rows of one answer.
const MOST_ROWS: i64 = 100_000;

/// Reads the steps of one operation.
pub(super) struct StepParser<'a> {
    declared: &'a mut Declarations,
    drawn: DrawnValues,
}

type ReadAction<P> = fn(&mut P, &Section<'_>) -> ParseResult<Action>;

impl<'a> StepParser<'a> {
    /// The verbs of steps, each with the keys that it takes and what reads them.
    const VERBS: [(&'static str, &'static [&'static str], ReadAction<Self>); 14] = [
        ("insert", &["table", "record", "set"], Self::insert),
        ("read", &["table", "key", "fields"], Self::read),
        ("update", &["table", "key", "fields", "set"], Self::update),
        ("delete", &["table", "key"], Self::delete),
        ("bump", &["table", "key", "field", "by", "floor"], Self::increment),
        ("scan", &["table", "key", "limit", "fields"], Self::scan),
        ("find", &["table", "by", "equal", "from", "width", "order", "limit", "fields"], Self::find),
        ("append", &["log", "key", "events"], Self::append),
        ("tail", &["log", "key", "limit"], Self::tail),
        ("ingest", &["series"], Self::insert_points),
        ("last", &["series", "key"], Self::last_point),
        ("range", &["series", "key", "span", "ends"], Self::point_range),
        ("window", &["series", "key", "metric", "span", "ends", "every", "fold"], Self::window),
        ("above", &["series", "metric", "threshold", "span", "ends", "limit"], Self::points_above),
    ];

    pub fn new(declared: &'a mut Declarations) -> Self {
        StepParser { declared, drawn: DrawnValues::default() }
    }

    /// Reads a value that the operation draws.
    pub fn draw(&mut self, name: &str, item: &Item<'_>) -> ParseResult<()> {
        self.drawn.draw(self.declared, name, item)
    }

    pub fn into_draws(self) -> Vec<DrawSpec> {
        self.drawn.into_draws()
    }

    /// Reads a step of an operation with several.
    pub fn step(&mut self, item: &Item<'_>, grouping: Grouping) -> ParseResult<StepSpec> {
        let section = item.section()?;
        let do_item = section.need("do")?;
        let repeat = match (section.find("each"), section.find("times")) {
            (None, None) => Repeat::Once,
            (None, Some(times)) => Repeat::Times(distribution::ints(&times, 0, MOST_STEPS)?),
            (Some(each), None) => Repeat::Each(self.drawn.enter_each(self.declared, &each)?),
            (Some(each), Some(_)) => return Err(each.error("`each` and `times` exclude each other; write only one")),
        };
        let (verb, action) = self.action(&section, &["do", "each", "times"], &[])?;
        self.drawn.leave_each();
        let is_transactable = matches!(
            action,
            Action::Insert { .. }
                | Action::InsertDrawn { .. }
                | Action::Read { .. }
                | Action::Update { .. }
                | Action::Delete { .. }
                | Action::Increment { .. }
                | Action::Find { .. }
        );
        if matches!(grouping, Grouping::Transact | Grouping::Interactive) && !is_transactable {
            return Err(do_item.error("a transaction holds insert, read, update, delete, bump and find only"));
        }
        if grouping == Grouping::Sequence && !matches!(repeat, Repeat::Once) {
            let problem = "each call of a sequence is measured on its own; repeat steps in a batch instead";
            return Err(do_item.error(problem));
        }
        if matches!(action, Action::InsertDrawn { .. }) && !matches!(repeat, Repeat::Once) {
            return Err(do_item.error("a new record is inserted once; leave `each` or `times` out"));
        }
        Ok(StepSpec { verb, repeat, action })
    }

    /// Reads what a step does, and its verb. `beside` are keys of the step that do not belong to its verb, `groupings`
    /// other words that could stand in the verb's place.
    pub fn action(
        &mut self,
        section: &Section<'_>,
        beside: &[&str],
        groupings: &[&str],
    ) -> ParseResult<(&'static str, Action)> {
        let item = section.need("do")?;
        let known = Self::VERBS.iter().map(|(name, ..)| *name).chain(groupings.iter().copied());
        let at = item.position("nothing that can be done here", item.text()?, known)?;
        let (verb, keys, read) = Self::VERBS[at];
        section.only(&[keys, beside].concat())?;
        let action = read(self, section)?;
        match action.finds_by_key() {
            Some(table) if !self.declared.tables[table].is_keyed => {
                let name = &self.declared.tables[table].name;
                Err(item.error(format!("`{name}` has no primary key, so that its records are only inserted")))
            }
            _ => Ok((verb, action)),
        }
    }

    fn insert(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        match (section.find("table"), section.find("record")) {
            (Some(table), None) => {
                let table = self.declared.table(&table)?;
                Ok(Action::Insert { table, set: self.set(section, table)? })
            }
            (None, Some(record)) => {
                if let Some(set) = section.find("set") {
                    return Err(set.error("a drawn record is inserted as it is; leave `set` out"));
                }
                let (draw, table) = self.drawn.new_record(&record)?;
                Ok(Action::InsertDrawn { table, draw })
            }
            _ => Err(section.error("write either `table` (the next record) or `record` (one that the operation drew)")),
        }
    }

    fn read(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        let (table, key) = self.record(section)?;
        Ok(Action::Read { table, key, selection: self.selection(section, table)? })
    }

    fn update(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        let (table, key) = self.record(section)?;
        let set = self.set(section, table)?;
        let selection = match section.find("fields") {
            None if set.is_empty() => return Err(section.error("it changes nothing; write `fields` or `set`")),
            None => FieldSelection::Listed(Vec::new()),
            Some(item) => {
                let selection = self.selection(section, table)?;
                let fields = &self.declared.tables[table].fields;
                let mut selected = selection.fields().iter().map(|at| &fields[*at]);
                if let Some(dependent) = selected.find(|field| !field.content.is_independent()) {
                    let name = &dependent.name;
                    return Err(item.error(format!("`{name}` depends on other fields; name the others, or `set` it")));
                }
                selection
            }
        };
        Ok(Action::Update { table, key, selection, set })
    }

    fn delete(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        let (table, key) = self.record(section)?;
        Ok(Action::Delete { table, key })
    }

    fn increment(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        let (table, key) = self.record(section)?;
        let field = self.declared.field(table, &section.need("field")?)?;
        let spec = &self.declared.tables[table].fields[field];
        if spec.kind != Kind::Int || spec.present < 1.0 {
            return Err(section.need("field")?.error("only an `int` that is always there can be bumped"));
        }
        let by = self.drawn.amount(self.declared, &section.need("by")?)?;
        Ok(Action::Increment { table, key, field, by, floor: section.get("floor", Item::integer)? })
    }

    fn scan(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        let (table, from) = self.record(section)?;
        Ok(Action::Scan { table, from, limit: limit(section)?, selection: self.selection(section, table)? })
    }

    fn find(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        let table = self.table(section)?;
        let by = section.need("by")?;
        let field = self.declared.field(table, &by)?;
        let spec = &self.declared.tables[table].fields[field];
        let (kind, is_independent) = (spec.kind.clone(), spec.content.is_independent());
        if !self.declared.tables[table].indexes.contains(&field) {
            return Err(by.error("the field is not indexed; add it to the table's `index`"));
        }
        let matching = match (section.find("equal"), section.find("from"), section.find("width")) {
            (None, None, None) if !is_independent => {
                return Err(by.error("the field depends on others, so its values cannot be drawn; write `equal`"));
            }
            (None, None, None) => MatchSpec::OwnContent,
            (Some(equal), None, None) => MatchSpec::Equal(self.drawn.source(self.declared, &equal, &kind)?),
            (None, Some(from), Some(width)) => self.between(&from, &width, &kind)?,
            _ => return Err(section.error("write either `equal` or both `from` and `width`, or none of them")),
        };
        let order = section.get_or("order", Order::Ascending, Item::word)?;
        let (limit, selection) = (limit(section)?, self.selection(section, table)?);
        Ok(Action::Find { table, field, matching, order, limit, selection })
    }

    fn append(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        let (log, stream) = self.stream(section)?;
        let one = Distribution::constant(1.0);
        let events = section.get_or("events", one, |item| distribution::ints(item, 1, MOST_STEPS))?;
        Ok(Action::Append { log, stream, events })
    }

    fn tail(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        let (log, stream) = self.stream(section)?;
        Ok(Action::Tail { log, stream, limit: limit(section)? })
    }

    fn insert_points(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        Ok(Action::InsertPoints { series: self.series(section)? })
    }

    fn last_point(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        let (series, entity) = self.entity(section)?;
        Ok(Action::LastPoint { series, entity })
    }

    fn point_range(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        let (series, entity) = self.entity(section)?;
        Ok(Action::PointRange { series, entity, span: span(section)? })
    }

    fn window(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        let (series, entity) = self.entity(section)?;
        Ok(Action::Window {
            series,
            entity,
            metric: self.metric(section, series)?,
            span: span(section)?,
            every_ms: section.need("every")?.duration_ms()?,
            fold: section.need("fold")?.word()?,
        })
    }

    fn points_above(&mut self, section: &Section<'_>) -> ParseResult<Action> {
        let series = self.series(section)?;
        Ok(Action::PointsAbove {
            series,
            metric: self.metric(section, series)?,
            threshold: distribution::floats(&section.need("threshold")?)?,
            span: span(section)?,
            limit: limit(section)?,
        })
    }

    fn table(&self, section: &Section<'_>) -> ParseResult<usize> {
        self.declared.table(&section.need("table")?)
    }

    fn series(&self, section: &Section<'_>) -> ParseResult<usize> {
        self.declared.series(&section.need("series")?)
    }

    fn metric(&self, section: &Section<'_>, series: usize) -> ParseResult<usize> {
        let metrics = self.declared.series[series].metrics.iter();
        section.need("metric")?.one_of(&metrics.map(|metric| metric.name.as_str()).collect::<Vec<_>>())
    }

    /// The table, and the key of one of its records.
    fn record(&mut self, section: &Section<'_>) -> ParseResult<(usize, KeySource)> {
        let table = self.table(section)?;
        let kind = self.declared.tables[table].key.kind();
        Ok((table, self.key(section, Part::Table(table), kind)?))
    }

    /// The log, and the key of one of its streams.
    fn stream(&mut self, section: &Section<'_>) -> ParseResult<(usize, KeySource)> {
        let log = self.declared.log(&section.need("log")?)?;
        let kind = self.declared.logs[log].key.kind();
        Ok((log, self.key(section, Part::Log(log), kind)?))
    }

    /// The series, and one of its entities.
    fn entity(&mut self, section: &Section<'_>) -> ParseResult<(usize, KeySource)> {
        let series = self.series(section)?;
        Ok((series, self.key(section, Part::Series(series), KeyKind::Int)?))
    }

    fn key(&mut self, section: &Section<'_>, part: Part, kind: KeyKind) -> ParseResult<KeySource> {
        self.drawn.key(self.declared, &section.need("key")?, part, kind)
    }

    /// `set = { status = { text = ["paid"] }, owner = "customer" }`.
    fn set(&mut self, section: &Section<'_>, table: usize) -> ParseResult<Vec<(usize, ValueSource)>> {
        let Some(set) = section.find("set") else { return Ok(Vec::new()) };
        let mut sources = Vec::new();
        for (name, item) in set.section()?.entries() {
            let fields = &self.declared.tables[table].fields;
            let names = fields.iter().map(|field| field.name.as_str());
            let at = item.position("no field of the table", name, names)?;
            let kind = fields[at].kind.clone();
            sources.push((at, self.drawn.source(self.declared, &item, &kind)?));
        }
        Ok(sources)
    }

    fn between(&mut self, from: &Item<'_>, width: &Item<'_>, kind: &Kind) -> ParseResult<MatchSpec> {
        let (content, found) = fields::value(self.declared, &from.section()?, true)?;
        if found != *kind || !matches!(kind, Kind::Int | Kind::Float | Kind::Time) {
            return Err(from.error("a range is between two numbers or times of the field's own type"));
        }
        let is_float = *kind == Kind::Float;
        let width = if is_float { distribution::floats(width)? } else { distribution::ints(width, 0, 1 << 53)? };
        Ok(MatchSpec::Between(content, width))
    }

    /// `fields = "all"`, `"one"`, or a list of names.
    fn selection(&self, section: &Section<'_>, table: usize) -> ParseResult<FieldSelection> {
        let all = (0..self.declared.tables[table].fields.len()).collect();
        let Some(item) = section.find("fields") else { return Ok(FieldSelection::All(all)) };
        if item.is_text() {
            let is_all = item.one_of(&["all", "one"])? == 0;
            return Ok(if is_all { FieldSelection::All(all) } else { FieldSelection::One(all) });
        }
        let field = |name: &Item<'_>| self.declared.field(table, name);
        let listed = item.items()?.iter().map(field).collect::<ParseResult<Vec<_>>>()?;
        if listed.is_empty() {
            return Err(item.error("there is no field; name at least one"));
        }
        Ok(FieldSelection::Listed(listed))
    }
}

fn limit(section: &Section<'_>) -> ParseResult<Distribution> {
    distribution::ints(&section.need("limit")?, 1, MOST_ROWS)
}

/// `span = "1h"` or one of several, `["1h", "12h"]`; `ends = "now"` or `"anywhere"`.
fn span(section: &Section<'_>) -> ParseResult<TimeSpan> {
    let item = section.need("span")?;
    let lengths = if item.is_text() { vec![item.clone()] } else { item.items()? };
    let length_ms = lengths.iter().map(Item::duration_ms).collect::<ParseResult<Vec<_>>>()?;
    if length_ms.is_empty() {
        return Err(item.error("there is no length of time; write one, such as \"1h\""));
    }
    let ends = section.get_or("ends", 0, |item| item.one_of(&["now", "anywhere"]))?;
    Ok(TimeSpan { length_ms, anywhere: ends == 1 })
}
