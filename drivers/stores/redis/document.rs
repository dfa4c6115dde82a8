//! The text of a record in the layout `json`: an object of its fields by name in declared order, absent ones left out.
//!
//! Values are written and read by `crate::support::json`, so integers keep their 64 bits and floats come back as they were. Where
//! some fields change, the others are not read at all: their text is copied as it stands.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::support::json::{self, Decoded, Encoded};
use crate::{Change, Failure, Field, Fields, Kind, Value};

/// The text of a record.
pub(super) fn write(declared: &[Field], record: &[Value]) -> Result<Vec<u8>, Failure> {
    let present = declared.iter().zip(record).filter(|(_, value)| **value != Value::Null);
    text_of(Object(present.map(|(field, value)| (field.name.as_str(), Part::New(value)))))
}

/// The asked fields of a record.
pub(super) fn read(declared: &[Field], text: &[u8], fields: &Fields) -> Result<Vec<Value>, Failure> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let values = reader.deserialize_map(Reader { declared, fields });
    let values = values.and_then(|values| reader.end().map(|()| values)).map_err(no_record)?;
    let check = |at: usize| if fits(&values[at], &declared[at]) { Ok(()) } else { Err(no_value(&declared[at])) };
    match fields {
        Fields::All => (0..declared.len()).try_for_each(check).map(|()| values),
        Fields::Some(asked) => {
            asked.iter().copied().try_for_each(check)?;
            Ok(asked.iter().map(|at| values[*at].clone()).collect())
        }
    }
}

/// A record of which the texts of the fields are told apart, and not read.
pub(super) struct Document<'a> {
    declared: &'a [Field],
    texts: Vec<Option<&'a RawValue>>,
}

impl<'a> Document<'a> {
    pub(super) fn of(declared: &'a [Field], text: &'a [u8]) -> Result<Self, Failure> {
        let mut reader = serde_json::Deserializer::from_slice(text);
        let texts = reader.deserialize_map(Splitter(declared));
        let texts = texts.and_then(|texts| reader.end().map(|()| texts)).map_err(no_record)?;
        Ok(Document { declared, texts })
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
        if fits(&value, declared) { Ok(value) } else { Err(no_value(declared)) }
    }

    /// The text of the record with some fields changed. Of several changes of one field the last counts.
    pub(super) fn changed(&self, changes: &[Change]) -> Result<Vec<u8>, Failure> {
        let part = |(at, field): (usize, &'a Field)| {
            let part = match changes.iter().rev().find(|change| change.field == at) {
                Some(change) if change.value == Value::Null => None,
                Some(change) => Some(Part::New(&change.value)),
                None => self.texts[at].map(Part::Kept),
            };
            part.map(|part| (field.name.as_str(), part))
        };
        text_of(Object(self.declared.iter().enumerate().filter_map(part)))
    }
}

fn text_of<'a>(object: Object<impl Iterator<Item = (&'a str, Part<'a>)> + Clone>) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(&object)
        .map_err(|error| Failure::broken("redis: a record could not be written as JSON").caused_by(error))
}

/// Names and what is written under them.
struct Object<I>(I);

impl<'a, I: Iterator<Item = (&'a str, Part<'a>)> + Clone> Serialize for Object<I> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.clone())
    }
}

/// The text of a field.
enum Part<'a> {
    New(&'a Value),
    Kept(&'a RawValue),
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Part::New(value) => Encoded(value).serialize(out),
            Part::Kept(text) => text.serialize(out),
        }
    }
}

/// Reads the asked fields into their places, and passes over the others.
struct Reader<'a> {
    declared: &'a [Field],
    fields: &'a Fields,
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Vec<Value>, A::Error> {
        let mut values = vec![Value::Null; self.declared.len()];
        let mut next = 0;
        while let Some(at) = entries.next_key_seed(Name { declared: self.declared, next })? {
            let is_asked = match self.fields {
                Fields::All => true,
                Fields::Some(asked) => asked.contains(&at),
            };
            if is_asked {
                values[at] = entries.next_value_seed(Decoded::of(&self.declared[at].kind))?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
            next = at + 1;
        }
        Ok(values)
    }
}

/// Tells the texts of the fields apart.
struct Splitter<'a>(&'a [Field]);

impl<'de> Visitor<'de> for Splitter<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut texts = vec![None; self.0.len()];
        let mut next = 0;
        while let Some(at) = entries.next_key_seed(Name { declared: self.0, next })? {
            texts[at] = Some(entries.next_value()?);
            next = at + 1;
        }
        Ok(texts)
    }
}

/// The position of the field of a name. Names come in declared order, so it is looked for from the last one on.
struct Name<'a> {
    declared: &'a [Field],
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<usize, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        let (before, behind) = self.declared.split_at(self.next);
        let found = behind.iter().position(|field| field.name == name).map(|at| self.next + at);
        let found = found.or_else(|| before.iter().position(|field| field.name == name));
        found.ok_or_else(|| E::custom("a field of somebody else"))
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

fn no_record(error: serde_json::Error) -> Failure {
    Failure::broken("redis answered JSON that is not a record of the table").caused_by(error)
}

fn no_value(field: &Field) -> Failure {
    Failure::broken(format!("redis returned something that is not a value of the field `{}`", field.name))
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
    fn values_come_back_to_the_last_bit() {
        let declared = declared();
        for (int, float, text) in [
            (i64::MIN, 0.1, ""),
            (i64::MAX, -0.0, "Ärger 日本 🦀 \" \\ \n \u{1}"),
            ((1 << 53) + 1, 1e300, "}{][,:"),
            (0, 5e-324, "null"),
            (-1, 1e18, "\0"),
            (7, 0.1 + 0.2, "x"),
        ] {
            let given = record(int, float, text);
            let written = write(&declared, &given).expect("a text");
            let read = read(&declared, &written, &Fields::All).expect("a record");
            assert_eq!(read, given);
            let Value::Float(back) = read[1] else { panic!("{:?}", read[1]) };
            assert_eq!(back.to_bits(), float.to_bits(), "{float}");
        }
    }

    #[test]
    fn what_does_not_change_is_copied_as_it_stands() {
        let declared = declared();
        let text = br#"{"int":9007199254740993,"float":1.50,"text":"\u0041","bytes":"00ff","lines":[ ]}"#;
        let document = Document::of(&declared, text).expect("a record");
        let changes = [
            Change { field: 4, value: Value::Bool(false) },
            Change { field: 3, value: Value::Bytes(vec![7]) },
            Change { field: 4, value: Value::Bool(true) },
        ];
        let changed = document.changed(&changes).expect("a text");
        let expected = r#"{"int":9007199254740993,"float":1.50,"text":"\u0041","bytes":"07","maybe":true,"lines":[ ]}"#;
        assert_eq!(String::from_utf8_lossy(&changed), expected);
        let document = Document::of(&declared, &changed).expect("a record");
        assert_eq!(document.value(0).expect("an integer"), Value::Int((1 << 53) + 1));
        let gone = document.changed(&[Change { field: 5, value: Value::Null }]).expect("a text");
        assert!(!String::from_utf8_lossy(&gone).contains("lines"));
    }

    #[test]
    fn fields_are_answered_in_the_asked_order_and_only_they_are_read() {
        let declared = declared();
        let text = br#"{"int":1,"float":0.5,"text":12,"bytes":"xx"}"#;
        let asked = Fields::Some(vec![1, 4, 1, 0]);
        let expected = [Value::Float(0.5), Value::Null, Value::Float(0.5), Value::Int(1)];
        assert_eq!(read(&declared, text, &asked).expect("values"), expected);
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
            let document = Document::of(&declared, text.as_bytes()).expect("an object");
            assert!(document.value(0).is_err(), "{text}");
        }
    }
}
