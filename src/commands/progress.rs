//! Live progress on standard error: a line that is redrawn on a terminal; elsewhere, and on a terminal that cannot redraw
//! one, a line for each phase, for its first second, and now and then.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::eprint;
use crate::load::ProgressObserver;
use crate::record::{Interval, Phase};
use crate::units;

/// Between lines of progress where no line can be redrawn.
const NOW_AND_THEN: Duration = Duration::from_secs(10);

/// Shows what is going on.
pub struct Progress {
    bar: ProgressBar,
    run: String,
    how: How,
    /// When the last line about rows or seconds was printed, in this phase.
    printed: Option<(&'static str, Instant)>,
    failed_outputs: Vec<String>,
}

#[derive(PartialEq)]
enum How {
    /// One line that is redrawn.
    Redrawn,
    /// Lines: each phase, its first second and one now and then.
    Lines,
    Quiet,
}

impl Progress {
    /// Progress on standard error, or none.
    pub fn new(quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        // Hidden where standard error is no terminal, or one that cannot redraw a line (TERM=dumb).
        let how = match (quiet, bar.is_hidden()) {
            (true, _) => How::Quiet,
            (false, true) => How::Lines,
            (false, false) => How::Redrawn,
        };
        if how != How::Redrawn {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Progress { bar, run: String::new(), how, printed: None, failed_outputs: Vec::new() }
    }

    /// Clears the line.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Outputs of the runs that could not be written.
    pub fn take_failed_outputs(&mut self) -> Vec<String> {
        std::mem::take(&mut self.failed_outputs)
    }

    /// Shows how far a phase has come.
    fn show(&mut self, phase: &'static str, message: String) {
        let is_due = |(last, at): (&str, Instant)| last != phase || at.elapsed() >= NOW_AND_THEN;
        if self.how == How::Lines && self.printed.is_none_or(is_due) {
            self.printed = Some((phase, Instant::now()));
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
    fn phase(&mut self, run: &str, phase: &str) {
        self.run = run.to_owned();
        self.printed = None;
        if self.how == How::Lines {
            eprint(&format!("{run}: {phase}"));
        }
        self.redraw(format!("{run}: {phase}"));
    }

    fn loaded(&mut self, rows: u64, of: u64, elapsed: Duration) {
        let rate = rows as f64 / elapsed.as_secs_f64().max(1e-9);
        let message = format!("{}: load {rows} of {of} rows, {}/s", self.run, units::rate(rate));
        // A load that is over within seconds needs no line of its own.
        self.printed.get_or_insert(("load", Instant::now()));
        self.show("load", message);
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
        self.show(phase, message);
    }
}
