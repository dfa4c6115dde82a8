//! How wide a text is in the embedded font, and how much of it fits. Every layout here is based on it.
//!
//! Viewers without DejaVu Sans show SVG text in a narrower sans-serif, so what fits here fits there.

use super::style::TextStyle;

/// Advance widths of U+0020 to U+007E in 2048ths of the size: the `hmtx` tables of the fonts in `../fonts`.
#[rustfmt::skip]
const REGULAR: [u16; 95] = [
    651, 821, 942, 1716, 1303, 1946, 1597, 563, 799, 799, 1024, 1716, 651, 739, 651, 690, 1303, 1303, 1303, 1303, 1303,
    1303, 1303, 1303, 1303, 1303, 690, 690, 1716, 1716, 1716, 1087, 2048, 1401, 1405, 1430, 1577, 1294, 1178, 1587,
    1540, 604, 604, 1343, 1141, 1767, 1532, 1612, 1235, 1612, 1423, 1300, 1251, 1499, 1401, 2025, 1403, 1251, 1403, 799,
    690, 799, 1716, 1024, 1024, 1255, 1300, 1126, 1300, 1260, 721, 1300, 1298, 569, 569, 1186, 569, 1995, 1298, 1253,
    1300, 1300, 842, 1067, 803, 1298, 1212, 1675, 1212, 1212, 1075, 1303, 690, 1303, 1716,
];
#[rustfmt::skip]
const BOLD: [u16; 95] = [
    713, 934, 1067, 1716, 1425, 2052, 1786, 627, 936, 936, 1071, 1716, 778, 850, 778, 748, 1425, 1425, 1425, 1425, 1425,
    1425, 1425, 1425, 1425, 1425, 819, 819, 1716, 1716, 1716, 1188, 2048, 1585, 1561, 1503, 1700, 1399, 1399, 1681,
    1714, 762, 762, 1587, 1305, 2038, 1714, 1741, 1501, 1741, 1577, 1475, 1397, 1663, 1585, 2259, 1579, 1483, 1485, 936,
    748, 936, 1716, 1024, 1024, 1382, 1466, 1214, 1466, 1389, 891, 1466, 1458, 702, 702, 1362, 702, 2134, 1458, 1407,
    1466, 1466, 1010, 1219, 979, 1458, 1335, 1892, 1321, 1335, 1192, 1458, 748, 1458, 1716,
];
/// The width of any other character: no letter is wider than an em.
const OTHER: u16 = 2048;
const ELLIPSIS: char = '\u{2026}';

/// The width of a text in pixels; kerning, which only narrows, is left out.
pub fn width(text: &str, style: TextStyle) -> f64 {
    text.chars().map(|c| advance(c, style)).sum()
}

fn advance(c: char, style: TextStyle) -> f64 {
    let table = if style.bold { &BOLD } else { &REGULAR };
    let units = match c {
        ' '..='~' => table[c as usize - 32],
        '\u{b5}' if style.bold => 1507,
        '\u{b5}' => 1303,
        '\u{b7}' => 778,
        '\u{d7}' | '\u{2265}' | '\u{2212}' => 1716,
        _ => OTHER,
    };
    f64::from(units) / 2048.0 * style.size
}

/// The text, or as much of it as fits with an ellipsis.
pub fn fit(text: &str, style: TextStyle, available: f64) -> String {
    let (mut used, mut kept) = (0.0, 0);
    for (at, c) in text.char_indices() {
        used += advance(c, style);
        if used + advance(ELLIPSIS, style) <= available {
            kept = at + c.len_utf8();
        }
        if used > available {
            return format!("{}{ELLIPSIS}", text[..kept].trim_end());
        }
    }
    text.to_owned()
}

/// The name, cut in its middle where it does not fit: addresses differ at their ends.
pub fn fit_name(name: &str, style: TextStyle, available: f64) -> String {
    if width(name, style) <= available {
        return name.to_owned();
    }
    // In turn a character of the head and one of the tail, as long as there is room. The whole does not fit, so they never meet.
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    let (mut first, mut last) = (name.chars(), name.chars().rev());
    let mut room = available - advance(ELLIPSIS, style);
    while room >= 0.0 {
        let (from, to): (&mut dyn Iterator<Item = char>, _) =
            if head.len() <= tail.len() { (&mut first, &mut head) } else { (&mut last, &mut tail) };
        let Some(c) = from.next() else { break };
        room -= advance(c, style);
        if room >= 0.0 {
            to.push(c);
        }
    }
    if available < advance(ELLIPSIS, style) {
        return String::new();
    }
    head.into_iter().chain([ELLIPSIS]).chain(tail.into_iter().rev()).collect()
}

/// The text broken at spaces into lines that fit, `most` at most; the last line ends in an ellipsis where more would follow.
pub fn wrap(text: &str, style: TextStyle, available: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let last = lines.len() == most;
        match lines.last_mut() {
            Some(line) if last || width(line, style) + width(" ", style) + width(word, style) <= available => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| fit(line, style, available)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::style::{LABEL, TITLE};
    use super::*;

    /// The table against what the renderer makes of the embedded fonts.
    #[test]
    fn widths_are_those_of_the_drawn_text() {
        let characters =
            "The quick (brown) fox, 1234567890 \u{b5}s \u{2265} [41.9, 42.4] jumps over {lazy} dogs@host:5432/~x*y%";
        for style in [LABEL, TITLE] {
            let weight = if style.bold { "bold" } else { "normal" };
            let svg = format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="40">
                <text y="20" font-family="DejaVu Sans" font-weight="{weight}" font-size="{}">{characters}</text></svg>"#,
                style.size
            );
            let tree = crate::report::png::tree(&svg).expect("it is SVG");
            let drawn = f64::from(tree.root().children()[0].bounding_box().width());
            let expected = width(characters, style);
            assert!((drawn / expected - 1.0).abs() < 0.02, "drawn {drawn}, expected {expected}");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_with_an_ellipsis() {
        assert_eq!(fit("short", LABEL, 100.0), "short");
        let cut = fit("a name that is much too long for its column", LABEL, 100.0);
        assert!(cut.ends_with(ELLIPSIS) && width(&cut, LABEL) <= 100.0, "{cut}");
    }

    #[test]
    fn long_names_are_cut_in_time_that_does_not_grow_with_their_square() {
        let name = "\u{65e5}x".repeat(1_000_000);
        let began = std::time::Instant::now();
        for cut in [fit(&name, LABEL, 100.0), fit_name(&name, LABEL, 100.0), wrap(&name, LABEL, 100.0, 3).concat()] {
            assert!(cut.chars().count() < 30 && width(&cut, LABEL) <= 100.0, "{cut}");
        }
        // A cut whose time grows with the square takes hours; this takes a tenth of a second where CPUs are shared.
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
        assert_eq!([fit_name("ab", LABEL, 3.0), fit_name("", LABEL, 0.0)], ["", ""]);
    }

    #[test]
    fn names_keep_both_ends() {
        let cut = fit_name("postgres://user@host.example.com/storebench 17.6", LABEL, 150.0);
        assert!(cut.starts_with("postgres:") && cut.ends_with("17.6") && width(&cut, LABEL) <= 150.0, "{cut}");
    }

    #[test]
    fn lines_break_at_spaces_and_never_exceed_their_number() {
        let text = "one two three four five six seven eight nine ten eleven twelve";
        let lines = wrap(text, TITLE, 200.0, 9);
        assert!(lines.iter().all(|line| width(line, TITLE) <= 200.0));
        assert_eq!(lines.join(" "), text);
        let few = wrap(text, TITLE, 200.0, 2);
        assert!(few.len() == 2 && few[1].ends_with(ELLIPSIS), "{few:?}");
        assert!(wrap("", TITLE, 200.0, 2).is_empty());
    }
}
