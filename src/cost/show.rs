//! Money, rates and foreign text for the terminal. ASCII, as in the reports.

/// USD to three digits below one, to cents up to a thousand, and in whole dollars above: `$0.00933`, `$122.64`,
/// `$1,226`.
pub fn usd(amount: f64) -> String {
    match amount {
        _ if !amount.is_finite() => "-".to_owned(),
        _ if amount <= 0.0 => "$0".to_owned(),
        _ if amount < 1e-6 => "<$0.000001".to_owned(),
        _ if amount < 0.9995 => format!("${amount:.*}", places(amount)),
        _ if amount < 999.995 => format!("${amount:.2}"),
        _ => format!("${}", thousands(amount)),
    }
}

/// Operations per second: `75`, `21,160`, `0.52`.
pub fn rate(per_s: f64) -> String {
    match per_s {
        _ if per_s >= 99.95 => thousands(per_s),
        _ if per_s >= 9.995 => format!("{per_s:.1}"),
        _ => format!("{per_s:.2}"),
    }
}

/// A small quantity to three digits: `0.0371`, `1.20`, `412`.
pub fn quantity(number: f64) -> String {
    let size = number.abs();
    match size {
        _ if size >= 99.95 => format!("{}{}", if number < 0.0 { "-" } else { "" }, thousands(size)),
        _ if size >= 9.995 => format!("{number:.1}"),
        _ if size >= 0.9995 || size == 0.0 => format!("{number:.2}"),
        _ => format!("{number:.*}", places(size)),
    }
}

/// A share: `40 %`, `28.9 %`.
pub fn percent(share: f64) -> String {
    let tenths = (share * 1e3).round() / 10.0;
    format!("{tenths} %")
}

/// Text that somebody else wrote, on one line and unable to move the cursor or to reverse the direction of writing.
pub fn plain(text: &str) -> String {
    drivers::printable_lines(text).replace(['\n', '\t'], " ")
}

/// Rows of cells, the header first: columns two spaces apart, each as wide as its widest cell, indented by two.
pub fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("  {cell:<width$}", width = width(column)));
        text += cells.collect::<String>().trim_end();
        text.push('\n');
    }
    text
}

/// Decimals that show three digits of a number below one, from the first that is not zero.
fn places(number: f64) -> usize {
    (2 - number.log10().floor().max(-9.0) as i32).max(2) as usize
}

pub fn thousands(number: f64) -> String {
    if number >= 1e15 {
        return format!("{number:.2e}");
    }
    let digits = (number.round() as u64).to_string();
    let grouped: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    grouped.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_three_digits_and_then_cents() {
        let shown = [0.0, 0.000_486, 0.009_333, 0.09333, 0.9997, 122.64, 1_226.4, 1e16].map(usd);
        assert_eq!(shown, ["$0", "$0.000486", "$0.00933", "$0.0933", "$1.00", "$122.64", "$1,226", "$1.00e16"]);
        assert_eq!(usd(f64::NAN), "-");
    }

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        assert_eq!(plain("a\x1b[31mb\r\n\u{202e}c é"), "a\u{fffd}[31mb \u{fffd}c é");
    }
}
