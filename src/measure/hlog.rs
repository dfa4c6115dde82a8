//! The `.hlog` file of a run: every second's histograms, tagged `operation:phase:clock`, in the HdrHistogram log format
//! 1.3 that the Java and Python readers open.
//!
//! StartTime and BaseTime are both written, because the Java reader guesses between absolute and relative times when one
//! is missing. Payloads are V2 and deflated, the only encoding which that reader takes. Maxima are in milliseconds.

use std::io::Write;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, Tag};

use crate::record::Phase;

use super::Slot;
use super::recorder::Recorder;

/// Where a log goes.
pub type Out = Box<dyn Write + Send>;

/// Opens a log and hands its writer to `body`: the writer borrows its serialiser, so it cannot be returned.
///
/// # Errors
/// When the log cannot be written, and what `body` returns.
pub fn with_log<T>(
    mut out: Out,
    began: SystemTime,
    body: impl FnOnce(&mut LogWriter<'_, '_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut serializer = V2DeflateSerializer::new();
    let writer = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[storebench: tags are operation:phase:clock; values are nanoseconds, maxima milliseconds]")
        .with_start_time(began)
        .with_base_time(began)
        .with_max_value_divisor(1_000_000.0)
        .begin_log_with(&mut out, &mut serializer)?;
    let done = body(&mut LogWriter { writer })?;
    out.flush()?;
    Ok(done)
}

/// Writes intervals.
pub struct LogWriter<'a, 'b> {
    writer: IntervalLogWriter<'a, 'b, Out, V2DeflateSerializer>,
}

impl LogWriter<'_, '_> {
    /// Writes one second's histograms that have samples.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(
        &mut self,
        slots: &[Slot],
        recorder: &Recorder,
        phase: Phase,
        since_began: Duration,
        length: Duration,
    ) -> anyhow::Result<()> {
        let phase = match phase {
            Phase::Warmup => "warmup",
            Phase::Measure => "measure",
            Phase::Drain => "drain",
        };
        for (slot, recorded) in slots.iter().zip(&recorder.slots) {
            let clocks = [
                ("service", &recorded.service),
                ("response", &recorded.response),
                ("lag", &recorded.lag),
                ("failed", &recorded.failed_service),
            ];
            for (clock, histogram) in clocks.into_iter().filter(|(_, histogram)| !histogram.is_empty()) {
                let text = format!("{}:{phase}:{clock}", slot.name.replace([',', ' ', '\n', '\r'], "_"));
                self.writer
                    .write_histogram(histogram, since_began, length, Tag::new(&text))
                    .map_err(|error| anyhow::anyhow!("cannot write the histogram log: {error}"))?;
            }
        }
        Ok(())
    }
}
