//! Reads what the steps of an operation refer to: values that it drew (`"order.customer"`), keys chosen on the spot
//! (`"zipfian"`), and fresh values (`{ int = [1, 5] }`).

use super::declarations::Declarations;
use super::document::{Item, ParseResult};
use super::{distribution, fields};
use crate::workload::operation::{Amount, DrawKind, DrawSpec, KeySource, PathRoot, ValuePath, ValueSource};
use drivers::{KeyKind, Kind, Part};

/// The values that an operation has drawn so far, with their types.
#[derive(Default)]
pub(super) struct DrawnValues {
    draws: Vec<DrawSpec>,
    types: Vec<PathType>,
    /// The member of a list, inside a step that is repeated for each.
    each: Option<PathType>,
}

/// The type of what a path leads to.
#[derive(Clone)]
enum PathType {
    Value(Kind),
    /// A record of the table at this position.
    Record(usize),
    /// A nested item with these fields.
    Item(Vec<drivers::Field>),
}

impl DrawnValues {
    /// Reads a draw, `order = { new = "orders" }`, or any value, such as `amount = { int = [1, 500] }`.
    pub fn draw(&mut self, declared: &mut Declarations, name: &str, item: &Item<'_>) -> ParseResult<()> {
        fields::identifier(name, item)?;
        if name == "each" {
            return Err(item.error("`each` means the member of a repeated step; choose another name"));
        }
        let section = item.section()?;
        let (kind, path_type) = match section.find("new") {
            Some(new) => {
                section.only(&["new"])?;
                let table = declared.table(&new)?;
                (DrawKind::NewRecord(table), PathType::Record(table))
            }
            None => {
                let (content, kind) = fields::value(declared, &section, true)?;
                (DrawKind::Value(content), PathType::Value(kind))
            }
        };
        self.draws.push(DrawSpec { name: name.into(), kind });
        self.types.push(path_type);
        Ok(())
    }

    pub fn into_draws(self) -> Vec<DrawSpec> {
        self.draws
    }

    /// Which record, stream or entity: a path to a drawn key, or a way to choose one.
    pub fn key(
        &self,
        declared: &mut Declarations,
        item: &Item<'_>,
        part: Part,
        kind: KeyKind,
    ) -> ParseResult<KeySource> {
        if !item.is_text() || !self.is_path(item.text()?) {
            return declared.key_chooser(Some(item), part, true).map(KeySource::Chosen);
        }
        let key_kind = if kind == KeyKind::Int { Kind::Int } else { Kind::Text };
        match self.value_at(declared, item)? {
            (path, found) if found == key_kind && !path.negated => Ok(KeySource::Drawn(path)),
            _ => Err(item.error("the keys have another type; name a value drawn with `key_of`")),
        }
    }

    /// A value of the given kind: a path, or a table that says what to draw.
    pub fn source(&self, declared: &mut Declarations, item: &Item<'_>, kind: &Kind) -> ParseResult<ValueSource> {
        let (source, found) = if item.is_text() {
            let (path, found) = self.value_at(declared, item)?;
            (ValueSource::Drawn(path), found)
        } else {
            let (content, found) = fields::value(declared, &item.section()?, true)?;
            (ValueSource::Fresh(content), found)
        };
        if found == *kind {
            Ok(source)
        } else {
            Err(item.error("the field has another type; write a value of its type"))
        }
    }

    /// A whole number to add: `-5`, `[1, 9]`, or a path such as `"-each.quantity"`.
    pub fn amount(&self, declared: &Declarations, item: &Item<'_>) -> ParseResult<Amount> {
        if !item.is_text() {
            return Ok(Amount::Fresh(distribution::ints(item, -(1 << 53), 1 << 53)?));
        }
        match self.value_at(declared, item)? {
            (path, Kind::Int) => Ok(Amount::Drawn(path)),
            _ => Err(item.error("only whole numbers can be added; name an `int`")),
        }
    }

    /// Enters a step that is repeated for each member of a drawn list.
    pub fn enter_each(&mut self, declared: &Declarations, item: &Item<'_>) -> ParseResult<ValuePath> {
        let (path, path_type) = self.path(declared, item)?;
        self.each = Some(match path_type {
            PathType::Value(Kind::Items(fields)) => PathType::Item(fields),
            PathType::Value(Kind::List(member)) => PathType::Value(*member),
            _ => return Err(item.error("only a list or items can be gone through; name one that was drawn")),
        });
        Ok(path)
    }

    /// Leaves the step that [`enter_each`](Self::enter_each) entered, if any.
    pub fn leave_each(&mut self) {
        self.each = None;
    }

    /// A new record that was drawn: the position of the draw, and that of its table.
    pub fn new_record(&self, item: &Item<'_>) -> ParseResult<(usize, usize)> {
        let record = |(at, draw): (usize, &DrawSpec)| match draw.kind {
            DrawKind::NewRecord(table) => Some((at, table)),
            DrawKind::Value(_) => None,
        };
        let records: Vec<_> = self.draws.iter().enumerate().filter_map(record).collect();
        let names = records.iter().map(|(draw, _)| self.draws[*draw].name.as_str());
        Ok(records[item.position("no new record in `draw`", item.text()?, names)?])
    }

    fn is_path(&self, text: &str) -> bool {
        let start = text.split('.').next().unwrap_or_default();
        text.contains('.') || start == "each" || self.draws.iter().any(|draw| draw.name == start)
    }

    fn value_at(&self, declared: &Declarations, item: &Item<'_>) -> ParseResult<(ValuePath, Kind)> {
        match self.path(declared, item)? {
            (path, PathType::Value(kind)) if !path.negated || kind == Kind::Int => Ok((path, kind)),
            (path, _) if path.negated => Err(item.error("only whole numbers can be negated; leave the - out")),
            _ => Err(item.error("it is not a value; name a field of it")),
        }
    }

    fn path(&self, declared: &Declarations, item: &Item<'_>) -> ParseResult<(ValuePath, PathType)> {
        let text = item.text()?;
        let (negated, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let mut names = unsigned.split('.').peekable();
        let start = names.next().unwrap_or_default();
        let (mut root, mut path_type) = match &self.each {
            Some(each) if start == "each" => (PathRoot::Each, each.clone()),
            each => {
                let known = self.draws.iter().map(|draw| draw.name.as_str()).chain(each.as_ref().map(|_| "each"));
                let draw = item.position("nothing that this operation draws", start, known)?;
                match &self.types[draw] {
                    PathType::Record(table) => (PathRoot::Record(draw), PathType::Record(*table)),
                    value => (PathRoot::Value(draw), value.clone()),
                }
            }
        };
        if let (PathRoot::Record(draw), PathType::Record(table), Some(&"key")) = (root, &path_type, names.peek()) {
            names.next();
            root = PathRoot::Key(draw);
            path_type = PathType::Value(declared.tables[*table].key.value_kind());
        }
        let mut positions = Vec::new();
        for name in names {
            let (position, next) = path_type.enter(declared, item, name)?;
            positions.push(position);
            path_type = next;
        }
        Ok((ValuePath { root, positions, negated }, path_type))
    }
}

impl PathType {
    /// Follows a path by one name: the position that it means, and the type there.
    fn enter(&self, declared: &Declarations, item: &Item<'_>, name: &str) -> ParseResult<(usize, PathType)> {
        let field = |fields: &[(&str, &Kind, bool)]| {
            let at = item.position("no field of it", name, fields.iter().map(|(name, ..)| *name))?;
            let (_, kind, is_optional) = fields[at];
            if is_optional {
                return Err(item.error(format!("`{name}` can be absent; name one that is always there")));
            }
            Ok((at, PathType::Value(kind.clone())))
        };
        let member = || match name.parse::<usize>() {
            Ok(at) if at < 1000 => Ok(at),
            _ => Err(item.error(format!("`{name}` is not a position in a list; write a number from 0"))),
        };
        match self {
            PathType::Record(table) => {
                let fields = declared.tables[*table].fields.iter();
                let fields = fields.map(|field| (field.name.as_str(), &field.kind, field.present < 1.0));
                field(&fields.collect::<Vec<_>>())
            }
            PathType::Item(fields) => {
                let fields = fields.iter().map(|field| (field.name.as_str(), &field.kind, field.optional));
                field(&fields.collect::<Vec<_>>())
            }
            PathType::Value(Kind::List(list)) => Ok((member()?, PathType::Value((**list).clone()))),
            PathType::Value(Kind::Items(fields)) => Ok((member()?, PathType::Item(fields.clone()))),
            PathType::Value(_) => Err(item.error(format!("`{name}` is asked of a plain value; leave it out"))),
        }
    }
}
