//! What the schema of a database has for a dataset.

use super::dialect::SqliteLayout;
use super::ownership::AdminConnection;
use crate::Failure;
use crate::sql::dialect::Dialect;

/// What belongs to a name, which is the parameter: a table or a view, its indexes and triggers, each with its statement.
/// The index of a declared key has none. Where something lies in the file changes by itself and is left out.
const OF_TABLE: &str = "SELECT type || ' ' || name || coalesce(': ' || sql, '') FROM sqlite_schema \
                        WHERE tbl_name = ? COLLATE NOCASE";

/// An entry for each table, index and trigger of a dataset, sorted.
pub(crate) async fn read(connection: &mut impl AdminConnection, layout: &SqliteLayout) -> Result<Vec<String>, Failure> {
    let mut catalog = Vec::new();
    for part in layout.parts() {
        catalog.extend(connection.texts(OF_TABLE, &[&layout.dialect.name(layout.name_of(part))]).await?);
    }
    catalog.sort();
    Ok(catalog)
}
