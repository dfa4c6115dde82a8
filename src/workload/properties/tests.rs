//! What each property of YCSB becomes, and what is refused.

use super::java::parse;
use super::reader::MOST_UNKNOWN;
use super::*;
use crate::workload::{Workload, WorkloadError};
use proptest::prelude::*;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use toml::Value;

/// Sizes, without which nothing is converted, and nothing else.
const SIZED: &str = "recordcount=10\noperationcount=5\n";

/// The keys of `workloada`, as YCSB ships it.
const STOCK: &str = "\
    # Core workload A\n\
    recordcount=1000\noperationcount=1000\nworkload=site.ycsb.workloads.CoreWorkload\n\nreadallfields=true\n\n\
    readproportion=0.5\nupdateproportion=0.5\nscanproportion=0\ninsertproportion=0\n\n\
    requestdistribution=zipfian\n";

fn to_toml(texts: &[&str], overrides: &Overrides) -> Result<Converted, PropertiesError> {
    to_workload_toml("test", &texts.iter().map(ToString::to_string).collect::<Vec<_>>(), overrides)
}

fn convert(text: &str) -> Converted {
    to_toml(&[text], &Overrides::default()).unwrap_or_else(|error| panic!("{text:?}: {error:?}"))
}

fn toml(text: &str) -> Value {
    let converted = convert(text);
    toml::from_str(&converted.toml).unwrap_or_else(|error| panic!("{}: {error}", converted.toml))
}

/// The same of a text that says nothing of its sizes.
fn sized(text: &str) -> Value {
    toml(&format!("{SIZED}{text}"))
}

fn refusal(text: &str) -> PropertiesError {
    to_toml(&[text], &Overrides::default()).expect_err("the file is wrong")
}

fn value(text: &str, key: &str) -> Option<String> {
    parse(0, text).expect("the text is a properties file").remove(key).map(|property| property.value)
}

/// The notes on a conversion that are not about its warm-up, which all of them have.
fn notes(converted: &Converted) -> Vec<&str> {
    let of_warmup = [NoteScope::WithWarmup, NoteScope::WithoutWarmup];
    let notes = converted.notes.iter().filter(|note| !of_warmup.contains(&note.scope));
    notes.map(|note| note.text.as_str()).collect()
}

#[test]
fn the_stock_file_runs_unchanged() {
    let converted = convert(STOCK);
    assert_eq!((converted.warnings.as_slice(), notes(&converted)), (&[][..], vec![]));
    insta::assert_snapshot!(converted.toml, @r#"
    about = "YCSB core workload, converted from test"

    [tables.usertable]
    records = 1000
    key = "user{fnv}"

    [tables.usertable.fields]
    field0 = { text = 100 }
    field1 = { text = 100 }
    field2 = { text = 100 }
    field3 = { text = 100 }
    field4 = { text = 100 }
    field5 = { text = 100 }
    field6 = { text = 100 }
    field7 = { text = 100 }
    field8 = { text = 100 }
    field9 = { text = 100 }

    [operations.read]
    weight = 0.5
    do = "read"
    table = "usertable"
    key = "zipfian-ycsb"
    fields = "all"

    [operations.update]
    weight = 0.5
    do = "update"
    table = "usertable"
    key = "zipfian-ycsb"
    fields = "one"

    [load]
    clients = 1
    warmup = "0s"
    ops = 1000
    "#);
}

#[test]
fn a_file_with_nothing_but_a_size_means_the_defaults_of_the_code() {
    let workload = toml("recordcount=7");
    let table = &workload["tables"]["usertable"];
    assert_eq!(table["records"].as_integer(), Some(7));
    assert_eq!(table["fields"].as_table().map(toml::Table::len), Some(10));
    assert_eq!(workload["operations"]["read"]["weight"].as_float(), Some(0.95));
    assert_eq!(workload["operations"]["update"]["weight"].as_float(), Some(0.05));
    assert_eq!(workload["operations"]["update"]["fields"].as_str(), Some("one"));
    assert_eq!(workload["operations"]["read"]["key"].as_str(), Some("uniform"));
    assert_eq!(workload["load"]["clients"].as_integer(), Some(1));
    let converted = convert("recordcount=7");
    assert!(matches!(notes(&converted)[..], [note] if note.starts_with("key `operationcount`")), "{converted:?}");
}

#[test]
fn nothing_is_loaded_without_a_number_of_records() {
    for (text, line) in [("", 1), ("operationcount=5", 1), ("fieldcount=3\nrecordcount=0", 2)] {
        let error = refusal(text);
        assert_eq!((error.origin, error.key.as_str()), (PropertyOrigin::File(0, line), "recordcount"), "{error:?}");
        assert!(error.problem.contains("recordcount=1000000") && error.problem.contains("--records"), "{error:?}");
        let asked = Overrides { records: Some(500), ..Overrides::default() };
        let converted = to_toml(&[text], &asked).expect("a size");
        assert!(converted.toml.contains("records = 500\n"), "{}", converted.toml);
    }
    for nonsense in ["-1", "many", "1e6", "2.5", "1000000000001", "99999999999999999999", "NaN", "1 000"] {
        let error = refusal(&format!("recordcount={nonsense}"));
        assert_eq!(error.problem, format!("{nonsense:?} is not a number from 1 to 1000000000000"));
    }
}

#[test]
fn later_files_win_and_the_command_line_wins_over_all() {
    let texts = ["recordcount=10\nfieldcount=1\nfieldlength=7", "recordcount=20\nfieldcount=2"];
    let given = [("recordcount", "25"), ("recordcount", "30"), ("operationcount", "5")];
    let properties = given.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    let overrides = Overrides { properties, records: Some(1) };
    let workload: Value = toml::from_str(&to_toml(&texts, &overrides).expect("it converts").toml).expect("TOML");
    let table = &workload["tables"]["usertable"];
    assert_eq!(table["records"].as_integer(), Some(30));
    assert_eq!(table["fields"].as_table().map(toml::Table::len), Some(2));
    assert_eq!(table["fields"]["field0"]["text"].as_integer(), Some(7));
    assert_eq!(workload["load"]["ops"].as_integer(), Some(5));
}

#[test]
fn what_is_wrong_is_found_in_its_file_or_on_the_command_line() {
    let origin = |texts: &[&str], flags: &[(&str, &str)]| {
        let properties = flags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        to_toml(texts, &Overrides { properties, records: None }).expect_err("it is wrong").origin
    };
    assert_eq!(origin(&[SIZED, "# x\nthreadcount=0"], &[]), PropertyOrigin::File(1, 2));
    assert_eq!(origin(&[SIZED, "x=\\u1"], &[]), PropertyOrigin::File(1, 1));
    assert_eq!(origin(&[SIZED], &[("threadcount", "0")]), PropertyOrigin::Flag);
}

#[test]
fn every_name_of_the_core_workload_is_known() {
    for class in ["core", "CoreWorkload", "site.ycsb.workloads.CoreWorkload", "com.yahoo.ycsb.workloads.CoreWorkload"] {
        convert(&format!("{SIZED}workload={class}"));
    }
    for class in ["site.ycsb.workloads.TimeSeriesWorkload", "site.ycsb.workloads.RestWorkload", "MyCoreWorkload", ""] {
        let problem = refusal(&format!("{SIZED}workload={class}")).problem;
        assert!(problem.starts_with(&format!("{class:?} is not YCSB's CoreWorkload")), "{problem}");
    }
}

#[test]
fn laws_keep_their_parameters() {
    let exponential = sized("requestdistribution=exponential")["operations"]["read"]["key"].clone();
    assert_eq!(exponential["percentile"].as_float(), Some(95.0));
    assert_eq!(exponential["data_fraction"].as_float(), Some(0.857_142_857_1));
    let workload = sized(
        "scanproportion=1\nminscanlength=2\nmaxscanlength=9\nscanlengthdistribution=zipfian\n\
         fieldlengthdistribution=zipfian\nfieldlength=50\nfieldcount=1",
    );
    let limit = &workload["operations"]["scan"]["limit"];
    assert_eq!(limit.to_string(), r#"{ choose = "zipfian-ycsb", max = 9, min = 2 }"#);
    let length = &workload["tables"]["usertable"]["fields"]["field0"]["text"];
    assert_eq!(length.to_string(), r#"{ choose = "zipfian-ycsb", max = 50, min = 1 }"#);
}

#[test]
fn the_run_is_the_load_of_the_workload() {
    let load = toml("recordcount=1\nthreadcount=8\ntarget=500\noperationcount=3000000000")["load"].clone();
    assert_eq!(load["clients"].as_integer(), Some(8));
    assert_eq!(load["rate_per_s"].as_float(), Some(500.0));
    assert_eq!(load["arrivals"].as_str(), Some("constant"));
    assert_eq!(load["ops"].as_integer(), Some(3_000_000_000));
    let load = sized("maxexecutiontime=60")["load"].clone();
    assert_eq!(load["duration"].as_str(), Some("60s"));
    assert!(load.get("ops").is_none());
}

#[test]
fn a_target_is_said_to_make_an_open_loop_and_which_figures_are_whose() {
    let note = |text: &str| notes(&convert(&format!("{SIZED}target=100\n{text}"))).concat();
    for text in ["", "measurement.interval=op", "measurement.interval=10"] {
        let note = note(text);
        assert!(note.contains("an open loop") && note.contains("are the service times); --closed"), "{note}");
    }
    assert!(note("measurement.interval=intended").contains("as YCSB's do with measurement.interval=intended"));
    assert!(note("measurement.interval=both").contains("as YCSB's Intended- do; its others are the service times"));
    let scope = |note: &Note| note.text.contains("`target`").then_some(note.scope);
    let scopes: Vec<NoteScope> = convert(&format!("{SIZED}target=100")).notes.iter().filter_map(scope).collect();
    assert_eq!(scopes, [NoteScope::OwnRate]);
    assert!(notes(&convert(&format!("{SIZED}target=0"))).is_empty(), "0 is YCSB's closed loop");
}

#[test]
fn there_is_no_warm_up_but_one_that_is_asked_for() {
    let warmup = |text| sized(text)["load"]["warmup"].as_str().map(String::from);
    assert_eq!(warmup("").as_deref(), Some("0s"));
    assert_eq!(warmup("warmuptime=30").as_deref(), Some("30s"));
    let scopes: Vec<NoteScope> = convert(SIZED).notes.iter().map(|note| note.scope).collect();
    assert_eq!(scopes, [NoteScope::WithoutWarmup, NoteScope::WithWarmup]);
    let plan = Workload::parse("test.toml", &convert(SIZED).toml).and_then(|workload| workload.plan(None, None));
    assert_eq!(plan.expect("a plan").load.warmup, Some(Duration::ZERO));
}

#[test]
fn keys_are_hashed_or_padded() {
    let key = |text| sized(text)["tables"]["usertable"]["key"].as_str().map(String::from);
    assert_eq!(key("insertorder=hashed").as_deref(), Some("user{fnv}"));
    assert_eq!(key("insertorder=ordered").as_deref(), Some("user{number}"));
    assert_eq!(key("insertorder=ordered\nzeropadding=12").as_deref(), Some("user{number:12}"));
    assert_eq!(key("zeropadding=25\nkeyprefix=k:").as_deref(), Some("k:{fnv:25}"));
    assert!(refusal(&format!("{SIZED}keyprefix={{fnv}}")).problem.contains("letters, digits"));
}

/// What becomes of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The workload follows it.
    Honoured,
    /// It changes what is measured, and means something else here.
    Noted,
    /// It has no effect, which is said.
    Ignored,
    /// Nothing is run, and the answer says what to write.
    Refused,
}
use Fate::{Honoured, Ignored, Noted, Refused};

/// Every property of YCSB and go-ycsb, with a value that would change something in the presence of others.
#[rustfmt::skip]
const EVERYTHING: [(&str, &str, &str, Fate); 95] = [
    // YCSB's core workload.
    ("recordcount", "11", "", Honoured), ("insertstart", "1", "", Noted), ("insertcount", "8", "", Noted),
    ("table", "t", "", Honoured), ("table", "My-Table", "", Noted), ("fieldcount", "2", "", Honoured),
    ("fieldlength", "20", "", Honoured), ("fieldnameprefix", "f", "", Honoured), ("fieldnameprefix", "1F", "", Noted),
    ("minfieldlength", "3", "fieldlengthdistribution=uniform", Honoured),
    ("fieldlengthdistribution", "uniform", "", Honoured), ("fieldlengthdistribution", "zipfian", "", Honoured),
    ("fieldlengthdistribution", "histogram", "fieldlengthhistogram=h.txt", Refused),
    ("readallfields", "false", "", Honoured), ("writeallfields", "true", "", Honoured),
    ("readallfieldsbyname", "true", "", Ignored), ("dataintegrity", "true", "", Ignored),
    ("readproportion", "0.1", "", Honoured), ("updateproportion", "0.1", "", Honoured),
    ("insertproportion", "0.1", "", Honoured), ("scanproportion", "0.1", "", Honoured),
    ("readmodifywriteproportion", "0.1", "", Honoured), ("requestdistribution", "latest", "", Honoured),
    ("minscanlength", "2", "scanproportion=1", Honoured), ("maxscanlength", "3", "scanproportion=1", Honoured),
    ("scanlengthdistribution", "zipfian", "scanproportion=1", Honoured), ("insertorder", "ordered", "", Honoured),
    ("zeropadding", "4", "", Honoured), ("zeropadding", "70", "", Noted),
    ("hotspotdatafraction", "0.1", "requestdistribution=hotspot", Honoured),
    ("hotspotopnfraction", "0.1", "requestdistribution=hotspot", Honoured),
    ("exponential.percentile", "90", "requestdistribution=exponential", Honoured),
    ("exponential.frac", "0.5", "requestdistribution=exponential", Honoured),
    ("core_workload_insertion_retry_limit", "1", "", Ignored),
    ("core_workload_insertion_retry_interval", "1", "", Ignored),
    ("core_workload_insertion_keep_going_on_error", "true", "", Ignored),
    // YCSB's client.
    ("workload", "com.yahoo.ycsb.workloads.RestWorkload", "", Refused), ("operationcount", "6", "", Honoured),
    ("operationcount", "7", "maxexecutiontime=5", Noted), ("maxexecutiontime", "5", "operationcount=0", Honoured),
    ("threadcount", "2", "", Honoured), ("target", "5", "", Noted), ("db", "x", "", Ignored),
    ("dotransactions", "false", "", Ignored), ("exporter", "x", "", Ignored), ("exportfile", "x", "", Ignored),
    ("label", "x", "", Ignored), ("status", "true", "", Ignored), ("status.interval", "1", "", Ignored),
    ("spin.sleep", "true", "", Ignored),
    // YCSB's measurements.
    ("measurementtype", "raw", "", Ignored), ("measurement.interval", "12x", "", Refused),
    ("measurement.histogram.verbose", "true", "", Ignored), ("measurement.raw.output_file", "x", "", Ignored),
    ("measurement.raw.no_summary", "true", "", Ignored), ("measurement.trackjvm", "true", "", Ignored),
    ("hdrhistogram.percentiles", "1", "", Ignored), ("hdrhistogram.fileoutput", "true", "", Ignored),
    ("hdrhistogram.output.path", "/x", "", Ignored), ("histogram.buckets", "5", "", Ignored),
    ("timeseries.granularity", "5", "", Ignored), ("reportlatencyforeacherror", "true", "", Ignored),
    ("latencytrackederrors", "a", "", Ignored),
    // What else stands in YCSB's template: options of bindings, and tracing.
    ("columnfamily", "x", "", Ignored), ("maxscanrate", "5", "", Ignored), ("scanoptimelimit", "5", "", Ignored),
    ("discardscannedrecord", "true", "", Ignored), ("htrace.sampler.classes", "x", "", Ignored),
    // go-ycsb's own.
    ("batch.size", "10", "", Refused), ("warmuptime", "5", "", Honoured), ("keyprefix", "k", "", Honoured),
    ("command", "load", "", Ignored), ("verbose", "true", "", Ignored), ("dropdata", "false", "", Ignored),
    ("silence", "false", "", Ignored), ("debug.pprof", ":1", "", Ignored), ("outputstyle", "json", "", Ignored),
    ("histogram.percentiles.export", "true", "", Ignored), ("histogram.percentiles.export.filepath", "/x", "", Ignored),
    ("measurement.output_file", "x", "", Ignored), ("measurementtype", "csv", "", Ignored),
    // Bindings', whose values may be secrets.
    ("redis.password", "secret", "", Ignored), ("mongodb.url", "mongodb://ada:secret@db", "", Ignored),
    ("pg.password", "secret", "", Ignored), ("db.passwd", "secret", "", Ignored), ("jdbc.batchupdateapi", "true", "", Ignored),
    ("mysql.host", "x", "", Ignored), ("basicdb.verbose", "true", "", Ignored), ("sqlite.db", "x", "", Ignored),
    ("cassandra.cluster", "x", "", Ignored), ("tikv.pd", "x", "", Ignored), ("postgrenosql.url", "x", "", Ignored),
    // Nobody's.
    ("recordcuont", "10", "", Ignored), ("my.own.key", "secret", "", Ignored), ("x", "", "", Ignored),
];

/// Properties that do nothing of their own beside another one, with that one.
const BESIDE: [(&str, &str); 2] =
    [("fieldlengthhistogram", "fieldlengthdistribution"), ("measurement.interval", "target")];

#[test]
fn every_property_has_a_stated_meaning() {
    for (key, value, others, fate) in EVERYTHING {
        let without = format!("{SIZED}{others}");
        let is_named = |said: &str| said.contains(&format!("`{key}`"));
        let became = match to_toml(&[&format!("{without}\n{key}={value}")], &Overrides::default()) {
            Err(error) if error.key == key => Refused,
            Err(error) => panic!("{key}: {error:?}"),
            Ok(converted) => {
                let said = [notes(&converted).concat(), converted.warnings.concat()].concat();
                assert!(!said.contains("secret"), "{key}: {said}");
                match (notes(&converted).iter().any(|note| is_named(note)), converted.warnings.as_slice()) {
                    (true, []) => Noted,
                    (false, [warning]) if is_named(warning) => Ignored,
                    (false, []) if converted.toml != toml_of(&without) => Honoured,
                    other => panic!("{key}={value} says {other:?}"),
                }
            }
        };
        assert_eq!(became, fate, "{key}={value}");
    }
    let tried = |key: &str| {
        EVERYTHING.iter().any(|(tried, ..)| *tried == key) || BESIDE.iter().any(|(beside, _)| *beside == key)
    };
    let untried: Vec<&str> = keys::known().filter(|key| !tried(key)).collect();
    assert!(untried.is_empty(), "{untried:?}");
}

fn toml_of(text: &str) -> String {
    to_toml(&[text], &Overrides::default()).map_or_else(|_| String::new(), |converted| converted.toml)
}

#[test]
fn a_property_with_the_value_that_it_has_anyway_is_no_news() {
    let defaults = "core_workload_insertion_retry_limit=0\ncore_workload_insertion_retry_interval=3\n\
                    core_workload_insertion_keep_going_on_error=false\nmeasurement.interval=both\nmeasurementtype=histogram\n\
                    histogram.buckets=1000\ntimeseries.granularity=1000\ndotransactions=true\nsilence=true\nbatch.size=1\n\
                    maxscanrate=0\nscanoptimelimit=0\ndiscardscannedrecord=false\ninsertstart=0\nzeropadding=1\ntarget=0";
    let converted = convert(&format!("{SIZED}{defaults}"));
    assert_eq!((converted.warnings.as_slice(), notes(&converted)), (&[][..], vec![]));
}

#[test]
fn retries_are_said_to_belong_to_the_load() {
    let warnings = |text: &str| convert(&format!("{SIZED}{text}")).warnings.concat();
    let limit = warnings("core_workload_insertion_retry_limit=5");
    assert!(limit.contains("for the load, which here ends the run at its first failure"), "{limit}");
    assert!(limit.contains("inserts of the measurement are not tried again, as in YCSB"), "{limit}");
    let going_on = warnings("core_workload_insertion_keep_going_on_error=true");
    assert!(going_on.contains("--on-error") && !going_on.contains("never stop the load"), "{going_on}");
}

#[test]
fn what_is_converted_is_a_workload() {
    const ALL: &str = "recordcount=10\noperationcount=10\ninsertproportion=0.1\nscanproportion=0.1\n\
                       readmodifywriteproportion=0.1\n";
    let laws = ["uniform", "zipfian", "latest", "hotspot", "exponential", "sequential"];
    let converted = EVERYTHING.iter().filter(|(.., fate)| *fate != Refused);
    let mut texts: Vec<_> = converted.map(|(key, value, others, _)| format!("{ALL}{others}\n{key}={value}")).collect();
    texts.extend(laws.map(|law| format!("{ALL}requestdistribution={law}")));
    texts.push(format!("{ALL}table=My-Table\nfieldnameprefix=1F\nfieldcount=1000\ninsertorder=x\nzeropadding=1000"));
    let longest = "k".repeat(44);
    texts.push(format!("{ALL}keyprefix={longest}"));
    texts.push(format!("{ALL}keyprefix={longest}\nzeropadding=99"));
    texts.push(format!("{ALL}keyprefix=\nzeropadding=99\ninsertorder=ordered"));
    texts.push("recordcount=1\ntarget=100\nmaxexecutiontime=1000000000\nthreadcount=10000\nwarmuptime=1000000".into());
    texts.push(STOCK.into());
    for text in texts {
        let toml = convert(&text).toml;
        let plan = Workload::parse("test.toml", &toml).and_then(|workload| workload.plan(Some(1000), Some(1000)));
        assert!(plan.is_ok(), "{text}\n{toml}\n{:?}", plan.err());
    }
}

/// What the files that YCSB and go-ycsb ship say, by name: proportions of reads, updates, inserts, scans and
/// read-modify-writes, law of YCSB, law of go-ycsb, and what else they set.
#[rustfmt::skip]
const SHIPPED: [(&str, [&str; 5], &str, &str, &str); 6] = [
    ("workloada", ["0.5", "0.5", "0", "0", "0"], "zipfian", "uniform", ""),
    ("workloadb", ["0.95", "0.05", "0", "0", "0"], "zipfian", "uniform", ""),
    ("workloadc", ["1", "0", "0", "0", "0"], "zipfian", "uniform", ""),
    ("workloadd", ["0.95", "0", "0.05", "0", "0"], "latest", "latest", ""),
    ("workloade", ["0", "0", "0.05", "0.95", "0"], "zipfian", "uniform", "maxscanlength=100\nscanlengthdistribution=uniform"),
    ("workloadf", ["0.5", "0", "0", "0", "0.5"], "zipfian", "uniform", ""),
];

/// What both templates set; each is the other's but for the name of the workload, and a few lines.
const TEMPLATE: &str = "recordcount=1000000\noperationcount=3000000\ninsertstart=0\nfieldcount=10\nfieldlength=100\n\
    readallfields=true\nwriteallfields=false\nfieldlengthdistribution=constant\nreadproportion=0.95\n\
    updateproportion=0.05\ninsertproportion=0\nreadmodifywriteproportion=0\nscanproportion=0\nmaxscanlength=1000\n\
    scanlengthdistribution=uniform\ninsertorder=hashed\nrequestdistribution=zipfian\nhotspotdatafraction=0.2\n\
    hotspotopnfraction=0.8\ntable=usertable\nmeasurementtype=histogram\nhistogram.buckets=1000\n\
    timeseries.granularity=1000\n";

#[test]
fn the_files_of_ycsb_and_go_ycsb_run_as_they_are() {
    let classes = ["site.ycsb.workloads.CoreWorkload", "com.yahoo.ycsb.workloads.CoreWorkload", "core"];
    let mut files: Vec<(String, String)> = Vec::new();
    for class in classes {
        for (name, [read, update, insert, scan, modify], law, law_in_go, others) in SHIPPED {
            let law = if class == "core" { law_in_go } else { law };
            let text = format!(
                "recordcount=1000\noperationcount=1000\nworkload={class}\nreadallfields=true\nreadproportion={read}\n\
                 updateproportion={update}\nscanproportion={scan}\ninsertproportion={insert}\n\
                 readmodifywriteproportion={modify}\nrequestdistribution={law}\n{others}\n"
            );
            files.push((name.to_owned(), text));
        }
        let own = match class {
            "core" => "threadcount=500 \n",
            _ => "maxscanrate=0\nscanoptimelimit=0\ndiscardscannedrecord=false\n",
        };
        files.push(("workload_template".to_owned(), format!("workload={class}\n{TEMPLATE}{own}")));
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(&name);
        std::fs::write(&path, &text).expect("a file");
        let workload = Workload::from_file(&path, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(workload.name, name.replace('_', "-"));
        assert!(workload.is_converted && workload.warnings.is_empty(), "{name}: {:?}", workload.warnings);
        let plan = workload.plan(None, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = if name == "workload_template" { 1_000_000 } else { 1_000 };
        assert_eq!((plan.rows(), plan.load.ops.is_some()), (expected, true), "{name}");
        let shares: f64 = plan.operations.iter().map(|operation| operation.share).sum();
        assert!((shares - 1.0).abs() < 1e-12, "{name}: {shares}");
    }
}

#[test]
fn a_file_is_known_by_its_content_whatever_it_is_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let read = |path: &PathBuf| Workload::from_file(path, &Overrides::default());
    let own = Workload::builtin("ycsb-a").expect("a built-in workload").text;
    for name in ["plain", "x.spec", "x.txt", "x.properties", "x.toml"] {
        let ycsb = read(&file(name, STOCK)).unwrap_or_else(|error| panic!("{error}"));
        assert!(ycsb.is_converted, "{name}");
        let own = read(&file(name, &own)).unwrap_or_else(|error| panic!("{error}"));
        assert!(!own.is_converted, "{name}");
    }
    // Each of these is also valid TOML, or a list of properties.
    assert!(read(&file("numbers", SIZED)).expect("YCSB's").is_converted);
    assert!(read(&file("words", "table = 1\nabout = \"x\"\nrecordcount = 5")).is_err_and(|error| !is_format(&error)));
    for (name, text) in
        [("empty", ""), ("notes.txt", "status: open\nlabel: x\n"), ("data.csv", "a,b\n1,2\n"), ("x", "{}")]
    {
        let error = read(&file(name, text)).expect_err("neither");
        assert!(is_format(&error), "{name}: {error}");
        let sentence = error.to_string();
        assert!(sentence.contains(name) && sentence.contains("recordcount") && sentence.contains("[tables.NAME]"));
    }
    let error = Workload::from_properties(&[file("shop", &own)], &Overrides::default()).expect_err("TOML");
    assert!(error.to_string().ends_with("name it without -P"), "{error}");
}

fn is_format(error: &WorkloadError) -> bool {
    matches!(error, WorkloadError::Format { .. })
}

#[test]
fn what_ycsb_could_not_run_is_refused_with_its_line_and_key() {
    let wrong = [
        ("threadcount=many", 3, "threadcount"),
        ("insertcount=11", 3, "insertcount"),
        ("readproportion=NaN", 3, "readproportion"),
        ("\n\nreadproportion=0\nupdateproportion=0", 5, "readproportion"),
        ("readallfields=yes", 3, "readallfields"),
        ("# x\nrequestdistribution=zipf", 4, "requestdistribution"),
        ("scanproportion=1\nminscanlength=9\nmaxscanlength=3", 4, "minscanlength"),
        ("requestdistribution=hotspot\nhotspotdatafraction=2", 4, "hotspotdatafraction"),
        ("fieldcount=0", 3, "fieldcount"),
        ("warmuptime=soon", 3, "warmuptime"),
        ("a=b\nx=\\u12g4", 4, "x"),
    ];
    for (text, line, key) in wrong {
        let error = refusal(&format!("{SIZED}{text}"));
        assert_eq!((error.origin, error.key.as_str()), (PropertyOrigin::File(0, line), key), "{error:?}");
    }
    assert_eq!(refusal("recordcount=1\nthreadcount=0").problem, "\"0\" is not a number from 1 to 10000");
}

#[test]
fn names_that_a_store_might_refuse_are_changed_and_said() {
    let converted = convert("recordcount=1\noperationcount=1\ntable=My-Table\nfieldnameprefix=1F");
    let workload: Value = toml::from_str(&converted.toml).expect("the names are valid TOML");
    assert!(workload["tables"]["my_table"]["fields"].get("f0").is_some());
    assert_eq!(notes(&converted).len(), 2);
}

#[test]
fn the_format_is_that_of_java() {
    assert_eq!(value("a=1", "a").as_deref(), Some("1"));
    assert_eq!(value("  a : 1  ", "a").as_deref(), Some("1"));
    assert_eq!(value("a\t1", "a").as_deref(), Some("1"));
    assert_eq!(value("a", "a").as_deref(), Some(""));
    assert_eq!(value("a==1", "a").as_deref(), Some("=1"));
    assert_eq!(value("a=1\r\na=2\rb=3", "a").as_deref(), Some("2"));
    assert_eq!(value("# a=1\n ! a=2", "a"), None);
    assert_eq!(value("# a=1\\\nb=2", "b").as_deref(), Some("2"));
    assert_eq!(value("a=1\\\n   2\\\n  #3", "a").as_deref(), Some("12#3"));
    assert_eq!(value("a=1\\\\\nb=2", "a").as_deref(), Some("1\\"));
    assert_eq!(value("a\\=b\\:c\\ d=1", "a=b:c d").as_deref(), Some("1"));
    assert_eq!(value("a=\\u0041\\u00e9\\ud83d\\ude00\\q\\", "a").as_deref(), Some("A\u{e9}\u{1f600}q"));
    assert_eq!(decode(b"label=caf\xe9"), "label=caf\u{e9}");
    assert_eq!(decode("\u{feff}label=caf\u{e9}".as_bytes()), "label=caf\u{e9}");
}

proptest! {
    #[test]
    fn nothing_panics_and_what_is_converted_is_toml(
        text in "([ \t\\\\=:#!a-zA-Z0-9.\r\n]|\\PC|\\\\u00|recordcount|table|fieldnameprefix|=|\n){0,60}",
        key in proptest::sample::select(EVERYTHING.map(|(key, ..)| key).to_vec()),
        value in "[-0-9.a-zA-Z{}\"]{0,12}",
    ) {
        for text in [text.clone(), format!("{key}={value}"), format!("{key}={value}\n{text}")] {
            let overrides = Overrides { properties: vec![(key.to_owned(), value.clone())], records: Some(10) };
            if let Ok(converted) = to_workload_toml(&text, std::slice::from_ref(&text), &overrides) {
                prop_assert!(toml::from_str::<Value>(&converted.toml).is_ok(), "{}", converted.toml);
            }
        }
    }
}

#[test]
fn noise_is_answered_at_once() {
    let start = Instant::now();
    for piece in ["\\", "\\\n", "a\\\n", "a\n", "=", "\\u0041", "x=\\\\\\\n", "#\n", "\u{1f600}", " "] {
        assert_eq!(refusal(&piece.repeat(10_000_000 / piece.len())).origin, PropertyOrigin::File(0, 1));
        let noise = piece.repeat((1 << 20) / piece.len());
        let size = Overrides { records: Some(1), ..Overrides::default() };
        let warnings = to_toml(&[&noise], &size).expect("a size").warnings;
        assert!(warnings.len() <= MOST_UNKNOWN + 3 && warnings.iter().all(|warning| warning.len() < 1000));
    }
    let many: String = SIZED
        .lines()
        .map(str::to_owned)
        .chain((0..100_000).map(|n| format!("key{n}")))
        .map(|line| line + "\n")
        .collect();
    assert!(convert(&many).warnings.last().is_some_and(|last| last.starts_with("99900 more")));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
