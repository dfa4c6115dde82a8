//! Reads what the steps of an operation refer to: values that it drew (`"order.customer"`), keys chosen on the spot
//! (`"zipfian"`), and fresh values (`{ int = [1, 5] }`).

use super::content::Content;
use super::fields;
use super::file::Scope;
use super::numbers::Numbers;
use super::operation::{Aim, Amount, Draw, Drawn, Root, Source, ValuePath};
use super::reader::{Item, Reading, Section, not_one_of};
use drivers::{KeyKind, Kind, Part};

/// The values that an operation has drawn so far, with what is known of them.
#[derive(Default)]
pub(super) struct Values {
    draws: Vec<Draw>,
    places: Vec<Place>,
    /// The member of a list, inside a step that is repeated for each.
    each: Option<Place>,
}

/// What a path has arrived at.
#[derive(Clone)]
enum Place {
    Value(Kind),
    Record(usize),
    Item(Vec<drivers::Field>),
}

impl Values {
    /// Adds a draw; `kind` is that of a value and absent for a new record.
    pub fn declare(&mut self, draw: Draw, kind: Option<Kind>, item: &Item<'_>) -> Reading<()> {
        if draw.name == "each" {
            return Err(item.fault("`each` means the member of a repeated step; choose another name"));
        }
        self.places.push(match (&draw.what, kind) {
            (Drawn::New(table), _) => Place::Record(*table),
            (_, Some(kind)) => Place::Value(kind),
            (_, None) => return Err(item.fault("it says nothing of what is drawn")),
        });
        self.draws.push(draw);
        Ok(())
    }

    /// What was drawn.
    pub fn into_draws(self) -> Vec<Draw> {
        self.draws
    }

    /// A value drawn on the spot.
    pub fn fresh(&self, scope: &mut Scope, section: &Section<'_>) -> Reading<(Content, Kind)> {
        fields::content(scope, section, true)
    }

    /// Which record, stream or entity: a path to a drawn key, or a way to choose one.
    pub fn aim(&self, scope: &mut Scope, item: &Item<'_>, part: Part, kind: KeyKind) -> Reading<Aim> {
        if !item.is_text() || !self.is_path(item.text()?) {
            return scope.choosing(Some(item.clone()), part, true).map(Aim::Chosen);
        }
        let wanted = if kind == KeyKind::Int { Kind::Int } else { Kind::Text };
        match self.value(scope, item)? {
            (path, found) if found == wanted && !path.negated => Ok(Aim::Drawn(path)),
            _ => Err(item.fault("the keys have another type; name a value drawn with `key_of`")),
        }
    }

    /// A value of the given kind: a path, or a table that says what to draw.
    pub fn source(&self, scope: &mut Scope, item: &Item<'_>, kind: &Kind) -> Reading<Source> {
        let (source, found) = if item.is_text() {
            let (path, found) = self.value(scope, item)?;
            (Source::Drawn(path), found)
        } else {
            let (content, found) = self.fresh(scope, &item.section()?)?;
            (Source::Fresh(content), found)
        };
        if found == *kind {
            Ok(source)
        } else {
            Err(item.fault("the field has another type; write a value of its type"))
        }
    }

    /// A whole number to add: `-5`, `[1, 9]`, or a path such as `"-each.quantity"`.
    pub fn amount(&self, scope: &Scope, item: &Item<'_>) -> Reading<Amount> {
        if !item.is_text() {
            return Ok(Amount::Fresh(Numbers::ints(item, -(1 << 53), 1 << 53)?));
        }
        match self.value(scope, item)? {
            (path, Kind::Int) => Ok(Amount::Drawn(path)),
            _ => Err(item.fault("only whole numbers can be added; name an `int`")),
        }
    }

    /// Enters a step that is repeated for each member of a drawn list.
    pub fn enter_each(&mut self, scope: &Scope, item: &Item<'_>) -> Reading<ValuePath> {
        let (path, place) = self.path(scope, item)?;
        self.each = Some(match place {
            Place::Value(Kind::Items(fields)) => Place::Item(fields),
            Place::Value(Kind::List(member)) => Place::Value(*member),
            _ => return Err(item.fault("only a list or items can be gone through; name one that was drawn")),
        });
        Ok(path)
    }

    /// Leaves it.
    pub fn leave_each(&mut self) {
        self.each = None;
    }

    /// A new record that was drawn: which draw, and its table.
    pub fn new_record(&self, item: &Item<'_>) -> Reading<(usize, usize)> {
        let name = item.text()?;
        let records: Vec<_> = self
            .draws
            .iter()
            .enumerate()
            .filter_map(|(at, draw)| match draw.what {
                Drawn::New(table) => Some((draw.name.as_str(), at, table)),
                Drawn::Value(_) => None,
            })
            .collect();
        let known: Vec<_> = records.iter().map(|(name, ..)| *name).collect();
        match records.iter().find(|(known, ..)| *known == name) {
            Some((_, at, table)) => Ok((*at, *table)),
            None => Err(item.fault(not_one_of("no new record in `draw`", name, &known))),
        }
    }

    fn is_path(&self, text: &str) -> bool {
        let start = text.split('.').next().unwrap_or_default();
        text.contains('.') || start == "each" || self.draws.iter().any(|draw| draw.name == start)
    }

    fn value(&self, scope: &Scope, item: &Item<'_>) -> Reading<(ValuePath, Kind)> {
        match self.path(scope, item)? {
            (path, Place::Value(kind)) if !path.negated || kind == Kind::Int => Ok((path, kind)),
            (path, _) if path.negated => Err(item.fault("only whole numbers can be negated; leave the - out")),
            _ => Err(item.fault("it is not a value; name a field of it")),
        }
    }

    fn path(&self, scope: &Scope, item: &Item<'_>) -> Reading<(ValuePath, Place)> {
        let text = item.text()?;
        let (negated, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let mut names = unsigned.split('.').peekable();
        let start = names.next().unwrap_or_default();
        let (mut root, mut place) = match (&self.each, self.draws.iter().position(|draw| draw.name == start)) {
            (Some(each), _) if start == "each" => (Root::Each, each.clone()),
            (_, Some(draw)) => match &self.places[draw] {
                Place::Record(table) => (Root::Record(draw), Place::Record(*table)),
                value => (Root::Value(draw), value.clone()),
            },
            _ => {
                let mut known: Vec<_> = self.draws.iter().map(|draw| draw.name.as_str()).collect();
                known.extend(self.each.as_ref().map(|_| "each"));
                return Err(item.fault(not_one_of("nothing that this operation draws", start, &known)));
            }
        };
        if let (Root::Record(draw), Place::Record(table), Some(&"key")) = (root, &place, names.peek()) {
            names.next();
            root = Root::Key(draw);
            place = Place::Value(if scope.tables[*table].key.kind() == KeyKind::Int { Kind::Int } else { Kind::Text });
        }
        let mut at = Vec::new();
        for name in names {
            let (position, next) = place.enter(scope, item, name)?;
            at.push(position);
            place = next;
        }
        Ok((ValuePath { root, at, negated }, place))
    }
}

impl Place {
    fn enter(&self, scope: &Scope, item: &Item<'_>, name: &str) -> Reading<(usize, Place)> {
        let named = |fields: Vec<(&str, &Kind, bool)>| {
            let names: Vec<_> = fields.iter().map(|(name, ..)| *name).collect();
            match names.iter().position(|one| *one == name) {
                Some(at) if fields[at].2 => {
                    Err(item.fault(format!("`{name}` can be absent; name one that is always there")))
                }
                Some(at) => Ok((at, Place::Value(fields[at].1.clone()))),
                None => Err(item.fault(not_one_of("no field of it", name, &names))),
            }
        };
        let numbered = || match name.parse::<usize>() {
            Ok(at) if at < 1000 => Ok(at),
            _ => Err(item.fault(format!("`{name}` is not a position in a list; write a number from 0"))),
        };
        match self {
            Place::Record(table) => {
                let fields = scope.tables[*table].fields.iter();
                named(fields.map(|field| (field.name.as_str(), &field.kind, field.present < 1.0)).collect())
            }
            Place::Item(fields) => {
                named(fields.iter().map(|field| (field.name.as_str(), &field.kind, field.optional)).collect())
            }
            Place::Value(Kind::List(member)) => Ok((numbered()?, Place::Value((**member).clone()))),
            Place::Value(Kind::Items(fields)) => Ok((numbered()?, Place::Item(fields.clone()))),
            Place::Value(_) => Err(item.fault(format!("`{name}` is asked of a plain value; leave it out"))),
        }
    }
}
