//! The properties of YCSB's core workload and client (d9faaac8) and of go-ycsb (d383d2be): which are converted, and what is
//! done instead of the others. How one is converted is in `mod.rs`.

/// Properties that decide what is measured. They are converted, or refused.
pub(super) const CONVERTED: [&str; 36] = [
    "batch.size",
    "exponential.frac",
    "exponential.percentile",
    "fieldcount",
    "fieldlength",
    "fieldlengthdistribution",
    "fieldlengthhistogram",
    "fieldnameprefix",
    "hotspotdatafraction",
    "hotspotopnfraction",
    "insertcount",
    "insertorder",
    "insertproportion",
    "insertstart",
    "keyprefix",
    "maxexecutiontime",
    "maxscanlength",
    "measurement.interval",
    "minfieldlength",
    "minscanlength",
    "operationcount",
    "readallfields",
    "readmodifywriteproportion",
    "readproportion",
    "recordcount",
    "requestdistribution",
    "scanlengthdistribution",
    "scanproportion",
    "table",
    "target",
    "threadcount",
    "updateproportion",
    "warmuptime",
    "workload",
    "writeallfields",
    "zeropadding",
];

/// Properties without effect: the values with which nothing is lost, and what is done instead of any other.
pub(super) const IGNORED: [(&str, &[&str], &str); 38] = [
    ("columnfamily", &[], BINDING),
    ("command", &["run"], "a run always loads the data and then measures the operations"),
    (
        "core_workload_insertion_keep_going_on_error",
        &["false"],
        "it is for the load, which here ends the run at its first failure; inserts that fail in the measurement are counted, \
         and --on-error says what they do to the run",
    ),
    (
        "core_workload_insertion_retry_interval",
        &["3"],
        "it is for the load, which tries nothing again here; without a retry limit YCSB does not use it either",
    ),
    (
        "core_workload_insertion_retry_limit",
        &["0"],
        "it is for the load, which here ends the run at its first failure; inserts of the measurement are not tried again, as \
         in YCSB",
    ),
    ("dataintegrity", &["false"], "acknowledged writes are reconciled with what the store holds after every run"),
    ("db", &[], BINDING),
    ("debug.pprof", &[], "there is nothing of Go to profile"),
    ("discardscannedrecord", &["false"], BINDING),
    ("dotransactions", &["true"], "a run always loads the data and then measures the operations"),
    ("dropdata", &["true"], "a run always loads fresh data, and removes none but its own"),
    ("exporter", &[], "results are written as JSON, CSV, charts and a report"),
    ("exportfile", &[], "results are written into the folder given with --out"),
    ("hdrhistogram.fileoutput", &["false"], "histogram logs are always written, into hlog/ of the results"),
    ("hdrhistogram.output.path", &[""], "histogram logs are always written, into hlog/ of the results"),
    ("hdrhistogram.percentiles", &["50,95,99"], "p50, p90, p99 and p99.9 are reported, and the histograms kept"),
    ("histogram.buckets", &["1000"], "latencies are kept in HDR histograms with 3 digits"),
    ("histogram.percentiles.export", &["false"], "histogram logs are always written, into hlog/ of the results"),
    ("histogram.percentiles.export.filepath", &["./"], "histogram logs are written into hlog/ of the results"),
    ("label", &[""], "results are named by the folder given with --out"),
    ("latencytrackederrors", &[], "all failed operations have histograms of their own"),
    ("maxscanrate", &["0"], BINDING),
    ("measurement.histogram.verbose", &["false"], "the histograms are kept in the results"),
    ("measurement.output_file", &[""], "histograms are kept instead of single latencies"),
    ("measurement.raw.no_summary", &["false"], "histograms are kept instead of single latencies"),
    ("measurement.raw.output_file", &[], "histograms are kept instead of single latencies"),
    ("measurement.trackjvm", &["false"], "there is no JVM; the load of the client is always recorded"),
    (
        "measurementtype",
        &["histogram", "hdrhistogram", "hdrhistogram+histogram", "timeseries"],
        "latencies are kept in HDR histograms with 3 digits and second by second, not one by one",
    ),
    ("outputstyle", &["plain"], "results are written as JSON, CSV, charts and a report"),
    ("readallfieldsbyname", &["false"], "how fields are asked for is the driver's choice, printed with the results"),
    ("reportlatencyforeacherror", &["false"], "all failed operations have histograms of their own"),
    ("scanoptimelimit", &["0"], BINDING),
    ("silence", &["true"], "failed operations are counted by kind, each with a message"),
    ("spin.sleep", &["false"], "how a client waits for its next operation cannot be chosen; its lateness is recorded"),
    ("status", &[], "progress is shown unless --quiet is given"),
    ("status.interval", &[], "progress is shown unless --quiet is given"),
    ("timeseries.granularity", &["1000"], "the timeline has a histogram a second"),
    ("verbose", &["false"], "what an operation sends to the store is printed with the results"),
];

const BINDING: &str = "it is for YCSB's way to one store; here store and options are given with --store";

/// What is done instead of a property of this value; none if nothing is lost. `Err` if it is unknown.
pub(super) fn instead_of(key: &str, value: &str) -> Result<Option<&'static str>, UnknownProperty> {
    if let Some((_, harmless, instead)) = IGNORED.iter().find(|(known, ..)| *known == key) {
        return Ok(Some(*instead).filter(|_| !harmless.contains(&value)));
    }
    match key.split_once('.') {
        Some(("htrace", _)) => Ok(Some("operations are not traced; their latencies are kept second by second")),
        _ => Err(UnknownProperty),
    }
}

/// A property that neither YCSB's core workload nor go-ycsb has.
#[derive(Debug)]
pub(super) struct UnknownProperty;

/// All single properties that are known.
pub(super) fn known() -> impl Iterator<Item = &'static str> {
    CONVERTED.into_iter().chain(IGNORED.iter().map(|(key, ..)| *key))
}

/// Whether a line that sets this can hardly stand in another kind of file. Some of YCSB's names are everybody's words.
pub(super) fn is_telling(key: &str) -> bool {
    const EVERYDAY: [&str; 9] =
        ["command", "db", "exporter", "label", "silence", "status", "table", "target", "verbose"];
    known().any(|known| known == key) && !EVERYDAY.contains(&key)
}
