//! Redis, in both layouts of records: what happens behind the suite's back.

use redis::{Cmd, Connection, FromRedisValue};
use serde_json::{Value, json};

use super::kinds::{MANY, RECORDS, START_MS};
use super::{Backdoor, Corrupted};

/// Kinds that cannot happen, each with the reason.
pub const IMPOSSIBLE: &[(&str, &str)] = &[
    ("items_key_removed", "items lie in their record"),
    ("items_reference_removed", "the same"),
    ("items_fewer_than_counted", "the same"),
    ("items_more_than_counted", "the same"),
    ("log_index_removed", "a stream is its own index"),
    ("bucket_deleted", "there are no buckets"),
    ("series_index_removed", "the sorted set that finds points over all entities is what is read back as the series"),
    ("series_key_removed", "the same as removing the points of every entity"),
];

/// Sets an integer field of the first of these records, or of all, in which a field is above a number. One step for the
/// server, whatever the suite does meanwhile. ARGV: layout, prefix, first and last key, field that decides and the number,
/// field that is set, what is added to it and what it is set to instead, `first` or `all`. The answer is how many.
const SET: &str = r#"
local is_json, prefix, decides, above, field = ARGV[1] == 'json', ARGV[2], ARGV[5], tonumber(ARGV[6]), ARGV[7]
local count = 0
for key = tonumber(ARGV[3]), tonumber(ARGV[4]) do
    local name = prefix .. string.format('%d', key)
    local function get(field)
        if not is_json then return redis.call('HGET', name, field) end
        local document = redis.call('GET', name)
        return document and string.match(document, '"' .. field .. '":(%-?%d+)')
    end
    local value = get(decides)
    if value and tonumber(value) > above then
        local new = ARGV[9]
        if new == '' then new = string.format('%d', get(field) + ARGV[8]) end
        if is_json then
            local changed = string.gsub(redis.call('GET', name), '("' .. field .. '":)%-?%d+', '%1' .. new, 1)
            redis.call('SET', name, changed)
        else
            redis.call('HSET', name, field, new)
        end
        count = count + 1
        if ARGV[10] == 'first' then return count end
    end
end
return count
"#;

/// Writes a stream anew with its first entries changed: entries can neither be changed nor moved in their stream. KEYS: the
/// stream. ARGV: what to do.
const REWRITE: &str = r#"
local entries = redis.call('XRANGE', KEYS[1], '-', '+')
if #entries < 2 then return 0 end
if ARGV[1] == 'swap' then
    entries[1][2], entries[2][2] = entries[2][2], entries[1][2]
else
    local fields = entries[1][2]
    for at = 1, #fields, 2 do
        if fields[at] == 'amount' then fields[at + 1] = '99' end
    end
end
redis.call('DEL', KEYS[1])
for _, entry in ipairs(entries) do
    redis.call('XADD', KEYS[1], entry[1], unpack(entry[2]))
end
return 1
"#;

/// Replaces a document, if it is still the one that was read. KEYS: the record. ARGV: what was read, what replaces it.
const REPLACE: &str = r#"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"#;

/// What tells that the suite has written to a record.
const UPDATED: (&str, i64) = ("a", 0);

/// A connection to the server of a run.
pub struct Client {
    connection: Connection,
    is_json: bool,
    prefix: String,
}

impl Client {
    /// To the server at an address, for the keys of a dataset.
    pub fn open(address: &str, dataset: &str) -> Self {
        let url = address.split('?').next().expect("a URL");
        let connection = redis::Client::open(url).and_then(|client| client.get_connection()).expect("a connection");
        Client { connection, is_json: address.contains("layout=json"), prefix: format!("storebench:{dataset}:") }
    }

    /// Runs a command, and answers what it says.
    pub fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, String> {
        command.query(&mut self.connection).map_err(|error| error.to_string())
    }

    /// Removes a whole structure, if it is there.
    pub fn unlink(&mut self, name: &str) -> Corrupted {
        let key = format!("{}{name}", self.prefix);
        self.ask(redis::cmd("UNLINK").arg(key))
    }

    fn record(&self, part: &str, key: impl std::fmt::Display) -> String {
        format!("{}{part}:{key}", self.prefix)
    }

    fn set(&mut self, part: &str, keys: (u64, u64), above: (&str, i64), field: &str, to: To, all: bool) -> Corrupted {
        let (by, value) = match to {
            To::Value(value) => (String::new(), value.to_string()),
            To::More(by) => (by.to_string(), String::new()),
        };
        let mut call = redis::cmd("EVAL");
        call.arg(SET).arg(0).arg(if self.is_json { "json" } else { "hash" }).arg(self.record(part, ""));
        call.arg(keys.0).arg(keys.1).arg(above.0).arg(above.1).arg(field).arg(by).arg(value);
        self.ask(call.arg(if all { "all" } else { "first" }))
    }

    /// Changes a field, given and answered as JSON, of a record, if nobody changes the record at the same time.
    fn change(&mut self, part: &str, key: u64, field: &str, change: impl FnOnce(&mut Value)) -> Corrupted {
        let name = self.record(part, key);
        if self.is_json {
            let before: String = self.ask(redis::cmd("GET").arg(&name))?;
            let mut document: Value = serde_json::from_str(&before).map_err(|error| error.to_string())?;
            change(&mut document[field]);
            if document[field].is_null() {
                document.as_object_mut().expect("a record").remove(field);
            }
            let mut call = redis::cmd("EVAL");
            return self.ask(call.arg(REPLACE).arg(1).arg(&name).arg(before).arg(document.to_string()));
        }
        let text: String = self.ask(redis::cmd("HGET").arg(&name).arg(field))?;
        // A text is there without quotes.
        let mut value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        change(&mut value);
        let text = match value {
            Value::Null => return self.ask(redis::cmd("HDEL").arg(&name).arg(field)),
            Value::String(text) => text,
            value => value.to_string(),
        };
        self.ask::<()>(redis::cmd("HSET").arg(&name).arg(field).arg(text)).map(|()| 1)
    }

    /// The same of the first record, once the suite has updated it.
    fn change_updated(&mut self, part: &str, field: &str, change: impl FnOnce(&mut Value)) -> Corrupted {
        match self.set(part, (1, 1), UPDATED, "a", To::More(0), false)? {
            0 => Ok(0),
            _ => self.change(part, 1, field, change),
        }
    }

    /// The first key above the loaded ones.
    fn inserted(&mut self, part: &str) -> Result<Option<u64>, String> {
        let member = member(RECORDS + 1);
        let mut range = redis::cmd("ZRANGE");
        range.arg(format!("{}{part}", self.prefix)).arg([&b"["[..], &member].concat()).arg("+").arg("BYLEX");
        let members: Vec<String> = self.ask(&range)?;
        Ok(members.first().map(|member| member[1..].parse().expect("a key")))
    }

    fn delete(&mut self, part: &str, key: u64) -> Corrupted {
        let order = format!("{}{part}", self.prefix);
        self.ask::<u64>(redis::cmd("ZREM").arg(order).arg(member(key)))?;
        let name = self.record(part, key);
        self.ask(redis::cmd("UNLINK").arg(name))
    }

    /// The first member of an index, its value first: `blue`, two zeros, and its key.
    fn first_of_index(&mut self, index: &str) -> Result<Vec<u8>, String> {
        let first: Vec<Vec<u8>> = self.ask(redis::cmd("ZRANGE").arg(index).arg(0).arg(0))?;
        first.into_iter().next().ok_or_else(|| format!("{index} is empty"))
    }

    /// The oldest point of an entity, as a member of its own set and of that of all points.
    fn oldest_point(&mut self, part: &str, entity: i64) -> Result<(Vec<u8>, Vec<u8>), String> {
        let first: Vec<Vec<u8>> = self.ask(redis::cmd("ZRANGE").arg(self.record(part, entity)).arg(0).arg(0))?;
        let own = first.into_iter().next().ok_or_else(|| format!("{part}:{entity} is empty"))?;
        let of_all = [&(i64::MAX ^ entity).to_be_bytes()[..], &own].concat();
        Ok((own, of_all))
    }

    fn remove(&mut self, set: &str, member: &[u8]) -> Corrupted {
        self.ask(redis::cmd("ZREM").arg(set).arg(member))
    }

    fn add(&mut self, set: &str, score: i64, member: &[u8]) -> Corrupted {
        self.ask(redis::cmd("ZADD").arg(set).arg(score).arg(member))
    }

    fn event(&mut self, stream: &str) -> Result<(String, Vec<String>), String> {
        let mut range = redis::cmd("XRANGE");
        let entries: Vec<(String, Vec<String>)> = self.ask(range.arg(stream).arg("-").arg("+").arg("COUNT").arg(1))?;
        entries.into_iter().next().ok_or_else(|| format!("{stream} is empty"))
    }
}

/// What an integer becomes.
#[derive(Clone, Copy)]
enum To {
    Value(i64),
    More(i64),
}

/// A key as a member of the sorted set of all keys.
fn member(key: u64) -> Vec<u8> {
    format!("1{key:019}").into_bytes()
}

fn packed(at_ms: i64, x: f64) -> Vec<u8> {
    [(at_ms as f64).to_le_bytes(), x.to_le_bytes()].concat()
}

impl Backdoor for Client {
    fn corrupt(&mut self, kind: &str) -> Corrupted {
        let all = format!("{}{kind}", self.prefix);
        let index = format!("{all}.category");
        let (stream, of_entity) = (self.record(kind, 4), self.record(kind, 4));
        match kind {
            "row_deleted" => self.delete(kind, RECORDS),
            "row_added" => {
                let copy = self.record(kind, RECORDS + 1_000_000);
                self.add(&all, 0, &member(RECORDS + 1_000_000))?;
                self.ask(redis::cmd("COPY").arg(self.record(kind, RECORDS)).arg(copy))
            }
            "field_changed" => self.change(kind, RECORDS, "c", |c| *c = "changed".into()),
            "untouched_record_changed" => self.set(kind, (RECORDS, RECORDS), ("b", -1), "b", To::Value(-1), false),
            "neighbour_field_changed" => self.set(kind, (1, 1), UPDATED, "b", To::Value(-1), false),
            "update_lost" => self.set(kind, (1, MANY), UPDATED, "a", To::Value(-1), true),
            "insert_deleted" => match self.inserted(kind)? {
                Some(key) => self.delete(kind, key),
                None => Ok(0),
            },
            "insert_changed" | "insert_changed_among_updates" => match self.inserted(kind)? {
                Some(key) => self.set(kind, (key, key), ("b", -1), "b", To::Value(-1), false),
                None => Ok(0),
            },
            "item_changed" => self.change_updated(kind, "value", |items| items[0]["quantity"] = 99.into()),
            "item_removed" | "list_member_removed" => self.change_updated(kind, "value", |list| {
                list.as_array_mut().expect("a list").pop();
            }),
            "item_added" => self.change_updated(kind, "value", |items| {
                items.as_array_mut().expect("items").push(json!({ "sku": "foreign", "quantity": 1 }));
            }),
            "items_reversed" => {
                self.change_updated(kind, "value", |items| items.as_array_mut().expect("items").reverse())
            }
            "list_member_changed" => self.change_updated(kind, "value", |list| list[0] = "changed".into()),
            "map_entry_changed" => self.change_updated(kind, "value", |map| map["size"] = 99.into()),
            "map_entry_removed" => self.change_updated(kind, "value", |map| {
                map.as_object_mut().expect("a map").remove("size");
            }),
            "optional_field_removed" => self.change_updated(kind, "value", |value| *value = Value::Null),
            "required_field_removed" => self.change(kind, RECORDS, "c", |c| *c = Value::Null),
            "counter_raised" | "counter_and_value_raised" => self.set(kind, (1, 1), UPDATED, "a", To::More(5), false),
            "counter_moved" => {
                if self.set(kind, (1, 2), UPDATED, "a", To::More(0), true)? < 2 {
                    return Ok(0);
                }
                self.set(kind, (1, 1), UPDATED, "a", To::More(5), false)?;
                self.set(kind, (2, 2), UPDATED, "a", To::More(-5), false)
            }
            "index_removed" => self.ask(redis::cmd("UNLINK").arg(index)),
            "index_entry_removed" => {
                let first = self.first_of_index(&index)?;
                self.remove(&index, &first)
            }
            "index_entry_changed" | "index_entry_added" => {
                let first = self.first_of_index(&index)?;
                let key = first.strip_prefix(b"blue").ok_or("the index does not begin with blue")?;
                if kind == "index_entry_changed" {
                    self.remove(&index, &first)?;
                }
                self.add(&index, 0, &[b"red", key].concat())
            }
            "index_entry_of_no_record" => self.add(&index, 0, &[&b"blue\0\0"[..], &member(999_999)].concat()),
            "keys_index_removed" => self.ask(redis::cmd("UNLINK").arg(all)),
            "keys_entry_removed" => self.remove(&all, b"k0020"),
            "record_lost_under_its_key" => {
                let record = self.record(kind, "k0020");
                self.ask(redis::cmd("UNLINK").arg(record))
            }
            "event_deleted" => {
                let (id, _) = self.event(&stream)?;
                self.ask(redis::cmd("XDEL").arg(&stream).arg(id))
            }
            "event_changed" => self.ask(redis::cmd("EVAL").arg(REWRITE).arg(1).arg(&stream).arg("change")),
            "events_swapped" => self.ask(redis::cmd("EVAL").arg(REWRITE).arg(1).arg(&stream).arg("swap")),
            "event_added" => {
                let mut add = redis::cmd("XADD");
                add.arg(&stream).arg("*").arg(&["word", "foreign", "amount", "1", "event_id", "1000000000000000000"]);
                self.ask::<String>(&add).map(|_| 1)
            }
            "event_doubled" => {
                let (_, fields) = self.event(&stream)?;
                self.ask::<String>(redis::cmd("XADD").arg(&stream).arg("*").arg(fields)).map(|_| 1)
            }
            "stream_deleted" => self.ask(redis::cmd("UNLINK").arg(&stream)),
            "point_deleted" => {
                let (own, of_all) = self.oldest_point(kind, 4)?;
                self.remove(&all, &of_all)?;
                self.remove(&of_entity, &own)
            }
            "point_changed" => {
                let ((own, of_all), changed) = (self.oldest_point(kind, 4)?, packed(START_MS, 99.5));
                self.remove(&all, &of_all)?;
                self.remove(&of_entity, &own)?;
                self.add(&of_entity, START_MS, &changed)?;
                self.add(&all, START_MS, &[&of_all[..8], &changed].concat())
            }
            "point_added" => {
                let ((_, of_all), added) = (self.oldest_point(kind, 4)?, packed(START_MS + 1, 5.5));
                self.add(&of_entity, START_MS + 1, &added)?;
                self.add(&all, START_MS + 1, &[&of_all[..8], &added].concat())
            }
            "entity_deleted" => {
                let own: Vec<Vec<u8>> = self.ask(redis::cmd("ZRANGE").arg(&of_entity).arg(0).arg(-1))?;
                for point in own {
                    self.remove(&all, &[&(i64::MAX ^ 4).to_be_bytes()[..], &point].concat())?;
                }
                self.ask(redis::cmd("UNLINK").arg(&of_entity))
            }
            "point_of_entity_deleted" => {
                let (own, _) = self.oldest_point(kind, 4)?;
                self.remove(&of_entity, &own)
            }
            "point_of_all_deleted" => {
                let (_, of_all) = self.oldest_point(kind, 4)?;
                self.remove(&all, &of_all)
            }
            "entity_set_removed" => self.ask(redis::cmd("UNLINK").arg(&of_entity)),
            "entity_sets_removed" => {
                let sets: Vec<String> = (1..=4).map(|entity| self.record(kind, entity)).collect();
                self.ask(redis::cmd("UNLINK").arg(sets))
            }
            _ => panic!("nobody has said what {kind} is in Redis"),
        }
    }
}
