//! Writes BSON in place: a nested document is written in its final place, and its length is filled in when it ends, so
//! that a command with a hundred documents is one buffer and no copies. Reading is the crate's own (`RawDocument`).
//!
//! What comes from an operation is a parameter, and all else a constant. A command that is to be printed instead of
//! sent has a [`PLACEHOLDER`] for each parameter.

use mongodb::bson::{RawDocumentBuf, Timestamp};

use crate::{Failure, Key, Value};

/// The types of elements, by the byte before an element's name (bsonspec.org).
mod element_type {
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
pub(super) const PLACEHOLDER: &str = "?";

/// A document that is being written.
pub(super) struct DocumentWriter {
    bytes: Vec<u8>,
    has_placeholders: bool,
    /// Whether a name held a NUL, which ends names in BSON: such a document must not be sent.
    has_cut_name: bool,
}

/// The name of an element: a field's name, or a position in an array.
pub(super) trait ElementName {
    fn write(self, out: &mut Vec<u8>);
}

impl ElementName for &str {
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl ElementName for usize {
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

impl DocumentWriter {
    /// A document to be sent.
    pub(super) fn new() -> Self {
        // Room for a usual command; the first four bytes will be its length.
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(&[0; 4]);
        DocumentWriter { bytes, has_placeholders: false, has_cut_name: false }
    }

    /// A document to be printed.
    pub(super) fn with_placeholders() -> Self {
        DocumentWriter { has_placeholders: true, ..DocumentWriter::new() }
    }

    /// How many bytes have been written so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Ends the document. It fails if a name held a NUL.
    pub(super) fn finish(mut self) -> Result<RawDocumentBuf, Failure> {
        if self.has_cut_name {
            return Err(Failure::broken("mongodb: a name with a NUL character cannot be stored"));
        }
        self.end(0);
        RawDocumentBuf::from_bytes(self.bytes)
            .map_err(|error| Failure::broken("mongodb: a document that is not BSON").caused_by(error))
    }

    pub(super) fn document(&mut self, name: impl ElementName, content: impl FnOnce(&mut Self)) {
        self.nested(element_type::DOCUMENT, name, content);
    }

    /// An array, whose elements are named by their positions.
    pub(super) fn array(&mut self, name: impl ElementName, content: impl FnOnce(&mut Self)) {
        self.nested(element_type::ARRAY, name, content);
    }

    /// A constant text, such as the name of a collection.
    pub(super) fn text(&mut self, name: impl ElementName, text: &str) {
        self.element(element_type::STRING, name);
        self.string(text);
    }

    /// A constant integer, such as the direction of a sort.
    pub(super) fn int(&mut self, name: impl ElementName, number: i64) {
        self.element(element_type::INT64, name);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn flag(&mut self, name: impl ElementName, flag: bool) {
        self.element(element_type::BOOL, name);
        self.bytes.push(u8::from(flag));
    }

    /// The value that sorts before all others.
    pub(super) fn min_key(&mut self, name: impl ElementName) {
        self.element(element_type::MIN_KEY, name);
    }

    /// The value that sorts after all others.
    pub(super) fn max_key(&mut self, name: impl ElementName) {
        self.element(element_type::MAX_KEY, name);
    }

    /// The timestamp zero, which the server replaces by the next tick of its own clock.
    pub(super) fn empty_timestamp(&mut self, name: impl ElementName) {
        self.timestamp(name, Timestamp { time: 0, increment: 0 });
    }

    pub(super) fn timestamp(&mut self, name: impl ElementName, timestamp: Timestamp) {
        self.element(element_type::TIMESTAMP, name);
        self.bytes.extend_from_slice(&timestamp.increment.to_le_bytes());
        self.bytes.extend_from_slice(&timestamp.time.to_le_bytes());
    }

    /// A parameter of any type.
    pub(super) fn value(&mut self, name: impl ElementName, value: &Value) {
        if self.has_placeholders {
            return self.text(name, PLACEHOLDER);
        }
        match value {
            Value::Null => self.element(element_type::NULL, name),
            Value::Bool(flag) => self.flag(name, *flag),
            Value::Int(number) => self.int(name, *number),
            Value::Float(number) => {
                self.element(element_type::DOUBLE, name);
                self.bytes.extend_from_slice(&number.to_le_bytes());
            }
            Value::Text(text) => self.text(name, text),
            Value::Bytes(bytes) => {
                self.element(element_type::BINARY, name);
                self.length(bytes.len());
                self.bytes.push(0); // subtype: generic
                self.bytes.extend_from_slice(bytes);
            }
            Value::Time(at_ms) => self.parameter_time(name, *at_ms),
            Value::List(values) => self.array(name, |list| {
                values.iter().enumerate().for_each(|(at, value)| list.value(at, value));
            }),
            Value::Map(entries) => self.document(name, |map| {
                entries.iter().for_each(|(name, value)| map.value(name.as_str(), value));
            }),
        }
    }

    /// A parameter that is a key.
    pub(super) fn key(&mut self, name: impl ElementName, key: &Key) {
        match key {
            _ if self.has_placeholders => self.text(name, PLACEHOLDER),
            Key::Int(number) => self.int(name, *number),
            Key::Text(text) => self.text(name, text),
        }
    }

    /// A parameter that is an integer.
    pub(super) fn parameter_int(&mut self, name: impl ElementName, number: i64) {
        if self.has_placeholders { self.text(name, PLACEHOLDER) } else { self.int(name, number) }
    }

    /// A parameter that is an instant, in milliseconds since the epoch.
    pub(super) fn parameter_time(&mut self, name: impl ElementName, at_ms: i64) {
        if self.has_placeholders {
            return self.text(name, PLACEHOLDER);
        }
        self.element(element_type::DATE, name);
        self.bytes.extend_from_slice(&at_ms.to_le_bytes());
    }

    fn nested(&mut self, element_type: u8, name: impl ElementName, content: impl FnOnce(&mut Self)) {
        self.element(element_type, name);
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

    fn element(&mut self, element_type: u8, name: impl ElementName) {
        self.bytes.push(element_type);
        let start = self.bytes.len();
        name.write(&mut self.bytes);
        self.has_cut_name |= self.bytes[start..].contains(&0);
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

#[cfg(test)]
mod tests {
    use mongodb::bson::spec::BinarySubtype;
    use mongodb::bson::{Binary, Bson, Document, Timestamp, doc};

    use super::*;

    #[test]
    fn what_is_written_is_what_the_crate_reads() {
        let mut writer = DocumentWriter::new();
        writer.text("find", "people");
        writer.document("filter", |filter| {
            filter.key("_id", &Key::Int(-1));
            filter.array("list", |list| (9..12).enumerate().for_each(|(at, number)| list.int(at, number)));
        });
        writer.value("", &Value::Map(vec![("a.$".into(), Value::Bytes(vec![0, 255])), ("b".into(), Value::Null)]));
        writer.empty_timestamp("at");
        let document = writer.finish().expect("a document");
        let read = Document::try_from(&*document).expect("valid BSON");
        let binary = Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: vec![0, 255] });
        let expected = doc! {
            "find": "people",
            "filter": { "_id": -1_i64, "list": [9_i64, 10_i64, 11_i64] },
            "": { "a.$": binary, "b": Bson::Null },
            "at": Timestamp { time: 0, increment: 0 },
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn parameters_of_a_printed_document_are_placeholders() {
        let mut writer = DocumentWriter::with_placeholders();
        writer.text("insert", "people");
        writer.value("name", &Value::Text("Ada".into()));
        writer.key("_id", &Key::Int(1));
        let document = writer.finish().expect("a document");
        let read = Document::try_from(&*document).expect("valid BSON");
        assert_eq!(read, doc! { "insert": "people", "name": PLACEHOLDER, "_id": PLACEHOLDER });
    }

    #[test]
    fn a_name_that_would_be_cut_is_refused() {
        let mut writer = DocumentWriter::new();
        writer.value("map", &Value::Map(vec![("a\0b".into(), Value::Null)]));
        assert!(writer.finish().is_err());
    }
}
