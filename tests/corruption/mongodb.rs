//! MongoDB, with points as documents and in time-series collections: what happens behind the suite's back.

use mongodb::bson::{Bson, DateTime, Document, Timestamp, doc};
use mongodb::{Client, Collection, Database};
use tokio::runtime::Runtime;

use super::kinds::{RECORDS, START_MS};
use super::{Backdoor, Corrupted, runtime};

/// Kinds that cannot happen with either form of points, each with the reason.
pub const IMPOSSIBLE: &[(&str, &str)] = &[
    ("index_entry_removed", "no command changes an index apart from its collection"),
    ("index_entry_changed", "the same"),
    ("index_entry_added", "the same"),
    ("index_entry_of_no_record", "the same"),
    ("keys_entry_removed", "the same"),
    ("record_lost_under_its_key", "the same"),
    ("keys_index_removed", "the index by _id cannot be dropped"),
    ("series_key_removed", "the same"),
    ("items_key_removed", "items lie in their record"),
    ("items_reference_removed", "the same"),
    ("items_fewer_than_counted", "the same"),
    ("items_more_than_counted", "the same"),
    ("point_of_entity_deleted", "a point lies in one place"),
    ("point_of_all_deleted", "the same"),
    ("entity_set_removed", "the same"),
    ("entity_sets_removed", "the same"),
];

/// Kinds that cannot happen where points are documents.
pub const IMPOSSIBLE_IN_DOCUMENTS: &[(&str, &str)] = &[("bucket_deleted", "there are no buckets")];

/// A connection to the server of a run.
pub struct Connection {
    runtime: Runtime,
    database: Database,
    has_buckets: bool,
}

type Done = mongodb::error::Result<u64>;

impl Connection {
    /// To the server at an address, in the database of a dataset.
    pub fn open(address: &str, dataset: &str) -> Self {
        let url = address.replace("&series=timeseries", "");
        let runtime = runtime();
        let client = runtime.block_on(Client::with_uri_str(&url)).expect("a connection");
        let database = client.database(&format!("storebench_{dataset}"));
        Connection { runtime, database, has_buckets: address.contains("series=timeseries") }
    }

    /// The same on a point, or on the bucket of its entity in which it is the first.
    async fn corrupt_series(&self, kind: &str, points: &Collection<Document>) -> Done {
        let at = DateTime::from_millis(START_MS);
        let buckets = self.database.collection::<Document>(&format!("system.buckets.{kind}"));
        let bucket = doc! { "meta": 4_i64, "data.at.0": at };
        let id = doc! { "_id": { "entity": 4_i64, "at": at } };
        let later = DateTime::from_millis(START_MS + 1);
        match (kind, self.has_buckets) {
            ("point_deleted", true) => {
                update(&buckets, bucket, doc! { "$unset": { "data._id.0": "", "data.at.0": "", "data.x.0": "" } }).await
            }
            ("point_deleted", false) => delete(points, id).await,
            ("point_changed", true) => update(&buckets, bucket, doc! { "$set": { "data.x.0": 99.5 } }).await,
            ("point_changed", false) => update(points, id, doc! { "$set": { "x": 99.5 } }).await,
            ("point_added", true) => {
                insert(points, doc! { "_id": 1_i64, "entity": 4_i64, "at": later, "x": 5.5 }).await
            }
            ("point_added", false) => insert(points, doc! { "_id": { "entity": 4_i64, "at": later }, "x": 5.5 }).await,
            // Of a time-series collection, the server counts the buckets that it deletes or nothing at all.
            ("entity_deleted", true) => points.delete_many(doc! { "entity": 4_i64 }).await.map(|_| 1),
            ("entity_deleted", false) => {
                points.delete_many(doc! { "_id.entity": 4_i64 }).await.map(|done| done.deleted_count)
            }
            ("series_index_removed", true) => self.drop_index(kind, "entity.at").await,
            ("series_index_removed", false) => self.drop_index(kind, "_id.at._id.entity").await,
            ("bucket_deleted", true) => delete(&buckets, bucket).await,
            _ => panic!("nobody has said what {kind} is in MongoDB"),
        }
    }

    async fn drop_index(&self, collection: &str, index: &str) -> Done {
        self.database.run_command(doc! { "dropIndexes": collection, "index": index }).await.map(|_| 1)
    }

    async fn corrupt_log(&self, kind: &str, events: &Collection<Document>) -> Done {
        let mut found = events.find(doc! { "stream": 4_i64 }).sort(doc! { "place": 1 }).limit(2).await?;
        let mut oldest = Vec::new();
        while found.advance().await? {
            oldest.push(found.deserialize_current()?);
        }
        let [first, second] = oldest.as_slice() else { return Ok(0) };
        let by_id = |event: &Document| doc! { "_id": event.get("_id").cloned() };
        let place = |event: &Document| event.get("place").cloned();
        match kind {
            "event_deleted" => delete(events, by_id(first)).await,
            "event_changed" => update(events, by_id(first), doc! { "$set": { "amount": 99_i64 } }).await,
            "events_swapped" => {
                update(events, by_id(first), doc! { "$set": { "place": place(second) } }).await?;
                update(events, by_id(second), doc! { "$set": { "place": place(first) } }).await
            }
            "event_added" => {
                let event = doc! {
                    "stream": 4_i64, "place": Timestamp { time: 1, increment: 1 }, "word": "foreign", "amount": 1_i64,
                    "event_id": 1_000_000_000_000_000_000_i64,
                };
                insert(events, event).await
            }
            "event_doubled" => {
                let mut copy = first.clone();
                copy.remove("_id");
                insert(events, copy).await
            }
            "stream_deleted" => events.delete_many(doc! { "stream": 4_i64 }).await.map(|done| done.deleted_count),
            _ => self.drop_index(kind, "stream.place").await,
        }
    }

    async fn corrupt_table(&self, kind: &str, records: &Collection<Document>) -> Done {
        let last = doc! { "_id": RECORDS as i64 };
        // The first one, once the suite has written to it.
        let updated = doc! { "_id": 1_i64, "a": { "$gt": 0_i64 } };
        let inserted = doc! { "_id": { "$gt": RECORDS as i64 } };
        match kind {
            "row_deleted" => delete(records, last).await,
            "row_added" => {
                let Some(mut copy) = records.find_one(last).await? else { return Ok(0) };
                copy.insert("_id", RECORDS as i64 + 1_000_000);
                insert(records, copy).await
            }
            "field_changed" => update(records, last, doc! { "$set": { "c": "changed" } }).await,
            "untouched_record_changed" => update(records, last, doc! { "$set": { "b": -1_i64 } }).await,
            "neighbour_field_changed" => update(records, updated, doc! { "$set": { "b": -1_i64 } }).await,
            "update_lost" => {
                let lost = records.update_many(doc! { "a": { "$gt": 0_i64 } }, doc! { "$set": { "a": -1_i64 } }).await;
                lost.map(|done| done.modified_count)
            }
            "insert_deleted" => delete(records, inserted).await,
            "insert_changed" | "insert_changed_among_updates" => {
                update(records, inserted, doc! { "$set": { "c": "changed" } }).await
            }
            "item_changed" => update(records, updated, doc! { "$set": { "value.0.quantity": 99_i64 } }).await,
            "item_removed" | "list_member_removed" => update(records, updated, doc! { "$pop": { "value": -1 } }).await,
            "item_added" => {
                let item = doc! { "sku": "foreign", "quantity": 1_i64 };
                update(records, updated, doc! { "$push": { "value": item } }).await
            }
            "items_reversed" => {
                let Some(record) = records.find_one(updated.clone()).await? else { return Ok(0) };
                let reversed: Vec<Bson> = record.get_array("value").expect("items").iter().rev().cloned().collect();
                update(records, updated, doc! { "$set": { "value": reversed } }).await
            }
            "list_member_changed" => update(records, updated, doc! { "$set": { "value.0": "changed" } }).await,
            "map_entry_changed" => update(records, updated, doc! { "$set": { "value.size": 99_i64 } }).await,
            "map_entry_removed" => update(records, updated, doc! { "$unset": { "value.size": "" } }).await,
            "optional_field_removed" => update(records, updated, doc! { "$unset": { "value": "" } }).await,
            "required_field_removed" => update(records, last, doc! { "$unset": { "c": "" } }).await,
            "counter_raised" | "counter_and_value_raised" => {
                update(records, updated, doc! { "$inc": { "a": 5_i64 } }).await
            }
            "counter_moved" => {
                let both = doc! { "_id": { "$lte": 2_i64 }, "a": { "$gt": 0_i64 } };
                if records.count_documents(both).await? < 2 {
                    return Ok(0);
                }
                update(records, doc! { "_id": 1_i64 }, doc! { "$inc": { "a": 5_i64 } }).await?;
                update(records, doc! { "_id": 2_i64 }, doc! { "$inc": { "a": -5_i64 } }).await
            }
            "index_removed" => self.drop_index(kind, "category._id").await,
            _ => panic!("nobody has said what {kind} is in MongoDB"),
        }
    }
}

impl Backdoor for Connection {
    fn corrupt(&mut self, kind: &str) -> Corrupted {
        let part = self.database.collection::<Document>(kind);
        let is_of = |words: &[&str]| words.iter().any(|word| kind.starts_with(word));
        let done = self.runtime.block_on(async {
            if is_of(&["event", "stream", "log"]) {
                self.corrupt_log(kind, &part).await
            } else if is_of(&["point", "entity", "series", "bucket"]) {
                self.corrupt_series(kind, &part).await
            } else {
                self.corrupt_table(kind, &part).await
            }
        });
        done.map_err(|error| format!("{kind}: {error}"))
    }
}

async fn insert(into: &Collection<Document>, document: Document) -> Done {
    into.insert_one(document).await.map(|_| 1)
}

async fn update(of: &Collection<Document>, filter: Document, change: Document) -> Done {
    of.update_one(filter, change).await.map(|done| done.modified_count)
}

async fn delete(of: &Collection<Document>, filter: Document) -> Done {
    of.delete_one(filter).await.map(|done| done.deleted_count)
}
