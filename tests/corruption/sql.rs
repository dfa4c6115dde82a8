//! What the kinds of corruption are in SQL, as far as the dialects of SQLite and PostgreSQL agree. Stores say the rest.

use super::kinds::{RECORDS, START_MS};

/// Kinds that cannot happen in any of them, each with the reason.
pub const IMPOSSIBLE: &[(&str, &str)] = &[
    ("required_field_removed", "the column is NOT NULL"),
    ("index_entry_removed", "no statement changes an index apart from its table"),
    ("index_entry_changed", "the same"),
    ("index_entry_added", "the same"),
    ("index_entry_of_no_record", "the same"),
    ("keys_entry_removed", "the same"),
    ("record_lost_under_its_key", "the same"),
    ("bucket_deleted", "there are no buckets"),
    ("point_of_entity_deleted", "a point lies in one place"),
    ("point_of_all_deleted", "the same"),
    ("entity_set_removed", "the same"),
    ("entity_sets_removed", "the same"),
];

/// Kinds that cannot happen where items lie in their record.
pub const IMPOSSIBLE_IN_ONE_TABLE: &[(&str, &str)] = &[
    ("items_key_removed", "items lie in their record"),
    ("items_reference_removed", "the same"),
    ("items_fewer_than_counted", "the same"),
    ("items_more_than_counted", "the same"),
];

/// The first record, once the suite has written to it.
pub const UPDATED: &str = "key = 1 AND a > 0";

/// The statements that do a kind of corruption to a part, whose table has this name, quoted. The first one tells how many
/// rows it changed. None for a kind that each store does in its own way.
pub fn statements(kind: &str, table: &str) -> Option<Vec<String>> {
    let two_oldest = format!("(SELECT seq FROM {table} WHERE stream = 4 ORDER BY seq LIMIT 2)");
    let oldest = format!("(SELECT min(seq) FROM {table} WHERE stream = 4)");
    let first_point = format!("WHERE entity = 4 AND \"at\" = {START_MS}");
    let update = |set: &str, of: &str| format!("UPDATE {table} SET {set} WHERE {of}");
    let last = format!("key = {RECORDS}");
    let inserted = format!("key = (SELECT min(key) FROM {table} WHERE key > {RECORDS})");
    let statement = match kind {
        "row_deleted" => format!("DELETE FROM {table} WHERE {last}"),
        "row_added" => {
            format!("INSERT INTO {table} (key, a, b, c) SELECT key + 1000000, a, b, c FROM {table} WHERE {last}")
        }
        "field_changed" => update("c = 'changed'", &last),
        "untouched_record_changed" => update("b = -1", &last),
        "neighbour_field_changed" => update("b = -1", UPDATED),
        "update_lost" => update("a = -1", "a > 0"),
        "insert_deleted" => format!("DELETE FROM {table} WHERE {inserted}"),
        "insert_changed" | "insert_changed_among_updates" => update("c = 'changed'", &inserted),
        "optional_field_removed" => update("value = NULL", &format!("{UPDATED} AND value IS NOT NULL")),
        "counter_raised" | "counter_and_value_raised" => update("a = a + 5", UPDATED),
        "counter_moved" => {
            let both = format!("2 = (SELECT count(*) FROM {table} WHERE key IN (1, 2) AND a > 0)");
            update("a = a + CASE WHEN key = 1 THEN 5 ELSE -5 END", &format!("key IN (1, 2) AND {both}"))
        }
        "event_deleted" => format!("DELETE FROM {table} WHERE seq = {oldest}"),
        "event_changed" => update("amount = 99", &format!("seq = {oldest}")),
        "events_swapped" => format!(
            "UPDATE {table} AS x SET word = y.word, amount = y.amount, event_id = y.event_id FROM {table} AS y \
             WHERE x.seq IN {two_oldest} AND y.seq IN {two_oldest} AND x.seq <> y.seq"
        ),
        "event_added" => {
            format!(
                "INSERT INTO {table} (stream, word, amount, event_id) VALUES (4, 'foreign', 1, 1000000000000000000)"
            )
        }
        "event_doubled" => format!(
            "INSERT INTO {table} (stream, word, amount, event_id) SELECT stream, word, amount, event_id FROM {table} \
             WHERE seq = {oldest}"
        ),
        "stream_deleted" => format!("DELETE FROM {table} WHERE stream = 4"),
        "point_deleted" => format!("DELETE FROM {table} {first_point}"),
        "point_changed" => format!("UPDATE {table} SET x = 99.5 {first_point}"),
        "point_added" => format!("INSERT INTO {table} (entity, \"at\", x) VALUES (4, {START_MS} + 1, 5.5)"),
        "entity_deleted" => format!("DELETE FROM {table} WHERE entity = 4"),
        _ => return None,
    };
    Some(vec![statement])
}
