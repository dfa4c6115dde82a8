//! The layout that was chosen, with the dataset that it is for: which fields lie where. What a table looks like is in
//! `layout.rs`.

use std::ops::Deref;
use std::sync::Arc;

use tokio_postgres::types::Type;

use super::children::Child;
use super::layout::{key_type, quoted, schema_name, type_of};
use crate::{Dataset, Kind, Part};

/// How nested values are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Each in a `jsonb` column of its record.
    #[default]
    Jsonb,
    /// The items of a record as rows of a table of their own; lists and maps, and the items of events, as `jsonb`. The same
    /// as the other for tables without items.
    Children,
}

impl Layout {
    /// The word for it in addresses and settings.
    pub(super) fn name(self) -> &'static str {
        match self {
            Layout::Jsonb => "jsonb",
            Layout::Children => "children",
        }
    }
}

/// A dataset with the layout in which it is kept.
#[derive(Debug, Clone)]
pub(super) struct Laid {
    dataset: Arc<Dataset>,
    /// The dataset's schema, quoted.
    schema: String,
    pub(super) layout: Layout,
}

/// A table, of a part or of a field's items.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub(super) enum Place {
    Part(Part),
    Items { table: usize, field: usize },
}

impl Deref for Laid {
    type Target = Dataset;

    fn deref(&self) -> &Dataset {
        &self.dataset
    }
}

impl Laid {
    pub(super) fn new(dataset: Arc<Dataset>, layout: Layout) -> Self {
        let schema = quoted(&schema_name(&dataset.name));
        Laid { dataset, schema, layout }
    }

    /// A table with its schema, as every statement names it: a search path is a setting of the session, and where it does
    /// not hold, a bare name is somebody else's table.
    pub(super) fn qualified(&self, table: &str) -> String {
        format!("{}.{}", self.schema, quoted(table))
    }

    /// The field at this position of a table, if its items lie in a table of their own.
    pub(super) fn child(&self, table: usize, field: usize) -> Option<Child<'_>> {
        let parent = &self.tables[table];
        match &parent.fields.get(field)?.kind {
            Kind::Items(items) if self.layout == Layout::Children => {
                Some(Child { schema: &self.schema, parent, table, field, items })
            }
            _ => None,
        }
    }

    /// All such fields of a table.
    pub(super) fn children(&self, table: usize) -> impl Iterator<Item = Child<'_>> {
        let fields = match self.layout {
            Layout::Jsonb => 0,
            Layout::Children => self.tables[table].fields.len(),
        };
        (0..fields).filter_map(move |field| self.child(table, field))
    }

    /// The same for any part; logs and series have none.
    pub(super) fn children_of(&self, part: Part) -> impl Iterator<Item = Child<'_>> {
        let table = if let Part::Table(at) = part { Some(at) } else { None };
        table.into_iter().flat_map(|at| self.children(at))
    }

    /// All tables: each part's, followed by those of its items.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.parts().flat_map(|part| {
            let items = self.children_of(part).map(|child| Place::Items { table: child.table, field: child.field });
            std::iter::once(Place::Part(part)).chain(items)
        })
    }

    /// The name of a table.
    pub(super) fn name_at(&self, place: Place) -> String {
        match place {
            Place::Part(part) => self.name_of(part).to_owned(),
            Place::Items { table, field } => self.child(table, field).map(|child| child.name()).unwrap_or_default(),
        }
    }

    /// The type of a field's column, which holds the number of items if these have a table of their own.
    pub(super) fn type_of(&self, table: usize, field: usize) -> Type {
        match self.child(table, field) {
            Some(_) => Type::INT4,
            None => type_of(&self.tables[table].fields[field].kind),
        }
    }

    /// The types of all columns of a table, its key's first.
    pub(super) fn record_types(&self, table: usize) -> impl Iterator<Item = Type> {
        let fields = 0..self.tables[table].fields.len();
        std::iter::once(key_type(self.tables[table].key)).chain(fields.map(move |field| self.type_of(table, field)))
    }
}
