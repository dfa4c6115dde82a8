//! Nested values as JSON text, for stores that keep lists, maps and items in a text or JSON column.
//!
//! JSON has no bytes and no instants: bytes are written as hexadecimal text and instants as milliseconds, and the field's
//! [`Kind`] turns them back. In a free-form map no kind says so: it holds JSON's own types only. Scalars at the top of a
//! record have columns of their own and do not come here.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use crate::{Failure, Field, Kind, Value};

/// The JSON text of a value.
pub(crate) fn encode(value: &Value) -> Result<String, Failure> {
    serde_json::to_string(&Encoded(value))
        .map_err(|error| Failure::broken("a value could not be written as JSON").caused_by(error))
}

/// The value of this kind that a JSON text stands for.
pub(crate) fn decode(text: &str, kind: &Kind) -> Result<Value, Failure> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Decoded::of(kind).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| Failure::broken("the store answered JSON that is not a value of the field").caused_by(error))
}

/// A value as it is written.
pub(crate) struct Encoded<'a>(pub(crate) &'a Value);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => out.serialize_unit(),
            Value::Bool(flag) => out.serialize_bool(*flag),
            Value::Int(number) | Value::Time(number) => out.serialize_i64(*number),
            Value::Float(number) if is_large_and_whole(*number) => {
                RawValue::from_string(format!("{number:.1}")).map_err(serde::ser::Error::custom)?.serialize(out)
            }
            Value::Float(number) => out.serialize_f64(*number),
            Value::Text(text) => out.serialize_str(text),
            Value::Bytes(bytes) => out.serialize_str(&to_hex(bytes)),
            Value::List(values) => {
                let mut list = out.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| list.serialize_element(&Encoded(value)))?;
                list.end()
            }
            Value::Map(entries) => {
                let mut map = out.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(name, value)| map.serialize_entry(name.as_str(), &Encoded(value)))?;
                map.end()
            }
        }
    }
}

/// Whether a float would come back as an integer that it does not equal, from a store that keeps numbers as numbers and not
/// as they were written: `1e18` is there what `1000000000000000000` is. Such a float is written with a fraction. Below 2^53
/// either means the same, and from 2^64 on there is no integer that it could be taken for.
fn is_large_and_whole(number: f64) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    const INTEGERS_END: f64 = 18_446_744_073_709_551_616.0;
    number.fract() == 0.0 && (EXACT..=INTEGERS_END).contains(&number.abs())
}

/// What to expect at a place in the text.
#[derive(Clone, Copy)]
pub(crate) enum Decoded<'a> {
    /// A value of a kind.
    Kind(&'a Kind),
    /// An item: a map of these fields.
    Item(&'a [Field]),
    /// Anything, as JSON's own types.
    Free,
}

impl<'a> Decoded<'a> {
    pub(crate) fn of(kind: &'a Kind) -> Self {
        if *kind == Kind::Map { Decoded::Free } else { Decoded::Kind(kind) }
    }

    /// What to expect of an element of a list.
    fn element(self) -> Self {
        match self {
            Decoded::Kind(Kind::List(kind)) => Decoded::of(kind),
            Decoded::Kind(Kind::Items(fields)) => Decoded::Item(fields),
            _ => Decoded::Free,
        }
    }

    /// What to expect under a name of a map.
    fn entry(self, name: &str) -> Self {
        match self {
            Decoded::Item(fields) => {
                fields.iter().find(|field| field.name == name).map_or(Decoded::Free, |field| Decoded::of(&field.kind))
            }
            _ => Decoded::Free,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Decoded<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Decoded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decoded::Kind(kind) => write!(f, "a value of kind {kind:?}"),
            Decoded::Item(_) => f.write_str("an item"),
            Decoded::Free => f.write_str("a value"),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(match self {
            Decoded::Kind(Kind::Time) => Value::Time(number),
            Decoded::Kind(Kind::Float) => Value::Float(number as f64),
            _ => Value::Int(number),
        })
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Ok(Value::Float(number as f64)),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        match self {
            Decoded::Kind(Kind::Bytes) => {
                from_hex(text).map(Value::Bytes).ok_or_else(|| E::custom("bytes that are not hexadecimal"))
            }
            _ => Ok(Value::Text(text.to_owned())),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(self.element())? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(name) = entries.next_key::<compact_str::CompactString>()? {
            let value = entries.next_value_seed(self.entry(&name))?;
            map.push((name, value));
        }
        Ok(Value::Map(map))
    }
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).map(|nibble| nibble as u8);
    let byte = |pair: &[u8]| Some(nibble(pair[0])? << 4 | nibble(pair[1])?);
    text.len().is_multiple_of(2).then(|| text.as_bytes().chunks_exact(2).map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(name: &str, kind: Kind) -> Field {
        Field { name: name.into(), kind, optional: true }
    }

    /// What an order with lines needs, and every kind that JSON does not have.
    fn items() -> Kind {
        Kind::Items(vec![
            field("sku", Kind::Text),
            field("sent", Kind::Time),
            field("raw", Kind::Bytes),
            field("price", Kind::Float),
            field("extras", Kind::List(Box::new(Kind::Bytes))),
            field("notes", Kind::Map),
        ])
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            prop::num::f64::NORMAL.prop_map(Value::Float),
            ".*".prop_map(Value::Text),
        ]
    }

    fn free_map() -> impl Strategy<Value = Value> {
        let value = scalar().prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::vec((".{0,9}".prop_map(Into::into), inner), 0..4).prop_map(Value::Map),
            ]
        });
        prop::collection::vec((".{0,9}".prop_map(Into::into), value), 0..4).prop_map(Value::Map)
    }

    fn item() -> impl Strategy<Value = Value> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..9).prop_map(Value::Bytes);
        let (extras, notes) = (prop::collection::vec(bytes(), 0..3), free_map());
        let fields = (".*", any::<i64>(), bytes(), prop::num::f64::NORMAL, extras, notes);
        fields.prop_map(|(sku, sent, raw, price, extras, notes)| {
            Value::Map(vec![
                ("sku".into(), Value::Text(sku)),
                ("sent".into(), Value::Time(sent)),
                ("raw".into(), raw),
                ("price".into(), Value::Float(price)),
                ("extras".into(), Value::List(extras)),
                ("notes".into(), notes),
            ])
        })
    }

    proptest! {
        #[test]
        fn items_come_back_as_they_were(items_given in prop::collection::vec(item(), 0..4)) {
            let value = Value::List(items_given);
            let text = encode(&value).expect("JSON");
            prop_assert_eq!(decode(&text, &items()).expect("items"), value);
        }

        #[test]
        fn free_form_maps_come_back_as_they_were(value in free_map()) {
            let text = encode(&value).expect("JSON");
            prop_assert_eq!(decode(&text, &Kind::Map).expect("a map"), value);
        }
    }

    #[test]
    fn numbers_of_other_writers_are_understood() {
        let floats = Kind::List(Box::new(Kind::Float));
        assert_eq!(decode("[1]", &floats).expect("a list"), Value::List(vec![Value::Float(1.0)]));
    }

    #[test]
    fn what_is_not_a_value_of_the_kind_is_an_error() {
        let bytes = Kind::List(Box::new(Kind::Bytes));
        for text in ["", "[", "[1] 2", r#"["abc"]"#, r#"["zz"]"#] {
            assert!(decode(text, &bytes).is_err(), "{text}");
        }
    }
}
