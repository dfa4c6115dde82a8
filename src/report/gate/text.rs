//! A gate in the terminal: a table that fits its width, the smallest change that would have been seen beside each verdict,
//! and the verdict last, where the eye rests.

use super::rows;
use crate::gate::{GateComparison, GateRecord, GateVerdict, Mismatch};
use crate::report::table::{Align, layout};

/// Columns in the order in which they stand.
const COLUMNS: [(&str, Align); 9] = [
    ("operation", Align::Left),
    ("metric", Align::Left),
    ("base median", Align::Right),
    ("change", Align::Right),
    ("95 % interval", Align::Right),
    ("margin", Align::Right),
    ("floor", Align::Right),
    ("would see", Align::Right),
    ("verdict", Align::Left),
];
/// Columns that are left out of a narrow terminal, the first one first.
const DISPENSABLE: [usize; 4] = [4, 2, 5, 6];
/// No name of an operation is cut below this.
const SHORTEST_NAME: usize = 8;

/// The whole gate, in lines of at most `width` characters where words allow.
pub fn text(record: &GateRecord, width: usize) -> String {
    let mut text = format!("compare {} (base) with {} (head)\n", record.base.label, record.head.label);
    for (name, side) in [("base", &record.base), ("head", &record.head)] {
        let tools: Vec<String> =
            side.tools.iter().map(|tool| format!("{} {} ({})", tool.name, tool.version, tool.profile)).collect();
        text += &wrapped(&format!("{name}: {}; measured by {}", side.stores.join(", "), tools.join(", ")), width, "  ");
    }
    for group in rows::groups(&record.comparisons) {
        text += &format!("\n{}\n", group[0].title());
        text += &table(group, width);
    }
    if !record.comparisons.is_empty() {
        text += &format!("\n{}", wrapped(rows::CHANGE, width, "  "));
    }
    let sections: [(&str, Vec<String>); 4] = [
        ("differs", record.mismatches.iter().map(Mismatch::sentence).collect()),
        ("problem", record.problems.clone()),
        ("note", record.notes.clone()),
        ("where to look", rows::differences(record)),
    ];
    for (name, sentences) in sections {
        if !sentences.is_empty() {
            text.push('\n');
        }
        for sentence in sentences {
            text += &wrapped(&format!("{name}: {sentence}"), width, "  ");
        }
    }
    let telling = [GateVerdict::Regression, GateVerdict::Inconclusive, GateVerdict::Improved];
    let told = telling.into_iter().flat_map(|verdict| record.with(verdict)).take(10);
    let told: Vec<String> = told
        .map(|one| wrapped(&format!("{}: {}: {}", rows::verdict(one), one.name(), one.sentence), width, "  "))
        .collect();
    if !told.is_empty() {
        text += &format!("\n{}", told.concat());
    }
    text + "\n" + &wrapped(&verdict(record), width, "  ")
}

/// The verdict in a line.
pub fn verdict(record: &GateRecord) -> String {
    format!("{}: {}\n", record.verdict.label(), record.sentence)
}

fn table(group: &[GateComparison], width: usize) -> String {
    let cells: Vec<Vec<String>> = group.iter().map(row).collect();
    let mut hidden: Vec<usize> = Vec::new();
    let mut laid = draw(&cells, &hidden, usize::MAX);
    for column in DISPENSABLE {
        if widest(&laid) <= width {
            return laid;
        }
        hidden.push(column);
        laid = draw(&cells, &hidden, usize::MAX);
    }
    let longest = cells.iter().map(|row| row[0].chars().count()).max().unwrap_or_default();
    let beyond = widest(&laid).saturating_sub(width);
    if beyond == 0 { laid } else { draw(&cells, &hidden, longest.saturating_sub(beyond).max(SHORTEST_NAME)) }
}

fn row(of: &GateComparison) -> Vec<String> {
    vec![
        of.operation.clone(),
        of.metric.label().to_owned(),
        rows::value(of.metric, of.base),
        rows::ratio(of),
        rows::interval(of),
        rows::margin(of),
        rows::floor(of),
        rows::detectable(of),
        rows::verdict(of).to_owned(),
    ]
}

fn draw(cells: &[Vec<String>], hidden: &[usize], name: usize) -> String {
    let shown = |at: &usize| !hidden.contains(at);
    let columns: Vec<(&str, Align)> = (0..COLUMNS.len()).filter(shown).map(|at| COLUMNS[at]).collect();
    let cell = |row: &Vec<String>, at: usize| if at == 0 { cut(&row[0], name) } else { row[at].clone() };
    let rows: Vec<Vec<String>> =
        cells.iter().map(|row| (0..COLUMNS.len()).filter(shown).map(|at| cell(row, at)).collect()).collect();
    layout(&columns, &rows)
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

fn cut(name: &str, length: usize) -> String {
    if name.chars().count() <= length {
        return name.to_owned();
    }
    name.chars().take(length.saturating_sub(1)).chain(['\u{2026}']).collect()
}

/// Text in lines of at most `width` characters, broken between words, all but the first one indented.
fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines += &format!("{}\n", line.trim_end());
            line = indent.to_owned();
        } else if !line.trim().is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate::fixtures;

    #[test]
    fn the_table_fits_every_terminal_and_keeps_what_would_have_been_seen() {
        let record = fixtures::regressed();
        for width in [60, 80, 100, 140, 200] {
            let text = text(&record, width);
            assert!(widest(&text) <= width, "{width}:\n{text}");
            for column in ["metric", "change", "would see", "verdict", "REGRESSION"] {
                assert!(text.contains(column), "{width} lacks {column}:\n{text}");
            }
            assert_eq!(text.contains("95 % interval"), width >= 100, "{width}:\n{text}");
        }
    }

    /// Of runs that jump between two levels the medians of the sides may be far apart where the typical pair is not.
    #[test]
    fn a_row_has_one_statistic_of_the_change() {
        let mut record = fixtures::regressed();
        let one = &mut record.comparisons[0];
        (one.base, one.head) = (Some(700_000.0), Some(1_154_000.0));
        (one.ratio, one.interval) = (Some(1.18), Some([1.02, 1.39]));
        let text = text(&record, 400);
        let row = text.lines().find(|line| line.contains("700,000/s")).expect("the base sets the scale");
        assert!(row.contains("+18 %") && !row.contains("1,154,000/s"), "{row}");
        assert!(text.contains("base median") && text.contains(rows::CHANGE), "{text}");
    }

    #[test]
    fn the_verdict_is_the_last_line() {
        let text = text(&fixtures::regressed(), 400);
        let last = text.lines().last().expect("lines");
        assert!(last.starts_with("REGRESSION: "), "{last}");
    }
}
