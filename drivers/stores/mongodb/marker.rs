//! What is ours on a server: a database `storebench_<dataset>`, in which one document, the mark, names the collections
//! that were made, with the identifiers that the server gave them. Nothing else is ever dropped, not even a collection
//! of the same name, and a database that holds anything else is refused.
//!
//! The mark also holds the marker, a text by which runs tell who uses the database.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use mongodb::error::ErrorKind::Write;
use mongodb::error::WriteFailure::WriteError;
use mongodb::results::CollectionSpecification;
use mongodb::{Client, Collection, Database};

use super::admin::run_if_allowed;
use super::durability::WriteConcern;
use super::failure::{DUPLICATE_KEY, failure};
use super::layout::Layout;
use crate::{Durability, Failure, Leftover};

/// The collection of the mark. No declared name holds a dot.
pub(super) const MARKS: &str = "storebench.mark";

/// The mark's own `_id`.
const MARK: &str = "storebench";

const PREFIX: &str = "storebench_";

/// Where the server lists views, of which each time-series collection is one.
const VIEWS: &str = "system.views";

/// The longest name of a database (mongodb.com/docs/manual/reference/limits).
const LONGEST_NAME: usize = 63;

/// The concern of whatever makes or drops something, at every tier.
const DURABLE: WriteConcern = WriteConcern::for_tier(Durability::Durable);

/// The database of a dataset.
pub(super) fn database_name(dataset: &str) -> String {
    let name = format!("{PREFIX}{dataset}");
    if name.len() <= LONGEST_NAME {
        return name;
    }
    // Long names with the same beginning must stay apart.
    format!("{}-{:016x}", &name[..LONGEST_NAME - 17], xxhash_rust::xxh3::xxh3_64(name.as_bytes()))
}

/// The database of a dataset on a server.
pub(super) struct OwnedDatabase {
    pub(super) database: Database,
    marks: Collection<Document>,
}

impl OwnedDatabase {
    pub(super) fn new(client: &Client, name: &str) -> Self {
        let database = client.database(name);
        OwnedDatabase { marks: database.collection(MARKS), database }
    }

    /// Makes the dataset's collections, empty, in place of those that were made before. The mark names them first
    /// without their identifiers, so that they are ours even if this does not come to its end.
    pub(super) async fn create(&self, layout: &Layout) -> Result<(), Failure> {
        self.refuse_foreign().await?;
        self.drop_collections().await?;
        let name = |part| layout.dataset.name_of(part);
        let names: Vec<&str> = layout.dataset.parts().map(name).collect();
        self.write_mark(doc! { "dataset": &layout.dataset.name, "collections": &names }).await?;
        for part in layout.dataset.parts() {
            let creating = self.database.create_collection(name(part)).with_options(layout.options(part));
            let creating = creating.write_concern(DURABLE.options());
            creating.await.map_err(|error| failure(error, "making a collection"))?;
        }
        let present = self.collections().await?;
        let owned = names.iter().map(|name| {
            let binary = |bytes| Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes });
            doc! { "name": name, "uuid": identifier(&present, name).map_or(Bson::Null, binary) }
        });
        self.write_mark(doc! { "collections": owned.collect::<Vec<_>>() }).await
    }

    /// Builds the secondary indexes, and waits until all that was loaded is journaled and in a checkpoint.
    pub(super) async fn after_load(&self, layout: &Layout) -> Result<(), Failure> {
        for command in layout.dataset.parts().filter_map(|part| layout.create_indexes(part)) {
            let building = self.database.run_raw_command(command?);
            building.await.map_err(|error| failure(error, "building an index"))?;
        }
        // A majority has journaled a write only when it has journaled all before it.
        let mark = doc! { "$set": { "settled": true } };
        let marking = self.marks.update_one(doc! { "_id": MARK }, mark).write_concern(DURABLE.options());
        marking.await.map_err(|error| failure(error, "waiting for what was loaded"))?;
        self.checkpoint().await
    }

    /// Moves what is in the cache into the files, whose size means something only then. A user of the server may lack
    /// the right to request it; the server does it by itself every minute.
    pub(super) async fn checkpoint(&self) -> Result<(), Failure> {
        run_if_allowed(self.database.client().database("admin"), doc! { "fsync": 1 }).await.map(|_| ())
    }

    /// Drops what was made, the mark last; a database without collections does not exist. Collections that the user has
    /// replaced are left alone and returned.
    pub(super) async fn drop_made(&self) -> Result<Vec<String>, Failure> {
        let replaced = self.drop_collections().await?;
        if self.read_mark().await?.is_some() {
            let dropping = self.marks.drop().write_concern(DURABLE.options());
            dropping.await.map_err(|error| failure(error, "dropping the mark"))?;
        }
        // A time-series collection leaves the server's list of views behind, then empty. Its user may lack the right to
        // drop that.
        if holds_only_views(&self.collections().await?) {
            run_if_allowed(self.database.clone(), doc! { "drop": VIEWS }).await?;
        }
        Ok(replaced)
    }

    pub(super) async fn read_marker(&self) -> Result<Option<String>, Failure> {
        match self.read_mark().await?.as_ref().and_then(|mark| mark.get("marker")) {
            None => Ok(None),
            Some(Bson::String(marker)) => Ok(Some(marker.clone())),
            Some(_) => Err(Failure::broken(format!("mongodb: the marker in {} is no text", self.database.name()))),
        }
    }

    /// Replaces the expected marker by a new one, and returns whether it was the expected one. `marker: null` also
    /// matches a mark without a marker. A missing mark is inserted; if another client inserts it first, the insert
    /// fails on its key.
    pub(super) async fn swap_marker(&self, dataset: &str, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        if expected.is_none() {
            self.refuse_foreign().await?;
        }
        let filter = doc! { "_id": MARK, "marker": expected };
        let change = doc! { "$set": { "marker": new }, "$setOnInsert": { "dataset": dataset, "collections": [] } };
        let swapping = self.marks.update_one(filter, change).upsert(expected.is_none());
        match swapping.write_concern(DURABLE.options()).await {
            Ok(update) => Ok(update.matched_count == 1 || update.upserted_id.is_some()),
            Err(error) => match error.kind.as_ref() {
                Write(WriteError(write)) if write.code == DUPLICATE_KEY => Ok(false),
                _ => Err(failure(error, "writing the marker")),
            },
        }
    }

    /// Drops the collections that were made and are still the same, and returns the names of those that are not.
    async fn drop_collections(&self) -> Result<Vec<String>, Failure> {
        let present = self.collections().await?;
        let owned = self.owned_collections().await?;
        let (same, others): (Vec<_>, Vec<_>) = owned.into_iter().partition(|owned| owned.is_in(&present));
        for owned in same {
            let collection = self.database.collection::<Document>(&owned.name);
            let dropping = collection.drop().write_concern(DURABLE.options());
            dropping.await.map_err(|error| failure(error, "dropping a collection"))?;
        }
        Ok(others.into_iter().map(|owned| owned.name).filter(|name| present.contains_key(name)).collect())
    }

    async fn refuse_foreign(&self) -> Result<(), Failure> {
        let owned = self.owned_collections().await?;
        let is_marked = self.read_mark().await?.is_some();
        let present = self.collections().await?;
        let is_ours = |name: &String| {
            (name == MARKS && is_marked) || owned.iter().any(|owned| owned.name == *name && owned.is_in(&present))
        };
        match present.keys().find(|name| !name.starts_with("system.") && !is_ours(name)) {
            None => Ok(()),
            Some(foreign) => Err(Failure::broken(format!(
                "mongodb: the database `{}` holds a collection `{foreign}` that storebench did not make; rename that \
                 database or the workload",
                self.database.name()
            ))),
        }
    }

    /// All collections that are in the database.
    async fn collections(&self) -> Result<Collections, Failure> {
        let listing = async {
            let listed: Vec<CollectionSpecification> = self.database.list_collections().await?.try_collect().await?;
            Ok(listed.into_iter().map(|one| (one.name, one.info.uuid.map(|uuid| uuid.bytes))).collect())
        };
        listing.await.map_err(|error| failure(error, "listing collections"))
    }

    /// The collections that the mark names.
    async fn owned_collections(&self) -> Result<Vec<OwnedCollection>, Failure> {
        let Some(mark) = self.read_mark().await? else { return Ok(Vec::new()) };
        let collections = mark.get_array("collections").ok();
        let owned = collections.and_then(|list| list.iter().map(OwnedCollection::decode).collect());
        let malformed = || format!("mongodb: the mark in {} does not name its collections", self.database.name());
        owned.ok_or_else(|| Failure::broken(malformed()))
    }

    async fn read_mark(&self) -> Result<Option<Document>, Failure> {
        let mark = self.marks.find_one(doc! { "_id": MARK }).await;
        mark.map_err(|error| failure(error, "looking for the mark"))
    }

    async fn write_mark(&self, fields: Document) -> Result<(), Failure> {
        let marking = self.marks.update_one(doc! { "_id": MARK }, doc! { "$set": fields }).upsert(true);
        let update = marking.write_concern(DURABLE.options()).await;
        update.map(|_| ()).map_err(|error| failure(error, "marking the database"))
    }
}

/// The collections of a database with the identifiers that the server gives them.
type Collections = BTreeMap<String, Option<Vec<u8>>>;

/// A collection of ours, as the mark names it. It has no identifier while the collections are being made, and in the
/// mark of an earlier version.
struct OwnedCollection {
    name: String,
    uuid: Option<Vec<u8>>,
}

impl OwnedCollection {
    fn decode(entry: &Bson) -> Option<Self> {
        let (name, uuid) = match entry {
            Bson::String(name) => (name.clone(), None),
            Bson::Document(entry) => {
                let uuid = match entry.get("uuid")? {
                    Bson::Binary(uuid) => Some(uuid.bytes.clone()),
                    _ => None,
                };
                (entry.get_str("name").ok()?.to_owned(), uuid)
            }
            _ => return None,
        };
        Some(OwnedCollection { name, uuid })
    }

    /// Whether it is there and still the same.
    fn is_in(&self, present: &Collections) -> bool {
        present.contains_key(&self.name) && (self.uuid.is_none() || self.uuid == identifier(present, &self.name))
    }
}

/// A time-series collection has the identifier of the collection that holds its buckets.
fn identifier(present: &Collections, name: &str) -> Option<Vec<u8>> {
    let own = present.get(name).cloned().flatten();
    own.or_else(|| present.get(&format!("system.buckets.{name}")).cloned().flatten())
}

fn holds_only_views(present: &Collections) -> bool {
    present.len() == 1 && present.contains_key(VIEWS)
}

/// The databases whose names are as ours.
pub(super) async fn leftovers(client: &Client) -> Result<Vec<Leftover>, Failure> {
    let names = client.list_database_names().await.map_err(|error| failure(error, "listing databases"))?;
    let mut leftovers = Vec::new();
    for name in names.iter().filter(|name| name.starts_with(PREFIX)) {
        let owned = OwnedDatabase::new(client, name);
        // Nothing is left but a list of views, which not everybody may drop.
        if holds_only_views(&owned.collections().await?) {
            continue;
        }
        let mark = owned.read_mark().await?;
        let dataset = mark.as_ref().and_then(|mark| mark.get_str("dataset").ok());
        let is_marked = dataset.is_some_and(|dataset| database_name(dataset) == *name);
        let dataset = dataset.unwrap_or(&name[PREFIX.len()..]).to_owned();
        leftovers.push(Leftover { dataset, what: format!("database {name}"), is_marked });
    }
    Ok(leftovers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_of_long_names_are_kept_apart() {
        assert_eq!(database_name("oltp"), "storebench_oltp");
        let long = |last: &str| database_name(&format!("{}{last}", "a-rather-long-name-".repeat(4)));
        assert!(long("x").len() <= LONGEST_NAME && long("x") != long("y"));
    }
}
