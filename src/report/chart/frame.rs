//! What surrounds the data: the question, the circumstances, headings, notes and the provenance. A chart is often detached
//! from its report, so all of it is in the picture.

use super::canvas::Canvas;
use super::style::{GREY, GRID, LABEL, MARGIN, Pen, SMALL, SUBTITLE, TITLE, TextStyle, WIDTH};
use super::text_metrics::{fit, wrap};
use crate::record::{Experiment, Run};
use crate::report::lists::distinct;
use crate::report::words;

/// A canvas that begins with the question and the circumstances of these runs, and the height at which the data may begin.
pub fn open(question: &str, runs: &[&Run]) -> (Canvas, f64) {
    titled(question, &[circumstances(runs)])
}

/// The same with circumstances in words, a paragraph each.
pub fn titled(question: &str, circumstances: &[String]) -> (Canvas, f64) {
    let mut canvas = Canvas::new(question);
    let mut top = paragraph(&mut canvas, MARGIN + 14.0, question, TITLE, 2) + 2.0;
    for text in circumstances {
        top = paragraph(&mut canvas, top, text, SUBTITLE, 2);
    }
    (canvas, top)
}

/// Writes the heading of runs that may be compared with each other, cut to the width of the chart.
pub fn heading(canvas: &mut Canvas, baseline: f64, text: &str) {
    let text = fit(text, LABEL.bold(), WIDTH - 2.0 * MARGIN);
    canvas.text((MARGIN, baseline), &text, LABEL.bold().colored(GREY));
}

/// What a logarithmic axis of latencies shows for these runs.
pub fn latency_axis(runs: &[&Run]) -> String {
    let meaning = common(runs, |run| words::latency_meaning(run.load.mode).to_owned());
    format!("{}, log scale \u{b7} lower is better", meaning.as_deref().unwrap_or(words::MIXED_MEANING))
}

/// Closes the canvas below `y` with notes on how to read it and with where it came from.
pub fn close(canvas: &mut Canvas, y: f64, notes: &[String], experiment: &Experiment, runs: &[&Run]) {
    signed(canvas, y, notes, &provenance(experiment, runs));
}

/// The same with the provenance in words, a paragraph each.
pub fn signed(canvas: &mut Canvas, y: f64, notes: &[String], provenance: &[String]) {
    let mut y = y + 20.0;
    for note in notes {
        y = paragraph(canvas, y, note, SMALL, 3);
    }
    canvas.line((MARGIN, y - 2.0), (WIDTH - MARGIN, y - 2.0), Pen::solid(GRID, 1.0));
    y += 16.0;
    for line in provenance {
        y = paragraph(canvas, y, line, SMALL, 3);
    }
    canvas.height = (y + MARGIN - 16.0).ceil();
}

/// Writes lines from the baseline `y` on; returns the baseline of the line that would follow.
fn paragraph(canvas: &mut Canvas, y: f64, text: &str, style: TextStyle, most: usize) -> f64 {
    let leading = (style.size * 1.4).round();
    let lines = wrap(text, style, WIDTH - 2.0 * MARGIN, most);
    for (at, line) in lines.iter().enumerate() {
        canvas.text((MARGIN, y + at as f64 * leading), line, style);
    }
    y + lines.len() as f64 * leading
}

/// Workload, load model, duration, tier, number of runs, losses; what differs between the runs is left to their rows.
fn circumstances(runs: &[&Run]) -> String {
    let workload = common(runs, |run| run.workload.name.clone());
    let mut parts: Vec<String> = workload.into_iter().collect();
    parts.push(common(runs, words::load).unwrap_or_else(|| "several load models".to_owned()));
    parts.extend(common(runs, words::duration));
    parts.push(
        common(runs, words::tier)
            .map_or_else(|| "several durability tiers".to_owned(), |tier| format!("durability: {tier}")),
    );
    let stores: Vec<&str> = distinct(runs.iter().map(|run| run.store.name.as_str()));
    if stores.len() == 1 {
        parts.push(words::store(runs[0]));
    }
    parts.push(repetitions(runs));
    parts.extend(Some(losses(runs)).filter(|losses| !losses.is_empty()));
    parts.join(" \u{b7} ")
}

/// `1 run`, `run 3`, `3 runs each`.
fn repetitions(runs: &[&Run]) -> String {
    let most = runs.iter().map(|run| run.repetition).max().unwrap_or(1);
    match (runs.len(), most) {
        (1, 1) => "1 run".to_owned(),
        (1, _) => format!("run {most}"),
        (_, 1) => "1 run each".to_owned(),
        _ => format!("{most} runs each"),
    }
}

fn losses(runs: &[&Run]) -> String {
    match runs {
        [run] => words::losses(run),
        _ if runs.iter().any(|run| !words::losses(run).is_empty()) => "with failed or skipped operations".to_owned(),
        _ => String::new(),
    }
}

fn provenance(experiment: &Experiment, runs: &[&Run]) -> Vec<String> {
    let subject = match runs {
        [run] => format!("run {} of {}", run.id, words::moment(&run.started_at)),
        _ => format!("{} runs, experiment of {}", runs.len(), words::moment(&experiment.started_at)),
    };
    let tier = |run: &&Run| format!("{}: {}", words::store(run), words::tier(run));
    let with_reason = |run: &&Run| format!("{} ({})", tier(run), run.store.description.guarantees.because);
    // For more stores there is no room to say why they are in their tier; the report does.
    const MOST_WITH_REASON: usize = 2;
    let stores = Some(distinct(runs.iter().map(with_reason))).filter(|stores| stores.len() <= MOST_WITH_REASON);
    let stores = stores.unwrap_or_else(|| distinct(runs.iter().map(tier)));
    vec![
        format!("{subject} \u{b7} {} \u{b7} {}", words::tool(experiment), words::host(experiment)),
        stores.join(" \u{b7} "),
    ]
}

/// The text that all runs have in common; none where they differ.
fn common(runs: &[&Run], of: impl Fn(&Run) -> String) -> Option<String> {
    let values = distinct(runs.iter().map(|run| of(run)));
    if values.len() == 1 { values.into_iter().next() } else { None }
}
