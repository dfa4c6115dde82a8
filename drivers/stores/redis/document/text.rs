//! The text of a record in the layout `json`: an object of its fields by name in declared order, absent ones left out.
//!
//! Values are written and read by `crate::support::json`, so integers keep their 64 bits and floats are read back exactly.
//! Where some fields change, the others are not parsed at all: their text is copied as it is.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::stores::redis::decode::not_a_value;
use crate::support::json::{self, Decoded, Encoded};
use crate::{Change, Failure, Field, Fields, Kind, Value};

/// The text of a record.
pub(super) fn write(declared: &[Field], record: &[Value]) -> Result<Vec<u8>, Failure> {
    let present = declared.iter().zip(record).filter(|(_, value)| **value != Value::Null);
    to_json(RecordObject(present.map(|(field, value)| (field.name.as_str(), FieldText::New(value)))))
}

/// The values of the wanted fields, in their order.
pub(super) fn read(declared: &[Field], text: &[u8], fields: &Fields) -> Result<Vec<Value>, Failure> {
    let values = parse(text, FieldReader { declared, fields })?;
    let check = |at: usize| if fits(&values[at], &declared[at]) { Ok(()) } else { Err(not_a_value(&declared[at])) };
    match fields {
        Fields::All => (0..declared.len()).try_for_each(check).map(|()| values),
        Fields::Some(wanted) => {
            wanted.iter().copied().try_for_each(check)?;
            Ok(wanted.iter().map(|at| values[*at].clone()).collect())
        }
    }
}

fn parse<'a, V: Visitor<'a>>(text: &'a [u8], visitor: V) -> Result<V::Value, Failure> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let parsed = reader.deserialize_map(visitor).and_then(|parsed| reader.end().map(|()| parsed));
    parsed.map_err(|error| Failure::broken("redis answered JSON that is not a record of the table").caused_by(error))
}

/// A document split into the texts of its fields, which are parsed only when they are asked for.
pub(super) struct SplitDocument<'a> {
    declared: &'a [Field],
    texts: Vec<Option<&'a RawValue>>,
}

impl<'a> SplitDocument<'a> {
    pub(super) fn parse(declared: &'a [Field], text: &'a [u8]) -> Result<Self, Failure> {
        Ok(SplitDocument { declared, texts: parse(text, FieldSplitter(declared))? })
    }

    /// The text of a field; none if it is absent.
    pub(super) fn text(&self, field: usize) -> Option<&'a str> {
        self.texts[field].map(RawValue::get)
    }

    /// The value of a field.
    pub(super) fn value(&self, field: usize) -> Result<Value, Failure> {
        let declared = &self.declared[field];
        let value = match self.text(field) {
            Some(text) => json::decode(text, &declared.kind)?,
            None => Value::Null,
        };
        if fits(&value, declared) { Ok(value) } else { Err(not_a_value(declared)) }
    }

    /// The text of the record with some fields changed. Of several changes of one field the last counts.
    pub(super) fn with_changes(&self, changes: &[Change]) -> Result<Vec<u8>, Failure> {
        let text = |(at, field): (usize, &'a Field)| {
            let text = match changes.iter().rev().find(|change| change.field == at) {
                Some(change) if change.value == Value::Null => None,
                Some(change) => Some(FieldText::New(&change.value)),
                None => self.texts[at].map(FieldText::Kept),
            };
            text.map(|text| (field.name.as_str(), text))
        };
        to_json(RecordObject(self.declared.iter().enumerate().filter_map(text)))
    }
}

fn to_json<'a>(
    object: RecordObject<impl Iterator<Item = (&'a str, FieldText<'a>)> + Clone>,
) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(&object)
        .map_err(|error| Failure::broken("redis: a record could not be written as JSON").caused_by(error))
}

/// Names and texts of fields, written as a JSON object.
struct RecordObject<I>(I);

impl<'a, I: Iterator<Item = (&'a str, FieldText<'a>)> + Clone> Serialize for RecordObject<I> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.clone())
    }
}

/// What is written for a field: a new value, or the text that it had.
enum FieldText<'a> {
    New(&'a Value),
    Kept(&'a RawValue),
}

impl Serialize for FieldText<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            FieldText::New(value) => Encoded(value).serialize(out),
            FieldText::Kept(text) => text.serialize(out),
        }
    }
}

/// Reads the wanted fields into their places, and skips the others.
struct FieldReader<'a> {
    declared: &'a [Field],
    fields: &'a Fields,
}

impl<'de> Visitor<'de> for FieldReader<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Vec<Value>, A::Error> {
        let mut values = vec![Value::Null; self.declared.len()];
        let mut next = 0;
        while let Some(at) = entries.next_key_seed(FieldName { declared: self.declared, next })? {
            let is_wanted = match self.fields {
                Fields::All => true,
                Fields::Some(wanted) => wanted.contains(&at),
            };
            if is_wanted {
                values[at] = entries.next_value_seed(Decoded::of(&self.declared[at].kind))?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
            next = at + 1;
        }
        Ok(values)
    }
}

/// Splits an object into the texts of its fields.
struct FieldSplitter<'a>(&'a [Field]);

impl<'de> Visitor<'de> for FieldSplitter<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut texts = vec![None; self.0.len()];
        let mut next = 0;
        while let Some(at) = entries.next_key_seed(FieldName { declared: self.0, next })? {
            texts[at] = Some(entries.next_value()?);
            next = at + 1;
        }
        Ok(texts)
    }
}

/// Reads a name as the position of its field. Names come in declared order, so the search starts behind the last one.
struct FieldName<'a> {
    declared: &'a [Field],
    next: usize,
}

impl<'de> DeserializeSeed<'de> for FieldName<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<usize, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        let (before, behind) = self.declared.split_at(self.next);
        let found = behind.iter().position(|field| field.name == name).map(|at| self.next + at);
        let found = found.or_else(|| before.iter().position(|field| field.name == name));
        found.ok_or_else(|| E::custom("a field that is not declared"))
    }
}

/// Whether a value is one that the field may have.
fn fits(value: &Value, field: &Field) -> bool {
    match (value, &field.kind) {
        (Value::Null, _) => field.optional,
        (Value::Bool(_), Kind::Bool) | (Value::Int(_), Kind::Int) | (Value::Float(_), Kind::Float) => true,
        (Value::Text(_), Kind::Text) | (Value::Bytes(_), Kind::Bytes) | (Value::Time(_), Kind::Time) => true,
        (Value::List(_), Kind::List(_) | Kind::Items(_)) | (Value::Map(_), Kind::Map) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: Kind, optional: bool) -> Field {
        Field { name: name.into(), kind, optional }
    }

    fn declared() -> Vec<Field> {
        let line = vec![field("sku", Kind::Text, false), field("sent", Kind::Time, true)];
        vec![
            field("int", Kind::Int, false),
            field("float", Kind::Float, false),
            field("text", Kind::Text, false),
            field("bytes", Kind::Bytes, false),
            field("maybe", Kind::Bool, true),
            field("lines", Kind::Items(line), true),
        ]
    }

    fn record(int: i64, float: f64, text: &str) -> Vec<Value> {
        let line = |at| {
            Value::Map(vec![("sku".into(), Value::Text(format!("sku \"{at}\""))), ("sent".into(), Value::Time(at))])
        };
        let lines = Value::List((0..15).map(line).collect());
        vec![
            Value::Int(int),
            Value::Float(float),
            Value::Text(text.into()),
            Value::Bytes((0..=255).collect()),
            Value::Null,
            lines,
        ]
    }

    #[test]
    fn values_are_read_back_to_the_last_bit() {
        let declared = declared();
        for (int, float, text) in [
            (i64::MIN, 0.1, ""),
            (i64::MAX, -0.0, "Ärger 日本 🦀 \" \\ \n \u{1}"),
            ((1 << 53) + 1, 1e300, "}{][,:"),
            (0, 5e-324, "null"),
            (-1, 1e18, "\0"),
            (7, 0.1 + 0.2, "x"),
        ] {
            let original = record(int, float, text);
            let written = write(&declared, &original).expect("a text");
            let read = read(&declared, &written, &Fields::All).expect("a record");
            assert_eq!(read, original);
            let Value::Float(back) = read[1] else { panic!("{:?}", read[1]) };
            assert_eq!(back.to_bits(), float.to_bits(), "{float}");
        }
    }

    #[test]
    fn what_does_not_change_is_copied_as_it_is() {
        let declared = declared();
        let text = br#"{"int":9007199254740993,"float":1.50,"text":"\u0041","bytes":"00ff","lines":[ ]}"#;
        let document = SplitDocument::parse(&declared, text).expect("a record");
        let changes = [
            Change { field: 4, value: Value::Bool(false) },
            Change { field: 3, value: Value::Bytes(vec![7]) },
            Change { field: 4, value: Value::Bool(true) },
        ];
        let changed = document.with_changes(&changes).expect("a text");
        let expected = r#"{"int":9007199254740993,"float":1.50,"text":"\u0041","bytes":"07","maybe":true,"lines":[ ]}"#;
        assert_eq!(String::from_utf8_lossy(&changed), expected);
        let document = SplitDocument::parse(&declared, &changed).expect("a record");
        assert_eq!(document.value(0).expect("an integer"), Value::Int((1 << 53) + 1));
        let gone = document.with_changes(&[Change { field: 5, value: Value::Null }]).expect("a text");
        assert!(!String::from_utf8_lossy(&gone).contains("lines"));
    }

    #[test]
    fn only_wanted_fields_are_read_and_they_come_in_the_wanted_order() {
        let declared = declared();
        let text = br#"{"int":1,"float":0.5,"text":12,"bytes":"xx"}"#;
        let wanted = Fields::Some(vec![1, 4, 1, 0]);
        let expected = [Value::Float(0.5), Value::Null, Value::Float(0.5), Value::Int(1)];
        assert_eq!(read(&declared, text, &wanted).expect("values"), expected);
        assert_eq!(read(&declared, text, &Fields::Some(vec![])).expect("nothing"), []);
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        let declared = [field("int", Kind::Int, false)];
        for text in ["", "{", "{}", "[]", r#"{"int":1"#, r#"{"int":1}}"#, r#"{"int":1,"x":2}"#, "1"] {
            assert!(read(&declared, text.as_bytes(), &Fields::All).is_err(), "{text}");
        }
        for value in ["null", "1.5", "\"1\"", "[1]", "9223372036854775808", "true", "{}"] {
            let text = format!(r#"{{"int":{value}}}"#);
            assert!(read(&declared, text.as_bytes(), &Fields::All).is_err(), "{text}");
            let document = SplitDocument::parse(&declared, text.as_bytes()).expect("an object");
            assert!(document.value(0).is_err(), "{text}");
        }
    }
}
