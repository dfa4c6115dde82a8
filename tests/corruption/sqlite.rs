//! libSQL, embedded and behind a server: what happens behind the suite's back, in SQLite's dialect.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::sql::{self, UPDATED};
use super::{Backdoor, Corrupted, runtime};

/// Kinds that cannot happen in SQLite beside those of all SQL, each with the reason.
pub const IMPOSSIBLE: &[(&str, &str)] =
    &[("keys_index_removed", "the index of a primary key cannot be dropped"), ("series_key_removed", "the same")];

fn statements(kind: &str, prefix: &str) -> Vec<String> {
    let table = format!("\"{prefix}{kind}\"");
    let nested = |value: &str| vec![format!("UPDATE {table} SET value = {value} WHERE {UPDATED}")];
    let without_index = |over: &str| vec![format!("DROP INDEX \"{prefix}{kind}.{over}\"")];
    match kind {
        "item_changed" => nested("json_set(value, '$[0].quantity', 99)"),
        "item_removed" | "list_member_removed" => nested("json_remove(value, '$[0]')"),
        "item_added" => nested("json_insert(value, '$[#]', json('{\"sku\":\"foreign\",\"quantity\":1}'))"),
        "items_reversed" => nested(
            "(SELECT json_group_array(json(value)) FROM \
             (SELECT value FROM json_each((SELECT value FROM items_reversed WHERE key = 1)) ORDER BY key DESC))",
        )
        .into_iter()
        .map(|statement| statement.replace("FROM items_reversed", &format!("FROM {table}")))
        .collect(),
        "list_member_changed" => nested("json_set(value, '$[0]', 'changed')"),
        "map_entry_changed" => nested("json_set(value, '$.size', 99)"),
        "map_entry_removed" => nested("json_remove(value, '$.size')"),
        "index_removed" => without_index("category"),
        "log_index_removed" => without_index("stream"),
        "series_index_removed" => without_index("at"),
        _ => sql::statements(kind, &table).unwrap_or_else(|| panic!("nobody has said what {kind} is in SQLite")),
    }
}

/// A second connection to the file of a run.
pub struct File {
    runtime: Runtime,
    connection: libsql::Connection,
}

impl File {
    /// Opens the file that an address names.
    pub fn open(address: &str) -> Self {
        let (_, path) = address.split_once(':').expect("libsql:FILE");
        let runtime = runtime();
        let connection = runtime.block_on(async {
            let database = libsql::Builder::new_local(path).build().await.expect("the file of the run");
            database.connect().expect("a connection")
        });
        connection.busy_timeout(std::time::Duration::from_secs(5)).expect("a time limit");
        File { runtime, connection }
    }
}

impl Backdoor for File {
    fn corrupt(&mut self, kind: &str) -> Corrupted {
        let run = async {
            let mut changed = 0;
            for statement in statements(kind, "") {
                let done = self.connection.execute(&statement, ()).await;
                changed += done.map_err(|error| format!("{statement}: {error}"))?;
                // SQLite counts rows, and a DROP has none.
                changed += u64::from(statement.starts_with("DROP"));
            }
            Ok(changed)
        };
        self.runtime.block_on(run)
    }
}

/// One request after another to a server, over HTTP.
pub struct HttpServer {
    host: String,
    prefix: String,
}

impl HttpServer {
    /// Of the server at an address, with what the names of a dataset's tables begin with.
    pub fn open(address: &str, dataset: &str) -> Self {
        let (_, host) = address.split_once("://").expect("a URL");
        HttpServer { host: host.trim_end_matches('/').to_owned(), prefix: format!("storebench_{dataset}_") }
    }

    /// By HTTP/1.0, in which the answer ends with the connection.
    fn post(&self, body: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect(&self.host)?;
        let head = format!("POST /v3/pipeline HTTP/1.0\r\nhost: {}\r\ncontent-type: application/json\r\n", self.host);
        write!(connection, "{head}content-length: {}\r\n\r\n{body}", body.len())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Backdoor for HttpServer {
    fn corrupt(&mut self, kind: &str) -> Corrupted {
        let mut changed = 0;
        for statement in statements(kind, &self.prefix) {
            let execute = json!({ "type": "execute", "stmt": { "sql": statement } });
            let request = json!({ "requests": [execute, { "type": "close" }] });
            let answer = self.post(&request.to_string()).map_err(|error| error.to_string())?;
            let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
            let body: Value = serde_json::from_str(body).map_err(|error| format!("{error}: {answer}"))?;
            let rows = body.pointer("/results/0/response/result/affected_row_count").and_then(Value::as_u64);
            changed += rows.ok_or_else(|| format!("{statement}: {body}"))?;
            changed += u64::from(statement.starts_with("DROP"));
        }
        Ok(changed)
    }
}
