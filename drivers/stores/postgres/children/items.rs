//! An item as a row of its table, and items back from the arrays of a reply. The tables are in `table.rs`.

use compact_str::CompactString;

use crate::sql::statement::Parameter;
use crate::stores::postgres::binary::{PgParameter, broken, decode_value, text};
use crate::stores::postgres::types::type_of;
use crate::{Failure, Field, Kind, Value};

/// The items of a record; none if they are absent.
pub(super) fn list(value: &Value) -> Result<&[Value], Failure> {
    match value {
        Value::List(items) => Ok(items),
        Value::Null => Ok(&[]),
        _ => Err(Failure::broken("postgres: items that are no list")),
    }
}

/// An array for each column of the items' table, but for its key.
pub(super) fn arrays<'a>(fields: &[Field], value: &'a Value) -> Result<Vec<PgParameter<'a>>, Failure> {
    let items = list(value)?;
    let mut columns: Vec<Vec<PgParameter<'a>>> = (0..=fields.len()).map(|_| Vec::with_capacity(items.len())).collect();
    for item in items {
        for (column, value) in columns.iter_mut().zip(row(fields, item)?) {
            column.push(value);
        }
    }
    Ok(columns.into_iter().map(PgParameter::Array).collect())
}

/// The columns of an item's row, but for its key.
pub(super) fn row<'a>(fields: &[Field], item: &'a Value) -> Result<impl Iterator<Item = PgParameter<'a>>, Failure> {
    let Value::Map(entries) = item else { return Err(Failure::broken("postgres: an item that is no map")) };
    let missing = missing(fields, entries)?;
    let value = move |(at, field)| entry(entries, at, field).map_or(Parameter::Null, Parameter::Value).into();
    Ok(fields.iter().enumerate().map(value).chain([missing]))
}

/// Entries usually come in declared order.
fn entry<'a>(entries: &'a [(CompactString, Value)], at: usize, field: &Field) -> Option<&'a Value> {
    let is_it = |(name, _): &&(CompactString, Value)| *name == field.name;
    let found = entries.get(at).filter(is_it).or_else(|| entries.iter().find(is_it));
    found.map(|(_, value)| value)
}

/// The names of the fields that an item comes without, with commas between.
fn missing(fields: &[Field], entries: &[(CompactString, Value)]) -> Result<PgParameter<'static>, Failure> {
    let missing = fields.iter().enumerate().filter(|(at, field)| entry(entries, *at, field).is_none());
    let missing: Vec<&str> = missing.map(|(_, field)| field.name.as_str()).collect();
    if entries.len() + missing.len() != fields.len() {
        return Err(Failure::broken("postgres: an item with an entry that is none of its declared fields"));
    }
    Ok(if missing.is_empty() { Parameter::Null.into() } else { PgParameter::Text(missing.join(",")) })
}

/// The items in a reply: a record of their number and an array for each column, in the binary format of `record_send` and
/// `array_send` (src/backend/utils/adt/{rowtypes,arrayfuncs}.c).
pub(crate) fn decode(bytes: &[u8], fields: &[Field]) -> Result<Value, Failure> {
    let mut record = BinaryReader(bytes);
    if record.int()? as usize != fields.len() + 2 {
        return Err(broken("items with more or fewer columns than fields"));
    }
    let number = record
        .column()?
        .map(|bytes| BinaryReader(bytes).int())
        .transpose()?
        .and_then(|number| usize::try_from(number).ok());
    // An item takes more than a byte of the reply: nothing is set aside for a number that cannot be true.
    let number = number.filter(|number| *number <= bytes.len());
    let number = number.ok_or_else(|| broken("items without their number"))?;
    let mut items: Vec<Vec<(CompactString, Value)>> = Vec::new();
    items.resize_with(number, || Vec::with_capacity(fields.len()));
    for field in fields {
        let mut values = Elements::new(record.column()?, number, &field.kind)?;
        for item in &mut items {
            let value = values.next()?.map_or(Ok(Value::Null), |bytes| decode_value(bytes, &field.kind))?;
            item.push((CompactString::from(&field.name), value));
        }
    }
    let mut missing = Elements::new(record.column()?, number, &Kind::Text)?;
    for item in &mut items {
        if let Some(names) = missing.next()? {
            let names = text(names)?;
            item.retain(|(name, _)| names.split(',').all(|missing| missing != name));
        }
    }
    Ok(Value::List(items.into_iter().map(Value::Map).collect()))
}

/// The elements of an array.
struct Elements<'a>(BinaryReader<'a>);

impl<'a> Elements<'a> {
    /// The elements of a column, of which there must be `number`.
    fn new(column: Option<&'a [u8]>, number: usize, kind: &Kind) -> Result<Self, Failure> {
        let Some(bytes) = column else {
            // What is aggregated from no rows is no array.
            return if number == 0 { Ok(Elements(BinaryReader(&[]))) } else { Err(miscounted(0, number)) };
        };
        let mut array = BinaryReader(bytes);
        let (dimensions, _has_nulls, element) = (array.int()?, array.int()?, array.int()?);
        if dimensions != 1 || element as u32 != type_of(kind.into()).oid() {
            return Err(broken("items in an array of another type"));
        }
        let (found, _first) = (array.int()?, array.int()?);
        if usize::try_from(found).ok() != Some(number) {
            return Err(miscounted(found, number));
        }
        Ok(Elements(array))
    }

    fn next(&mut self) -> Result<Option<&'a [u8]>, Failure> {
        self.0.sized()
    }
}

/// Bytes that are read from their beginning.
struct BinaryReader<'a>(&'a [u8]);

impl<'a> BinaryReader<'a> {
    fn int(&mut self) -> Result<i32, Failure> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(|| broken("items that end too early"))?;
        self.0 = rest;
        Ok(i32::from_be_bytes(*bytes))
    }

    /// The bytes of a record's column, after its type.
    fn column(&mut self) -> Result<Option<&'a [u8]>, Failure> {
        self.int()?;
        self.sized()
    }

    /// Bytes preceded by their length; a NULL has the length -1.
    fn sized(&mut self) -> Result<Option<&'a [u8]>, Failure> {
        let length = self.int()?;
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(|| broken("items that end too early"))?;
        self.0 = rest;
        Ok(Some(bytes))
    }
}

fn miscounted(found: i32, number: usize) -> Failure {
    broken(&format!("{found} items of a record that has {number}"))
}
