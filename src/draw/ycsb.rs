//! YCSB's key numbers as key texts: the hash that spreads them and the spelling `user` + decimal.
//!
//! Reproduced bit for bit from `site.ycsb.Utils` and `CoreWorkload.buildKeyName` (YCSB d9faaac8), so that a store loaded
//! by YCSB holds the keys that storebench asks for. Which number is drawn is decided in `keys.rs`, not here.

use compact_str::CompactString;

/// FNV's 64-bit offset basis.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
/// The prime that FNV multiplies by in 64 bits.
const FNV_PRIME: u64 = 1_099_511_628_211;

/// YCSB's hash of a number: FNV over its eight bytes from low to high, xor before multiply (the order of FNV-1a, though
/// YCSB calls it FNV-1), then the absolute value of the signed result.
///
/// Java's `abs` leaves -2^63 negative; here it becomes 2^63. One number in 2^64 could tell the difference.
#[inline]
pub fn hash(number: u64) -> u64 {
    // A zero byte only multiplies, so the zero bytes above a small number are one product: 2 ns less.
    if number < 1 << 24 { fnv_abs::<3>(number) } else { hash_of_any(number) }
}

/// The same hash for numbers of very different sizes, such as ranks: a third of YCSB's lie above 2^24, so that a short way
/// below it is mispredicted as often, and costs 4 ns more than it saves.
#[inline]
pub fn hash_of_any(number: u64) -> u64 {
    if number < 1 << 40 { fnv_abs::<5>(number) } else { fnv_abs::<8>(number) }
}

/// The absolute value of FNV over a number of so many bytes, and over the zero bytes above them.
#[inline]
fn fnv_abs<const OCTETS: u32>(number: u64) -> u64 {
    let step = |hash: u64, octet: u32| (hash ^ (number >> (8 * octet) & 0xff)).wrapping_mul(FNV_PRIME);
    let zeros = const { FNV_PRIME.wrapping_pow(8 - OCTETS) };
    (0..OCTETS).fold(FNV_OFFSET, step).wrapping_mul(zeros).cast_signed().unsigned_abs()
}

/// The text `user` + `decimal`, left-padded with zeros to `zero_padding` digits (YCSB's `zeropadding`, 1 by default).
///
/// YCSB's `insertorder=hashed` is `key_text(hash(number), 1)`; any other order is `key_text(number, zero_padding)`.
/// Up to 20 digits (all of them without padding) stay inline and allocate nothing.
#[inline]
pub fn key_text(decimal: u64, zero_padding: usize) -> CompactString {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(decimal);
    let mut text = CompactString::const_new("user");
    for _ in digits.len()..zero_padding {
        text.push('0');
    }
    text.push_str(digits);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_strings_that_ycsb_writes() {
        let vectors = [
            (0, "user6284781860667377211"),
            (1, "user8517097267634966620"),
            (2, "user1820151046732198393"),
            (3, "user4052466453699787802"),
            (999, "user2071219101098386137"),
        ];
        for (number, text) in vectors {
            assert_eq!(key_text(hash(number), 1), text);
        }
    }

    #[test]
    fn the_short_way_over_zero_bytes_is_the_long_way() {
        let long = |number: u64| {
            let fnv = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(FNV_PRIME);
            number.to_le_bytes().into_iter().fold(FNV_OFFSET, fnv).cast_signed().unsigned_abs()
        };
        for bit in 0..64 {
            for number in [(1_u64 << bit) - 1, 1 << bit, (1 << bit) | 0x5a] {
                assert_eq!((hash(number), hash_of_any(number)), (long(number), long(number)), "{number:x}");
            }
        }
    }

    #[test]
    fn zeros_pad_to_the_asked_width_and_never_cut() {
        assert_eq!(key_text(5, 1), "user5");
        assert_eq!(key_text(5, 0), "user5");
        assert_eq!(key_text(5, 8), "user00000005");
        assert_eq!(key_text(123_456, 3), "user123456");
        assert_eq!(key_text(7, 40).len(), 44);
    }

    #[test]
    fn the_longest_unpadded_key_lives_inline() {
        assert!(!key_text(u64::MAX, 1).is_heap_allocated());
        assert_eq!(key_text(u64::MAX, 1), "user18446744073709551615");
    }
}
