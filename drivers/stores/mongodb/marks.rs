//! What is ours on a server: a database `storebench_<dataset>`, in which one document names the collections that were
//! made, with the identifiers that the server gave them. Nothing else is ever dropped, not even a collection of the same
//! name, and a database that holds anything else is refused.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, RawDocumentBuf, doc};
use mongodb::error::ErrorKind::Write;
use mongodb::error::WriteFailure::WriteError;
use mongodb::options::{Acknowledgment, WriteConcern};
use mongodb::results::CollectionSpecification;
use mongodb::{Client, Collection, Database};

use super::failure::failure;
use super::layout::Layout;
use crate::{Failure, FailureKind, Leftover};

/// No declared name holds a dot.
pub(super) const MARKS: &str = "storebench.mark";

const MARK: &str = "storebench";

const PREFIX: &str = "storebench_";

/// Where the server lists views, of which each time-series collection is one.
const VIEWS: &str = "system.views";

/// The longest name of a database (mongodb.com/docs/manual/reference/limits).
const LONGEST_NAME: usize = 63;

/// The database of a dataset.
pub(super) fn database_name(dataset: &str) -> String {
    let name = format!("{PREFIX}{dataset}");
    if name.len() <= LONGEST_NAME {
        return name;
    }
    // Long names that begin alike must stay apart.
    format!("{}-{:016x}", &name[..LONGEST_NAME - 17], xxhash_rust::xxh3::xxh3_64(name.as_bytes()))
}

/// Our database on a server.
pub(super) struct Own {
    pub(super) database: Database,
    marks: Collection<Document>,
}

impl Own {
    pub(super) fn new(client: &Client, name: &str) -> Self {
        let database = client.database(name);
        Own { marks: database.collection(MARKS), database }
    }

    /// Makes the dataset's collections, empty, in place of those that were made before.
    pub(super) async fn create(&self, layout: &Layout) -> Result<(), Failure> {
        self.refuse_foreign().await?;
        self.drop_collections().await?;
        let name = |part| layout.dataset.name_of(part);
        let names: Vec<&str> = layout.dataset.parts().map(name).collect();
        self.set_mark(doc! { "dataset": &layout.dataset.name, "collections": &names }).await?;
        for part in layout.dataset.parts() {
            let creating = self.database.create_collection(name(part)).with_options(layout.options(part));
            let creating = creating.write_concern(safe());
            creating.await.map_err(|error| failure(error, "making a collection"))?;
        }
        let there = self.there().await?;
        let made = names.iter().map(|name| doc! { "name": name, "uuid": uuid(&there, name) });
        self.set_mark(doc! { "collections": made.collect::<Vec<_>>() }).await
    }

    async fn set_mark(&self, mark: Document) -> Result<(), Failure> {
        let marking = self.marks.update_one(doc! { "_id": MARK }, doc! { "$set": mark }).upsert(true);
        let marked = marking.write_concern(safe()).await;
        marked.map(|_| ()).map_err(|error| failure(error, "marking the database"))
    }

    /// Builds the secondary indexes, and waits until all that was loaded is journaled and in a checkpoint.
    pub(super) async fn after_load(&self, layout: &Layout) -> Result<(), Failure> {
        for command in layout.dataset.parts().filter_map(|part| layout.create_indexes(part)) {
            let building = self.database.run_raw_command(command?);
            building.await.map_err(|error| failure(error, "building an index"))?;
        }
        // A majority has journaled a write only when it has journaled all before it.
        let mark = doc! { "$set": { "settled": true } };
        let marking = self.marks.update_one(doc! { "_id": MARK }, mark).write_concern(safe());
        marking.await.map_err(|error| failure(error, "waiting for what was loaded"))?;
        self.checkpoint().await
    }

    /// Moves what is in the cache into the files, whose size then means something. A user of the server may lack the
    /// right to request it; the server does it by itself every minute.
    pub(super) async fn checkpoint(&self) -> Result<(), Failure> {
        allowed(self.database.client().database("admin"), doc! { "fsync": 1 }).await.map(|_| ())
    }

    /// The marker in our database.
    pub(super) async fn read_marker(&self) -> Result<Option<String>, Failure> {
        match self.mark().await?.as_ref().and_then(|mark| mark.get("marker")) {
            None => Ok(None),
            Some(Bson::String(marker)) => Ok(Some(marker.clone())),
            Some(_) => Err(Failure::broken(format!("mongodb: the marker in {} is no text", self.database.name()))),
        }
    }

    /// Puts a marker in the place of the expected one, if that is what is there. `marker: null` is also met by a mark
    /// without one, and by no mark: it is made then, unless somebody else is quicker and has the key.
    pub(super) async fn swap_marker(&self, dataset: &str, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        if expected.is_none() {
            self.refuse_foreign().await?;
        }
        let filter = doc! { "_id": MARK, "marker": expected };
        let change = doc! { "$set": { "marker": new }, "$setOnInsert": { "dataset": dataset, "collections": [] } };
        let swapping = self.marks.update_one(filter, change).upsert(expected.is_none()).write_concern(safe());
        match swapping.await {
            Ok(done) => Ok(done.matched_count == 1 || done.upserted_id.is_some()),
            Err(error) if matches!(error.kind.as_ref(), Write(WriteError(taken)) if taken.code == 11_000) => Ok(false),
            Err(error) => Err(failure(error, "writing the marker")),
        }
    }

    /// Drops what was made, the mark last; a database without collections does not exist. A time-series collection
    /// leaves the server's list of views behind, which is empty then. Its user may lack the right to drop that. Collections
    /// that the user has replaced are left alone and returned.
    pub(super) async fn drop_made(&self) -> Result<Vec<String>, Failure> {
        let taken = self.drop_collections().await?;
        if self.mark().await?.is_some() {
            let dropping = self.marks.drop().write_concern(safe());
            dropping.await.map_err(|error| failure(error, "dropping the mark"))?;
        }
        if holds_only_views(&self.there().await?) {
            allowed(self.database.clone(), doc! { "drop": VIEWS }).await?;
        }
        Ok(taken)
    }

    /// Drops the collections that were made and are still the same, and answers those that are not.
    async fn drop_collections(&self) -> Result<Vec<String>, Failure> {
        let there = self.there().await?;
        let (own, others): (Vec<Made>, Vec<Made>) = self.made().await?.into_iter().partition(|made| made.is_in(&there));
        for made in own {
            let collection = self.database.collection::<Document>(&made.name);
            let dropping = collection.drop().write_concern(safe());
            dropping.await.map_err(|error| failure(error, "dropping a collection"))?;
        }
        Ok(others.into_iter().map(|made| made.name).filter(|name| there.contains_key(name)).collect())
    }

    async fn refuse_foreign(&self) -> Result<(), Failure> {
        let (made, is_marked, there) = (self.made().await?, self.mark().await?.is_some(), self.there().await?);
        let is_made = |name: &String| made.iter().any(|made| made.name == *name && made.is_in(&there));
        let is_ours = |name: &String| is_made(name) || (name == MARKS && is_marked);
        match there.keys().find(|name| !name.starts_with("system.") && !is_ours(name)) {
            None => Ok(()),
            Some(foreign) => Err(Failure::broken(format!(
                "mongodb: the database `{}` holds a collection `{foreign}` that storebench did not make; rename that \
                 database or the workload",
                self.database.name()
            ))),
        }
    }

    /// What is in the database.
    async fn there(&self) -> Result<Collections, Failure> {
        let listing = async {
            let listed: Vec<CollectionSpecification> = self.database.list_collections().await?.try_collect().await?;
            Ok(listed.into_iter().map(|one| (one.name, one.info.uuid.map(|uuid| uuid.bytes))).collect())
        };
        listing.await.map_err(|error| failure(error, "listing collections"))
    }

    /// The collections that the mark names.
    async fn made(&self) -> Result<Vec<Made>, Failure> {
        let Some(mark) = self.mark().await? else { return Ok(Vec::new()) };
        let made = mark.get_array("collections").ok();
        let made = made.and_then(|made| made.iter().map(Made::read).collect::<Option<Vec<Made>>>());
        let malformed = || format!("mongodb: the mark in {} does not name its collections", self.database.name());
        made.ok_or_else(|| Failure::broken(malformed()))
    }

    async fn mark(&self) -> Result<Option<Document>, Failure> {
        let mark = self.marks.find_one(doc! { "_id": MARK }).await;
        mark.map_err(|error| failure(error, "looking for the mark"))
    }
}

/// The collections of a database with the identifiers that the server gives them.
type Collections = BTreeMap<String, Option<Vec<u8>>>;

/// A collection of ours, as the mark has it. It has no identifier while the collections are being made, and in the mark
/// of an earlier version.
struct Made {
    name: String,
    uuid: Option<Vec<u8>>,
}

impl Made {
    fn read(made: &Bson) -> Option<Made> {
        let (name, uuid) = match made {
            Bson::String(name) => (name.clone(), None),
            Bson::Document(made) => {
                let uuid = match made.get("uuid")? {
                    Bson::Binary(uuid) => Some(uuid.bytes.clone()),
                    _ => None,
                };
                (made.get_str("name").ok()?.to_owned(), uuid)
            }
            _ => return None,
        };
        Some(Made { name, uuid })
    }

    /// Whether it is there and still the same.
    fn is_in(&self, there: &Collections) -> bool {
        there.contains_key(&self.name) && (self.uuid.is_none() || self.uuid == identifier(there, &self.name))
    }
}

/// A time-series collection has that of the collection which holds its buckets.
fn identifier(there: &Collections, name: &str) -> Option<Vec<u8>> {
    let own = there.get(name).cloned().flatten();
    own.or_else(|| there.get(&format!("system.buckets.{name}")).cloned().flatten())
}

fn holds_only_views(there: &Collections) -> bool {
    there.len() == 1 && there.contains_key(VIEWS)
}

fn uuid(there: &Collections, name: &str) -> Bson {
    let binary = |bytes| Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes });
    identifier(there, name).map_or(Bson::Null, binary)
}

/// The databases that have a name as ours have.
pub(super) async fn leftovers(client: &Client) -> Result<Vec<Leftover>, Failure> {
    let names = client.list_database_names().await.map_err(|error| failure(error, "listing databases"))?;
    let mut leftovers = Vec::new();
    for name in names.iter().filter(|name| name.starts_with(PREFIX)) {
        let own = Own::new(client, name);
        let there = own.there().await?;
        // Its own list of views, which not everybody may drop.
        if holds_only_views(&there) {
            continue;
        }
        let mark = own.mark().await?;
        let dataset = mark.as_ref().and_then(|mark| mark.get_str("dataset").ok());
        let is_marked = dataset.is_some_and(|dataset| database_name(dataset) == *name);
        let dataset = dataset.unwrap_or(&name[PREFIX.len()..]).to_owned();
        leftovers.push(Leftover { dataset, what: format!("database {name}"), is_marked });
    }
    Ok(leftovers)
}

/// The answer to an administrative command; none where the server does not know it or does not allow it.
pub(super) async fn allowed(database: Database, command: Document) -> Result<Option<Document>, Failure> {
    let command = RawDocumentBuf::try_from(&command)
        .map_err(|error| Failure::broken("mongodb: a command that is not BSON").caused_by(error))?;
    match database.run_raw_command(command).await.map_err(|error| failure(error, "an administrative command")) {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if matches!(failure.kind, FailureKind::Denied | FailureKind::Broken) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// For what is made and dropped, at every tier.
fn safe() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build()
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
