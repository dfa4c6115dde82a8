//! The statements that are sent to PostgreSQL: those of every dialect, and forms of its own.

use super::dialect::{PostgresLayout, TableId};
use super::items_layout::ItemsStatement;
use super::types::{TypedSql, array_of, type_of};
use crate::sql::dialect::Dialect;
use crate::sql::render::render;
use crate::sql::statement::Statement;
use crate::{Failure, Op};

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
    /// Follows the statement of a record's operation.
    Items(ItemsStatement),
    /// Copies rows into a table, frozen or not.
    Copy {
        into: TableId,
        frozen: bool,
    },
}

impl<'a> PgStatement<'a> {
    /// The statement of a single operation. None if there is nothing to send: no events, no points.
    pub(super) fn of(op: &'a Op) -> Result<Option<Self>, Failure> {
        Ok(match op {
            Op::Append { events, .. } if events.is_empty() => None,
            Op::Append { log, events, .. } if events.len() > 1 => Some(PgStatement::AppendArrays { log: *log }),
            Op::InsertPoints { points, .. } if points.is_empty() => None,
            Op::InsertPoints { series, points } if points.len() > 1 => {
                Some(PgStatement::InsertPointArrays { series: *series })
            }
            _ => Some(PgStatement::Common(Statement::of(op)?)),
        })
    }

    /// Its text with the types of its parameters.
    pub(super) fn sql(&self, layout: &PostgresLayout) -> TypedSql {
        match self {
            PgStatement::Common(statement @ Statement::Insert { table, .. }) => {
                layout.dialect.items.insert(layout.records(*table), render(layout, statement).into())
            }
            PgStatement::Common(statement) => render(layout, statement).into(),
            PgStatement::AppendArrays { log } => append_arrays(layout, *log),
            PgStatement::InsertPointArrays { series } => insert_point_arrays(layout, *series),
            PgStatement::Items(statement) => layout.dialect.items.sql(layout.records(statement.table), *statement),
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
            PgStatement::Items(statement) => PgStatement::Items(statement),
            PgStatement::Copy { into, frozen } => PgStatement::Copy { into, frozen },
        }
    }
}

impl<'a> From<Statement<'a>> for PgStatement<'a> {
    fn from(statement: Statement<'a>) -> Self {
        PgStatement::Common(statement)
    }
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
