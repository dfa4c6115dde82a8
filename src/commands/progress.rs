//! Live progress on standard error: a line that is redrawn on a terminal; elsewhere, and on a terminal that cannot redraw
//! one, a line for each stage, for its first second, and now and then.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::eprint;
use crate::load::{ProgressObserver, Stage};
use crate::record::{Interval, Phase};
use crate::units;

/// Between lines of progress where no line can be redrawn.
const NOW_AND_THEN: Duration = Duration::from_secs(10);

/// Shows what a run is doing.
pub struct Progress {
    bar: ProgressBar,
    run: String,
    style: Style,
    /// What the last line was about that was not about a stage, and when it was printed.
    printed: Option<(LineKind, Instant)>,
    failed_outputs: Vec<String>,
}

/// How progress is shown.
#[derive(PartialEq)]
enum Style {
    /// In one line that is redrawn.
    Redrawn,
    /// In lines: one for each stage, for its first second, and now and then.
    Lines,
    /// Not at all: --quiet.
    Quiet,
}

/// What a line of progress is about.
#[derive(Clone, Copy, PartialEq)]
enum LineKind {
    RowsLoaded,
    Second(Phase),
}

impl Progress {
    /// Progress on standard error, or none.
    pub fn new(quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        // Hidden where standard error is no terminal, or one that cannot redraw a line (TERM=dumb).
        let style = match (quiet, bar.is_hidden()) {
            (true, _) => Style::Quiet,
            (false, true) => Style::Lines,
            (false, false) => Style::Redrawn,
        };
        if style != Style::Redrawn {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Progress { bar, run: String::new(), style, printed: None, failed_outputs: Vec::new() }
    }

    /// Clears the line that was redrawn.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Outputs of the runs that could not be written.
    pub fn take_failed_outputs(&mut self) -> Vec<String> {
        std::mem::take(&mut self.failed_outputs)
    }

    /// Shows how far a stage has come.
    fn show(&mut self, kind: LineKind, message: String) {
        let is_due = |(last, at): (LineKind, Instant)| last != kind || at.elapsed() >= NOW_AND_THEN;
        if self.style == Style::Lines && self.printed.is_none_or(is_due) {
            self.printed = Some((kind, Instant::now()));
            eprint(&message);
        }
        self.redraw(message);
    }

    fn redraw(&self, message: String) {
        self.bar.set_message(message);
        self.bar.tick();
    }
}

impl ProgressObserver for Progress {
    fn stage(&mut self, run: &str, stage: Stage) {
        self.run = run.to_owned();
        self.printed = None;
        if self.style == Style::Lines {
            eprint(&format!("{run}: {stage}"));
        }
        self.redraw(format!("{run}: {stage}"));
    }

    fn rows_loaded(&mut self, rows: u64, total: u64, elapsed: Duration) {
        let rate = rows as f64 / elapsed.as_secs_f64().max(1e-9);
        let message = format!("{}: load {rows} of {total} rows, {}/s", self.run, units::rate(rate));
        // A load that is over within seconds needs no line of its own.
        self.printed.get_or_insert((LineKind::RowsLoaded, Instant::now()));
        self.show(LineKind::RowsLoaded, message);
    }

    fn output_failed(&mut self, problem: String) {
        self.failed_outputs.push(problem);
    }

    fn second(&mut self, line: &Interval) {
        let phase = match line.phase {
            Phase::Warmup => "warm-up",
            Phase::Measure => "measure",
            Phase::Drain => "drain",
        };
        let failed = if line.failed > 0 { format!(", {} failed", line.failed) } else { String::new() };
        let latency = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), units::latency);
        let message = format!(
            "{}: {phase} {:+.0} s  {}/s  p50 {}  p99 {}  p99.9 {}{failed}",
            self.run,
            line.at_s + line.length_s,
            units::rate(line.ok as f64 / line.length_s),
            latency(line.response_ns.p50),
            latency(line.response_ns.p99),
            latency(line.response_ns.p999),
        );
        self.show(LineKind::Second(line.phase), message);
    }
}
