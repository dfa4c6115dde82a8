//! The server's types of columns and parameters, and texts of statements that state them.

use tokio_postgres::types::Type;

use crate::sql::dialect::ColumnType;
use crate::sql::render::Sql;

/// A statement's text with the types of `$1`, `$2` and so on.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct TypedSql {
    pub(super) text: String,
    pub(super) types: Vec<Type>,
}

impl TypedSql {
    pub(super) fn new(text: impl Into<String>, types: Vec<Type>) -> Self {
        TypedSql { text: text.into(), types }
    }

    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds the placeholders of further parameters, with commas between.
    pub(super) fn bind(&mut self, types: impl IntoIterator<Item = Type>) -> &mut Self {
        for (at, kind) in types.into_iter().enumerate() {
            self.types.push(kind);
            let number = self.types.len();
            self.push(if at == 0 { "" } else { ", " }).push(&format!("${number}"));
        }
        self
    }
}

impl From<Sql> for TypedSql {
    fn from(sql: Sql) -> Self {
        TypedSql { text: sql.text, types: sql.types.into_iter().map(type_of).collect() }
    }
}

/// The type of a column.
pub(super) fn type_of(kind: ColumnType) -> Type {
    match kind {
        ColumnType::Bool => Type::BOOL,
        ColumnType::Int => Type::INT8,
        ColumnType::Count => Type::INT4,
        ColumnType::Float => Type::FLOAT8,
        ColumnType::Text => Type::TEXT,
        ColumnType::Bytes => Type::BYTEA,
        ColumnType::Json => Type::JSONB,
    }
}

/// The type of an array of a column's values.
pub(super) fn array_of(element: ColumnType) -> Type {
    match element {
        ColumnType::Bool => Type::BOOL_ARRAY,
        ColumnType::Int => Type::INT8_ARRAY,
        ColumnType::Count => Type::INT4_ARRAY,
        ColumnType::Float => Type::FLOAT8_ARRAY,
        ColumnType::Text => Type::TEXT_ARRAY,
        ColumnType::Bytes => Type::BYTEA_ARRAY,
        ColumnType::Json => Type::JSONB_ARRAY,
    }
}

/// The name of a column's type. Texts are ordered by their bytes, whatever the database's own collation.
pub(super) fn type_name(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Bool => "boolean",
        ColumnType::Int => "bigint",
        ColumnType::Count => "integer",
        ColumnType::Float => "double precision",
        ColumnType::Text => "text COLLATE \"C\"",
        ColumnType::Bytes => "bytea",
        ColumnType::Json => "jsonb",
    }
}
