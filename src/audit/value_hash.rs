//! The hash by which values are compared.

use drivers::Value;
use xxhash_rust::xxh3::xxh3_64;

/// The hash of a value's canonical bytes.
pub fn value_hash(value: &Value, scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    value.write_canonical(scratch);
    xxh3_64(scratch)
}
