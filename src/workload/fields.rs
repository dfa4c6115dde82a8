//! Reads what fields hold: `{ int = [0, 500] }`, `{ text = "{brand} {thing}" }`, `{ key_of = "products" }` and so on.
//!
//! Each field says one of the words of [`KINDS`], and beside it only what belongs to that word. What the parsed content
//! means is in `content.rs`, texts of pieces are in `pattern.rs`.

use super::content::{Alphabet, Content, Field, Items, KeyOf, Pick, Times};
use super::file::Scope;
use super::numbers::Numbers;
use super::pattern;
use super::reader::{Item, Reading, Section, not_one_of};
use drivers::{KeyKind, Kind, Part};

/// The words that say what a field holds, each with the keys that may stand beside it.
const KINDS: [(&str, &[&str]); 13] = [
    ("bool", &[]),
    ("int", &[]),
    ("float", &["decimals"]),
    ("text", &["alphabet", "skew"]),
    ("words", &[]),
    ("bytes", &[]),
    ("time", &[]),
    ("list", &["count", "distinct"]),
    ("map", &["by"]),
    ("items", &["count", "distinct"]),
    ("key_of", &["key"]),
    ("from", &["times", "noise"]),
    ("sum", &[]),
];

/// The longest generated text or list: stores differ above it.
const LONGEST: i64 = 1 << 20;
/// The most items or list members.
const MOST: i64 = 1000;

const ALPHABETS: [(&str, Alphabet); 6] = [
    ("printable", Alphabet::Printable),
    ("base64", Alphabet::Base64),
    ("letters", Alphabet::Letters),
    ("hex", Alphabet::Hex),
    ("digits", Alphabet::Digits),
    ("blank", Alphabet::Blank),
];

/// Reads the fields of a table, a log or an item in order; later ones may refer to earlier ones.
pub(super) fn fields(scope: &mut Scope, section: &Section<'_>) -> Reading<Vec<Field>> {
    let mut fields = Vec::new();
    for (name, item) in section.entries() {
        column(name, &item)?;
        let field = Reader { scope, siblings: &fields, grows: false }.field(name, &item.section()?)?;
        fields.push(field);
    }
    if fields.is_empty() {
        return Err(section.fault("there are no fields; write at least one"));
    }
    Ok(fields)
}

/// Reads content that stands alone. `grows` says whether keys that the run adds may be drawn: by operations they may, but
/// what a record holds must not depend on how far a run has come.
pub(super) fn content(scope: &mut Scope, section: &Section<'_>, grows: bool) -> Reading<(Content, Kind)> {
    Reader { scope, siblings: &[], grows }.content(section, &[])
}

/// Refuses names that some store could not use as an identifier.
pub(super) fn identifier(name: &str, item: &Item<'_>) -> Reading<()> {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts_well = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    if name == "key" {
        return Err(item.fault("the name means the key of a record; choose another one"));
    }
    if starts_well && name.len() <= 40 && name.bytes().all(fine) {
        return Ok(());
    }
    Err(item.fault("the name cannot be used in every store; write a lower-case letter and up to 39 more, digits or _"))
}

/// The same for fields and metrics: every table of PostgreSQL has columns of these names
/// (postgresql.org/docs/current/ddl-system-columns.html).
pub(super) fn column(name: &str, item: &Item<'_>) -> Reading<()> {
    const TAKEN: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];
    if TAKEN.contains(&name) {
        return Err(item.fault("every table of PostgreSQL has a column of this name; choose another one"));
    }
    identifier(name, item)
}

struct Reader<'a> {
    scope: &'a mut Scope,
    /// The fields before this one.
    siblings: &'a [Field],
    grows: bool,
}

impl Reader<'_> {
    fn field(&mut self, name: &str, section: &Section<'_>) -> Reading<Field> {
        let present = section.find("present").map_or(Ok(1.0), |item| item.number_in(0.0, 1.0))?;
        let (content, kind) = self.content(section, &["present"])?;
        Ok(Field { name: name.into(), kind, present, content })
    }

    fn content(&mut self, section: &Section<'_>, beside: &[&str]) -> Reading<(Content, Kind)> {
        let said: Vec<_> = KINDS.iter().filter_map(|(word, keys)| Some((*word, *keys, section.find(word)?))).collect();
        let words = || KINDS.map(|(word, _)| word).join(", ");
        let (word, keys, item) = match said.as_slice() {
            [one] => one.clone(),
            [] => return Err(section.fault(format!("it does not say what it holds; write one of {}", words()))),
            [(a, ..), (b, ..), ..] => {
                return Err(section.fault(format!("it says both `{a}` and `{b}`; write only one")));
            }
        };
        section.only(&[&[word], keys, beside].concat())?;
        match word {
            "bool" => Ok((Content::Bool(item.number_in(0.0, 1.0)?), Kind::Bool)),
            "int" => Ok((Content::Int(Numbers::ints(&item, -(1 << 53), 1 << 53)?), Kind::Int)),
            "float" => {
                let decimals = section.find("decimals").map_or(Ok(2), |item| item.integer_in(0, 9))?;
                Ok((Content::Float(Numbers::floats(&item)?, decimals as i32), Kind::Float))
            }
            "text" => Ok((self.text(section, &item)?, Kind::Text)),
            "words" => Ok((Content::Words(Numbers::ints(&item, 0, LONGEST / 16)?), Kind::Text)),
            "bytes" => Ok((Content::Bytes(Numbers::ints(&item, 0, LONGEST)?), Kind::Bytes)),
            "time" => Ok((Content::Time(times(&item)?), Kind::Time)),
            "list" => self.list(section, &item),
            "map" => Ok((self.map(section, &item)?, Kind::Map)),
            "items" => self.items(section, &item),
            "key_of" => self.key_of(section, &item).map(|(key, kind)| (Content::KeyOf(key), kind)),
            "from" => self.from(section, &item),
            _ => Ok((self.sum(&item)?, Kind::Int)),
        }
    }

    /// `text = 100` characters, `text = ["one", "of", "these"]`, or `text = "a {colour} pattern"`.
    fn text(&mut self, section: &Section<'_>, item: &Item<'_>) -> Reading<Content> {
        let (alphabet, skew) = (section.find("alphabet"), section.find("skew"));
        let misplaced = |extra: Option<Item<'_>>, with: &str| match extra {
            Some(extra) => Err(extra.fault(format!("it only goes with {with}; leave it out"))),
            None => Ok(()),
        };
        if item.is_list_of_texts() {
            misplaced(alphabet, "a number of characters")?;
            return Ok(Content::Pick(pick(item, skew)?));
        }
        misplaced(skew, "a list of texts")?;
        if item.is_text() {
            misplaced(alphabet, "a number of characters")?;
            return Ok(Content::Pattern(pattern::content(item, self.siblings)?));
        }
        let alphabet = match alphabet {
            None => Alphabet::Printable,
            Some(name) => ALPHABETS[name.one_of(&ALPHABETS.map(|(name, _)| name))?].1,
        };
        Ok(Content::Random(Numbers::ints(item, 0, LONGEST)?, alphabet))
    }

    fn list(&mut self, section: &Section<'_>, item: &Item<'_>) -> Reading<(Content, Kind)> {
        let count = Numbers::ints(&section.need("count")?, 0, MOST)?;
        let (member, kind) = content(self.scope, &item.section()?, self.grows)?;
        if !is_plain(&kind) {
            return Err(item.fault("a list holds plain values; write a bool, int, float, text, words or time"));
        }
        let distinct = section.find("distinct").map_or(Ok(false), |item| item.flag())?;
        let kind = Kind::List(Box::new(kind));
        match (distinct, member) {
            (false, member) => Ok((Content::List(Box::new(member), count), kind)),
            (true, Content::KeyOf(key)) => Ok((Content::Keys(key, count), kind)),
            (true, _) => {
                Err(item.fault("only keys can be distinct; write { key_of = \"...\" } or leave `distinct` out"))
            }
        }
    }

    fn map(&mut self, section: &Section<'_>, item: &Item<'_>) -> Reading<Content> {
        let Some(by) = section.find("by") else {
            return Ok(Content::Map(self.plain_fields(&item.section()?)?));
        };
        let at = self.sibling(&by, by.text()?)?;
        let Content::Pick(pick) = &self.siblings[at].content else {
            return Err(by.fault("it must name a field with a list of texts, such as { text = [\"a\", \"b\"] }"));
        };
        let known: Vec<_> = pick.values.iter().map(String::as_str).collect();
        let mut cases = Vec::new();
        for (value, case) in item.section()?.entries() {
            if !known.contains(&value) {
                return Err(case.fault(not_one_of(&format!("never in `{}`", self.siblings[at].name), value, &known)));
            }
            cases.push((value.to_string(), self.plain_fields(&case.section()?)?));
        }
        Ok(Content::MapBy { by: at, cases })
    }

    fn items(&mut self, section: &Section<'_>, item: &Item<'_>) -> Reading<(Content, Kind)> {
        let count = Numbers::ints(&section.need("count")?, 0, MOST)?;
        let fields = self.plain_fields(&item.section()?)?;
        let distinct = match section.find("distinct") {
            None => None,
            Some(item) => {
                let name = item.text()?;
                let at = fields.iter().position(|field| field.name == name);
                let is_key =
                    |at: &usize| matches!(fields[*at].content, Content::KeyOf(_)) && fields[*at].present == 1.0;
                Some(at.filter(is_key).ok_or_else(|| item.fault("it must name a `key_of` field of the items"))?)
            }
        };
        let seen = fields.iter().map(|field| drivers::Field {
            name: field.name.clone(),
            kind: field.kind.clone(),
            optional: field.present < 1.0,
        });
        let kind = Kind::Items(seen.collect());
        Ok((Content::Items(Items { count, fields, distinct }), kind))
    }

    /// The fields of an item or a map: one level of nesting is what every store can query.
    fn plain_fields(&mut self, section: &Section<'_>) -> Reading<Vec<Field>> {
        let fields = fields(self.scope, section)?;
        match fields.iter().find(|field| !is_plain(&field.kind)) {
            None => Ok(fields),
            Some(field) => {
                Err(section.fault(format!("`{}` is nested too deeply; write plain values here", field.name)))
            }
        }
    }

    fn key_of(&mut self, section: &Section<'_>, item: &Item<'_>) -> Reading<(KeyOf, Kind)> {
        let table = self.scope.table(item)?;
        let chooser = self.scope.choosing(section.find("key"), Part::Table(table), self.grows)?;
        let kind = if self.scope.tables[table].key.kind() == KeyKind::Int { Kind::Int } else { Kind::Text };
        Ok((KeyOf { table, chooser }, kind))
    }

    fn from(&mut self, section: &Section<'_>, item: &Item<'_>) -> Reading<(Content, Kind)> {
        let (times, noise) = (section.find("times"), section.find("noise"));
        let scaled = times.is_some() || noise.is_some();
        let times = times.map_or(Ok(1.0), |item| item.number())?;
        let noise = noise.map_or(Ok(0.0), |item| item.number_in(0.0, 10.0))?;
        let path = item.text()?;
        let (content, kind) = match path.split_once('.') {
            Some((key, field)) if !scaled => self.of(item, key, field)?,
            Some(_) => return Err(item.fault("`times` and `noise` go with a field of the same record only")),
            None => {
                let field = self.sibling(item, path)?;
                (Content::From { field, times, noise }, self.siblings[field].kind.clone())
            }
        };
        if scaled && !matches!(kind, Kind::Int | Kind::Float) {
            return Err(item.fault("`times` and `noise` go with numbers; leave them out"));
        }
        Ok((content, kind))
    }

    /// `from = "product.price"`, where `product` is a sibling with a key of another table.
    fn of(&self, item: &Item<'_>, key: &str, field: &str) -> Reading<(Content, Kind)> {
        let key = self.sibling(item, key)?;
        let Content::KeyOf(KeyOf { table, .. }) = self.siblings[key].content else {
            return Err(item.fault(format!("`{}` is no `key_of` field, so it has no fields", self.siblings[key].name)));
        };
        let other = &self.scope.tables[table];
        let Some(at) = other.fields.iter().position(|one| one.name == field) else {
            let known: Vec<_> = other.fields.iter().map(|one| one.name.as_str()).collect();
            return Err(item.fault(not_one_of(&format!("no field above here of `{}`", other.name), field, &known)));
        };
        let found = &other.fields[at];
        if found.present < 1.0 || !matches!(found.content, Content::Bool(_) | Content::Int(_) | Content::Float(..)) {
            return Err(
                item.fault(format!("`{field}` can be absent or is no plain bool, int or float; name one that is"))
            );
        }
        Ok((Content::Of { key, table, field: at }, found.kind.clone()))
    }

    /// `sum = ["lines.quantity", "lines.price"]`: over the items of `lines`, quantity times price.
    fn sum(&self, item: &Item<'_>) -> Reading<Content> {
        let parts = if item.is_text() { vec![item.clone()] } else { item.items()? };
        let (mut items, mut factors) = (None, Vec::new());
        for part in &parts {
            let (list, field) = part.text()?.split_once('.').ok_or_else(|| part.fault("write `items.field`"))?;
            let at = self.sibling(part, list)?;
            let Kind::Items(inner) = &self.siblings[at].kind else {
                return Err(part.fault(format!("`{list}` has no items; name a field that has")));
            };
            let known: Vec<_> = inner.iter().map(|one| one.name.as_str()).collect();
            let factor = known.iter().position(|one| *one == field);
            let factor = factor.ok_or_else(|| part.fault(not_one_of("no field of the items", field, &known)))?;
            if inner[factor].kind != Kind::Int || items.is_some_and(|items| items != at) {
                return Err(part.fault("a sum is over `int` fields of the same items"));
            }
            items = Some(at);
            factors.push(factor);
        }
        let items = items.ok_or_else(|| item.fault("there is nothing to sum; write [\"items.field\"]"))?;
        Ok(Content::Sum { items, factors })
    }

    fn sibling(&self, item: &Item<'_>, name: &str) -> Reading<usize> {
        let known: Vec<_> = self.siblings.iter().map(|field| field.name.as_str()).collect();
        let at = known.iter().position(|one| *one == name);
        at.ok_or_else(|| item.fault(not_one_of("no field above this one", name, &known)))
    }
}

/// Whether values of this kind have no parts.
fn is_plain(kind: &Kind) -> bool {
    matches!(kind, Kind::Bool | Kind::Int | Kind::Float | Kind::Text | Kind::Time)
}

fn pick(item: &Item<'_>, skew: Option<Item<'_>>) -> Reading<Pick> {
    let skew = skew.map_or(Ok(0.0), |item| item.number_in(0.0, 10.0))?;
    let values = item.items()?.iter().map(|one| one.text().map(String::from)).collect::<Reading<Vec<_>>>()?;
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
fn times(item: &Item<'_>) -> Reading<Times> {
    let section = item.section()?;
    section.only(&["start", "every", "end"])?;
    let from_ms = section.need("start")?.instant_ms()?;
    match (section.find("every"), section.find("end")) {
        (Some(every), None) => Ok(Times::Every { from_ms, every_ms: every.duration_ms()? }),
        (None, Some(end)) => {
            let to_ms = end.instant_ms()?;
            if to_ms <= from_ms {
                return Err(end.fault("it is not after `start`; write a later one"));
            }
            Ok(Times::Within { from_ms, to_ms })
        }
        _ => Err(section.fault("write either `every` (one record after the other) or `end` (anywhere between)")),
    }
}
