//! An item as a row of its table, and items back from the arrays of a reply. The tables are in `children.rs`.

use compact_str::CompactString;

use super::children::Child;
use super::layout::type_of;
use super::values::{Param, broken, of_column, text};
use crate::{Failure, Field, Kind, Value};

/// The items of a record; none if they are absent.
pub(super) fn given(value: &Value) -> Result<&[Value], Failure> {
    match value {
        Value::List(items) => Ok(items),
        Value::Null => Ok(&[]),
        _ => Err(Failure::broken("postgres: items that are no list")),
    }
}

/// An array for each column of the items' table, but for its key.
pub(super) fn arrays<'a>(child: &Child<'_>, value: &'a Value) -> Result<Vec<Param<'a>>, Failure> {
    let items = given(value)?;
    let mut columns: Vec<Vec<Param<'a>>> = (0..=child.items.len()).map(|_| Vec::with_capacity(items.len())).collect();
    for item in items {
        for (column, value) in columns.iter_mut().zip(row(child.items, item)?) {
            column.push(value);
        }
    }
    Ok(columns.into_iter().map(Param::Array).collect())
}

/// The columns of an item's row, but for its key.
pub(super) fn row<'a>(fields: &[Field], item: &'a Value) -> Result<impl Iterator<Item = Param<'a>>, Failure> {
    let Value::Map(entries) = item else { return Err(Failure::broken("postgres: an item that is no map")) };
    let lacked = lacked(fields, entries)?;
    let value = move |(at, field)| entry(entries, at, field).map_or(Param::Null, Param::of);
    Ok(fields.iter().enumerate().map(value).chain([lacked]))
}

/// Entries usually come in declared order.
fn entry<'a>(entries: &'a [(CompactString, Value)], at: usize, field: &Field) -> Option<&'a Value> {
    let is_it = |(name, _): &&(CompactString, Value)| *name == field.name;
    let found = entries.get(at).filter(is_it).or_else(|| entries.iter().find(is_it));
    found.map(|(_, value)| value)
}

/// The names of the fields that an item comes without, with commas between.
fn lacked(fields: &[Field], entries: &[(CompactString, Value)]) -> Result<Param<'static>, Failure> {
    let lacked = fields.iter().enumerate().filter(|(at, field)| entry(entries, *at, field).is_none());
    let lacked: Vec<&str> = lacked.map(|(_, field)| field.name.as_str()).collect();
    if entries.len() + lacked.len() != fields.len() {
        return Err(Failure::broken("postgres: an item with an entry that is none of its declared fields"));
    }
    Ok(if lacked.is_empty() { Param::Null } else { Param::Made(lacked.join(",")) })
}

/// The items in a reply: a record of their number and an array for each column, in the binary format of `record_send` and
/// `array_send` (src/backend/utils/adt/{rowtypes,arrayfuncs}.c).
pub(super) fn decode(bytes: &[u8], fields: &[Field]) -> Result<Value, Failure> {
    let mut record = Reader(bytes);
    if record.int()? as usize != fields.len() + 2 {
        return Err(broken("items with more or fewer columns than fields"));
    }
    let number =
        record.column()?.map(|bytes| Reader(bytes).int()).transpose()?.and_then(|number| usize::try_from(number).ok());
    // An item takes more than a byte of the reply: nothing is set aside for a number that cannot be true.
    let number = number.filter(|number| *number <= bytes.len());
    let number = number.ok_or_else(|| broken("items without their number"))?;
    let mut items: Vec<Vec<(CompactString, Value)>> = Vec::new();
    items.resize_with(number, || Vec::with_capacity(fields.len()));
    for field in fields {
        let mut values = Elements::of(record.column()?, number, &field.kind)?;
        for item in &mut items {
            let value = values.next()?.map_or(Ok(Value::Null), |bytes| of_column(bytes, &field.kind))?;
            item.push((CompactString::from(&field.name), value));
        }
    }
    let mut lacked = Elements::of(record.column()?, number, &Kind::Text)?;
    for item in &mut items {
        if let Some(names) = lacked.next()? {
            let names = text(names)?;
            item.retain(|(name, _)| names.split(',').all(|lacked| lacked != name));
        }
    }
    Ok(Value::List(items.into_iter().map(Value::Map).collect()))
}

/// The elements of an array.
struct Elements<'a>(Reader<'a>);

impl<'a> Elements<'a> {
    /// The elements of a column, of which there must be `number`.
    fn of(column: Option<&'a [u8]>, number: usize, kind: &Kind) -> Result<Self, Failure> {
        let Some(bytes) = column else {
            // What is aggregated from no rows is no array.
            return if number == 0 { Ok(Elements(Reader(&[]))) } else { Err(lost(0, number)) };
        };
        let mut array = Reader(bytes);
        let (dimensions, _has_nulls, element) = (array.int()?, array.int()?, array.int()?);
        if dimensions != 1 || element as u32 != type_of(kind).oid() {
            return Err(broken("items in an array of another type"));
        }
        let (found, _first) = (array.int()?, array.int()?);
        if usize::try_from(found).ok() != Some(number) {
            return Err(lost(found, number));
        }
        Ok(Elements(array))
    }

    fn next(&mut self) -> Result<Option<&'a [u8]>, Failure> {
        self.0.sized()
    }
}

/// Bytes that are read from their beginning.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
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

fn lost(found: i32, number: usize) -> Failure {
    broken(&format!("{found} items of a record that has {number}"))
}
