//! Numbers for people: latencies, rates, counts, shares, bytes, durations and money as short text, with the digits that a
//! person can use.
//!
//! Latencies are ASCII (`us`), for terminals; [`typeset`] gives the form for charts and documents.

/// Nanoseconds in each unit of latency.
const LATENCY_UNITS: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "us"), (1e6, "ms"), (1e9, "s")];

/// A latency to three digits: `850 ns`, `42.1 us`, `1.02 s`.
pub fn latency(ns: u64) -> String {
    let (divisor, unit) = unit_of(ns);
    format!("{} {unit}", in_unit(ns, divisor, decimals(ns, divisor)))
}

/// An interval in the unit and with the decimals of the value that it belongs to: `[41.9, 42.4]`, and `[41.9, inf)`
/// without an upper end.
pub fn interval(value_ns: u64, low_ns: u64, high_ns: Option<u64>) -> String {
    let (divisor, _) = unit_of(value_ns);
    let places = decimals(value_ns, divisor);
    let low = in_unit(low_ns, divisor, places);
    high_ns.map_or_else(|| format!("[{low}, inf)"), |high| format!("[{low}, {}]", in_unit(high, divisor, places)))
}

/// The same text with the signs that a terminal may lack: µ for micro.
pub fn typeset(text: &str) -> String {
    text.replace(" us", " \u{b5}s")
}

/// Events per second, without the unit: `14,468`, `72.3`, `0.52`.
pub fn rate(per_s: f64) -> String {
    match per_s {
        _ if per_s >= 99.95 => whole(per_s),
        _ if per_s >= 9.995 => format!("{per_s:.1}"),
        _ if per_s > 0.0 => format!("{per_s:.2}"),
        _ => "0".to_owned(),
    }
}

/// A whole number with thousands separated: `412,331`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A whole number and its noun: `1 client`, `16 clients`.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A whole number of those to whom something belongs: `1 client's`, `16 clients'`.
pub fn possessive(number: u64, noun: &str) -> String {
    format!("{}{}", counted(number, noun), if number == 1 { "'s" } else { "'" })
}

/// A number for an axis: `0`, `500`, `20k`, `1.5M`.
pub fn short(number: f64) -> String {
    let (divisor, suffix) = match number {
        _ if number >= 1e9 => (1e9, "G"),
        _ if number >= 1e6 => (1e6, "M"),
        _ if number >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    // Ticks are multiples of 1, 2 or 5: what rounding to four places leaves is their exact text.
    format!("{}{suffix}", (number / divisor * 1e4).round() / 1e4)
}

/// A share of a whole: `95.0%`, `<0.1%`.
pub fn share(part: u64, whole: u64) -> String {
    let share = if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 };
    if share > 0.0 && share < 0.1 { "<0.1%".to_owned() } else { format!("{share:.1}%") }
}

/// A stated share, 0 to 1, with no more digits than it has: `40 %`, `28.9 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", (share * 1e3).round() / 10.0)
}

/// USD to three digits below one, to cents up to a thousand, and in whole dollars above: `$0.00933`, `$122.64`, `$1,226`.
pub fn usd(amount: f64) -> String {
    match amount {
        _ if !amount.is_finite() => "-".to_owned(),
        _ if amount <= 0.0 => "$0".to_owned(),
        _ if amount < 1e-6 => "<$0.000001".to_owned(),
        _ if amount < 0.9995 => format!("${amount:.*}", places(amount)),
        _ if amount < 999.995 => format!("${amount:.2}"),
        _ => format!("${}", whole(amount)),
    }
}

/// A quantity of any size to three digits: `0.0371`, `1.20`, `412`.
pub fn quantity(number: f64) -> String {
    let size = number.abs();
    match size {
        _ if size >= 99.95 => format!("{}{}", if number < 0.0 { "-" } else { "" }, whole(size)),
        _ if size >= 9.995 => format!("{number:.1}"),
        _ if size >= 0.9995 || size == 0.0 => format!("{number:.2}"),
        _ => format!("{number:.*}", places(size)),
    }
}

/// A number as a file states it, thousands separated if it is whole: `3,000`, `0.005`.
pub fn stated(number: f64) -> String {
    if number.fract() == 0.0 && number >= 0.0 { whole(number) } else { number.to_string() }
}

/// Numbers in order as people write lists of CPUs: `0,2-3`.
pub fn ranges(numbers: &[u32]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let text = |run: &[u32]| match run {
        [only] => only.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    };
    runs.map(text).collect::<Vec<_>>().join(",")
}

/// Bytes in binary units: `12.4 MiB`.
pub fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1023.5 {
            let places = if unit == "B" || value >= 99.95 { 0 } else { 1 };
            return format!("{value:.places$} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// A duration of a run or a phase: `30 s`, `2.5 s`, `40 ms`, `5 min`, `1 h 30 min`. Only nothing is `0 s`.
pub fn seconds(s: f64) -> String {
    // Where a tenth of a second is more than the duration.
    if s > 0.0 && s < 0.0995 {
        return latency((s * 1e9).round().max(1.0) as u64);
    }
    let whole = s.round() as u64;
    let tail = |rest: u64, unit: &str| if rest == 0 { String::new() } else { format!(" {rest} {unit}") };
    match whole {
        0..120 if (s - s.round()).abs() < 0.05 => format!("{whole} s"),
        0..120 => format!("{s:.1} s"),
        120..3600 => format!("{} min{}", whole / 60, tail(whole % 60, "s")),
        _ => format!("{} h{}", whole / 3600, tail(whole % 3600 / 60, "min")),
    }
}

/// A number that is not negative, rounded: `1,226`; beyond the exact integers of a double `1.00e16`.
fn whole(number: f64) -> String {
    if number >= 1e15 { format!("{number:.2e}") } else { count(number.round() as u64) }
}

/// Decimals that show three digits of a number below one, from the first that is not zero.
fn places(number: f64) -> usize {
    (2 - number.log10().floor().max(-9.0) as i32).max(2) as usize
}

/// The unit in which three digits show the latency: one where it stays below 1000 after rounding.
fn unit_of(ns: u64) -> (f64, &'static str) {
    let fits = |&(divisor, _): &(f64, &str)| (ns as f64) / divisor < 999.5;
    LATENCY_UNITS.into_iter().find(fits).unwrap_or(LATENCY_UNITS[3])
}

fn decimals(ns: u64, divisor: f64) -> usize {
    match ns as f64 / divisor {
        _ if divisor == 1.0 => 0,
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    }
}

fn in_unit(ns: u64, divisor: f64, places: usize) -> String {
    format!("{:.places$}", ns as f64 / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_keep_three_digits_and_change_units_after_rounding() {
        for (ns, expected) in [
            (0, "0 ns"),
            (85, "85 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (42_149, "42.1 us"),
            (99_951, "100 us"),
            (999_499, "999 us"),
            (999_500, "1.00 ms"),
            (1_020_000_000, "1.02 s"),
            (3_600_000_000_000, "3600 s"),
        ] {
            assert_eq!(latency(ns), expected);
        }
        assert_eq!(typeset(&latency(42_100)), "42.1 \u{b5}s");
    }

    #[test]
    fn intervals_are_in_the_unit_of_their_value() {
        assert_eq!(interval(1_020_000, 980_000, Some(1_204_000)), "[0.98, 1.20]");
        assert_eq!(interval(118_000, 115_400, Some(1_204_000)), "[115, 1204]");
        assert_eq!(interval(85, 80, None), "[80, inf)");
    }

    #[test]
    fn rates_counts_and_shares() {
        let rates: Vec<String> = [0.0, 0.516, 9.996, 72.34, 99.97, 14_467.6].map(rate).into();
        assert_eq!(rates, ["0", "0.52", "10.0", "72.3", "100", "14,468"]);
        assert_eq!([60.0, 2_000.0, 0.5].map(stated), ["60", "2,000", "0.5"]);
        assert_eq!([7, 999, 1_000, 1_234_567].map(count), ["7", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "client"), counted(16, "client")], ["1 client", "16 clients"]);
        assert_eq!([possessive(1, "client"), possessive(16, "client")], ["1 client's", "16 clients'"]);
        assert_eq!([0.0, 0.2, 500.0, 2e4, 1.5e6].map(short), ["0", "0.2", "500", "20k", "1.5M"]);
        assert_eq!([share(1, 3), share(1, 5_000), share(0, 0)], ["33.3%", "<0.1%", "0.0%"]);
    }

    #[test]
    fn money_keeps_three_digits_and_then_cents() {
        let shown = [0.0, 0.000_486, 0.009_333, 0.09333, 0.9997, 122.64, 1_226.4, 1e16].map(usd);
        assert_eq!(shown, ["$0", "$0.000486", "$0.00933", "$0.0933", "$1.00", "$122.64", "$1,226", "$1.00e16"]);
        assert_eq!(usd(f64::NAN), "-");
        assert_eq!([0.0371, 1.2, 412.4, -1e4].map(quantity), ["0.0371", "1.20", "412", "-10,000"]);
        assert_eq!([0.4, 0.289].map(percent), ["40 %", "28.9 %"]);
    }

    #[test]
    fn bytes_and_durations() {
        assert_eq!([0, 1_000, 1_024, 130_023_424].map(bytes), ["0 B", "1000 B", "1.0 KiB", "124 MiB"]);
        assert_eq!(
            [0.0, 2.5, 30.01, 300.0, 330.0, 5_400.0].map(seconds),
            ["0 s", "2.5 s", "30 s", "5 min", "5 min 30 s", "1 h 30 min"]
        );
        let short = [1e-12, 0.000_02, 0.04, 0.0994, 0.0996, 0.5, 0.96].map(seconds);
        assert_eq!(short, ["1 ns", "20.0 us", "40.0 ms", "99.4 ms", "0.1 s", "0.5 s", "1 s"]);
    }
}
