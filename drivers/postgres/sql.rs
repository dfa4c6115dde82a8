//! The SQL of PostgreSQL: the statement that each operation becomes, with the types of its parameters.
//!
//! Texts only. A session prepares them, and `binding` prints the same ones, so that what is reported is what is sent. The
//! tables themselves are in `layout.rs`. Names are not qualified: the sessions' `search_path` is the dataset's schema.

use tokio_postgres::types::Type;

use super::layout::{
    array_type, at_column, entity_column, event_columns, key_column, key_type, point_columns, quoted, record_columns,
    seq_column, stream_column, type_of,
};
use crate::{Dataset, Field, Fields, Fold, Log, Order, Part, Series, Table};

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
    Copy(Part),
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

    fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// The next parameter, of a type.
    fn bind(&mut self, kind: Type) -> &mut Self {
        self.types.push(kind);
        let number = self.types.len();
        self.push(&format!("${number}"))
    }

    fn bind_all(&mut self, kinds: impl IntoIterator<Item = Type>) -> &mut Self {
        for (at, kind) in kinds.into_iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " }).bind(kind);
        }
        self
    }
}

/// The statement of a shape. `fields` are those that a read answers or an update sets.
pub(super) fn sql(dataset: &Dataset, shape: Shape, fields: &Fields) -> Sql {
    match shape {
        Shape::Begin => Sql::of("BEGIN"),
        Shape::Commit => Sql::of("COMMIT"),
        Shape::Rollback => Sql::of("ROLLBACK"),
        Shape::Insert(table)
        | Shape::Read(table)
        | Shape::Update(table)
        | Shape::Delete(table)
        | Shape::Bump { table, .. }
        | Shape::Scan(table)
        | Shape::Find { table, .. } => on_table(&dataset.tables[table], shape, fields),
        Shape::Append { log, many } => append(&dataset.logs[log], many),
        Shape::Tail(log) => tail(&dataset.logs[log]),
        Shape::Ingest { series, many } => ingest(&dataset.series[series], many),
        Shape::Last(series) | Shape::Range(series) | Shape::Window { series, .. } | Shape::Above { series, .. } => {
            on_series(&dataset.series[series], shape)
        }
        Shape::Copy(part) => copy(dataset, part),
        Shape::Export(part) => export(dataset, part),
    }
}

fn on_table(table: &Table, shape: Shape, fields: &Fields) -> Sql {
    let (name, key) = (quoted(&table.name), key_column(table));
    let key_kind = key_type(table.key);
    match shape {
        Shape::Insert(_) => {
            let mut sql = Sql::of(&format!("INSERT INTO {name} ({}) VALUES (", record_columns(table)));
            sql.bind_all(std::iter::once(key_kind).chain(types(&table.fields))).push(")");
            sql
        }
        Shape::Update(_) => {
            let mut sql = Sql::of(&format!("UPDATE {name} SET "));
            for (at, field) in chosen(table, fields).enumerate() {
                sql.push(if at == 0 { "" } else { ", " }).push(&format!("{} = ", quoted(&field.name)));
                sql.bind(type_of(&field.kind));
            }
            sql.push(&format!(" WHERE {key} = ")).bind(key_kind);
            sql
        }
        Shape::Delete(_) => {
            let mut sql = Sql::of(&format!("DELETE FROM {name} WHERE {key} = "));
            sql.bind(key_kind);
            sql
        }
        Shape::Bump { field, floored, .. } => bump(table, field, floored),
        Shape::Scan(_) => {
            let mut sql = Sql::of(&format!("{} WHERE {key} >= ", select(table, fields)));
            sql.bind(key_kind).push(&format!(" ORDER BY {key} LIMIT ")).bind(Type::INT8);
            sql
        }
        Shape::Find { field, equal, order, .. } => {
            let (column, kind) = (quoted(&table.fields[field].name), type_of(&table.fields[field].kind));
            let order = if order == Order::Ascending { "ASC" } else { "DESC" };
            let mut sql = Sql::of(&format!("{} WHERE {column} ", select(table, fields)));
            if equal {
                sql.push("= ").bind(kind);
            } else {
                sql.push("BETWEEN ").bind(kind.clone()).push(" AND ").bind(kind);
            }
            sql.push(&format!(" ORDER BY {column} {order}, {key} {order} LIMIT ")).bind(Type::INT8);
            sql
        }
        _ => {
            let mut sql = Sql::of(&format!("{} WHERE {key} = ", select(table, fields)));
            sql.bind(key_kind);
            sql
        }
    }
}

/// The floor is compared with what is held, `held >= floor - by`: the sum itself might not be a 64-bit integer, which is
/// an error of the server and not a refusal.
fn bump(table: &Table, field: usize, floored: bool) -> Sql {
    let (column, optional) = (quoted(&table.fields[field].name), table.fields[field].optional);
    let mut sql = Sql::of(&format!("UPDATE {} SET {column} = {column} + ", quoted(&table.name)));
    sql.bind(Type::INT8).push(&format!(" WHERE {} = ", key_column(table))).bind(key_type(table.key));
    if floored {
        sql.push(&format!(" AND {column} >= ")).bind(Type::INT8);
    } else if optional {
        // Adding to an absent number would silently do nothing and still count as a changed row.
        sql.push(&format!(" AND {column} IS NOT NULL"));
    }
    sql
}

fn append(log: &Log, many: bool) -> Sql {
    let columns = event_columns(log);
    let kinds = || std::iter::once(key_type(log.stream)).chain(types(&log.fields));
    let mut sql = Sql::of(&format!("INSERT INTO {} ({columns}) ", quoted(&log.name)));
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

fn tail(log: &Log) -> Sql {
    let mut sql = Sql::of(&format!("SELECT {} FROM {}", event_columns(log), quoted(&log.name)));
    sql.push(&format!(" WHERE {} = ", stream_column(log))).bind(key_type(log.stream));
    sql.push(&format!(" ORDER BY {} DESC LIMIT ", seq_column(log))).bind(Type::INT8);
    sql
}

fn ingest(series: &Series, many: bool) -> Sql {
    let metrics = || series.metrics.iter().map(|_| Type::FLOAT8);
    let kinds = [Type::INT8, Type::INT8].into_iter().chain(metrics());
    let mut sql = Sql::of(&format!("INSERT INTO {} ({}) ", quoted(&series.name), point_columns(series)));
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

fn on_series(series: &Series, shape: Shape) -> Sql {
    let (name, entity, at) = (quoted(&series.name), entity_column(series), at_column(series));
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

/// `types` are here those of the columns: a copy has no parameters, but its rows have to be written.
fn copy(dataset: &Dataset, part: Part) -> Sql {
    let (columns, kinds): (String, Vec<Type>) = match part {
        Part::Table(at) => {
            let table = &dataset.tables[at];
            (record_columns(table), std::iter::once(key_type(table.key)).chain(types(&table.fields)).collect())
        }
        Part::Log(at) => {
            let log = &dataset.logs[at];
            (event_columns(log), std::iter::once(key_type(log.stream)).chain(types(&log.fields)).collect())
        }
        Part::Series(at) => {
            let series = &dataset.series[at];
            let metrics = series.metrics.iter().map(|_| Type::FLOAT8);
            (point_columns(series), [Type::INT8, Type::INT8].into_iter().chain(metrics).collect())
        }
    };
    let name = quoted(dataset.name_of(part));
    Sql { text: format!("COPY {name} ({columns}) FROM STDIN (FORMAT binary)"), types: kinds }
}

fn export(dataset: &Dataset, part: Part) -> Sql {
    let name = quoted(dataset.name_of(part));
    Sql::of(&match part {
        Part::Table(at) => format!("SELECT {} FROM {name}", record_columns(&dataset.tables[at])),
        Part::Log(at) => {
            let log = &dataset.logs[at];
            let (stream, seq) = (stream_column(log), seq_column(log));
            format!("SELECT {} FROM {name} ORDER BY {stream}, {seq}", event_columns(log))
        }
        Part::Series(at) => format!("SELECT {} FROM {name}", point_columns(&dataset.series[at])),
    })
}

fn select(table: &Table, fields: &Fields) -> String {
    let columns = chosen(table, fields).map(|field| quoted(&field.name));
    let columns: Vec<String> = std::iter::once(key_column(table)).chain(columns).collect();
    format!("SELECT {} FROM {}", columns.join(", "), quoted(&table.name))
}

fn types(fields: &[Field]) -> impl Iterator<Item = Type> {
    fields.iter().map(|field| type_of(&field.kind))
}

fn chosen<'a>(table: &'a Table, fields: &'a Fields) -> Box<dyn Iterator<Item = &'a Field> + 'a> {
    match fields {
        Fields::All => Box::new(table.fields.iter()),
        Fields::Some(positions) => Box::new(positions.iter().map(|at| &table.fields[*at])),
    }
}
