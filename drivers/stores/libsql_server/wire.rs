//! Protocol Buffers, as far as Hrana needs them: protobuf.dev/programming-guides/encoding.
//!
//! Requests are written from the operation into one buffer, and answers are read where they lie in the message: a text
//! is copied once in either direction. What the fields mean is in `hrana.rs`.

use crate::Failure;

const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const LENGTH: u8 = 2;
const FIXED_32: u8 = 5;

/// A message under construction.
#[derive(Default)]
pub(super) struct ProtobufWriter(pub(super) Vec<u8>);

impl ProtobufWriter {
    /// An int32, uint32 or bool.
    pub(super) fn number(&mut self, field: u8, number: u32) {
        self.head(field, VARINT);
        self.varint(u64::from(number));
    }

    /// A sint64: zigzag, so that small negative numbers are short too.
    pub(super) fn signed(&mut self, field: u8, number: i64) {
        self.head(field, VARINT);
        self.varint((number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned());
    }

    pub(super) fn float(&mut self, field: u8, number: f64) {
        self.head(field, FIXED_64);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, field: u8, bytes: &[u8]) {
        self.head(field, LENGTH);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A message within the message. Its length stands before it and is known after it: it moves up by those few bytes.
    pub(super) fn message(&mut self, field: u8, write: impl FnOnce(&mut ProtobufWriter)) {
        self.head(field, LENGTH);
        let start = self.0.len();
        write(self);
        let end = self.0.len();
        self.varint((end - start) as u64);
        let moved = self.0.len() - end;
        self.0[start..].rotate_right(moved);
    }

    fn head(&mut self, field: u8, kind: u8) {
        self.0.push(field << 3 | kind);
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

/// One field of a message that was received.
#[derive(Debug, Clone, Copy)]
pub(super) enum ProtobufField<'a> {
    /// An integer or bool, as it was sent.
    Number(u64),
    Float(f64),
    /// A text, bytes or a message.
    Bytes(&'a [u8]),
}

/// The fields of a message, in order. What is not a message ends them with a failure.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ProtobufReader<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for ProtobufReader<'a> {
    type Item = Result<(u64, ProtobufField<'a>), Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| Failure::broken("the libSQL server answered what is not a message")))
    }
}

impl<'a> ProtobufReader<'a> {
    fn field(&mut self) -> Option<(u64, ProtobufField<'a>)> {
        let head = self.varint()?;
        let field = match (head & 7) as u8 {
            VARINT => ProtobufField::Number(self.varint()?),
            FIXED_64 => ProtobufField::Float(f64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            LENGTH => {
                let length = usize::try_from(self.varint()?).ok()?;
                ProtobufField::Bytes(self.take(length)?)
            }
            FIXED_32 => ProtobufField::Number(u64::from(u32::from_le_bytes(self.take(4)?.try_into().ok()?))),
            _ => return None,
        };
        Some((head >> 3, field))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

impl<'a> ProtobufField<'a> {
    /// The integer that [`ProtobufWriter::signed`] wrote.
    pub(super) fn signed(self) -> Option<i64> {
        match self {
            ProtobufField::Number(number) => Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed()),
            _ => None,
        }
    }

    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            ProtobufField::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = ProtobufWriter::default();
        let long = "x".repeat(300);
        for number in [0, 1, -1, 63, -64, 64, i64::MIN, i64::MAX] {
            out.signed(1, number);
        }
        out.message(2, |out| out.message(15, |out| out.bytes(3, long.as_bytes())));
        out.float(4, -0.1);
        out.number(5, u32::MAX);
        let fields: Vec<_> = ProtobufReader(&out.0).map(|field| field.expect("a field")).collect();
        let numbers: Vec<_> = fields[..8].iter().map(|(_, field)| field.signed().expect("a number")).collect();
        assert_eq!(numbers, [0, 1, -1, 63, -64, 64, i64::MIN, i64::MAX]);
        let inner = |field: &ProtobufField<'_>| match *field {
            ProtobufField::Bytes(bytes) => {
                ProtobufReader(bytes).next().expect("one field").expect("a field").1.text().map(str::to_owned)
            }
            _ => None,
        };
        let ProtobufField::Bytes(outer) = fields[8].1 else { panic!("a message") };
        let (number, message) = ProtobufReader(outer).next().expect("one field").expect("a field");
        assert_eq!((number, inner(&message)), (15, Some(long)));
        assert!(matches!(fields[9], (4, ProtobufField::Float(number)) if number == -0.1));
        assert!(matches!(fields[10], (5, ProtobufField::Number(number)) if number == u64::from(u32::MAX)));
    }

    #[test]
    fn what_is_cut_is_an_error_and_ends_there() {
        let mut out = ProtobufWriter::default();
        out.bytes(1, b"abc");
        out.float(2, 1.0);
        for cut in 1..out.0.len() {
            let fields: Vec<_> = ProtobufReader(&out.0[..cut]).collect();
            assert!(cut == 5 || fields.last().is_some_and(Result::is_err), "{cut}: {fields:?}");
        }
        assert_eq!(ProtobufReader(&[0x80; 20]).count(), 1);
        assert!(ProtobufReader(&[0x0b]).next().is_some_and(|field| field.is_err()), "groups are not used");
    }
}
