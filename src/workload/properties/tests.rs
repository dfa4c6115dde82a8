//! What each property of YCSB becomes, and what is refused.

use super::java::parse;
use super::reader::MOST_UNKNOWN;
use super::*;
use crate::workload::Workload;
use proptest::prelude::*;
use std::time::{Duration, Instant};
use toml::Value;

/// `workloada` as YCSB ships it, without its comments.
const STOCK: &str = "\
    # Core workload A\n\
    recordcount=1000\noperationcount=1000\nworkload=site.ycsb.workloads.CoreWorkload\n\nreadallfields=true\n\n\
    readproportion=0.5\nupdateproportion=0.5\nscanproportion=0\ninsertproportion=0\n\n\
    requestdistribution=zipfian\n";

fn convert(text: &str) -> Converted {
    to_workload_toml("test", text).unwrap_or_else(|error| panic!("{text:?}: {error:?}"))
}

fn toml(text: &str) -> Value {
    let converted = convert(text);
    toml::from_str(&converted.toml).unwrap_or_else(|error| panic!("{}: {error}", converted.toml))
}

fn refusal(text: &str) -> PropertiesError {
    to_workload_toml("test", text).expect_err("the file is wrong")
}

fn value(text: &str, key: &str) -> Option<String> {
    parse(text).expect("the text is a properties file").remove(key).map(|property| property.value)
}

#[test]
fn the_stock_file_runs_unchanged() {
    let converted = convert(STOCK);
    assert_eq!(converted.warnings, [""; 0]);
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
    ops = 1000
    "#);
}

#[test]
fn an_empty_file_means_the_defaults_of_the_code() {
    let workload = toml("");
    let table = &workload["tables"]["usertable"];
    assert_eq!(table["records"].as_integer(), Some(2_147_483_647));
    assert_eq!(table["fields"].as_table().map(toml::Table::len), Some(10));
    assert_eq!(workload["operations"]["read"]["weight"].as_float(), Some(0.95));
    assert_eq!(workload["operations"]["update"]["weight"].as_float(), Some(0.05));
    assert_eq!(workload["operations"]["update"]["fields"].as_str(), Some("one"));
    assert_eq!(workload["operations"]["read"]["key"].as_str(), Some("uniform"));
    assert_eq!(workload["load"]["clients"].as_integer(), Some(1));
    let warnings = convert("").warnings;
    assert!(warnings[0].contains("recordcount") && warnings[1].contains("operationcount"), "{warnings:?}");
}

#[test]
fn laws_keep_their_parameters() {
    let exponential = toml("requestdistribution=exponential")["operations"]["read"]["key"].clone();
    assert_eq!(exponential["percentile"].as_float(), Some(95.0));
    assert_eq!(exponential["data_fraction"].as_float(), Some(0.857_142_857_1));
    let workload = toml(
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
    let load = toml("threadcount=8\ntarget=500\noperationcount=3000000000")["load"].clone();
    assert_eq!(load["clients"].as_integer(), Some(8));
    assert_eq!(load["rate_per_s"].as_float(), Some(500.0));
    assert_eq!(load["arrivals"].as_str(), Some("constant"));
    assert_eq!(load["ops"].as_integer(), Some(3_000_000_000));
    let load = toml("operationcount=10\nmaxexecutiontime=60")["load"].clone();
    assert_eq!(load["duration"].as_str(), Some("60s"));
    assert!(load.get("ops").is_none());
}

#[test]
fn keys_are_hashed_or_padded() {
    let key = |text| toml(text)["tables"]["usertable"]["key"].as_str().map(String::from);
    assert_eq!(key("insertorder=hashed").as_deref(), Some("user{fnv}"));
    assert_eq!(key("insertorder=ordered").as_deref(), Some("user{number}"));
    assert_eq!(key("insertorder=ordered\nzeropadding=12").as_deref(), Some("user{number:12}"));
}

/// All properties of YCSB with a value that changes something.
#[rustfmt::skip]
const EVERYTHING: [(&str, &str, bool); 61] = [
    ("recordcount", "10", true), ("operationcount", "5", true), ("insertstart", "1", false),
    ("insertcount", "8", false), ("maxexecutiontime", "5", true), ("table", "t", true),
    ("threadcount", "2", true), ("target", "5", true), ("fieldcount", "2", true), ("fieldlength", "20", true),
    ("minfieldlength", "3", true), ("fieldnameprefix", "f", true), ("fieldlengthdistribution", "uniform", true),
    ("fieldlengthdistribution", "histogram", false), ("fieldlengthhistogram", "h.txt", true),
    ("readallfields", "false", true), ("writeallfields", "true", true), ("readallfieldsbyname", "true", false),
    ("readproportion", "0.1", true), ("updateproportion", "0.1", true), ("insertproportion", "0.1", true),
    ("scanproportion", "0.1", true), ("readmodifywriteproportion", "0.1", true),
    ("requestdistribution", "latest", true), ("minscanlength", "2", true), ("maxscanlength", "3", true),
    ("scanlengthdistribution", "zipfian", true), ("insertorder", "ordered", true), ("zeropadding", "4", false),
    ("hotspotdatafraction", "0.1", true), ("hotspotopnfraction", "0.1", true),
    ("exponential.percentile", "90", true), ("exponential.frac", "0.5", true),
    ("core_workload_insertion_retry_limit", "1", false), ("core_workload_insertion_retry_interval", "1", false),
    ("core_workload_insertion_keep_going_on_error", "true", false), ("dataintegrity", "true", false),
    ("reportlatencyforeacherror", "true", false), ("latencytrackederrors", "a", false),
    ("measurementtype", "raw", false), ("measurement.interval", "op", false),
    ("hdrhistogram.percentiles", "1", false), ("hdrhistogram.fileoutput", "true", false),
    ("hdrhistogram.output.path", "/x", false), ("histogram.buckets", "5", false),
    ("timeseries.granularity", "5", false), ("measurement.histogram.verbose", "true", false),
    ("measurement.raw.output_file", "x", false), ("measurement.raw.no_summary", "true", false),
    ("measurement.trackjvm", "true", false), ("status", "true", false), ("status.interval", "1", false),
    ("label", "x", false), ("exporter", "x", false), ("exportfile", "x", false), ("spin.sleep", "true", false),
    ("workload", "site.ycsb.workloads.CoreWorkload", true), ("db", "x", false), ("dotransactions", "false", false),
    ("recordcuont", "10", false), ("redis.password", "secret", false),
];

#[test]
fn every_property_is_honoured_or_answered_by_name() {
    for (key, value, honoured) in EVERYTHING {
        let warnings = convert(&format!("recordcount=10\noperationcount=5\n{key}={value}")).warnings;
        let named = warnings.iter().any(|warning| warning.contains(&format!("`{key}`")));
        let both_ends = key == "maxexecutiontime" && warnings.len() == 1;
        assert_eq!(warnings.is_empty() || both_ends, honoured, "{key}: {warnings:?}");
        assert_eq!(named, !honoured, "{key}: {warnings:?}");
        assert!(!warnings.concat().contains("secret"));
    }
}

#[test]
fn what_is_converted_is_a_workload() {
    const ALL: &str = "recordcount=10\noperationcount=10\ninsertproportion=0.1\nscanproportion=0.1\n\
                       readmodifywriteproportion=0.1\n";
    let laws = ["uniform", "zipfian", "latest", "hotspot", "exponential", "sequential"];
    let mut texts: Vec<_> = EVERYTHING.iter().map(|(key, value, _)| format!("{ALL}{key}={value}")).collect();
    texts.extend(laws.map(|law| format!("{ALL}requestdistribution={law}")));
    texts.push(format!("{ALL}table=My-Table\nfieldnameprefix=1F\nfieldcount=1000\ninsertorder=x\nzeropadding=1000"));
    texts.push("target=100\nmaxexecutiontime=1000000000\nthreadcount=10000".into());
    texts.extend([String::new(), STOCK.into()]);
    for text in texts {
        let toml = convert(&text).toml;
        let plan = Workload::parse("test.toml", &toml).and_then(|workload| workload.plan(Some(1000), Some(1000)));
        assert!(plan.is_ok(), "{text}\n{toml}\n{:?}", plan.err());
    }
}

#[test]
fn what_ycsb_could_not_run_is_refused_with_its_line_and_key() {
    let wrong = [
        ("recordcount=10\nthreadcount=many", 2, "threadcount"),
        ("recordcount=-1", 1, "recordcount"),
        ("recordcount=10\ninsertcount=11", 2, "insertcount"),
        ("readproportion=NaN", 1, "readproportion"),
        ("\n\nreadproportion=0\nupdateproportion=0", 3, "readproportion"),
        ("readallfields=yes", 1, "readallfields"),
        ("# x\nrequestdistribution=zipf", 2, "requestdistribution"),
        ("scanproportion=1\nminscanlength=9\nmaxscanlength=3", 2, "minscanlength"),
        ("requestdistribution=hotspot\nhotspotdatafraction=2", 2, "hotspotdatafraction"),
        ("workload=site.ycsb.workloads.TimeSeriesWorkload", 1, "workload"),
        ("fieldcount=0", 1, "fieldcount"),
        ("a=b\nx=\\u12g4", 2, "x"),
    ];
    for (text, line, key) in wrong {
        let error = refusal(text);
        assert_eq!((error.line, error.key.as_str()), (line, key), "{error:?}");
    }
    assert_eq!(refusal("threadcount=0").problem, "\"0\" is not a number from 1 to 10000");
}

#[test]
fn names_that_a_store_might_refuse_are_changed_and_said() {
    let converted = convert("recordcount=1\noperationcount=1\ntable=My-Table\nfieldnameprefix=1F");
    let workload: Value = toml::from_str(&converted.toml).expect("the names are valid TOML");
    assert!(workload["tables"]["my_table"]["fields"].get("f0").is_some());
    assert_eq!(converted.warnings.len(), 2);
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
            if let Ok(converted) = to_workload_toml(&text, &text) {
                prop_assert!(toml::from_str::<Value>(&converted.toml).is_ok(), "{}", converted.toml);
            }
        }
    }
}

#[test]
fn noise_is_answered_at_once() {
    let start = Instant::now();
    for piece in ["\\", "\\\n", "a\\\n", "a\n", "=", "\\u0041", "x=\\\\\\\n", "#\n", "\u{1f600}", " "] {
        let huge = to_workload_toml("noise", &piece.repeat(10_000_000 / piece.len()));
        assert_eq!(huge.expect_err("it is too large").line, 1);
        let noise = piece.repeat((1 << 20) / piece.len());
        let warnings = convert(&noise).warnings;
        assert!(warnings.len() <= MOST_UNKNOWN + 3 && warnings.iter().all(|warning| warning.len() < 1000));
    }
    let many: String = (0..100_000).map(|n| format!("key{n}\n")).collect();
    assert!(convert(&many).warnings.last().is_some_and(|last| last.starts_with("99900 more")));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
