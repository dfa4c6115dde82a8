//! HdrHistograms of nanoseconds: three significant digits, one hour at most, and their text form.
//!
//! The text form is the HdrHistogram V2 encoding, deflated, in base64: what the payload of an `.hlog` line is, so that
//! any HdrHistogram reader understands it (HdrHistogram, `AbstractHistogram.encodeIntoCompressedByteBuffer`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

use crate::record::{Heat, Percentile};

/// Longer latencies are recorded as this and counted as clamped.
pub const LONGEST_NS: u64 = 3_600_000_000_000;

/// An empty histogram. It starts small and grows with its largest value, 271 KB at one hour.
pub fn new() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 1 << 16, 3)
        .unwrap_or_else(|_| unreachable!("1 ns to 65 us at 3 digits is valid"));
    histogram.auto(true);
    histogram
}

/// A percentile, unless there are too few samples for it.
pub fn percentile_ns(histogram: &Histogram<u64>, percentile: Percentile) -> Option<u64> {
    percentile.is_carried_by(histogram.len()).then(|| histogram.value_at_quantile(percentile.quantile()))
}

/// The samples in bands of a tenth of a decade.
pub fn heat(histogram: &Histogram<u64>) -> Heat {
    let mut heat = Heat::default();
    for step in histogram.iter_recorded() {
        heat.add(step.value_iterated_to(), step.count_at_value());
    }
    heat
}

/// The text form; empty for a histogram without samples.
///
/// # Errors
/// When the histogram cannot be serialised, which would be a bug.
pub fn encode(histogram: &Histogram<u64>) -> anyhow::Result<String> {
    if histogram.is_empty() {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(histogram, &mut bytes)?;
    Ok(STANDARD.encode(bytes))
}

/// Reads the text form.
///
/// # Errors
/// When the text is not base64 of a deflated V2 histogram.
pub fn decode(text: &str) -> anyhow::Result<Histogram<u64>> {
    if text.is_empty() {
        return Ok(new());
    }
    let bytes = STANDARD.decode(text)?;
    Ok(Deserializer::new().deserialize(&mut bytes.as_slice())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_survives_its_text_form() {
        let mut histogram = new();
        for value in [1, 70, 1_000, 5_000_000, LONGEST_NS] {
            histogram.record(value).expect("it grows");
        }
        let text = encode(&histogram).expect("encodes");
        assert!(text.starts_with("HISTF"), "the Java reader's magic: {text}");
        assert_eq!(decode(&text).expect("decodes"), histogram);
    }

    #[test]
    fn no_samples_are_no_text() {
        assert_eq!(encode(&new()).expect("encodes"), "");
        assert!(decode("").expect("decodes").is_empty());
        assert!(decode("not base64!").is_err());
    }
}
