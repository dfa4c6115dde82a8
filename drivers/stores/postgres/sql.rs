//! The SQL of PostgreSQL: the statement that each operation becomes, with the types of its parameters.
//!
//! Texts only. A session prepares them, and `binding` prints the same ones, so that what is reported is what is sent. The
//! tables themselves are in `layout.rs`. Every table is named with its schema: nothing depends on a search path.

use tokio_postgres::types::Type;

use super::laid::{Laid, Place};
use super::layout::{
    array_type, at_column, entity_column, event_columns, key_column, key_type, point_columns, quoted, record_columns,
    seq_column, stream_column, type_of,
};
use crate::{Field, Fields, Fold, Order, Part, Table};

/// A statement apart from its parameters and the fields that it names. Numbers are positions in the dataset.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub(super) enum Shape {
    Begin,
    Commit,
    Rollback,
    Insert(usize),
    Read(usize),
    Update(usize),
    /// Removes a record's items from their own table.
    Clear {
        table: usize,
        field: usize,
    },
    /// Puts a record's items there.
    Fill {
        table: usize,
        field: usize,
    },
    Delete(usize),
    Bump {
        table: usize,
        field: usize,
        floored: bool,
    },
    Scan(usize),
    Find {
        table: usize,
        field: usize,
        equal: bool,
        order: Order,
    },
    /// One event, or any number of them as one array a column.
    Append {
        log: usize,
        many: bool,
    },
    Tail(usize),
    /// One point, or any number of them as one array a column.
    Ingest {
        series: usize,
        many: bool,
    },
    Last(usize),
    Range(usize),
    Window {
        series: usize,
        metric: usize,
        fold: Fold,
    },
    Above {
        series: usize,
        metric: usize,
    },
    Copy {
        into: Place,
        /// Whether to COPY with FREEZE.
        frozen: bool,
    },
    Export(Part),
}

/// A statement's text with the types of `$1`, `$2` and so on.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) types: Vec<Type>,
}

impl Sql {
    fn of(text: &str) -> Self {
        Sql { text: text.into(), types: Vec::new() }
    }

    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// The next parameter, of a type.
    pub(super) fn bind(&mut self, kind: Type) -> &mut Self {
        self.types.push(kind);
        let number = self.types.len();
        self.push(&format!("${number}"))
    }

    pub(super) fn bind_all(&mut self, kinds: impl IntoIterator<Item = Type>) -> &mut Self {
        for (at, kind) in kinds.into_iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " }).bind(kind);
        }
        self
    }
}

/// The statement of a shape. `fields` are those that a read answers or an update sets.
pub(super) fn sql(laid: &Laid, shape: Shape, fields: &Fields) -> Sql {
    match shape {
        Shape::Begin => Sql::of("BEGIN"),
        Shape::Commit => Sql::of("COMMIT"),
        Shape::Rollback => Sql::of("ROLLBACK"),
        Shape::Insert(table) => insert(laid, table),
        Shape::Read(table)
        | Shape::Update(table)
        | Shape::Delete(table)
        | Shape::Bump { table, .. }
        | Shape::Scan(table)
        | Shape::Find { table, .. } => on_table(laid, table, shape, fields),
        Shape::Clear { table, field } => laid.child(table, field).map(|child| child.clear()).unwrap_or_default(),
        Shape::Fill { table, field } => laid.child(table, field).map(|child| child.fill()).unwrap_or_default(),
        Shape::Append { log, many } => append(laid, log, many),
        Shape::Tail(log) => tail(laid, log),
        Shape::Ingest { series, many } => ingest(laid, series, many),
        Shape::Last(series) | Shape::Range(series) | Shape::Window { series, .. } | Shape::Above { series, .. } => {
            on_series(laid, series, shape)
        }
        Shape::Copy { into, frozen } => copy(laid, into, frozen),
        Shape::Export(part) => export(laid, part),
    }
}

/// Inserts a record and the rows of its items in one statement. The record comes first, also among the parameters.
fn insert(laid: &Laid, at: usize) -> Sql {
    let table = &laid.tables[at];
    let mut sql = Sql::of(&format!("INSERT INTO {} ({}) VALUES (", laid.qualified(&table.name), record_columns(table)));
    sql.bind_all(laid.record_types(at)).push(")");
    let record = std::mem::take(&mut sql.text);
    for (nth, child) in laid.children(at).enumerate() {
        sql.push(if nth == 0 { "WITH " } else { ", " }).push(&format!("{} AS (", child.quoted()));
        child.push_insert(&mut sql);
        sql.push(")");
    }
    sql.push(if sql.text.is_empty() { "" } else { " " }).push(&record);
    sql
}

fn on_table(laid: &Laid, at: usize, shape: Shape, fields: &Fields) -> Sql {
    let table = &laid.tables[at];
    let (name, key) = (laid.qualified(&table.name), key_column(table));
    let key_kind = key_type(table.key);
    match shape {
        Shape::Update(_) => {
            let mut sql = Sql::of(&format!("UPDATE {name} SET "));
            for (nth, field) in chosen(table, fields).enumerate() {
                sql.push(if nth == 0 { "" } else { ", " }).push(&format!("{} = ", quoted(&table.fields[field].name)));
                sql.bind(laid.type_of(at, field));
            }
            sql.push(&format!(" WHERE {key} = ")).bind(key_kind);
            sql
        }
        Shape::Delete(_) => {
            let mut sql = Sql::of(&format!("DELETE FROM {name} WHERE {key} = "));
            sql.bind(key_kind);
            sql
        }
        Shape::Bump { field, floored, .. } => bump(laid, table, field, floored),
        Shape::Scan(_) => {
            let mut sql = Sql::of(&format!("{} WHERE {key} >= ", select(laid, at, fields)));
            sql.bind(key_kind).push(&format!(" ORDER BY {key} LIMIT ")).bind(Type::INT8);
            sql
        }
        Shape::Find { field, equal, order, .. } => {
            let (column, kind) = (quoted(&table.fields[field].name), type_of(&table.fields[field].kind));
            let order = if order == Order::Ascending { "ASC" } else { "DESC" };
            let mut sql = Sql::of(&format!("{} WHERE {column} ", select(laid, at, fields)));
            if equal {
                sql.push("= ").bind(kind);
            } else {
                sql.push("BETWEEN ").bind(kind.clone()).push(" AND ").bind(kind);
            }
            sql.push(&format!(" ORDER BY {column} {order}, {key} {order} LIMIT ")).bind(Type::INT8);
            sql
        }
        _ => {
            let mut sql = Sql::of(&format!("{} WHERE {key} = ", select(laid, at, fields)));
            sql.bind(key_kind);
            sql
        }
    }
}

/// The floor is compared with what is held, `held >= floor - by`: the sum itself might not be a 64-bit integer, which is
/// an error of the server and not a refusal.
fn bump(laid: &Laid, table: &Table, field: usize, floored: bool) -> Sql {
    let (column, optional) = (quoted(&table.fields[field].name), table.fields[field].optional);
    let mut sql = Sql::of(&format!("UPDATE {} SET {column} = {column} + ", laid.qualified(&table.name)));
    sql.bind(Type::INT8).push(&format!(" WHERE {} = ", key_column(table))).bind(key_type(table.key));
    if floored {
        sql.push(&format!(" AND {column} >= ")).bind(Type::INT8);
    } else if optional {
        // Adding to an absent number would silently do nothing and still count as a changed row.
        sql.push(&format!(" AND {column} IS NOT NULL"));
    }
    sql
}

fn append(laid: &Laid, at: usize, many: bool) -> Sql {
    let log = &laid.logs[at];
    let columns = event_columns(log);
    let kinds = || std::iter::once(key_type(log.stream)).chain(types(&log.fields));
    let mut sql = Sql::of(&format!("INSERT INTO {} ({columns}) ", laid.qualified(&log.name)));
    if many {
        // The stream is one value for all events; each field is an array. Rows, and so `seq`, come in the arrays' order.
        let names: Vec<String> = (1..=log.fields.len()).map(|number| format!("f{number}")).collect();
        sql.push("SELECT ").bind(key_type(log.stream));
        for name in &names {
            sql.push(", ").push(name);
        }
        sql.push(" FROM unnest(").bind_all(kinds().skip(1).map(array_type));
        sql.push(&format!(") WITH ORDINALITY AS given ({}, n) ORDER BY n", names.join(", ")));
    } else {
        sql.push("VALUES (").bind_all(kinds()).push(")");
    }
    sql
}

fn tail(laid: &Laid, at: usize) -> Sql {
    let log = &laid.logs[at];
    let mut sql = Sql::of(&format!("SELECT {} FROM {}", event_columns(log), laid.qualified(&log.name)));
    sql.push(&format!(" WHERE {} = ", stream_column(log))).bind(key_type(log.stream));
    sql.push(&format!(" ORDER BY {} DESC LIMIT ", seq_column(log))).bind(Type::INT8);
    sql
}

fn ingest(laid: &Laid, at: usize, many: bool) -> Sql {
    let series = &laid.series[at];
    let metrics = || series.metrics.iter().map(|_| Type::FLOAT8);
    let kinds = [Type::INT8, Type::INT8].into_iter().chain(metrics());
    let mut sql = Sql::of(&format!("INSERT INTO {} ({}) ", laid.qualified(&series.name), point_columns(series)));
    if many {
        sql.push("SELECT * FROM unnest(").bind_all(kinds.map(array_type)).push(")");
    } else {
        sql.push("VALUES (").bind_all(kinds).push(")");
    }
    let set: Vec<String> = series.metrics.iter().map(|metric| format!("{0} = excluded.{0}", quoted(metric))).collect();
    let (entity, at) = (entity_column(series), at_column(series));
    sql.push(&format!(" ON CONFLICT ({entity}, {at}) DO UPDATE SET {}", set.join(", ")));
    sql
}

fn on_series(laid: &Laid, at: usize, shape: Shape) -> Sql {
    let series = &laid.series[at];
    let (name, entity, at) = (laid.qualified(&series.name), entity_column(series), at_column(series));
    let mut sql = Sql::of(&format!("SELECT {} FROM {name}", point_columns(series)));
    match shape {
        Shape::Range(_) => {
            sql.push(&format!(" WHERE {entity} = ")).bind(Type::INT8);
            within(sql.push(" AND "), &at).push(&format!(" ORDER BY {at}"));
        }
        Shape::Window { metric, fold, .. } => {
            let metric = quoted(&series.metrics[metric]);
            let folded = match fold {
                Fold::Mean => format!("avg({metric})"),
                Fold::Min => format!("min({metric})"),
                Fold::Max => format!("max({metric})"),
                Fold::Sum => format!("sum({metric})"),
                Fold::Count => "count(*)".into(),
            };
            // The remainder has the sign of the dividend; made positive, buckets before 1970 start right too.
            sql = Sql::of("SELECT ");
            sql.bind(Type::INT8);
            sql.push(&format!(", {at} - ({at} % $4 + $4) % $4, {folded} FROM {name} WHERE {entity} = $1"));
            within(sql.push(" AND "), &at).push(" GROUP BY 2 ORDER BY 2");
            sql.types.push(Type::INT8);
        }
        Shape::Above { metric, .. } => {
            let metric = quoted(&series.metrics[metric]);
            within(sql.push(" WHERE "), &at).push(&format!(" AND {metric} > ")).bind(Type::FLOAT8);
            sql.push(&format!(" ORDER BY {at} DESC, {entity} LIMIT ")).bind(Type::INT8);
        }
        _ => {
            sql.push(&format!(" WHERE {entity} = ")).bind(Type::INT8);
            sql.push(&format!(" ORDER BY {at} DESC LIMIT 1"));
        }
    }
    sql
}

fn within<'a>(sql: &'a mut Sql, at: &str) -> &'a mut Sql {
    sql.push(&format!("{at} >= ")).bind(Type::INT8).push(&format!(" AND {at} < ")).bind(Type::INT8)
}

/// `types` are the types of the columns here: a copy has no parameters, but its rows have to be encoded.
fn copy(laid: &Laid, into: Place, frozen: bool) -> Sql {
    let (columns, types) = match into {
        Place::Part(part) => part_columns(laid, part),
        Place::Items { table, field } => laid.child(table, field).map(|child| child.columns()).unwrap_or_default(),
    };
    let (name, frozen) = (laid.qualified(&laid.name_at(into)), if frozen { ", FREEZE" } else { "" });
    Sql { text: format!("COPY {name} ({columns}) FROM STDIN (FORMAT binary{frozen})"), types }
}

fn part_columns(laid: &Laid, part: Part) -> (String, Vec<Type>) {
    match part {
        Part::Table(at) => (record_columns(&laid.tables[at]), laid.record_types(at).collect()),
        Part::Log(at) => {
            let log = &laid.logs[at];
            (event_columns(log), std::iter::once(key_type(log.stream)).chain(types(&log.fields)).collect())
        }
        Part::Series(at) => {
            let series = &laid.series[at];
            let metrics = series.metrics.iter().map(|_| Type::FLOAT8);
            (point_columns(series), [Type::INT8, Type::INT8].into_iter().chain(metrics).collect())
        }
    }
}

fn export(laid: &Laid, part: Part) -> Sql {
    let name = laid.qualified(laid.name_of(part));
    Sql::of(&match part {
        Part::Table(at) => select(laid, at, &Fields::All),
        Part::Log(at) => {
            let log = &laid.logs[at];
            let (stream, seq) = (stream_column(log), seq_column(log));
            format!("SELECT {} FROM {name} ORDER BY {stream}, {seq}", event_columns(log))
        }
        Part::Series(at) => format!("SELECT {} FROM {name}", point_columns(&laid.series[at])),
    })
}

fn select(laid: &Laid, at: usize, fields: &Fields) -> String {
    let table = &laid.tables[at];
    let column = |field| match laid.child(at, field) {
        Some(child) => child.answered(),
        None => quoted(&table.fields[field].name),
    };
    let columns = chosen(table, fields).map(column);
    let columns: Vec<String> = std::iter::once(key_column(table)).chain(columns).collect();
    format!("SELECT {} FROM {}", columns.join(", "), laid.qualified(&table.name))
}

fn types(fields: &[Field]) -> impl Iterator<Item = Type> {
    fields.iter().map(|field| type_of(&field.kind))
}

fn chosen<'a>(table: &Table, fields: &'a Fields) -> Box<dyn Iterator<Item = usize> + 'a> {
    match fields {
        Fields::All => Box::new(0..table.fields.len()),
        Fields::Some(positions) => Box::new(positions.iter().copied()),
    }
}
