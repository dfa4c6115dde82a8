//! Reads what fields hold: `{ int = [0, 500] }`, `{ text = "{brand} {thing}" }`, `{ key_of = "products" }` and so on.
//!
//! Each field has one of the words of `FieldParser::KINDS`, and beside it only keys that belong to that word. What the
//! parsed content means is said in `workload/field.rs`; texts of pieces are read in `text.rs`.

use super::declarations::Declarations;
use super::document::{Item, ParseResult, Section};
use super::{distribution, text};
use crate::workload::field::{Alphabet, FieldSpec, Items, KeyOf, Pick, TimeSpec, ValueSpec};
use drivers::{Kind, Part};

/// The longest generated text or list: stores differ above it.
const LONGEST: i64 = 1 << 20;
/// The most items or list members.
const MOST_MEMBERS: i64 = 1000;

/// Reads the fields of a table, a log or an item in order; later ones may refer to earlier ones.
pub(super) fn fields(declared: &mut Declarations, section: &Section<'_>) -> ParseResult<Vec<FieldSpec>> {
    let mut fields = Vec::new();
    for (name, item) in section.entries() {
        column(name, &item)?;
        let field = FieldParser { declared, siblings: &fields, grows: false }.field(name, &item.section()?)?;
        fields.push(field);
    }
    if fields.is_empty() {
        return Err(section.error("there are no fields; write at least one"));
    }
    Ok(fields)
}

/// Reads a value that stands alone. `grows` says whether keys that the run adds may be drawn: by operations they may, but
/// what a record holds must not depend on how far a run has come.
pub(super) fn value(declared: &mut Declarations, section: &Section<'_>, grows: bool) -> ParseResult<(ValueSpec, Kind)> {
    FieldParser { declared, siblings: &[], grows }.value(section, &[])
}

/// Refuses names that some store could not use as an identifier.
pub(super) fn identifier(name: &str, item: &Item<'_>) -> ParseResult<()> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts_well = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    if name == "key" {
        return Err(item.error("the name means the key of a record; choose another one"));
    }
    if starts_well && name.len() <= 40 && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(item.error("the name cannot be used in every store; write a lower-case letter and up to 39 more, digits or _"))
}

/// The same for fields and metrics: every table of PostgreSQL has columns of these names
/// (postgresql.org/docs/current/ddl-system-columns.html).
pub(super) fn column(name: &str, item: &Item<'_>) -> ParseResult<()> {
    const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];
    if SYSTEM_COLUMNS.contains(&name) {
        return Err(item.error("every table of PostgreSQL has a column of this name; choose another one"));
    }
    identifier(name, item)
}

struct FieldParser<'a> {
    declared: &'a mut Declarations,
    /// The fields before this one.
    siblings: &'a [FieldSpec],
    /// Whether keys that the run adds may be drawn.
    grows: bool,
}

type ReadValue<P> = fn(&mut P, &Section<'_>, &Item<'_>) -> ParseResult<(ValueSpec, Kind)>;

impl FieldParser<'_> {
    /// The words that say what a field holds, each with the keys that may stand beside it and what reads them.
    const KINDS: [(&'static str, &'static [&'static str], ReadValue<Self>); 13] = [
        ("bool", &[], |_, _, item| Ok((ValueSpec::Bool(item.number_in(0.0, 1.0)?), Kind::Bool))),
        ("int", &[], |_, _, item| Ok((ValueSpec::Int(distribution::ints(item, -(1 << 53), 1 << 53)?), Kind::Int))),
        ("float", &["decimals"], |_, section, item| {
            let decimals = section.get_or("decimals", 2, |item| item.integer_in(0, 9))?;
            Ok((ValueSpec::Float(distribution::floats(item)?, decimals as i32), Kind::Float))
        }),
        ("text", &["alphabet", "skew"], Self::text),
        ("words", &[], |_, _, item| Ok((ValueSpec::Words(distribution::ints(item, 0, LONGEST / 16)?), Kind::Text))),
        ("bytes", &[], |_, _, item| Ok((ValueSpec::Bytes(distribution::ints(item, 0, LONGEST)?), Kind::Bytes))),
        ("time", &[], |_, _, item| Ok((ValueSpec::Time(time(item)?), Kind::Time))),
        ("list", &["count", "distinct"], Self::list),
        ("map", &["by"], Self::map),
        ("items", &["count", "distinct"], Self::items),
        ("key_of", &["key"], Self::key_of),
        ("from", &["times", "noise"], Self::from),
        ("sum", &[], Self::sum),
    ];

    fn field(&mut self, name: &str, section: &Section<'_>) -> ParseResult<FieldSpec> {
        let present = section.get_or("present", 1.0, |item| item.number_in(0.0, 1.0))?;
        let (content, kind) = self.value(section, &["present"])?;
        Ok(FieldSpec { name: name.into(), kind, present, content })
    }

    /// Reads a value; `beside` are keys that do not belong to its kind.
    fn value(&mut self, section: &Section<'_>, beside: &[&str]) -> ParseResult<(ValueSpec, Kind)> {
        let written = Self::KINDS.iter().filter_map(|kind| Some((kind, section.find(kind.0)?)));
        let ((word, keys, read), item) = match written.collect::<Vec<_>>().as_slice() {
            [(kind, item)] => (*kind, item.clone()),
            [] => {
                let words = Self::KINDS.map(|(word, ..)| word).join(", ");
                return Err(section.error(format!("it does not say what it holds; write one of {words}")));
            }
            [((a, ..), _), ((b, ..), _), ..] => {
                return Err(section.error(format!("it says both `{a}` and `{b}`; write only one")));
            }
        };
        section.only(&[&[*word], *keys, beside].concat())?;
        read(self, section, &item)
    }

    /// `text = 100` characters, `text = ["one", "of", "these"]`, or `text = "a {colour} pattern"`.
    fn text(&mut self, section: &Section<'_>, item: &Item<'_>) -> ParseResult<(ValueSpec, Kind)> {
        let (alphabet, skew) = (section.find("alphabet"), section.find("skew"));
        let misplaced = |extra: Option<Item<'_>>, with: &str| match extra {
            Some(extra) => Err(extra.error(format!("it only goes with {with}; leave it out"))),
            None => Ok(()),
        };
        let content = if item.is_list_of_texts() {
            misplaced(alphabet, "a number of characters")?;
            ValueSpec::Pick(pick(item, skew)?)
        } else if item.is_text() {
            misplaced(skew, "a list of texts")?;
            misplaced(alphabet, "a number of characters")?;
            ValueSpec::Pattern(text::pattern(item, self.siblings)?)
        } else {
            misplaced(skew, "a list of texts")?;
            let alphabet = alphabet.map_or(Ok(Alphabet::Printable), |name| name.word())?;
            ValueSpec::Random(distribution::ints(item, 0, LONGEST)?, alphabet)
        };
        Ok((content, Kind::Text))
    }

    fn list(&mut self, section: &Section<'_>, item: &Item<'_>) -> ParseResult<(ValueSpec, Kind)> {
        let count = distribution::ints(&section.need("count")?, 0, MOST_MEMBERS)?;
        let (member, kind) = value(self.declared, &item.section()?, self.grows)?;
        if !is_plain(&kind) {
            return Err(item.error("a list holds plain values; write a bool, int, float, text, words or time"));
        }
        let kind = Kind::List(Box::new(kind));
        match (section.get_or("distinct", false, Item::flag)?, member) {
            (false, member) => Ok((ValueSpec::List(Box::new(member), count), kind)),
            (true, ValueSpec::KeyOf(key)) => Ok((ValueSpec::Keys(key, count), kind)),
            (true, _) => {
                Err(item.error("only keys can be distinct; write { key_of = \"...\" } or leave `distinct` out"))
            }
        }
    }

    fn map(&mut self, section: &Section<'_>, item: &Item<'_>) -> ParseResult<(ValueSpec, Kind)> {
        let Some(by) = section.find("by") else {
            return Ok((ValueSpec::Map(self.plain_fields(&item.section()?)?), Kind::Map));
        };
        let at = self.sibling(&by, by.text()?)?;
        let FieldSpec { name, content: ValueSpec::Pick(pick), .. } = &self.siblings[at] else {
            return Err(by.error("it must name a field with a list of texts, such as { text = [\"a\", \"b\"] }"));
        };
        let mut cases = Vec::new();
        for (value, case) in item.section()?.entries() {
            case.position(&format!("never in `{name}`"), value, pick.values.iter().map(String::as_str))?;
            cases.push((value.to_string(), self.plain_fields(&case.section()?)?));
        }
        Ok((ValueSpec::MapBy { by: at, cases }, Kind::Map))
    }

    fn items(&mut self, section: &Section<'_>, item: &Item<'_>) -> ParseResult<(ValueSpec, Kind)> {
        let count = distribution::ints(&section.need("count")?, 0, MOST_MEMBERS)?;
        let fields = self.plain_fields(&item.section()?)?;
        let distinct = section.get("distinct", |item| {
            let name = item.text()?;
            let is_key = |field: &FieldSpec| matches!(field.content, ValueSpec::KeyOf(_)) && field.present == 1.0;
            let at = fields.iter().position(|field| field.name == name && is_key(field));
            at.ok_or_else(|| item.error("it must name a `key_of` field of the items"))
        })?;
        let kind = Kind::Items(fields.iter().map(FieldSpec::declaration).collect());
        Ok((ValueSpec::Items(Items { count, fields, distinct }), kind))
    }

    /// The fields of an item or a map: one level of nesting is what every store can query.
    fn plain_fields(&mut self, section: &Section<'_>) -> ParseResult<Vec<FieldSpec>> {
        let fields = fields(self.declared, section)?;
        match fields.iter().find(|field| !is_plain(&field.kind)) {
            None => Ok(fields),
            Some(field) => {
                Err(section.error(format!("`{}` is nested too deeply; write plain values here", field.name)))
            }
        }
    }

    fn key_of(&mut self, section: &Section<'_>, item: &Item<'_>) -> ParseResult<(ValueSpec, Kind)> {
        let table = self.declared.table(item)?;
        let chooser = self.declared.key_chooser(section.find("key").as_ref(), Part::Table(table), self.grows)?;
        let kind = self.declared.tables[table].key.value_kind();
        Ok((ValueSpec::KeyOf(KeyOf { table, chooser }), kind))
    }

    /// `from = "price"`, a sibling's value, or `from = "product.price"`, a field of the record that a sibling refers to.
    fn from(&mut self, section: &Section<'_>, item: &Item<'_>) -> ParseResult<(ValueSpec, Kind)> {
        let factor = section.get("times", Item::number)?;
        let noise = section.get("noise", |item| item.number_in(0.0, 10.0))?;
        let is_scaled = factor.is_some() || noise.is_some();
        let path = item.text()?;
        let (content, kind) = match path.split_once('.') {
            Some((key, field)) if !is_scaled => self.referenced(item, key, field)?,
            Some(_) => return Err(item.error("`times` and `noise` go with a field of the same record only")),
            None => {
                let field = self.sibling(item, path)?;
                let (factor, noise) = (factor.unwrap_or(1.0), noise.unwrap_or(0.0));
                (ValueSpec::Sibling { field, factor, noise }, self.siblings[field].kind.clone())
            }
        };
        if is_scaled && !matches!(kind, Kind::Int | Kind::Float) {
            return Err(item.error("`times` and `noise` go with numbers; leave them out"));
        }
        Ok((content, kind))
    }

    fn referenced(&self, item: &Item<'_>, key: &str, field: &str) -> ParseResult<(ValueSpec, Kind)> {
        let key = self.sibling(item, key)?;
        let ValueSpec::KeyOf(KeyOf { table, .. }) = self.siblings[key].content else {
            return Err(item.error(format!("`{}` is no `key_of` field, so it has no fields", self.siblings[key].name)));
        };
        let other = &self.declared.tables[table];
        let names = other.fields.iter().map(|field| field.name.as_str());
        let at = item.position(&format!("no field above here of `{}`", other.name), field, names)?;
        let FieldSpec { kind, present, content, .. } = &other.fields[at];
        if *present < 1.0 || !matches!(content, ValueSpec::Bool(_) | ValueSpec::Int(_) | ValueSpec::Float(..)) {
            return Err(
                item.error(format!("`{field}` can be absent or is no plain bool, int or float; name one that is"))
            );
        }
        Ok((ValueSpec::Referenced { key, table, field: at }, kind.clone()))
    }

    /// `sum = ["lines.quantity", "lines.price"]`: over the items of `lines`, quantity times price.
    fn sum(&mut self, _: &Section<'_>, item: &Item<'_>) -> ParseResult<(ValueSpec, Kind)> {
        let parts = if item.is_text() { vec![item.clone()] } else { item.items()? };
        let (mut items, mut factors) = (None, Vec::new());
        for part in &parts {
            let (list, field) = part.text()?.split_once('.').ok_or_else(|| part.error("write `items.field`"))?;
            let at = self.sibling(part, list)?;
            let Kind::Items(inner) = &self.siblings[at].kind else {
                return Err(part.error(format!("`{list}` has no items; name a field that has")));
            };
            let names = inner.iter().map(|field| field.name.as_str());
            let factor = part.position("no field of the items", field, names)?;
            if inner[factor].kind != Kind::Int || items.is_some_and(|items| items != at) {
                return Err(part.error("a sum is over `int` fields of the same items"));
            }
            items = Some(at);
            factors.push(factor);
        }
        let items = items.ok_or_else(|| item.error("there is nothing to sum; write [\"items.field\"]"))?;
        Ok((ValueSpec::Sum { items, factors }, Kind::Int))
    }

    fn sibling(&self, item: &Item<'_>, name: &str) -> ParseResult<usize> {
        item.position("no field above this one", name, self.siblings.iter().map(|field| field.name.as_str()))
    }
}

/// Whether values of this kind have no parts.
fn is_plain(kind: &Kind) -> bool {
    matches!(kind, Kind::Bool | Kind::Int | Kind::Float | Kind::Text | Kind::Time)
}

fn pick(item: &Item<'_>, skew: Option<Item<'_>>) -> ParseResult<Pick> {
    let skew = skew.map_or(Ok(0.0), |item| item.number_in(0.0, 10.0))?;
    let values = item.items()?.iter().map(|item| item.text().map(String::from)).collect::<ParseResult<Vec<_>>>()?;
    let weights: Vec<f64> = (1..=values.len()).map(|rank| (rank as f64).powf(-skew)).collect();
    let total: f64 = weights.iter().sum();
    let cumulative = weights.iter().scan(0.0, |sum, weight| {
        *sum += weight / total;
        Some(*sum)
    });
    let cumulative = cumulative.collect();
    Ok(Pick { values, cumulative })
}

/// `{ start = 2026-01-01T00:00:00Z, every = "30s" }` or `{ start = ..., end = ... }`.
fn time(item: &Item<'_>) -> ParseResult<TimeSpec> {
    let section = item.section()?;
    section.only(&["start", "every", "end"])?;
    let from_ms = section.need("start")?.instant_ms()?;
    match (section.find("every"), section.find("end")) {
        (Some(every), None) => Ok(TimeSpec::Every { from_ms, every_ms: every.duration_ms()? }),
        (None, Some(end)) => {
            let to_ms = end.instant_ms()?;
            if to_ms <= from_ms {
                return Err(end.error("it is not after `start`; write a later one"));
            }
            Ok(TimeSpec::Within { from_ms, to_ms })
        }
        _ => Err(section.error("write either `every` (one record after the other) or `end` (anywhere between)")),
    }
}
