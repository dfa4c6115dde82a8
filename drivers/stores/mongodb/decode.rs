//! What the server answers: documents as rows, and the outcome of a write.
//!
//! Each logical type has a BSON type of its own, so nothing is encoded in something else: Int is a 64-bit integer, Time
//! a date, Bytes a binary, a list an array, a map or an item a document. Names within a map may be empty or hold dots
//! and dollars, which the server stores since 5.0.

use compact_str::CompactString;
use mongodb::bson::raw::CStr;
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument};

use super::failure::{DUPLICATE_KEY, server_error};
use crate::{Failure, Field, Fields, Key, Kind, Value};

/// Decodes the documents of a table or log.
#[derive(Clone, Copy)]
pub(super) struct RowDecoder<'a> {
    /// The element that holds the key.
    pub(super) key: &'a str,
    /// Names in the store, in the order in which the fields are declared.
    pub(super) names: &'a [String],
    pub(super) fields: &'a [Field],
    pub(super) requested: &'a Fields,
}

impl RowDecoder<'_> {
    /// The key and the requested values of a document. A required field that is not there is a failure.
    pub(super) fn decode(self, document: &RawDocument) -> Result<(Key, Vec<Value>), Failure> {
        let width = if let Fields::Some(requested) = self.requested { requested.len() } else { self.fields.len() };
        let mut values = vec![Value::Null; width];
        let (mut key, mut next) = (None, 0);
        for element in document {
            let (name, bson) = element.map_err(malformed)?;
            if name == self.key {
                key = Some(self::key(bson)?);
            } else if let Some(field) = position(self.names, name.as_str(), next) {
                self.place(field, value(bson)?, &mut values)?;
                next = field + 1;
            }
        }
        let is_lacking = |slot: &usize| !self.fields[self.field_at(*slot)].optional && values[*slot] == Value::Null;
        if let Some(slot) = (0..width).find(is_lacking) {
            return Err(Failure::broken(format!("mongodb: a document lacks `{}`", self.names[self.field_at(slot)])));
        }
        Ok((key.ok_or_else(|| Failure::broken("mongodb: a document without its key"))?, values))
    }

    /// The declared field whose value a slot of the row holds.
    fn field_at(self, slot: usize) -> usize {
        if let Fields::Some(requested) = self.requested { requested[slot] } else { slot }
    }

    /// Puts a field's value into each slot for which it was requested.
    fn place(self, field: usize, value: Value, values: &mut [Value]) -> Result<(), Failure> {
        if !matches_kind(&self.fields[field].kind, &value) {
            let name = &self.names[field];
            return Err(Failure::broken(format!("mongodb answered {value:?} for `{name}`, which is something else")));
        }
        match self.requested {
            Fields::All => values[field] = value,
            Fields::Some(requested) => {
                for (slot, _) in requested.iter().enumerate().filter(|(_, requested)| **requested == field) {
                    values[slot] = value.clone();
                }
            }
        }
        Ok(())
    }
}

/// The position of a name. Documents hold their fields in declared order, unless an update added one, so the position
/// after the last one found is tried first.
pub(super) fn position(names: &[String], name: &str, next: usize) -> Option<usize> {
    if names.get(next).is_some_and(|expected| expected == name) {
        return Some(next);
    }
    names.iter().position(|known| known == name)
}

/// A point, if its entity, its instant and every metric were found.
pub(super) fn complete_point(entity: Option<Key>, values: Vec<Value>) -> Result<(Key, Vec<Value>), Failure> {
    let has_metrics = values[1..].iter().all(|metric| matches!(metric, Value::Float(_)));
    match entity {
        Some(entity) if has_metrics && matches!(values[0], Value::Time(_)) => Ok((entity, values)),
        _ => Err(Failure::broken("mongodb: a point lacks its entity, its instant or a metric")),
    }
}

/// The start of a window's bucket and its folded value.
pub(super) fn bucket(document: &RawDocument) -> Result<Vec<Value>, Failure> {
    let get = |name| value(document.get(name).map_err(malformed)?.unwrap_or(RawBsonRef::Null));
    match (get("_id")?, get("folded")?) {
        (Value::Int(start_ms), folded @ (Value::Int(_) | Value::Float(_))) => Ok(vec![Value::Time(start_ms), folded]),
        other => Err(Failure::broken(format!("mongodb answered {other:?} for a bucket"))),
    }
}

pub(super) fn value(bson: RawBsonRef<'_>) -> Result<Value, Failure> {
    Ok(match bson {
        RawBsonRef::Null => Value::Null,
        RawBsonRef::Boolean(flag) => Value::Bool(flag),
        RawBsonRef::Int64(number) => Value::Int(number),
        RawBsonRef::Int32(number) => Value::Int(number.into()),
        RawBsonRef::Double(number) => Value::Float(number),
        RawBsonRef::String(text) => Value::Text(text.to_owned()),
        RawBsonRef::Binary(binary) => Value::Bytes(binary.bytes.to_vec()),
        RawBsonRef::DateTime(instant) => Value::Time(instant.timestamp_millis()),
        RawBsonRef::Array(array) => {
            let elements = array.into_iter().map(|element| value(element.map_err(malformed)?));
            Value::List(elements.collect::<Result<_, Failure>>()?)
        }
        RawBsonRef::Document(document) => {
            let entry = |element: Result<(&CStr, RawBsonRef<'_>), _>| {
                let (name, bson) = element.map_err(malformed)?;
                Ok((CompactString::from(name.as_str()), value(bson)?))
            };
            Value::Map(document.iter().map(entry).collect::<Result<_, Failure>>()?)
        }
        other => return Err(unexpected(other)),
    })
}

pub(super) fn key(bson: RawBsonRef<'_>) -> Result<Key, Failure> {
    match bson {
        RawBsonRef::Int64(number) => Ok(Key::Int(number)),
        RawBsonRef::String(text) => Ok(Key::Text(text.into())),
        other => Err(unexpected(other)),
    }
}

fn matches_kind(kind: &Kind, value: &Value) -> bool {
    matches!(
        (kind, value),
        (Kind::Bool, Value::Bool(_))
            | (Kind::Int, Value::Int(_))
            | (Kind::Float, Value::Float(_))
            | (Kind::Text, Value::Text(_))
            | (Kind::Bytes, Value::Bytes(_))
            | (Kind::Time, Value::Time(_))
            | (Kind::List(_) | Kind::Items(_), Value::List(_))
            | (Kind::Map, Value::Map(_))
    )
}

pub(super) fn malformed(error: mongodb::bson::error::Error) -> Failure {
    Failure::broken("mongodb answered what is not BSON").caused_by(error)
}

pub(super) fn unexpected(bson: RawBsonRef<'_>) -> Failure {
    Failure::broken(format!("mongodb answered {bson:?}, which storebench never wrote there"))
}

/// The reply to a command that writes.
#[derive(Debug, Default)]
pub(super) struct WriteReply {
    /// How many documents were added, matched or removed.
    pub(super) count: usize,
    pub(super) errors: Vec<StatementError>,
}

/// A statement of the command that failed.
#[derive(Debug)]
pub(super) struct StatementError {
    /// The statement's position in the command.
    pub(super) at: usize,
    code: i32,
    message: String,
}

impl WriteReply {
    pub(super) fn decode(reply: &Document) -> Result<Self, Failure> {
        if let Some(Bson::Document(concern)) = reply.get("writeConcernError") {
            return Err(StatementError::decode(concern)?.failure("a write is not acknowledged as requested"));
        }
        let errors = match reply.get("writeErrors") {
            Some(Bson::Array(errors)) => errors.iter().map(|error| match error {
                Bson::Document(error) => StatementError::decode(error),
                other => Err(Failure::broken(format!("mongodb answered {other} for an error"))),
            }),
            Some(other) => return Err(Failure::broken(format!("mongodb answered {other} for its errors"))),
            None => return Ok(WriteReply { count: count_in(reply, "n")?, errors: Vec::new() }),
        };
        Ok(WriteReply { count: count_in(reply, "n")?, errors: errors.collect::<Result<_, Failure>>()? })
    }

    /// Whether a reply rules out that anything was changed.
    pub(super) fn changed_nothing(reply: &Document) -> bool {
        matches!(count_in(reply, "n"), Ok(0))
    }
}

impl StatementError {
    fn decode(error: &Document) -> Result<Self, Failure> {
        let at = if error.contains_key("index") { count_in(error, "index")? } else { 0 };
        let code = error.get_i32("code").unwrap_or_default();
        Ok(StatementError { at, code, message: error.get_str("errmsg").unwrap_or_default().to_owned() })
    }

    pub(super) fn is_duplicate_key(&self) -> bool {
        self.code == DUPLICATE_KEY
    }

    /// The failure of a record or collection that this error is about.
    pub(super) fn failure(&self, subject: &str) -> Failure {
        server_error(self.code, &self.message, subject)
    }
}

fn count_in(reply: &Document, name: &str) -> Result<usize, Failure> {
    let count = match reply.get(name) {
        Some(Bson::Int32(number)) => usize::try_from(*number).ok(),
        Some(Bson::Int64(number)) => usize::try_from(*number).ok(),
        _ => None,
    };
    count.ok_or_else(|| Failure::broken(format!("mongodb answered a change without `{name}`")))
}
