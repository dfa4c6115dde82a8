//! The memory of a value, reused for the next one of the same kind.

use drivers::Value;

/// The text in a value, emptied; its memory is kept.
pub(super) fn text_in(value: &mut Value) -> &mut String {
    if !matches!(value, Value::Text(_)) {
        *value = Value::Text(String::new());
    }
    let Value::Text(text) = value else { unreachable!("it was made a text") };
    text.clear();
    text
}

/// The bytes in a value, emptied; their memory is kept.
pub(super) fn bytes_in(value: &mut Value) -> &mut Vec<u8> {
    if !matches!(value, Value::Bytes(_)) {
        *value = Value::Bytes(Vec::new());
    }
    let Value::Bytes(bytes) = value else { unreachable!("it was made bytes") };
    bytes.clear();
    bytes
}

/// The list in a value, of this length; its members stay, to be overwritten.
pub(super) fn list_in(value: &mut Value, length: usize) -> &mut Vec<Value> {
    if !matches!(value, Value::List(_)) {
        *value = Value::List(Vec::new());
    }
    let Value::List(list) = value else { unreachable!("it was made a list") };
    list.resize_with(length, Value::default);
    list
}
