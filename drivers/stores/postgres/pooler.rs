//! Whether a pooler stands between us and the server, and whether a connection through it is one process of the server for
//! as long as it lasts.
//!
//! A pooler that lends a process for a transaction (PgBouncer with `pool_mode = transaction` or `statement`) makes every
//! setting and prepared statement of ours one of some stranger's, and theirs one of ours. Such a connection is refused
//! before anything is set. With `pool_mode = session` a process is ours until we leave.
//!
//! It shows by the process's number: two open connections have the same one, or one connection has two. A pool that nobody
//! else uses lends the same process again and again, so that only another connection, while it holds a transaction open,
//! makes the first one change. Everything is asked by simple queries, because others prepare a statement.

use super::connection::{ConnectTarget, Connection};
use super::failure::is_refusal;
use super::stream::Bind;
use crate::Failure;
use tokio::io::AsyncReadExt;

const PROCESS: &str = "SELECT pg_backend_pid()";

/// How many other connections are tried through a pooler. Several poolers may share an address, and only connections to the
/// same one meet: with four of them, one of eight lands beside the first nine times in ten.
const OTHERS: usize = 8;

/// Whether there is a pooler. Fails if it lends a process for less than a connection.
pub(super) async fn find(target: &ConnectTarget, connection: &mut Connection) -> Result<bool, Failure> {
    let process = connection.first_value(PROCESS).await?;
    let is_pooled = announced(connection).await.is_none_or(|announced| announced.to_string() != process);
    // One after another, so that a pool has to have room for two.
    for _ in 0..if is_pooled { OTHERS } else { 1 } {
        let mut other = target.connect("").await?;
        let changes = tokio::time::timeout(target.timeout, changes_beside(&mut other, connection, &process)).await;
        let changes = changes.unwrap_or_else(|_| {
            let problem = format!("a second connection is not served within {:?}", target.timeout);
            Err(Failure::unreached(format!("postgres: {}: {problem}", target.shown())))
        });
        if changes? {
            return Err(Failure::broken(format!(
                "postgres: {} is a pooler that lends connections for a transaction or less, where settings and prepared \
                 statements do not hold; give the address of the server itself, or of a pool with pool_mode = session",
                target.shown()
            )));
        }
    }
    Ok(is_pooled)
}

/// Whether a connection that began with this process has another one, or shares it, beside one with a transaction.
async fn changes_beside(other: &mut Connection, connection: &mut Connection, process: &str) -> Result<bool, Failure> {
    let held = match other.first_value(&format!("BEGIN; {PROCESS}")).await {
        Ok(held) => held,
        // Where a process is lent for a single statement, a transaction is refused.
        Err(failure) if is_refusal(&failure) => return Ok(true),
        Err(failure) => return Err(failure),
    };
    // If it is the same one, ours would have to wait for the end of the transaction.
    let changed = held == process || connection.first_value(PROCESS).await? != process;
    other.run("ROLLBACK").await?;
    // Where processes are lent in turn, the next one is another.
    Ok(changed
        || connection.first_value(PROCESS).await? != process
        || connection.first_value(PROCESS).await? != process)
}

/// The number of the process that a connection began with, as it was told for requests to cancel. A pooler tells a number
/// of its own. The crate gives it away in such a request only, which goes nowhere here.
async fn announced(connection: &Connection) -> Option<i32> {
    let (request, mut nowhere) = tokio::io::duplex(64);
    connection.client.cancel_token().cancel_query_raw(request, Bind(None)).await.ok()?;
    // Length, code, process, key (postgresql.org/docs/current/protocol-message-formats.html, CancelRequest).
    let mut request = [0; 16];
    nowhere.read_exact(&mut request).await.ok()?;
    request[8..12].try_into().ok().map(i32::from_be_bytes)
}
