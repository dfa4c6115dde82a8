//! A gate as Markdown for the page of a CI job: the verdict first, then the rows that matter, and everything else folded.

use askama::filters::Escaper;

use super::rows;
use crate::gate::{GateComparison, GateRecord, GateSide, GateVerdict, Mismatch, percent};
use crate::report::escape::Markdown;

/// Rows before the fold.
const MOST_ROWS: usize = 20;
/// GitHub shows nothing at all of a summary beyond 1,024 KiB.
const MOST_BYTES: usize = 1_000 << 10;

/// The page.
pub fn markdown(record: &GateRecord) -> String {
    let mut page = format!("## {}: {}\n\n", record.verdict.label(), escaped(&record.sentence));
    if record.advise {
        page += "*Advice only: this gate fails no job.*\n\n";
    }
    let mut ranked: Vec<&GateComparison> = record.comparisons.iter().collect();
    ranked.sort_by_key(|one| urgency(one));
    page += &table(ranked.iter().take(MOST_ROWS).copied(), usize::MAX);
    page.truncate(page.trim_end().len());
    page += "\n\n[All figures as a chart](gate.svg), beside this file.\n\n";
    let told = ranked.iter().filter(|one| one.verdict == Some(GateVerdict::Regression)).take(5);
    page.extend(told.map(|one| format!("- **{}**: {}\n", escaped(&one.name()), escaped(&one.sentence))));
    page += "\n";
    page += &list("Differs", record.mismatches.iter().map(Mismatch::sentence));
    page += &list("Problem", record.problems.iter().cloned());
    page += &list("Where to look", rows::differences(record).into_iter());
    page += "<details><summary>Everything that was compared, and how</summary>\n\n";
    for (name, side) in [("Base", &record.base), ("Head", &record.head)] {
        page += &format!("- {name}: {}\n", escaped(&described(side)));
    }
    page += &format!(
        "- An alarm by chance alone: at most {} of gates, over all gated figures. *Would see* is found in {} of gates.\n\n",
        percent(record.alpha),
        percent(record.power)
    );
    page.truncate(page.trim_end().len());
    page += &format!("\n- {}\n\n", sentence(rows::CHANGE));
    page += &list("Note", record.notes.iter().cloned());
    let room = MOST_BYTES.saturating_sub(page.len());
    page + &table(ranked.into_iter(), room) + "\n</details>\n"
}

/// Regressions first, and what is only shown last.
fn urgency(of: &GateComparison) -> usize {
    match of.verdict {
        Some(GateVerdict::Regression) => 0,
        Some(GateVerdict::Incomparable | GateVerdict::Inconclusive) => 1,
        Some(GateVerdict::Improved) => 2,
        Some(GateVerdict::Ok) => 3,
        None => 4,
    }
}

/// A table, of which rows are left out that there is no room for.
fn table<'a>(rows: impl ExactSizeIterator<Item = &'a GateComparison>, room: usize) -> String {
    let mut text = "| Verdict | Workload | Store | Operation | Metric | Base median | Change | 95 % interval | Margin | Floor | Would see |\n\
                    |---|---|---|---|---|--:|--:|--:|--:|--:|--:|\n"
        .to_owned();
    let all = rows.len();
    for (at, one) in rows.enumerate() {
        let cells = [
            rows::verdict(one).to_owned(),
            one.workload_at_load(),
            one.store.clone(),
            one.operation.clone(),
            one.metric.label().to_owned(),
            rows::value(one.metric, one.base),
            rows::ratio(one),
            rows::interval(one),
            rows::margin(one),
            rows::floor(one),
            rows::detectable(one),
        ];
        let row = format!("| {} |\n", cells.map(|cell| escaped(&cell)).join(" | "));
        if text.len() + row.len() + 200 > room {
            return text + &format!("\n{} more rows are in gate.json.\n", all - at);
        }
        text += &row;
    }
    text + "\n"
}

/// With a capital at its start and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut signs = text.chars();
    let first = signs.next().map(|sign| sign.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", signs.as_str())
}

fn list(name: &str, sentences: impl Iterator<Item = String>) -> String {
    // Long lists are of one kind; the record has all of it.
    const MOST: usize = 20;
    let lines: Vec<String> = sentences.map(|sentence| format!("- {name}: {}\n", escaped(&sentence))).collect();
    let more = lines.len().saturating_sub(MOST);
    let rest = if more > 0 { format!("- {more} more are in gate.json.\n") } else { String::new() };
    if lines.is_empty() { String::new() } else { lines[..lines.len() - more].concat() + &rest + "\n" }
}

fn described(side: &GateSide) -> String {
    let tools: Vec<String> =
        side.tools.iter().map(|tool| format!("{} {} ({})", tool.name, tool.version, tool.profile)).collect();
    let host = &side.host;
    format!(
        "{}; {}; measured by {} on {}, {} CPUs, {}; {} to {}",
        side.label,
        side.stores.join(", "),
        tools.join(", "),
        host.cpu,
        host.cpus,
        host.os,
        side.started_at,
        side.finished_at
    )
}

fn escaped(text: &str) -> String {
    let mut into = String::with_capacity(text.len());
    // A string takes everything.
    let _ = Markdown.write_escaped_str(&mut into, text);
    into
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::foreign_markup;
    use crate::report::gate::fixtures;

    #[test]
    fn the_verdict_comes_first_and_at_most_twenty_rows_before_the_fold() {
        let mut record = fixtures::regressed();
        let one = record.comparisons[0].clone();
        record.comparisons.extend((0..50).map(|_| one.clone()));
        let page = markdown(&record);
        assert!(page.starts_with("## REGRESSION: "), "{page}");
        let (shown, folded) = page.split_once("<details>").expect("a fold");
        assert_eq!(shown.lines().filter(|line| line.starts_with("| REGRESSION")).count(), 20);
        assert!(folded.lines().filter(|line| line.starts_with("| ")).count() > 50);
    }

    #[test]
    fn a_row_has_one_statistic_of_the_change() {
        let mut record = fixtures::regressed();
        let one = &mut record.comparisons[0];
        (one.base, one.head, one.ratio) = (Some(700_000.0), Some(1_154_000.0), Some(1.18));
        let page = markdown(&record);
        assert!(page.contains("700,000/s") && !page.contains("1,154,000/s"), "{page}");
        assert!(page.contains("| Base median | Change |") && page.contains("Hodges and Lehmann"), "{page}");
    }

    #[test]
    fn a_gate_of_any_size_fits_a_job_page() {
        let mut record = fixtures::regressed();
        let one = record.comparisons[0].clone();
        record.comparisons.extend((0..20_000).map(|_| one.clone()));
        let page = markdown(&record);
        assert!(page.len() < 1_024 << 10, "{}", page.len());
        assert!(page.contains("more rows are in gate.json") && page.ends_with("</details>\n"));
    }

    #[test]
    fn foreign_text_stays_in_its_cell() {
        let mut record = fixtures::regressed();
        record.comparisons[0].operation = "a|b\n<script>".to_owned();
        record.problems.push("**x** <img src=y>\n# z".to_owned());
        let page = markdown(&record);
        assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
        let foreign = foreign_markup(&page);
        assert!(foreign.iter().all(|markup| markup.contains("details>") || markup.contains("gate.svg")), "{foreign:?}");
    }
}
