//! Writes BSON in place: a nested document is written where it will lie, with its length filled in when it ends, so
//! that a command with a hundred documents is one buffer and no copies. Reading is the crate's own (`RawDocument`).
//!
//! It also writes commands to be printed instead of sent: then every parameter is a `?`.

use mongodb::bson::{RawBson, RawBsonRef, RawDocument, RawDocumentBuf};

use crate::{Failure, Key, Value};

/// Of bsonspec.org: the byte before an element's name.
mod kind {
    pub const DOUBLE: u8 = 0x01;
    pub const STRING: u8 = 0x02;
    pub const DOCUMENT: u8 = 0x03;
    pub const ARRAY: u8 = 0x04;
    pub const BINARY: u8 = 0x05;
    pub const BOOL: u8 = 0x08;
    pub const DATE: u8 = 0x09;
    pub const NULL: u8 = 0x0a;
    pub const TIMESTAMP: u8 = 0x11;
    pub const INT64: u8 = 0x12;
    pub const MAX_KEY: u8 = 0x7f;
    pub const MIN_KEY: u8 = 0xff;
}

/// What stands for a parameter in a command that is printed.
const PARAMETER: &str = "?";

/// A document that is being written.
pub(super) struct Writer {
    bytes: Vec<u8>,
    told: bool,
    /// A name held a NUL, which ends names in BSON: such a document must not be sent.
    cut: bool,
}

/// The name of an element: of a field, or the position in an array.
pub(super) trait Name {
    fn write(self, out: &mut Vec<u8>);
}

impl Name for &str {
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl Name for usize {
    fn write(self, out: &mut Vec<u8>) {
        let mut digits = [0; 20];
        let (mut rest, mut at) = (self, digits.len());
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        out.extend_from_slice(&digits[at..]);
    }
}

impl Writer {
    /// A document to be sent.
    pub(super) fn new() -> Self {
        // Room for a usual command; the first four bytes will be its length.
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(&[0; 4]);
        Writer { bytes, told: false, cut: false }
    }

    /// A document to be printed.
    pub(super) fn told() -> Self {
        Writer { told: true, ..Writer::new() }
    }

    /// How many bytes it has so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The whole document.
    pub(super) fn finish(mut self) -> Result<RawDocumentBuf, Failure> {
        if self.cut {
            return Err(Failure::broken("mongodb: a name with a NUL character cannot be stored"));
        }
        self.end(0);
        RawDocumentBuf::from_bytes(self.bytes)
            .map_err(|error| Failure::broken("mongodb: a document that is not BSON").caused_by(error))
    }

    pub(super) fn document(&mut self, name: impl Name, content: impl FnOnce(&mut Self)) {
        self.nested(kind::DOCUMENT, name, content);
    }

    /// Elements are named by their positions.
    pub(super) fn array(&mut self, name: impl Name, content: impl FnOnce(&mut Self)) {
        self.nested(kind::ARRAY, name, content);
    }

    /// A constant text: an operator, the name of a collection.
    pub(super) fn text(&mut self, name: impl Name, text: &str) {
        self.element(kind::STRING, name);
        self.string(text);
    }

    /// A constant number.
    pub(super) fn int(&mut self, name: impl Name, number: i64) {
        self.element(kind::INT64, name);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn flag(&mut self, name: impl Name, flag: bool) {
        self.element(kind::BOOL, name);
        self.bytes.push(u8::from(flag));
    }

    /// Below every value.
    pub(super) fn lowest(&mut self, name: impl Name) {
        self.element(kind::MIN_KEY, name);
    }

    /// Above every value.
    pub(super) fn highest(&mut self, name: impl Name) {
        self.element(kind::MAX_KEY, name);
    }

    /// The timestamp zero, which the server replaces by its own clock's next tick.
    pub(super) fn server_time(&mut self, name: impl Name) {
        self.element(kind::TIMESTAMP, name);
        self.bytes.extend_from_slice(&[0; 8]);
    }

    /// A parameter of any type.
    pub(super) fn value(&mut self, name: impl Name, value: &Value) {
        if self.told {
            return self.text(name, PARAMETER);
        }
        match value {
            Value::Null => self.element(kind::NULL, name),
            Value::Bool(flag) => self.flag(name, *flag),
            Value::Int(number) => self.int(name, *number),
            Value::Float(number) => {
                self.element(kind::DOUBLE, name);
                self.bytes.extend_from_slice(&number.to_le_bytes());
            }
            Value::Text(text) => self.text(name, text),
            Value::Bytes(bytes) => {
                self.element(kind::BINARY, name);
                self.length(bytes.len());
                self.bytes.push(0); // subtype: generic
                self.bytes.extend_from_slice(bytes);
            }
            Value::Time(at_ms) => self.time(name, *at_ms),
            Value::List(values) => self.array(name, |list| {
                values.iter().enumerate().for_each(|(at, value)| list.value(at, value));
            }),
            Value::Map(entries) => self.document(name, |map| {
                entries.iter().for_each(|(name, value)| map.value(name.as_str(), value));
            }),
        }
    }

    /// A parameter that is a key.
    pub(super) fn key(&mut self, name: impl Name, key: &Key) {
        match key {
            _ if self.told => self.text(name, PARAMETER),
            Key::Int(number) => self.int(name, *number),
            Key::Text(text) => self.text(name, text),
        }
    }

    /// A parameter that is an integer.
    pub(super) fn number(&mut self, name: impl Name, number: i64) {
        if self.told { self.text(name, PARAMETER) } else { self.int(name, number) }
    }

    /// A parameter that is an instant.
    pub(super) fn time(&mut self, name: impl Name, at_ms: i64) {
        if self.told {
            return self.text(name, PARAMETER);
        }
        self.element(kind::DATE, name);
        self.bytes.extend_from_slice(&at_ms.to_le_bytes());
    }

    fn nested(&mut self, kind: u8, name: impl Name, content: impl FnOnce(&mut Self)) {
        self.element(kind, name);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        content(self);
        self.end(start);
    }

    fn end(&mut self, start: usize) {
        self.bytes.push(0);
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    fn element(&mut self, kind: u8, name: impl Name) {
        self.bytes.push(kind);
        let start = self.bytes.len();
        name.write(&mut self.bytes);
        self.cut |= self.bytes[start..].contains(&0);
        self.bytes.push(0);
    }

    fn string(&mut self, text: &str) {
        self.length(text.len() + 1);
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    /// Lengths in BSON are 32 bits wide; what does not fit is far above what the server takes.
    fn length(&mut self, length: usize) {
        self.bytes.extend_from_slice(&(length as u32).to_le_bytes());
    }
}

/// A command as its shell writes it. Equal neighbours in a list are written once, with their number.
pub(super) fn told(document: &RawDocument) -> String {
    let entries =
        document.iter().flatten().map(|(name, value)| format!("{}: {}", name_told(name.as_str()), one(value)));
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}

fn one(value: RawBsonRef<'_>) -> String {
    match value {
        RawBsonRef::Document(document) => told(document),
        RawBsonRef::Array(array) => {
            let elements: Vec<String> = array.into_iter().flatten().map(one).collect();
            let runs = elements.chunk_by(|one, next| one == next).map(|run| match run.len() {
                1 => run[0].clone(),
                times => format!("{} x {times}", run[0]),
            });
            format!("[{}]", runs.collect::<Vec<_>>().join(", "))
        }
        RawBsonRef::String(PARAMETER) => PARAMETER.into(),
        RawBsonRef::String(text) => format!("\"{text}\""),
        RawBsonRef::Int64(number) => number.to_string(),
        RawBsonRef::Boolean(flag) => flag.to_string(),
        RawBsonRef::Timestamp(_) => "Timestamp(0, 0)".into(),
        RawBsonRef::MinKey => "MinKey".into(),
        RawBsonRef::MaxKey => "MaxKey".into(),
        other => format!("{:?}", RawBson::from(other)),
    }
}

fn name_told(name: &str) -> String {
    if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_the_crate_reads() {
        let mut writer = Writer::new();
        writer.text("find", "people");
        writer.document("filter", |filter| {
            filter.key("_id", &Key::Int(-1));
            filter.array("list", |list| (9..12).for_each(|at| list.int(at, at as i64)));
        });
        writer.value("", &Value::Map(vec![("a.$".into(), Value::Bytes(vec![0, 255])), ("b".into(), Value::Null)]));
        writer.server_time("at");
        let document = writer.finish().expect("a document");
        let names: Vec<&str> = document.iter().map(|entry| entry.expect("valid").0.as_str()).collect();
        assert_eq!(names, ["find", "filter", "", "at"]);
        let shown = told(&document);
        assert!(shown.starts_with(r#"{find: "people", filter: {_id: -1, list: [9, 10, 11]}, : {"a.$": "#), "{shown}");
    }

    #[test]
    fn parameters_are_not_told_and_repetitions_are_counted() {
        let mut writer = Writer::told();
        writer.array("documents", |list| {
            (0..3).for_each(|at| list.document(at, |one| one.value("name", &Value::Text("Ada".into()))));
        });
        assert_eq!(told(&writer.finish().expect("a document")), "{documents: [{name: ?} x 3]}");
    }

    #[test]
    fn a_name_that_would_be_cut_is_refused() {
        let mut writer = Writer::new();
        writer.value("map", &Value::Map(vec![("a\0b".into(), Value::Null)]));
        assert!(writer.finish().is_err());
    }
}
