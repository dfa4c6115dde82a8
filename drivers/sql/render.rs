//! A statement as text in a dialect, with the types of its parameters.
//!
//! Texts only: a session prepares them once, and a store's `explain` prints the same ones, so that what is reported is what
//! is sent.

use super::dialect::{ColumnType, Dialect};
use super::layout::SqlLayout;
use super::statement::{FieldList, Statement};
use crate::{Fold, Order, Part, Series, Table};

/// A statement's text with the types of its parameters, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) types: Vec<ColumnType>,
}

/// The text of a statement.
pub(crate) fn render<D: Dialect>(layout: &SqlLayout<D>, statement: &Statement<'_>) -> Sql {
    let parameters = &mut Parameters { placeholder: D::placeholder, types: Vec::new() };
    let text = match statement {
        Statement::Begin { writes } => D::begin(*writes).to_owned(),
        Statement::Commit => "COMMIT".to_owned(),
        Statement::Rollback => "ROLLBACK".to_owned(),
        Statement::Insert { table, .. }
        | Statement::Read { table, .. }
        | Statement::Update { table, .. }
        | Statement::Delete { table }
        | Statement::Increment { table, .. }
        | Statement::Scan { table, .. }
        | Statement::Find { table, .. } => on_table(layout, &layout.tables[*table], statement, parameters),
        Statement::Append { log, rows } => {
            let log = &layout.logs[*log];
            let (columns, types) = (layout.event_columns(log), layout.event_types(log));
            insert(layout, &log.name, &columns, &types, *rows, parameters)
        }
        Statement::Tail { log } => {
            let log = &layout.logs[*log];
            let (stream, seq) = (layout.dialect.stream_column(log), layout.dialect.seq_column(log));
            let (of, limit) = (parameters.next(log.stream.into()), parameters.next(ColumnType::Int));
            let events = select(layout, &log.name, &layout.event_columns(log));
            format!("{events} WHERE {stream} = {of} ORDER BY {seq} DESC LIMIT {limit}")
        }
        Statement::InsertPoints { series, .. }
        | Statement::LastPoint { series }
        | Statement::PointRange { series }
        | Statement::Window { series, .. }
        | Statement::PointsAbove { series, .. } => on_series(layout, &layout.series[*series], statement, parameters),
        Statement::Export(Part::Table(at)) => select_records(layout, &layout.tables[*at], &FieldList::All),
        Statement::Export(Part::Log(at)) => {
            let log = &layout.logs[*at];
            let events = select(layout, &log.name, &layout.event_columns(log));
            format!("{events} ORDER BY {}", layout.dialect.export_order(log))
        }
        Statement::Export(Part::Series(at)) => {
            let series = &layout.series[*at];
            select(layout, &series.name, &layout.point_columns(series))
        }
    };
    Sql { text, types: std::mem::take(&mut parameters.types) }
}

fn on_table<D: Dialect>(
    layout: &SqlLayout<D>,
    table: &Table,
    statement: &Statement<'_>,
    parameters: &mut Parameters,
) -> String {
    let dialect = &layout.dialect;
    let (name, key) = (dialect.table_name(&table.name), dialect.key_column(table));
    match statement {
        Statement::Insert { rows, .. } => {
            let (columns, types) = (layout.record_columns(table), layout.record_types(table));
            insert(layout, &table.name, &columns, &types, *rows, parameters)
        }
        Statement::Update { fields, .. } => {
            let fields = fields.positions(table.fields.len()).map(|at| &table.fields[at]);
            let set: Vec<String> = fields
                .map(|field| format!("{} = {}", dialect.quoted(&field.name), parameters.next(layout.field_type(field))))
                .collect();
            format!("UPDATE {name} SET {} WHERE {key} = {}", set.join(", "), parameters.next(table.key.into()))
        }
        Statement::Delete { .. } => format!("DELETE FROM {name} WHERE {key} = {}", parameters.next(table.key.into())),
        Statement::Increment { field, has_floor, .. } => {
            let (column, optional) = (dialect.quoted(&table.fields[*field].name), table.fields[*field].optional);
            let (by, of) = (parameters.numbered(ColumnType::Int), parameters.numbered(table.key.into()));
            let condition = match has_floor {
                true => format!(" AND {column} >= {}", parameters.numbered(ColumnType::Int)),
                // Adding to an absent number would silently do nothing and still count as a changed row.
                false if optional => format!(" AND {column} IS NOT NULL"),
                false => String::new(),
            };
            format!("UPDATE {name} SET {column} = {column} + {by} WHERE {key} = {of}{condition}")
        }
        Statement::Scan { fields, .. } => {
            let (from, limit) = (parameters.next(table.key.into()), parameters.next(ColumnType::Int));
            let records = select_records(layout, table, fields);
            format!("{records} WHERE {key} >= {from} ORDER BY {key} LIMIT {limit}")
        }
        Statement::Find { field, is_range, order, fields, .. } => {
            let field = &table.fields[*field];
            let (column, kind) = (dialect.quoted(&field.name), ColumnType::from(&field.kind));
            let matching = match is_range {
                true => format!("BETWEEN {} AND {}", parameters.next(kind), parameters.next(kind)),
                false => format!("= {}", parameters.next(kind)),
            };
            let order = if *order == Order::Ascending { "ASC" } else { "DESC" };
            let (records, limit) = (select_records(layout, table, fields), parameters.next(ColumnType::Int));
            format!("{records} WHERE {column} {matching} ORDER BY {column} {order}, {key} {order} LIMIT {limit}")
        }
        Statement::Read { fields, .. } => {
            let records = select_records(layout, table, fields);
            format!("{records} WHERE {key} = {}", parameters.next(table.key.into()))
        }
        _ => unreachable!("`render` hands on no other statement"),
    }
}

fn on_series<D: Dialect>(
    layout: &SqlLayout<D>,
    series: &Series,
    statement: &Statement<'_>,
    parameters: &mut Parameters,
) -> String {
    let dialect = &layout.dialect;
    let (entity, at) = (dialect.entity_column(series), dialect.at_column(series));
    let columns = layout.point_columns(series);
    let points = select(layout, &series.name, &columns);
    match statement {
        Statement::InsertPoints { rows, .. } => {
            let rows = insert(layout, &series.name, &columns, &layout.point_types(series), *rows, parameters);
            format!("{rows} {}", dialect.replace_existing(&layout.point_key(series), &columns[2..]))
        }
        Statement::LastPoint { .. } => {
            let of = parameters.next(ColumnType::Int);
            format!("{points} WHERE {entity} = {of} ORDER BY {at} DESC LIMIT 1")
        }
        Statement::PointRange { .. } => {
            let [of, from, to] = [0; 3].map(|_| parameters.next(ColumnType::Int));
            format!("{points} WHERE {entity} = {of} AND {at} >= {from} AND {at} < {to} ORDER BY {at}")
        }
        Statement::Window { metric, fold, .. } => {
            let metric = &columns[2 + metric];
            let folded = match fold {
                Fold::Mean => format!("AVG({metric})"),
                Fold::Min => format!("MIN({metric})"),
                Fold::Max => format!("MAX({metric})"),
                Fold::Sum => format!("SUM({metric})"),
                Fold::Count => "COUNT(*)".to_owned(),
            };
            let [of, from, to, every] = [0; 4].map(|_| parameters.numbered(ColumnType::Int));
            // The remainder has the sign of the dividend; made positive, buckets before 1970 start right too.
            let start = format!("{at} - ({at} % {every} + {every}) % {every}");
            let series = dialect.table_name(&series.name);
            format!(
                "SELECT {of}, {start}, {folded} FROM {series} WHERE {entity} = {of} AND {at} >= {from} AND {at} < {to} \
                 GROUP BY 2 ORDER BY 2"
            )
        }
        Statement::PointsAbove { metric, .. } => {
            let metric = &columns[2 + metric];
            let kinds = [ColumnType::Int, ColumnType::Int, ColumnType::Float, ColumnType::Int];
            let [from, to, threshold, limit] = kinds.map(|kind| parameters.next(kind));
            format!(
                "{points} WHERE {at} >= {from} AND {at} < {to} AND {metric} > {threshold} \
                 ORDER BY {at} DESC, {entity} LIMIT {limit}"
            )
        }
        _ => unreachable!("`render` hands on no other statement"),
    }
}

/// So many rows, in order.
fn insert<D: Dialect>(
    layout: &SqlLayout<D>,
    name: &str,
    columns: &[String],
    types: &[ColumnType],
    rows: usize,
    parameters: &mut Parameters,
) -> String {
    let mut row = || {
        let values: Vec<String> = types.iter().map(|kind| parameters.next(*kind)).collect();
        format!("({})", values.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(|_| row()).collect();
    let name = layout.dialect.table_name(name);
    format!("INSERT INTO {name} ({}) VALUES {}", columns.join(", "), rows.join(", "))
}

fn select_records<D: Dialect>(layout: &SqlLayout<D>, table: &Table, fields: &FieldList<'_>) -> String {
    let fields = fields.positions(table.fields.len()).map(|at| layout.dialect.selected(table, at));
    let columns: Vec<String> = std::iter::once(layout.dialect.key_column(table)).chain(fields).collect();
    select(layout, &table.name, &columns)
}

fn select<D: Dialect>(layout: &SqlLayout<D>, name: &str, columns: &[String]) -> String {
    format!("SELECT {} FROM {}", columns.join(", "), layout.dialect.table_name(name))
}

/// The parameters of a statement, in the order in which they are rendered.
struct Parameters {
    placeholder: fn(usize, bool) -> String,
    types: Vec<ColumnType>,
}

impl Parameters {
    /// The placeholder of the next one.
    fn next(&mut self, kind: ColumnType) -> String {
        self.types.push(kind);
        (self.placeholder)(self.types.len(), false)
    }

    /// The same for one that may stand in several places.
    fn numbered(&mut self, kind: ColumnType) -> String {
        self.types.push(kind);
        (self.placeholder)(self.types.len(), true)
    }
}
