//! How a dataset lies in PostgreSQL: a table a part, its columns and types, and the indexes that are built after the load.
//!
//! A field is a column; lists, maps and items are `jsonb`, or items are tables of their own (`children.rs`). Instants are
//! `bigint` milliseconds: `timestamptz` ends in the year 294276 and would not give every 64-bit instant back. Texts are
//! `COLLATE "C"`, ordered by their bytes, whatever the database's own collation. Statements on these tables are in `sql.rs`.

use tokio_postgres::types::Type;
use xxhash_rust::xxh3::xxh3_64;

use super::laid::Laid;
use crate::{Dataset, Field, KeyKind, Kind, Log, Part, Series, Table};

/// The longest identifier; the server cuts longer ones silently (NAMEDATALEN - 1).
const LONGEST_NAME: usize = 63;

/// An index by its name and the statement that makes it.
#[derive(Debug, PartialEq)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) make: String,
}

/// The tables of a part, by their names on the server, each with the statement that makes it: its own, and those of its items.
pub(super) fn tables(laid: &Laid, part: Part) -> Vec<(String, String)> {
    let own = (identifier(laid.name_of(part)), table(laid, part));
    let children = laid.children_of(part).map(|child| (child.name(), child.make()));
    std::iter::once(own).chain(children).collect()
}

fn table(laid: &Laid, part: Part) -> String {
    let dataset: &Dataset = laid;
    let columns = match part {
        Part::Table(at) => {
            let table = &dataset.tables[at];
            let kinds = laid.record_types(at).skip(1);
            columns(vec![not_null(&key_column(table), key_type(table.key))], table.fields.iter().zip(kinds))
        }
        Part::Log(at) => {
            let log = &dataset.logs[at];
            // Taken when an event is inserted: of two appends that overlap either may be the first, and one that began
            // after another was acknowledged comes after it.
            let seq = format!("{} bigint GENERATED ALWAYS AS IDENTITY", seq_column(log));
            let kinds = log.fields.iter().map(|field| type_of(&field.kind));
            columns(vec![not_null(&stream_column(log), key_type(log.stream)), seq], log.fields.iter().zip(kinds))
        }
        Part::Series(at) => {
            let series = &dataset.series[at];
            let (entity, instant) = (entity_column(series), at_column(series));
            let keys = [&entity, &instant].map(|column| not_null(column, Type::INT8));
            let metrics = series.metrics.iter().map(|metric| not_null(&quoted(metric), Type::FLOAT8));
            // There from the start, unlike other keys: the load may meet a point twice, and the later one has to win.
            let unique = format!("PRIMARY KEY ({entity}, {instant})");
            keys.into_iter().chain(metrics).chain([unique]).collect::<Vec<_>>().join(", ")
        }
    };
    format!("CREATE TABLE {} ({columns})", laid.qualified(laid.name_of(part)))
}

/// The indexes that are built when the rows are there, which is quicker than keeping them while rows come. Primary keys
/// are among them. Their names contain a dot, as no declared name does.
pub(super) fn indexes(laid: &Laid, part: Part) -> Vec<Index> {
    let children = laid.children_of(part).flat_map(|child| child.indexes());
    own_indexes(laid, part).into_iter().chain(children).collect()
}

fn own_indexes(laid: &Laid, part: Part) -> Vec<Index> {
    let dataset: &Dataset = laid;
    let (plain, name) = (laid.name_of(part), laid.qualified(laid.name_of(part)));
    let key = |columns: &str| {
        let index = identifier(&format!("{plain}.key"));
        Index {
            make: format!("ALTER TABLE {name} ADD CONSTRAINT {} PRIMARY KEY ({columns})", quoted(&index)),
            name: index,
        }
    };
    let index = |over: &str, columns: &str| {
        let index = identifier(&format!("{plain}.{over}"));
        Index { make: format!("CREATE INDEX {} ON {name} ({columns})", quoted(&index)), name: index }
    };
    match part {
        Part::Table(at) => {
            let table = &dataset.tables[at];
            let key_column = key_column(table);
            // Ends with the key, because ties are answered in its order.
            let secondary = table.indexes.iter().map(|field| {
                let field = &table.fields[*field].name;
                index(&format!("by.{field}"), &format!("{}, {key_column}", quoted(field)))
            });
            std::iter::once(key(&key_column)).chain(secondary).collect()
        }
        Part::Log(at) => {
            let log = &dataset.logs[at];
            vec![key(&format!("{}, {}", stream_column(log), seq_column(log)))]
        }
        // In the order in which `above` answers, so that it stops at its limit without sorting. One by metric would find
        // a rare excess sooner, but every point would pay for every metric.
        Part::Series(at) => {
            let series = &dataset.series[at];
            vec![index("by.at", &format!("{} DESC, {}", at_column(series), entity_column(series)))]
        }
    }
}

/// For each part the statements that make it.
pub(super) fn described(laid: &Laid) -> Vec<String> {
    let part = |part| {
        let made = tables(laid, part).into_iter().map(|(_, make)| make);
        let made: Vec<String> = made.chain(indexes(laid, part).into_iter().map(|index| index.make)).collect();
        format!("{}: {}", laid.name_of(part), made.join("; "))
    };
    laid.parts().map(part).collect()
}

/// The type of a field's column.
pub(super) fn type_of(kind: &Kind) -> Type {
    match kind {
        Kind::Bool => Type::BOOL,
        Kind::Int | Kind::Time => Type::INT8,
        Kind::Float => Type::FLOAT8,
        Kind::Text => Type::TEXT,
        Kind::Bytes => Type::BYTEA,
        Kind::List(_) | Kind::Map | Kind::Items(_) => Type::JSONB,
    }
}

/// The type of a key's column.
pub(super) fn key_type(kind: KeyKind) -> Type {
    match kind {
        KeyKind::Int => Type::INT8,
        KeyKind::Text => Type::TEXT,
    }
}

/// The type of an array of one of the types of columns.
pub(super) fn array_type(element: Type) -> Type {
    match element {
        Type::BOOL => Type::BOOL_ARRAY,
        Type::INT8 => Type::INT8_ARRAY,
        Type::FLOAT8 => Type::FLOAT8_ARRAY,
        Type::TEXT => Type::TEXT_ARRAY,
        Type::BYTEA => Type::BYTEA_ARRAY,
        _ => Type::JSONB_ARRAY,
    }
}

fn columns<'a>(mut columns: Vec<String>, fields: impl Iterator<Item = (&'a Field, Type)>) -> String {
    columns.extend(fields.map(|(field, kind)| {
        let name = quoted(&field.name);
        if field.optional { nullable(&name, kind) } else { not_null(&name, kind) }
    }));
    columns.join(", ")
}

pub(super) fn nullable(column: &str, kind: Type) -> String {
    format!("{column} {}", spelled(&kind))
}

pub(super) fn not_null(column: &str, kind: Type) -> String {
    format!("{column} {} NOT NULL", spelled(&kind))
}

fn spelled(kind: &Type) -> &'static str {
    match *kind {
        Type::BOOL => "boolean",
        Type::INT4 => "integer",
        Type::INT8 => "bigint",
        Type::FLOAT8 => "double precision",
        Type::TEXT => "text COLLATE \"C\"",
        Type::BYTEA => "bytea",
        _ => "jsonb",
    }
}

/// Key and fields of a table.
pub(super) fn record_columns(table: &Table) -> String {
    listed([key_column(table)], &table.fields)
}

/// Stream and fields of a log; the server adds `seq`.
pub(super) fn event_columns(log: &Log) -> String {
    listed([stream_column(log)], &log.fields)
}

/// Entity, instant and metrics of a series.
pub(super) fn point_columns(series: &Series) -> String {
    let metrics = series.metrics.iter().map(|metric| quoted(metric));
    [entity_column(series), at_column(series)].into_iter().chain(metrics).collect::<Vec<_>>().join(", ")
}

fn listed(keys: [String; 1], fields: &[Field]) -> String {
    keys.into_iter().chain(fields.iter().map(|field| quoted(&field.name))).collect::<Vec<_>>().join(", ")
}

pub(super) fn key_column(table: &Table) -> String {
    free("key", table.fields.iter().map(|field| field.name.as_str()))
}

pub(super) fn stream_column(log: &Log) -> String {
    free("stream", log.fields.iter().map(|field| field.name.as_str()))
}

pub(super) fn seq_column(log: &Log) -> String {
    free("seq", log.fields.iter().map(|field| field.name.as_str()))
}

pub(super) fn entity_column(series: &Series) -> String {
    free("entity", series.metrics.iter().map(String::as_str))
}

pub(super) fn at_column(series: &Series) -> String {
    free("at", series.metrics.iter().map(String::as_str))
}

/// The wanted name for a column of ours, with underscores added until none of the declared names is the same.
pub(super) fn free<'a>(wanted: &str, taken: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut name = wanted.to_owned();
    while taken.clone().any(|taken| taken == name) {
        name.push('_');
    }
    quoted(&name)
}

/// The schema of a dataset.
pub(super) fn schema_name(dataset: &str) -> String {
    identifier(&format!("storebench_{dataset}"))
}

/// A name that the server does not cut: a longer one ends with its hash instead.
pub(super) fn identifier(name: &str) -> String {
    if name.len() <= LONGEST_NAME {
        return name.to_owned();
    }
    let kept = LONGEST_NAME - 17;
    // Names of datasets and their parts are ASCII; any others are cut where a character begins.
    let kept = (0..=kept).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    format!("{}-{:016x}", &name[..kept], xxh3_64(name.as_bytes()))
}

/// A name as an identifier, whatever it is.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", identifier(name).replace('"', "\"\""))
}
