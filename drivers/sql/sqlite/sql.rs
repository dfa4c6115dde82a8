//! The SQL: how a dataset lies in tables, and the statement that each operation becomes.
//!
//! Texts only. A session sends them, and its store's `binding` prints the same ones, so that what is reported is what
//! is sent.

use crate::{Dataset, Field, Fields, Fold, KeyKind, Kind, Log, Order, Part, Series, Table};

/// A statement apart from its parameters and the fields that it names. Numbers are positions in the dataset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// A transaction that may write takes the write lock at once: taking it later, after a read, can fail in a way that
    /// no waiting cures (SQLITE_BUSY_SNAPSHOT).
    Begin {
        writes: bool,
    },
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
    Append(usize),
    Tail(usize),
    Ingest(usize),
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
    Export(Part),
}

impl Shape {
    /// Whether there cannot be a second row, so that asking for one would only cost another step.
    #[cfg(feature = "libsql")]
    pub(crate) fn answers_one_row(self) -> bool {
        matches!(self, Shape::Read(_) | Shape::Last(_))
    }
}

/// The text of a statement. `fields` are those that a read answers or an update sets.
pub(crate) fn text(dataset: &Dataset, shape: Shape, fields: &Fields) -> String {
    text_for_rows(dataset, shape, fields, 1)
}

/// The same for a statement that adds so many records, events or points at once, in order.
pub(crate) fn text_for_rows(dataset: &Dataset, shape: Shape, fields: &Fields, rows: usize) -> String {
    match shape {
        Shape::Begin { writes: true } => "BEGIN IMMEDIATE".into(),
        Shape::Begin { writes: false } => "BEGIN".into(),
        Shape::Commit => "COMMIT".into(),
        Shape::Rollback => "ROLLBACK".into(),
        Shape::Insert(table) => {
            let table = &dataset.tables[table];
            insert(&table.name, &key_column(table), &table.fields, rows)
        }
        Shape::Append(log) => {
            let log = &dataset.logs[log];
            insert(&log.name, &stream_column(log), &log.fields, rows)
        }
        Shape::Read(table)
        | Shape::Update(table)
        | Shape::Delete(table)
        | Shape::Bump { table, .. }
        | Shape::Scan(table)
        | Shape::Find { table, .. } => on_table(&dataset.tables[table], shape, fields),
        Shape::Tail(log) => {
            let log = &dataset.logs[log];
            let (events, stream, seq) = (all_events(log), stream_column(log), seq_column(log));
            format!("{events} WHERE {stream} = ? ORDER BY {seq} DESC LIMIT ?")
        }
        Shape::Ingest(series)
        | Shape::Last(series)
        | Shape::Range(series)
        | Shape::Window { series, .. }
        | Shape::Above { series, .. } => on_series(&dataset.series[series], shape, rows),
        Shape::Export(Part::Table(at)) => select(&dataset.tables[at], &Fields::All),
        Shape::Export(Part::Log(at)) => {
            format!("{} ORDER BY {}", all_events(&dataset.logs[at]), seq_column(&dataset.logs[at]))
        }
        Shape::Export(Part::Series(at)) => all_points(&dataset.series[at]),
    }
}

fn on_table(table: &Table, shape: Shape, fields: &Fields) -> String {
    let (name, key) = (quoted(&table.name), key_column(table));
    match shape {
        Shape::Update(_) => {
            let set: Vec<String> = chosen(table, fields).map(|field| format!("{} = ?", quoted(&field.name))).collect();
            format!("UPDATE {name} SET {} WHERE {key} = ?", set.join(", "))
        }
        Shape::Delete(_) => format!("DELETE FROM {name} WHERE {key} = ?"),
        Shape::Bump { field, floored, .. } => {
            let column = quoted(&table.fields[field].name);
            // Adding to an absent number would silently do nothing and still count as a changed row.
            let present =
                if table.fields[field].optional { format!(" AND {column} IS NOT NULL") } else { String::new() };
            let floor = if floored { format!(" AND {column} + ?1 >= ?3") } else { String::new() };
            format!("UPDATE {name} SET {column} = {column} + ?1 WHERE {key} = ?2{present}{floor}")
        }
        Shape::Scan(_) => format!("{} WHERE {key} >= ? ORDER BY {key} LIMIT ?", select(table, fields)),
        Shape::Find { field, equal, order, .. } => {
            let column = quoted(&table.fields[field].name);
            let matching = if equal { "= ?" } else { "BETWEEN ? AND ?" };
            let order = if order == Order::Ascending { "ASC" } else { "DESC" };
            let rows = select(table, fields);
            format!("{rows} WHERE {column} {matching} ORDER BY {column} {order}, {key} {order} LIMIT ?")
        }
        _ => format!("{} WHERE {key} = ?", select(table, fields)),
    }
}

fn on_series(series: &Series, shape: Shape, rows: usize) -> String {
    let (name, entity, at) = (quoted(&series.name), entity_column(series), at_column(series));
    let points = all_points(series);
    match shape {
        Shape::Ingest(_) => {
            let metrics = series.metrics.iter().map(|metric| quoted(metric));
            let set: Vec<String> = metrics.map(|metric| format!("{metric} = excluded.{metric}")).collect();
            let marks = marks(2 + series.metrics.len(), rows);
            let columns = point_columns(series);
            let set = set.join(", ");
            format!("INSERT INTO {name} ({columns}) VALUES {marks} ON CONFLICT ({entity}, {at}) DO UPDATE SET {set}")
        }
        Shape::Range(_) => format!("{points} WHERE {entity} = ? AND {at} >= ? AND {at} < ? ORDER BY {at}"),
        Shape::Window { metric, fold, .. } => {
            let metric = quoted(&series.metrics[metric]);
            let folded = match fold {
                Fold::Mean => format!("AVG({metric})"),
                Fold::Min => format!("MIN({metric})"),
                Fold::Max => format!("MAX({metric})"),
                Fold::Sum => format!("SUM({metric})"),
                Fold::Count => "COUNT(*)".into(),
            };
            // SQLite's remainder has the sign of the dividend; made positive, buckets before 1970 start right too.
            let start = format!("{at} - ({at} % ?4 + ?4) % ?4");
            format!(
                "SELECT ?1, {start}, {folded} FROM {name} WHERE {entity} = ?1 AND {at} >= ?2 AND {at} < ?3 \
                 GROUP BY 2 ORDER BY 2"
            )
        }
        Shape::Above { metric, .. } => {
            let metric = quoted(&series.metrics[metric]);
            format!("{points} WHERE {at} >= ? AND {at} < ? AND {metric} > ? ORDER BY {at} DESC, {entity} LIMIT ?")
        }
        _ => format!("{points} WHERE {entity} = ? ORDER BY {at} DESC LIMIT 1"),
    }
}

/// A part's table: its name and the statement that makes it.
pub(crate) fn table(dataset: &Dataset, part: Part) -> String {
    let name = quoted(dataset.name_of(part));
    let (columns, tail) = match part {
        Part::Table(at) => {
            let table = &dataset.tables[at];
            let key = match table.key {
                // An alias of the rowid: the table itself is the index by key.
                KeyKind::Int => format!("{} INTEGER PRIMARY KEY", key_column(table)),
                KeyKind::Text => format!("{} TEXT NOT NULL PRIMARY KEY", key_column(table)),
            };
            let clustered = table.key == KeyKind::Text && table.fields.iter().all(|field| is_small(&field.kind));
            (columns(&key, &table.fields), if clustered { "STRICT, WITHOUT ROWID" } else { "STRICT" })
        }
        Part::Log(at) => {
            let log = &dataset.logs[at];
            let kind = if log.stream == KeyKind::Int { "INTEGER" } else { "TEXT" };
            // Without AUTOINCREMENT: nothing is ever deleted, so the next rowid is always the largest plus one, and
            // there is no table of sequences to be updated with every event.
            let keys = format!("{} INTEGER PRIMARY KEY, {} {kind} NOT NULL", seq_column(log), stream_column(log));
            (columns(&keys, &log.fields), "STRICT")
        }
        Part::Series(at) => {
            let series = &dataset.series[at];
            let (entity, instant) = (entity_column(series), at_column(series));
            let metrics: Vec<String> =
                series.metrics.iter().map(|metric| format!("{} REAL NOT NULL", quoted(metric))).collect();
            let keys = format!("{entity} INTEGER NOT NULL, {instant} INTEGER NOT NULL");
            // Clustered by (entity, instant): what is asked for together lies together, and rows are small.
            let tail = "STRICT, WITHOUT ROWID";
            (format!("{keys}, {}, PRIMARY KEY ({entity}, {instant})", metrics.join(", ")), tail)
        }
    };
    format!("CREATE TABLE {name} ({columns}) {tail}")
}

/// The statements that make a part's secondary indexes. A dot, which no declared name contains, sets their names apart.
pub(crate) fn indexes(dataset: &Dataset, part: Part) -> Vec<String> {
    let name = dataset.name_of(part);
    let index = |over: &str, columns: &str| {
        format!("CREATE INDEX IF NOT EXISTS {} ON {} ({columns})", quoted(&format!("{name}.{over}")), quoted(name))
    };
    match part {
        Part::Table(at) => {
            let table = &dataset.tables[at];
            let over = |field: &usize| {
                let column = quoted(&table.fields[*field].name);
                match table.key {
                    // Every index ends with the rowid, which is the key.
                    KeyKind::Int => index(&table.fields[*field].name, &column),
                    KeyKind::Text => index(&table.fields[*field].name, &format!("{column}, {}", key_column(table))),
                }
            };
            table.indexes.iter().map(over).collect()
        }
        // It ends with the rowid, which is the order of events: the newest of a stream are its last entries.
        Part::Log(at) => vec![index("stream", &stream_column(&dataset.logs[at]))],
        // In the order in which `above` answers, so that it stops at its limit without sorting. One by metric would
        // find a rare excess sooner, but every point would pay for every metric.
        Part::Series(at) => {
            let series = &dataset.series[at];
            vec![index("at", &format!("{} DESC, {}", at_column(series), entity_column(series)))]
        }
    }
}

/// Whether a value of this kind takes a few bytes. A WITHOUT ROWID table saves the second search that a text key
/// costs, but keeps whole rows in the inner pages of its tree: it pays below about a twentieth of a page a row
/// (sqlite.org/withoutrowid.html, section 4).
fn is_small(kind: &Kind) -> bool {
    matches!(kind, Kind::Bool | Kind::Int | Kind::Float | Kind::Time)
}

fn columns(keys: &str, fields: &[Field]) -> String {
    let column = |field: &Field| {
        let kind = match field.kind {
            Kind::Bool | Kind::Int | Kind::Time => "INTEGER",
            Kind::Float => "REAL",
            Kind::Bytes => "BLOB",
            Kind::Text | Kind::List(_) | Kind::Map | Kind::Items(_) => "TEXT",
        };
        format!("{} {kind}{}", quoted(&field.name), if field.optional { "" } else { " NOT NULL" })
    };
    std::iter::once(keys.to_owned()).chain(fields.iter().map(column)).collect::<Vec<_>>().join(", ")
}

fn insert(name: &str, key: &str, fields: &[Field], rows: usize) -> String {
    let marks = marks(1 + fields.len(), rows);
    format!("INSERT INTO {} ({}) VALUES {marks}", quoted(name), listed(key, fields.iter()))
}

/// The places of the parameters of so many rows.
fn marks(columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

fn select(table: &Table, fields: &Fields) -> String {
    format!("SELECT {} FROM {}", listed(&key_column(table), chosen(table, fields)), quoted(&table.name))
}

fn all_events(log: &Log) -> String {
    format!("SELECT {} FROM {}", listed(&stream_column(log), log.fields.iter()), quoted(&log.name))
}

fn all_points(series: &Series) -> String {
    format!("SELECT {} FROM {}", point_columns(series), quoted(&series.name))
}

fn point_columns(series: &Series) -> String {
    let metrics = series.metrics.iter().map(|metric| quoted(metric));
    [entity_column(series), at_column(series)].into_iter().chain(metrics).collect::<Vec<_>>().join(", ")
}

fn listed<'a>(key: &str, fields: impl Iterator<Item = &'a Field>) -> String {
    std::iter::once(key.to_owned()).chain(fields.map(|field| quoted(&field.name))).collect::<Vec<_>>().join(", ")
}

fn chosen<'a>(table: &'a Table, fields: &'a Fields) -> Box<dyn Iterator<Item = &'a Field> + 'a> {
    match fields {
        Fields::All => Box::new(table.fields.iter()),
        Fields::Some(positions) => Box::new(positions.iter().map(|at| &table.fields[*at])),
    }
}

fn key_column(table: &Table) -> String {
    free("key", table.fields.iter().map(|field| field.name.as_str()))
}

fn stream_column(log: &Log) -> String {
    free("stream", log.fields.iter().map(|field| field.name.as_str()))
}

fn seq_column(log: &Log) -> String {
    free("seq", log.fields.iter().map(|field| field.name.as_str()))
}

fn entity_column(series: &Series) -> String {
    free("entity", series.metrics.iter().map(String::as_str))
}

fn at_column(series: &Series) -> String {
    free("at", series.metrics.iter().map(String::as_str))
}

/// The wanted name for a column of ours, with underscores added until none of the declared names is the same.
fn free<'a>(wanted: &str, taken: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut name = wanted.to_owned();
    while taken.clone().any(|taken| taken.eq_ignore_ascii_case(&name)) {
        name.push('_');
    }
    quoted(&name)
}

/// A name as an identifier, whatever it is.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
