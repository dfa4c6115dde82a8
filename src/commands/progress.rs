//! Live progress on standard error: a line that is redrawn on a terminal, one line a phase elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::remark;
use crate::load::Watch;
use crate::record::{Interval, Phase};
use crate::report::units;

/// Shows what is going on.
pub struct Progress {
    bar: ProgressBar,
    run: String,
    is_terminal: bool,
    quiet: bool,
}

impl Progress {
    /// Progress on standard error, or none.
    pub fn new(quiet: bool) -> Self {
        let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        if quiet || !is_terminal {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Progress { bar, run: String::new(), is_terminal, quiet }
    }

    /// Clears the line.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, message: String) {
        self.bar.set_message(message);
        self.bar.tick();
    }
}

impl Watch for Progress {
    fn phase(&mut self, run: &str, phase: &str) {
        self.run = run.to_owned();
        if !self.quiet && !self.is_terminal {
            remark(&format!("{run}: {phase}"));
        }
        self.show(format!("{run}: {phase}"));
    }

    fn loaded(&mut self, rows: u64, of: u64, elapsed: Duration) {
        let rate = rows as f64 / elapsed.as_secs_f64().max(1e-9);
        self.show(format!("{}: load {rows} of {of} rows, {}/s", self.run, units::rate(rate)));
    }

    fn second(&mut self, line: &Interval) {
        let phase = match line.phase {
            Phase::Warmup => "warm-up",
            Phase::Measure => "measure",
            Phase::Drain => "drain",
        };
        let failed = if line.failed > 0 { format!(", {} failed", line.failed) } else { String::new() };
        let latency = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), units::latency);
        self.show(format!(
            "{}: {phase} {:+.0} s  {}/s  p50 {}  p99 {}  p99.9 {}{failed}",
            self.run,
            line.at_s + line.length_s,
            units::rate(line.ok as f64 / line.length_s),
            latency(line.response_ns.p50),
            latency(line.response_ns.p99),
            latency(line.response_ns.p999),
        ));
    }
}
