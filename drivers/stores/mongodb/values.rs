//! Documents of the store as rows. Each logical type has a BSON type of its own, so nothing is encoded in something
//! else: Int is a 64-bit integer, Time a date, Bytes a binary, a list an array, a map or an item a document. Names
//! within a map may be empty or hold dots and dollars, which the server stores since 5.0.

use compact_str::CompactString;
use mongodb::bson::{RawBsonRef, RawDocument};

use crate::{Failure, Field, Fields, Key, Kind, Value};

/// How documents of a table or log are to be understood.
#[derive(Clone, Copy)]
pub(super) struct Shape<'a> {
    /// The element that holds the key.
    pub(super) key: &'a str,
    /// Names in the store, as the fields are declared.
    pub(super) names: &'a [String],
    pub(super) fields: &'a [Field],
    pub(super) asked: &'a Fields,
}

impl Shape<'_> {
    /// The key and the requested values of a document. A required field that is not there is a failure.
    pub(super) fn decode(self, document: &RawDocument) -> Result<(Key, Vec<Value>), Failure> {
        let width = if let Fields::Some(asked) = self.asked { asked.len() } else { self.fields.len() };
        let mut values = vec![Value::Null; width];
        let (mut key, mut next) = (None, 0);
        for entry in document {
            let (name, found) = entry.map_err(malformed)?;
            if name == self.key {
                key = Some(self::key(found)?);
            } else if let Some(at) = position(self.names, name.as_str(), next) {
                self.place(at, value(found)?, &mut values)?;
                next = at + 1;
            }
        }
        let required = |slot: &usize| !self.fields[self.declared(*slot)].optional && values[*slot] == Value::Null;
        if let Some(slot) = (0..width).find(required) {
            return Err(Failure::broken(format!("mongodb: a document lacks `{}`", self.names[self.declared(slot)])));
        }
        Ok((key.ok_or_else(|| Failure::broken("mongodb: a document without its key"))?, values))
    }

    fn declared(self, slot: usize) -> usize {
        if let Fields::Some(asked) = self.asked { asked[slot] } else { slot }
    }

    /// Puts a value wherever it was requested.
    fn place(self, field: usize, value: Value, values: &mut [Value]) -> Result<(), Failure> {
        if !fits(&self.fields[field].kind, &value) {
            let name = &self.names[field];
            return Err(Failure::broken(format!("mongodb answered {value:?} for `{name}`, which is something else")));
        }
        match self.asked {
            Fields::All => values[field] = value,
            Fields::Some(asked) => {
                for (slot, _) in asked.iter().enumerate().filter(|(_, asked)| **asked == field) {
                    values[slot] = value.clone();
                }
            }
        }
        Ok(())
    }
}

/// A point of which an entity, an instant and every metric were found.
pub(super) fn whole_point(entity: Option<Key>, values: Vec<Value>) -> Result<(Key, Vec<Value>), Failure> {
    let whole = matches!(values[0], Value::Time(_)) && values[1..].iter().all(|one| matches!(one, Value::Float(_)));
    match entity {
        Some(entity) if whole => Ok((entity, values)),
        _ => Err(Failure::broken("mongodb: a point lacks its entity, its instant or a metric")),
    }
}

/// Where a name stands. Documents hold their fields in declared order, unless an update added one.
pub(super) fn position(names: &[String], name: &str, next: usize) -> Option<usize> {
    if names.get(next).is_some_and(|expected| expected == name) {
        return Some(next);
    }
    names.iter().position(|known| known == name)
}

/// A value of the store.
pub(super) fn value(found: RawBsonRef<'_>) -> Result<Value, Failure> {
    Ok(match found {
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
            let entry = |entry: Result<(&_, RawBsonRef<'_>), _>| {
                let (name, found): (&mongodb::bson::raw::CStr, _) = entry.map_err(malformed)?;
                Ok((CompactString::from(name.as_str()), value(found)?))
            };
            Value::Map(document.iter().map(entry).collect::<Result<_, Failure>>()?)
        }
        other => return Err(unexpected(other)),
    })
}

/// A key of the store.
pub(super) fn key(found: RawBsonRef<'_>) -> Result<Key, Failure> {
    match found {
        RawBsonRef::Int64(number) => Ok(Key::Int(number)),
        RawBsonRef::String(text) => Ok(Key::Text(text.into())),
        other => Err(unexpected(other)),
    }
}

fn fits(kind: &Kind, value: &Value) -> bool {
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

pub(super) fn unexpected(found: RawBsonRef<'_>) -> Failure {
    Failure::broken(format!("mongodb answered {found:?}, which storebench never wrote there"))
}

/// The start and the folded value of a window's bucket.
pub(super) fn bucket(document: &RawDocument) -> Result<Vec<Value>, Failure> {
    let get = |name| value(document.get(name).map_err(malformed)?.unwrap_or(RawBsonRef::Null));
    match (get("_id")?, get("folded")?) {
        (Value::Int(start_ms), folded @ (Value::Int(_) | Value::Float(_))) => Ok(vec![Value::Time(start_ms), folded]),
        other => Err(Failure::broken(format!("mongodb answered {other:?} for a bucket"))),
    }
}
