//! Administrative commands: what a server reports about itself, as far as our user may ask for it.

use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::{Client, Database};

use super::failure::failure;
use crate::{Failure, FailureKind};

/// What the server reports of itself to everyone.
pub(super) async fn hello(client: &Client) -> Result<Document, Failure> {
    let hello = client.database("admin").run_command(doc! { "hello": 1 }).await;
    hello.map_err(|error| failure(error, "greeting"))
}

/// `serverStatus` without its large sections.
pub(super) async fn server_status(client: &Client) -> Result<Option<Document>, Failure> {
    let command = doc! { "serverStatus": 1, "metrics": 0, "locks": 0, "repl": 0, "tcmalloc": 0 };
    run_if_allowed(client.database("admin"), command).await
}

/// Bytes written to the journal since the server's start, by all its users.
pub(super) async fn journal_bytes(client: &Client) -> Result<Option<u64>, Failure> {
    let status = server_status(client).await?;
    Ok(value_at(status.as_ref(), "wiredTiger.log.log bytes written").and_then(|bytes| bytes.parse().ok()))
}

/// The reply to a command; `None` where the server does not know the command or our user may not run it.
pub(super) async fn run_if_allowed(database: Database, command: Document) -> Result<Option<Document>, Failure> {
    let command = RawDocumentBuf::try_from(&command)
        .map_err(|error| Failure::broken("mongodb: a command that is not BSON").caused_by(error))?;
    match database.run_raw_command(command).await.map_err(|error| failure(error, "an administrative command")) {
        Ok(reply) => Ok(Some(reply)),
        Err(failure) if matches!(failure.kind, FailureKind::Denied | FailureKind::Broken) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The value under a path of dotted names, as text.
pub(super) fn value_at(document: Option<&Document>, path: &str) -> Option<String> {
    let mut names = path.split('.');
    let first = document?.get(names.next()?)?;
    let value = names.try_fold(first, |value, name| value.as_document()?.get(name))?;
    Some(match value {
        Bson::String(text) => text.clone(),
        Bson::Double(number) if number.fract() == 0.0 => format!("{number:.0}"),
        other => other.to_string(),
    })
}

/// A number, which the server writes in whichever type holds it.
pub(super) fn number(document: &Document, name: &str) -> Option<u64> {
    match document.get(name)? {
        Bson::Int32(number) => u64::try_from(*number).ok(),
        Bson::Int64(number) => u64::try_from(*number).ok(),
        Bson::Double(number) if *number >= 0.0 => Some(*number as u64),
        _ => None,
    }
}
