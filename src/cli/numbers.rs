//! Numbers as flags take them, in one syntax.

use std::ops::RangeInclusive;

/// Reads a whole number of a range as people write it: `500`, `2_000`, `5k`, `1.5m`.
pub(super) fn count<T: TryFrom<u64> + Clone + Send + Sync + 'static>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let whole = decimal(text).and_then(|(digits, power)| {
            let scale = 10_u64.checked_pow(u32::try_from(power).ok()?)?;
            digits.checked_mul(scale).filter(|number| range.contains(number))
        });
        whole.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            format!("give a whole number from {least} to {most}, such as 500, 2_000 or 5k")
        })
    }
}

/// Reads a rate in the same syntax; it need not be whole.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate = decimal(text).map(|(digits, power)| digits as f64 * 10_f64.powi(power));
    rate.filter(|rate| (0.001..=1e7).contains(rate)).ok_or_else(|| {
        "give a number of operations per second from 0.001 to 10_000_000, such as 500, 2_000 or 1.5k".to_owned()
    })
}

/// Numbers of clients, rising; never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLevels(pub Vec<u32>);

/// Reads numbers of clients with commas between them, and `A..B` for A, its doubles up to B, and B.
pub(super) fn client_levels(text: &str) -> Result<ClientLevels, String> {
    let one = |text: &str| count::<u32>(1..=10_000)(text.trim());
    let mut levels = Vec::new();
    for part in text.split(',') {
        match part.split_once("..") {
            None => levels.push(one(part)?),
            Some((from, to)) => {
                // `1,2,4..64` may also be written `1,2,..64`.
                let from = if from.trim().is_empty() { levels.last().copied().unwrap_or(1) } else { one(from)? };
                let to = one(to)?;
                if to < from {
                    return Err(format!("`{part}` falls: give the smaller number first"));
                }
                levels.extend(std::iter::successors(Some(from), |clients| Some(2 * clients)).take_while(|n| *n < to));
                levels.push(to);
            }
        }
    }
    levels.sort_unstable();
    levels.dedup();
    Ok(ClientLevels(levels))
}

/// Reads a number with digits in groups (`2_000`) and `k` or `m` for thousands and millions behind it, as digits without
/// zeros at their end behind the point, and the power of ten to multiply them with: exact, where a float might not be. A
/// comma separates nothing within a number: it is for lists.
fn decimal(text: &str) -> Option<(u64, i32)> {
    let (text, power) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 3),
        b'm' | b'M' => (&text[..text.len() - 1], 6),
        _ => (text, 0),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !whole.split('_').all(is_digits) || !is_digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let digits = whole.replace('_', "") + fraction;
    Some((digits.parse().ok()?, power - i32::try_from(fraction.len()).ok()?))
}

/// Reads a list of CPUs: `0`, `0,2-3`.
pub(super) fn cpus(text: &str) -> Result<Vec<u32>, String> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
        // A kernel's set has 1024, and a list is no place to make more numbers than that.
        (first <= last && last < 1024).then_some(first..=last)
    };
    let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
    let mut cpus: Vec<u32> =
        ranges.ok_or("give CPUs by number and range, such as 0 or 0,2-3")?.into_iter().flatten().collect();
    cpus.sort_unstable();
    cpus.dedup();
    Ok(cpus)
}

/// Reads a share: `0.4` or `40%`.
pub(super) fn utilisation(text: &str) -> Result<f64, String> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse::<f64>(),
    };
    let share = share.ok().filter(|share| (0.001..=1.0).contains(share));
    share.ok_or_else(|| "give a share from 0.001 to 1, or from 0.1% to 100%".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_clients_are_lists_and_doubling_ranges() {
        let levels = |text: &str| client_levels(text).map(|levels| levels.0);
        assert_eq!(levels("16"), Ok(vec![16]));
        assert_eq!(levels("1,2,4..64"), Ok(vec![1, 2, 4, 8, 16, 32, 64]));
        assert_eq!(levels("1..10, 3"), Ok(vec![1, 2, 3, 4, 8, 10]));
        for wrong in ["", "1,", "0..4", "8..2", "1..", "a"] {
            assert!(levels(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_utilisation_is_a_share_or_a_percentage() {
        assert_eq!([utilisation("0.4"), utilisation("40%"), utilisation("40 %")], [Ok(0.4), Ok(0.4), Ok(0.4)]);
        for nonsense in ["0", "40", "-1%", "nan", "inf%", "", "%"] {
            assert!(utilisation(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn counts_and_rates_are_read_in_one_syntax() {
        let counts =
            ["500", "2_000", "1_000_000", "5k", "1.5K", "0.25m", "3M", "007"].map(count::<u32>(1..=10_000_000));
        let read = [500, 2_000, 1_000_000, 5_000, 1_500, 250_000, 3_000_000, 7].map(Ok);
        assert_eq!(counts, read);
        let rates = ["500", "2_000", "1k", "1.5k", "0.5", "72.25", "10m", "0.001"].map(rate);
        assert_eq!(rates, [500.0, 2_000.0, 1_000.0, 1_500.0, 0.5, 72.25, 10_000_000.0, 0.001].map(Ok));
        let largest = "18_446_744_073_709_551_615";
        assert_eq!(count::<u64>(0..=u64::MAX)(largest), Ok(u64::MAX));
    }

    #[test]
    fn what_is_no_number_is_answered_with_one_that_is() {
        for nonsense in
            ["", "0", "-5", "nan", "inf", "1e99", "1e3", "k", "1kk", "_1", "1_", "1__0", "1,000", "1.", ".5", "1 k"]
        {
            let answer = count::<u64>(1..=u64::MAX)(nonsense).expect_err(nonsense);
            assert!(
                answer.contains("whole number from 1 to") && answer.contains("2_000 or 5k"),
                "{nonsense}: {answer}"
            );
            assert!(rate(nonsense).is_err_and(|answer| answer.contains("1.5k")), "{nonsense}");
        }
        for beyond in ["1.5", "0.0001k", "18_446_744_073_709_551_616", "99999999999999999999k", "18446744073709551615m"]
        {
            assert!(count::<u64>(1..=u64::MAX)(beyond).is_err(), "{beyond}");
        }
        assert!(count::<u32>(0..=u64::MAX)("5_000m").is_err(), "more than 32 bits hold");
        assert!(rate("10_000_001").is_err());
    }

    #[test]
    fn lists_of_cpus_are_numbers_and_ranges() {
        assert_eq!(cpus("0"), Ok(vec![0]));
        assert_eq!(cpus("2-3,0,3"), Ok(vec![0, 2, 3]));
        for nonsense in ["", "-1", "3-2", "a", "0,", "0-9999999999", "1024"] {
            assert!(cpus(nonsense).is_err(), "{nonsense}");
        }
    }
}
