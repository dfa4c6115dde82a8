//! What the server has for a dataset: its collections with their options, and the indexes of each with theirs. Identifiers
//! and sizes are left out.

use std::collections::BTreeSet;

use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Document, doc};

use super::failure::failure;
use crate::{Dataset, Failure};

/// An entry for each collection and each index, as the server describes it, sorted.
pub(super) async fn read(database: &Database, dataset: &Dataset) -> Result<Vec<String>, Failure> {
    let names: BTreeSet<&str> = dataset.parts().map(|part| dataset.name_of(part)).collect();
    let mut catalog = Vec::new();
    for collection in listed(database, doc! { "listCollections": 1 }).await? {
        let text = |name| collection.get_str(name).unwrap_or_default();
        let Some(name) = names.get(text("name")) else { continue };
        let options = collection.get_document("options").cloned().unwrap_or_default();
        catalog.push(format!("{} {name}: {options}", text("type")));
        // A view has none.
        if text("type") != "view" {
            for index in listed(database, doc! { "listIndexes": *name }).await? {
                catalog.push(format!("index {name}.{}: {index}", index.get_str("name").unwrap_or_default()));
            }
        }
    }
    catalog.sort();
    Ok(catalog)
}

async fn listed(database: &Database, command: Document) -> Result<Vec<Document>, Failure> {
    let listing = async { database.run_cursor_command(command).await?.try_collect().await };
    listing.await.map_err(|error| failure(error, "reading its catalogue"))
}
