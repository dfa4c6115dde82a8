//! The statements that are sent to PostgreSQL: those of every dialect, and forms of its own.

use super::children::Child;
use super::dialect::{PostgresLayout, TableId};
use super::types::{TypedSql, array_of, type_of};
use crate::sql::dialect::Dialect;
use crate::sql::render::render;
use crate::sql::statement::Statement;
use crate::{Failure, Key, Op, Value};

/// A statement apart from its parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PgStatement<'a> {
    Common(Statement<'a>),
    /// Adds any number of events to one stream, from one array a column.
    AppendArrays {
        log: usize,
    },
    /// Adds any number of points, from one array a column.
    InsertPointArrays {
        series: usize,
    },
    /// Adds a record and the rows of its items.
    InsertWithItems {
        table: usize,
    },
    /// Removes a record's items from their own table.
    DeleteItems {
        table: usize,
        field: usize,
    },
    /// Puts a record's items there.
    InsertItems {
        table: usize,
        field: usize,
    },
    /// Copies rows into a table, frozen or not.
    Copy {
        into: TableId,
        frozen: bool,
    },
}

impl<'a> PgStatement<'a> {
    /// The statement of a single operation. None if there is nothing to send: no events, no points.
    pub(super) fn of(layout: &PostgresLayout, op: &'a Op) -> Result<Option<Self>, Failure> {
        Ok(match op {
            Op::Append { events, .. } if events.is_empty() => None,
            Op::Append { log, events, .. } if events.len() > 1 => Some(PgStatement::AppendArrays { log: *log }),
            Op::InsertPoints { points, .. } if points.is_empty() => None,
            Op::InsertPoints { series, points } if points.len() > 1 => {
                Some(PgStatement::InsertPointArrays { series: *series })
            }
            Op::Insert { table, .. } if layout.children(*table).next().is_some() => {
                Some(PgStatement::InsertWithItems { table: *table })
            }
            _ => Some(PgStatement::Common(Statement::of(op)?)),
        })
    }

    /// Its text with the types of its parameters.
    pub(super) fn sql(&self, layout: &PostgresLayout) -> TypedSql {
        match self {
            PgStatement::Common(statement) => render(layout, statement).into(),
            PgStatement::AppendArrays { log } => append_arrays(layout, *log),
            PgStatement::InsertPointArrays { series } => insert_point_arrays(layout, *series),
            PgStatement::InsertWithItems { table } => insert_with_items(layout, *table),
            PgStatement::DeleteItems { table, field } => {
                layout.child(*table, *field).map(|child| child.delete()).unwrap_or_default()
            }
            PgStatement::InsertItems { table, field } => {
                layout.child(*table, *field).map(|child| child.insert()).unwrap_or_default()
            }
            PgStatement::Copy { into, frozen } => {
                let table = layout.dialect.qualified(&layout.table_name(*into));
                let (columns, frozen) = (layout.columns(*into).0.join(", "), if *frozen { ", FREEZE" } else { "" });
                let text = format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary{frozen})");
                TypedSql::new(text, Vec::new())
            }
        }
    }

    /// The same, to be kept beyond the operation.
    pub(super) fn into_static(self) -> PgStatement<'static> {
        match self {
            PgStatement::Common(statement) => PgStatement::Common(statement.into_static()),
            PgStatement::AppendArrays { log } => PgStatement::AppendArrays { log },
            PgStatement::InsertPointArrays { series } => PgStatement::InsertPointArrays { series },
            PgStatement::InsertWithItems { table } => PgStatement::InsertWithItems { table },
            PgStatement::DeleteItems { table, field } => PgStatement::DeleteItems { table, field },
            PgStatement::InsertItems { table, field } => PgStatement::InsertItems { table, field },
            PgStatement::Copy { into, frozen } => PgStatement::Copy { into, frozen },
        }
    }
}

impl<'a> From<Statement<'a>> for PgStatement<'a> {
    fn from(statement: Statement<'a>) -> Self {
        PgStatement::Common(statement)
    }
}

/// Items that an operation replaces in a table of their own.
pub(super) struct ReplacedItems<'a> {
    pub(super) child: Child<'a>,
    pub(super) table: usize,
    pub(super) key: &'a Key,
    pub(super) items: &'a Value,
}

/// The items that an operation replaces in tables of their own, by statements that follow the record's own.
///
/// One statement for both would see the items as they were before it waited for the lock on the record, and so miss those
/// that the transaction which held it has inserted.
pub(super) fn replaced_items<'a>(layout: &'a PostgresLayout, op: &'a Op) -> impl Iterator<Item = ReplacedItems<'a>> {
    let update = if let Op::Update { table, key, changes } = op { Some((*table, key, changes)) } else { None };
    update.into_iter().flat_map(move |(table, key, changes)| {
        let replaced = move |field| layout.child(table, field);
        changes.iter().filter_map(move |change| {
            Some(ReplacedItems { child: replaced(change.field)?, table, key, items: &change.value })
        })
    })
}

/// The stream is one value for all events; each field is an array. Rows, and so `seq`, come in the arrays' order.
fn append_arrays(layout: &PostgresLayout, at: usize) -> TypedSql {
    let log = &layout.logs[at];
    let names: Vec<String> = (1..=log.fields.len()).map(|number| format!("f{number}")).collect();
    let (table, columns) = (layout.dialect.table_name(&log.name), layout.event_columns(log).join(", "));
    let mut sql = TypedSql::new(format!("INSERT INTO {table} ({columns}) SELECT "), Vec::new());
    sql.bind([type_of(log.stream.into())]);
    for name in &names {
        sql.push(", ").push(name);
    }
    sql.push(" FROM unnest(").bind(layout.event_types(log).into_iter().skip(1).map(array_of));
    sql.push(&format!(") WITH ORDINALITY AS given ({}, n) ORDER BY n", names.join(", ")));
    sql
}

fn insert_point_arrays(layout: &PostgresLayout, at: usize) -> TypedSql {
    let series = &layout.series[at];
    let (table, columns) = (layout.dialect.table_name(&series.name), layout.point_columns(series));
    let text = format!("INSERT INTO {table} ({}) SELECT * FROM unnest(", columns.join(", "));
    let mut sql = TypedSql::new(text, Vec::new());
    sql.bind(layout.point_types(series).into_iter().map(array_of));
    sql.push(&format!(") {}", layout.dialect.replace_existing(&layout.point_key(series), &columns[2..])));
    sql
}

/// Inserts a record and the rows of its items in one statement. The record comes first among the parameters.
fn insert_with_items(layout: &PostgresLayout, at: usize) -> TypedSql {
    let record: TypedSql = render(layout, &Statement::Insert { table: at, rows: 1 }).into();
    let mut sql = TypedSql::new("", record.types);
    for (nth, child) in layout.children(at).enumerate() {
        sql.push(if nth == 0 { "WITH " } else { ", " }).push(&format!("{} AS (", child.quoted()));
        child.push_insert(&mut sql);
        sql.push(")");
    }
    sql.push(" ").push(&record.text);
    sql
}
