//! The `.hlog` file of a run: every second's histograms, tagged `operation:phase:clock`, in the HdrHistogram log format
//! 1.3 that the Java and Python readers open.
//!
//! StartTime and BaseTime are both written, because the Java reader guesses between absolute and relative times when one
//! is missing. Payloads are V2 and deflated, the only encoding that this reader takes. Maxima are in milliseconds.

use std::fs::File;
use std::io::{self, BufWriter, Write, sink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, Tag};

use crate::record::Phase;

use super::recorder::{Recorder, RecordingSlot};

type Out = Box<dyn Write + Send>;

/// Opens a log and hands its writer to `body`: the writer borrows its serialiser, so it cannot be returned. A log that
/// cannot be written does not stop the measurement: it ends there, and the problem is returned beside the result.
pub fn with_log<T>(
    path: &Path,
    began: SystemTime,
    body: impl FnOnce(&mut LogWriter<'_, '_>) -> T,
) -> (T, Option<String>) {
    let (mut out, mut problem): (Out, Option<String>) = match create(path) {
        Ok(file) => (Box::new(BufWriter::new(file)), None),
        Err(error) => (Box::new(sink()), Some(error.to_string())),
    };
    let mut serializer = V2DeflateSerializer::new();
    let writer = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[storebench: tags are operation:phase:clock; values are nanoseconds, maxima milliseconds]")
        .with_start_time(began)
        .with_base_time(began)
        .with_max_value_divisor(1_000_000.0)
        .begin_log_with(&mut out, &mut serializer)
        .map_err(|error| problem.get_or_insert(error.to_string()).clone());
    let mut log = LogWriter { writer };
    let result = body(&mut log);
    problem = problem.or(log.writer.err());
    problem = problem.or(out.flush().err().map(|error| error.to_string()));
    (result, problem.map(|problem| format!("cannot write all of {}: {problem}", path.display())))
}

/// Creates the file. A file from an earlier attempt, or a link, is removed and not written through; what is neither, such as
/// `/dev/null`, is not ours to remove and is written to.
fn create(path: &Path) -> io::Result<File> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(there) if there.is_file() || there.is_symlink() => std::fs::remove_file(path)?,
        Ok(_) => return File::options().write(true).open(path),
    }
    File::create_new(path)
}

/// Writes the log, up to the first error.
pub struct LogWriter<'a, 'b> {
    writer: Result<IntervalLogWriter<'a, 'b, Out, V2DeflateSerializer>, String>,
}

impl LogWriter<'_, '_> {
    /// Writes one second's histograms that have samples.
    pub fn write(
        &mut self,
        slots: &[RecordingSlot],
        recorder: &Recorder,
        phase: Phase,
        since_began: Duration,
        length: Duration,
    ) {
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
                let Ok(writer) = &mut self.writer else { return };
                let text = format!("{}:{phase}:{clock}", slot.name.replace([',', ' ', '\n', '\r'], "_"));
                if let Err(error) = writer.write_histogram(histogram, since_began, length, Tag::new(&text)) {
                    self.writer = Err(error.to_string());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::FileTypeExt;

    #[test]
    fn a_device_is_written_to_and_stays_and_a_link_gives_way() {
        create(Path::new("/dev/null")).and_then(|mut file| file.write_all(b"lost")).expect("written");
        assert!(std::fs::metadata("/dev/null").expect("it is there").file_type().is_char_device());
        let folder = tempfile::tempdir().expect("a folder");
        let (mine, planted) = (folder.path().join("mine"), folder.path().join("a.hlog"));
        std::fs::write(&mine, "mine").expect("written");
        std::os::unix::fs::symlink(&mine, &planted).expect("a link");
        create(&planted).and_then(|mut file| file.write_all(b"log")).expect("written");
        assert_eq!(std::fs::read_to_string(&mine).expect("there"), "mine");
        assert!(planted.symlink_metadata().expect("there").is_file());
    }
}
