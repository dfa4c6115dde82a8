//! PostgreSQL, in both layouts of nested items: what happens behind the suite's back.

use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use super::sql::{self, UPDATED};
use super::{Backdoor, Corrupted, runtime};

/// A connection to the server of a run.
pub struct Connection {
    runtime: Runtime,
    client: Client,
    has_children: bool,
}

impl Connection {
    /// To the server at an address, in the schema of a dataset.
    pub fn open(address: &str, dataset: &str) -> Self {
        let url = address.split('?').next().expect("a URL");
        let runtime = runtime();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
            tokio::spawn(connection);
            let schema = format!("SET search_path TO \"storebench_{dataset}\"");
            client.batch_execute(&schema).await.expect("the schema of the run");
            client
        });
        Connection { runtime, client, has_children: address.contains("layout=children") }
    }

    fn statements(&self, kind: &str) -> Vec<String> {
        let (table, items) = (format!("\"{kind}\""), format!("\"{kind}/value\""));
        let nested = |value: &str| vec![format!("UPDATE {table} SET value = {value} WHERE {UPDATED}")];
        let updated = format!("SELECT key FROM {table} WHERE {UPDATED}");
        // The record's own column is the number of its items.
        let recounted = |by: &str| format!("UPDATE {table} SET value = value {by} WHERE {UPDATED} RETURNING key");
        let last = format!("(SELECT max(position) FROM {items} WHERE key = 1)");
        let delete = |of: &str| format!("DELETE FROM {items} WHERE key IN ({of}) AND position = {last}");
        let add = |of: &str| {
            let row = format!("key, {last} + 1, 'foreign', 1 FROM ({of}) AS of");
            format!("INSERT INTO {items} (key, position, sku, quantity) SELECT {row}")
        };
        let with = |of: &str, done: String| vec![format!("WITH recounted AS ({of}) {done}")];
        let without_key = |table: &str, key: &str| vec![format!("ALTER TABLE {table} DROP CONSTRAINT \"{key}\"")];
        match kind {
            "item_changed" if self.has_children => {
                vec![format!("UPDATE {items} SET quantity = 99 WHERE key IN ({updated}) AND position = 1")]
            }
            "item_removed" if self.has_children => with(&recounted("- 1"), delete("SELECT key FROM recounted")),
            "item_added" if self.has_children => with(&recounted("+ 1"), add("SELECT key FROM recounted")),
            // Keys are checked row by row: each position is first one that no other row has.
            "items_reversed" if self.has_children => vec![
                format!("UPDATE {items} SET position = -position WHERE key IN ({updated})"),
                format!(
                    "UPDATE {items} SET position = position + 1 + (SELECT value FROM {table} WHERE key = 1) \
                     WHERE key = 1 AND position < 0"
                ),
            ],
            "items_fewer_than_counted" => vec![delete(&updated)],
            "items_more_than_counted" => vec![add(&updated)],
            "items_key_removed" => without_key(&items, &format!("{kind}/value.key")),
            "items_reference_removed" => without_key(&items, &format!("{kind}/value.of")),
            "item_changed" => nested("jsonb_set(value, '{0,quantity}', '99')"),
            "item_removed" | "list_member_removed" => nested("value - 0"),
            "item_added" => nested("value || '[{\"sku\":\"foreign\",\"quantity\":1}]'::jsonb"),
            "items_reversed" => nested(
                "(SELECT jsonb_agg(item ORDER BY at DESC) FROM jsonb_array_elements(value) WITH ORDINALITY AS of (item, at))",
            ),
            "list_member_changed" => nested("jsonb_set(value, '{0}', '\"changed\"')"),
            "map_entry_changed" => nested("jsonb_set(value, '{size}', '99')"),
            "map_entry_removed" => nested("value - 'size'"),
            "index_removed" => vec![format!("DROP INDEX \"{kind}.by.category\"")],
            "series_index_removed" => vec![format!("DROP INDEX \"{kind}.by.at\"")],
            "keys_index_removed" | "log_index_removed" => without_key(&table, &format!("{kind}.key")),
            "series_key_removed" => without_key(&table, &format!("{kind}_pkey")),
            _ => {
                sql::statements(kind, &table).unwrap_or_else(|| panic!("nobody has said what {kind} is in PostgreSQL"))
            }
        }
    }
}

impl Backdoor for Connection {
    fn corrupt(&mut self, kind: &str) -> Corrupted {
        let statements = self.statements(kind);
        let run = async {
            let mut changed = 0;
            for statement in statements {
                let done = self.client.execute(&statement, &[]).await;
                changed += done.map_err(|error| format!("{statement}: {error:?}"))?;
                // The server counts rows, and these have none.
                changed += u64::from(statement.starts_with("DROP") || statement.starts_with("ALTER"));
            }
            Ok(changed)
        };
        self.runtime.block_on(run)
    }
}
