//! SQLite's dialect of SQL, and how tables lie in it.

use crate::sql::dialect::{ColumnType, Definition, Dialect};
use crate::sql::layout::SqlLayout;
use crate::{Dataset, KeyKind, Kind, Log, Part, Table};

/// SQLite's words for what dialects say differently, for libSQL in this process and behind sqld.
#[derive(Debug, Clone, Default)]
pub(crate) struct SqliteDialect {
    /// What the names of tables and indexes begin with.
    pub(crate) prefix: String,
}

/// A dataset in it.
pub(crate) type SqliteLayout = SqlLayout<SqliteDialect>;

impl Dialect for SqliteDialect {
    fn placeholder(number: usize, by_number: bool) -> String {
        if by_number { format!("?{number}") } else { "?".to_owned() }
    }

    fn type_name(kind: ColumnType) -> &'static str {
        match kind {
            ColumnType::Bool | ColumnType::Int | ColumnType::Count => "INTEGER",
            ColumnType::Float => "REAL",
            ColumnType::Bytes => "BLOB",
            ColumnType::Text | ColumnType::Json => "TEXT",
        }
    }

    /// A transaction that may write takes the write lock at once: taking it later, after a read, can fail in a way that
    /// no waiting cures (SQLITE_BUSY_SNAPSHOT).
    fn begin(writes: bool) -> &'static str {
        if writes { "BEGIN IMMEDIATE" } else { "BEGIN" }
    }

    fn name(&self, part: &str) -> String {
        format!("{}{part}", self.prefix)
    }

    fn export_order(&self, log: &Log) -> String {
        self.seq_column(log)
    }

    fn key_definition(&self, table: &Table) -> String {
        let key = self.key_column(table);
        match table.key {
            // An alias of the rowid: the table itself is the index by key.
            KeyKind::Int => format!("{key} INTEGER PRIMARY KEY"),
            KeyKind::Text => format!("{key} TEXT NOT NULL PRIMARY KEY"),
        }
    }

    /// Without AUTOINCREMENT: nothing is ever deleted, so the next rowid is always the largest plus one, and there is no
    /// table of sequences to be updated with every event.
    fn event_key_definitions(&self, log: &Log) -> String {
        let (seq, stream) = (self.seq_column(log), self.stream_column(log));
        format!("{seq} INTEGER PRIMARY KEY, {stream} {} NOT NULL", Self::type_name(log.stream.into()))
    }

    fn table_options(&self, dataset: &Dataset, part: Part) -> &'static str {
        let is_clustered = match part {
            Part::Table(at) => {
                let table = &dataset.tables[at];
                table.key == KeyKind::Text && table.fields.iter().all(|field| is_small(&field.kind))
            }
            Part::Log(_) => false,
            // By (entity, instant): what is asked for together lies together, and rows are small.
            Part::Series(_) => true,
        };
        if is_clustered { " STRICT, WITHOUT ROWID" } else { " STRICT" }
    }

    /// Secondary ones only. A dot, which no declared name contains, sets their names apart.
    fn indexes(&self, dataset: &Dataset, part: Part) -> Vec<Definition> {
        let plain = dataset.name_of(part);
        let index = |over: &str, columns: &str| {
            let name = format!("{}.{over}", self.name(plain));
            let (index, table) = (self.quoted(&name), self.table_name(plain));
            Definition { create: format!("CREATE INDEX IF NOT EXISTS {index} ON {table} ({columns})"), name }
        };
        match part {
            Part::Table(at) => {
                let table = &dataset.tables[at];
                let over = |field: &usize| {
                    let field = &table.fields[*field].name;
                    match table.key {
                        // Every index ends with the rowid, which is the key.
                        KeyKind::Int => index(field, &self.quoted(field)),
                        KeyKind::Text => index(field, &format!("{}, {}", self.quoted(field), self.key_column(table))),
                    }
                };
                table.indexes.iter().map(over).collect()
            }
            // It ends with the rowid, which is the order of events: the newest of a stream are its last entries.
            Part::Log(at) => vec![index("stream", &self.stream_column(&dataset.logs[at]))],
            // In the order in which `above` answers, so that it stops at its limit without sorting. One by metric would
            // find a rare excess sooner, but every point would pay for every metric.
            Part::Series(at) => {
                let series = &dataset.series[at];
                vec![index("at", &format!("{} DESC, {}", self.at_column(series), self.entity_column(series)))]
            }
        }
    }
}

/// Whether a value of this kind takes a few bytes. A WITHOUT ROWID table saves the second search that a text key
/// costs, but keeps whole rows in the inner pages of its tree: it pays below about a twentieth of a page a row
/// (sqlite.org/withoutrowid.html, section 4).
fn is_small(kind: &Kind) -> bool {
    matches!(kind, Kind::Bool | Kind::Int | Kind::Float | Kind::Time)
}
