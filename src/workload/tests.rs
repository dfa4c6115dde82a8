//! What a malformed workload is answered: one sentence with file, line and key. Sound files are held to their meaning in
//! `tests/workloads.rs`.

use super::*;
use proptest::prelude::*;
use rand::Rng;
use std::time::{Duration, Instant};

/// A sound file that the cases below break.
const SHOP: &str = r#"about = "a shop"
[tables.customers]
records = 100
[tables.customers.fields]
name = { text = "{first_name} {last_name}" }
credit = { int = [0, 500] }
[tables.orders]
records = 200
key = "order-{number:8}"
index = ["status"]
[tables.orders.fields]
customer = { key_of = "customers", key = "zipfian-ycsb" }
status = { text = ["open", "paid"], skew = 1.0 }
lines = { count = [1, 3], items = { price = { int = 5 } } }
total = { sum = "lines.price" }
[operations.look]
weight = 3
do = "read"
table = "orders"
key = "latest"
[operations.place]
weight = 1
do = "transact"
draw = { order = { new = "orders" } }
steps = [
    { do = "bump", table = "customers", key = "order.customer", field = "credit", by = "-order.total", floor = 0 },
    { do = "insert", record = "order" },
]
[[checks]]
name = "paid"
conserved = ["customers.credit", "orders.total"]
"#;

fn problem(text: &str) -> String {
    Workload::parse("dir/shop.toml", text).expect_err("a malformed workload").to_string()
}

#[test]
fn the_sound_file_is_read() {
    let workload = Workload::parse("dir/My Shop.toml", SHOP).expect("a sound workload");
    assert_eq!(workload.name, "my-shop");
    let plan = workload.plan(Some(1000), None).expect("a plan");
    assert_eq!((plan.tables[0].records, plan.tables[1].records), (500, 1000));
    assert_eq!(plan.operations[0].share, 0.75);
}

#[test]
fn a_table_without_a_primary_key_is_only_inserted_into() {
    let shop = |table: &str| SHOP.replace(table, &format!("{table}\nprimary_key = false"));
    let answer = problem(&shop("records = 100"));
    assert!(answer.ends_with("`customers` has no primary key, so that its records are only inserted"), "{answer}");
    let answer = problem(&shop("records = 200"));
    assert!(answer.ends_with("a table without a primary key has no index either; leave one of both out"), "{answer}");
}

#[test]
fn only_a_transaction_is_interactive_or_not() {
    let asked = |word: &str| SHOP.replace("do = \"transact\"", &format!("do = \"{word}\"\ninteractive = true"));
    let workload = Workload::parse("shop.toml", &asked("transact")).expect("a sound workload");
    assert_eq!(workload.spec.operations[1].recipe.grouping, Grouping::Interactive);
    let answer = problem(&asked("batch"));
    assert!(answer.contains("`interactive` is an unknown key"), "{answer}");
}

#[test]
fn the_pipelined_form_of_tpcb_differs_in_nothing_else() {
    let [tpcb, pipelined] = ["tpcb", "tpcb-pipelined"].map(|name| Workload::builtin(name).expect("built in"));
    let grouping = |workload: &Workload| workload.spec.operations[0].recipe.grouping;
    assert_eq!([&tpcb, &pipelined].map(grouping), [Grouping::Interactive, Grouping::Transact]);
    let mut spec = tpcb.spec.clone();
    spec.operations[0].recipe.grouping = Grouping::Transact;
    spec.about.clone_from(&pipelined.spec.about);
    assert_eq!(format!("{spec:?}"), format!("{:?}", pipelined.spec));
}

#[test]
fn every_mistake_is_answered_with_file_line_key_and_a_way_out() {
    let cases = [
        // Unknown keys and names.
        (
            "weight = 3",
            "wieght = 3",
            "17: key `operations.look.wieght`: `wieght` is an unknown key; did you mean `weight`?",
        ),
        (
            "about =",
            "title = 1\nabout =",
            "1: key `title`: `title` is an unknown key; write one of about, primary, tables, logs, series, operations, checks, load, slo, require",
        ),
        (
            "table = \"orders\"",
            "table = \"order\"",
            "19: key `operations.look.table`: `order` is no table of this workload; did you mean `orders`?",
        ),
        (
            "index = [\"status\"]",
            "index = [\"state\"]",
            "10: key `tables.orders.index[0]`: `state` is not allowed here; write one of customer, status, lines, total",
        ),
        (
            "\"order.customer\"",
            "\"order.client\"",
            "26: key `operations.place.steps[0].key`: `client` is no field of it; write one of customer, status, lines, total",
        ),
        (
            "do = \"read\"",
            "do = \"get\"",
            "18: key `operations.look.do`: `get` is nothing that can be done here; write one of insert, read, update, delete, bump, scan, find, append, tail, ingest, last, range, window, above, sequence, batch, transact",
        ),
        (
            "\"orders.total\"",
            "\"orders.sum\"",
            "31: key `checks[0].conserved[1]`: `sum` is no field; write one of customer, status, lines, total",
        ),
        // Weights and the mix.
        (
            "weight = 3",
            "weight = -3",
            "17: key `operations.look.weight`: -3 is out of range; write a number from 0 to 1000000000",
        ),
        (
            "weight = 3",
            "weight = 0",
            "17: key `operations.look.weight`: a weight is above 0; leave the operation out if it should never happen",
        ),
        ("weight = 3", "weight = \"3\"", "17: key `operations.look.weight`: found a text; write a number"),
        (
            "weight = 3",
            "weight = inf",
            "17: key `operations.look.weight`: found a number with a point; write a finite number",
        ),
        ("weight = 3\n", "", "16: key `operations.look`: `weight` is missing; it has to be written"),
        // Impossible distributions.
        (
            "int = [0, 500]",
            "int = [500, 0]",
            "6: key `tables.customers.fields.credit.int`: the range is empty: 500 is above 0; swap them",
        ),
        (
            "int = [0, 500]",
            "int = { choose = \"normal\", mean = 3, deviation = 0, min = 0, max = 9 }",
            "6: key `tables.customers.fields.credit.int.deviation`: 0 is out of range; write a number above 0",
        ),
        (
            "int = [0, 500]",
            "int = { choose = \"weighted\", values = [1, 2], weights = [1] }",
            "6: key `tables.customers.fields.credit.int.weights`: there has to be one weight for each of the `values`, and at least one of them",
        ),
        (
            "key = \"zipfian-ycsb\"",
            "key = { choose = \"zipfian\", exponent = -1 }",
            "12: key `tables.orders.fields.customer.key`: exponent = -1: zipfian needs a number above 0",
        ),
        (
            "key = \"zipfian-ycsb\"",
            "key = { choose = \"hotspot\", hot = 1 }",
            "12: key `tables.orders.fields.customer.key.hot`: `hot` is an unknown key; write one of choose, data_fraction, operation_fraction",
        ),
        (
            "int = [0, 500]",
            "int = { choose = \"zipfian\", min = 9, max = 1 }",
            "6: key `tables.customers.fields.credit.int`: min = 9, max = 1: a range of lengths needs min up to max",
        ),
        (
            "key = \"latest\"",
            "key = \"lastest\"",
            "20: key `operations.look.key`: `lastest` is no way to choose keys; did you mean `latest`?",
        ),
        (
            "key = \"latest\"",
            "key = \"odd\"",
            "20: key `operations.look.key`: `odd` is no way to choose keys; write one of uniform, zipfian, zipfian-ycsb, latest, hotspot, exponential, sequential",
        ),
        (
            "skew = 1.0",
            "skew = nan",
            "13: key `tables.orders.fields.status.skew`: found a number with a point; write a finite number",
        ),
        (
            "records = 100\n",
            "records = 1e3\n",
            "3: key `tables.customers.records`: found a number with a point; write a whole number",
        ),
        (
            "records = 100\n",
            "records = 99999999999999\n",
            "3: key `tables.customers.records`: 99999999999999 is out of range; write a whole number from 0 to 1000000000000",
        ),
        // Fields.
        (
            "{ int = 5 }",
            "{ int = 5, text = 5 }",
            "14: key `tables.orders.fields.lines.items.price`: it says both `int` and `text`; write only one",
        ),
        (
            "{ int = 5 }",
            "{}",
            "14: key `tables.orders.fields.lines.items.price`: it does not say what it holds; write one of bool, int, float, text, words, bytes, time, list, map, items, key_of, from, sum",
        ),
        (
            "{first_name}",
            "{given_name}",
            "5: key `tables.customers.fields.name.text`: `given_name` is nothing to put into a text; write one of number, fnv, digits:8, hex:8, adjective, colour, material, thing, brand, first_name, last_name, city, country, street, verb, noun, tag, agent",
        ),
        (
            "order-{number:8}",
            "order",
            "9: key `tables.orders.key`: a key is \"int\" or a text of at most 64 bytes with one `{number}` or `{fnv}`, such as \"user{fnv}\"",
        ),
        (
            "sum = \"lines.price\"",
            "sum = \"status.price\"",
            "15: key `tables.orders.fields.total.sum`: `status` has no items; name a field that has",
        ),
        // Operations.
        (
            "record = \"order\"",
            "table = \"orders\"",
            "25: key `operations.place.steps`: a new record has to be inserted exactly once; write { do = \"insert\", record = \"order\" }",
        ),
        (
            "\"-order.total\"",
            "\"-order.status\"",
            "26: key `operations.place.steps[0].by`: only whole numbers can be negated; leave the - out",
        ),
        (
            "key = \"order.customer\"",
            "key = \"order.status\"",
            "26: key `operations.place.steps[0].key`: the keys have another type; name a value drawn with `key_of`",
        ),
        // What some store or report has other plans for.
        (
            "credit =",
            "ctid =",
            "6: key `tables.customers.fields.ctid`: every table of PostgreSQL has a column of this name; choose another one",
        ),
        (
            "{ price =",
            "{ xmin =",
            "14: key `tables.orders.fields.lines.items.xmin`: every table of PostgreSQL has a column of this name; choose another one",
        ),
        (
            "[tables.customers]",
            "[tables.sqlite_customers]",
            "2: key `tables.sqlite_customers`: SQLite keeps names that begin with `sqlite_` for itself; choose another one",
        ),
        (
            "[operations.look]",
            "[operations.total]",
            "16: key `operations.total`: the name means all operations together; choose another one",
        ),
        (
            "\"paid\"]",
            "\"pa\\u0000id\"]",
            "13: key `tables.orders.fields.status.text[1]`: it holds the character NUL, which not every store keeps in a text; leave it out",
        ),
        (
            "{last_name}",
            "\\u0000",
            "5: key `tables.customers.fields.name.text`: it holds the character NUL, which not every store keeps in a text; leave it out",
        ),
        (
            "order-{number:8}",
            "\\u0000{number:8}",
            "9: key `tables.orders.key`: it holds the character NUL, which not every store keeps in a text; leave it out",
        ),
        // Instants.
        (
            "int = [0, 500]",
            "time = { start = 0001-01-01, every = \"1s\" }",
            "6: key `tables.customers.fields.credit.time.start`: no instant that can be used; write one from 1970-01-01 to 9999-12-30T22:00:00Z",
        ),
        (
            "int = [0, 500]",
            "time = { start = 1970-01-01, end = 9999-12-31T23:59:59Z }",
            "6: key `tables.customers.fields.credit.time.end`: no instant that can be used; write one from 1970-01-01 to 9999-12-30T22:00:00Z",
        ),
        // Not TOML.
        ("weight = 3", "weight 3", "17: not TOML: key with no value, expected `=`"),
        ("[operations.look]", "[tables.orders]", "16: not TOML: duplicate key"),
    ];
    let mut wrong = Vec::new();
    for (sound, broken, answer) in cases {
        assert!(SHOP.contains(sound), "{sound}");
        let found = problem(&SHOP.replacen(sound, broken, 1));
        if found != format!("dir/shop.toml:{answer}") {
            wrong.push(format!("{broken}\n  wanted dir/shop.toml:{answer}\n  found  {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_file_lacks_as_a_whole_is_reported_at_its_first_line() {
    let (data, _) = SHOP.split_once("[operations.look]").expect("it has operations");
    assert_eq!(problem(data), "dir/shop.toml:1: `operations` is missing; it has to be written");
    assert_eq!(
        problem(&format!("{data}[operations]\n")),
        "dir/shop.toml:16: key `operations`: there are no operations; write at least one [operations.NAME]"
    );
    assert_eq!(problem(""), "dir/shop.toml:1: `about` is missing; it has to be written");
    assert!(problem("about = \"x\"\n[operations]\n").contains("there is no data; write at least one of [tables.NAME]"));
}

#[test]
fn metrics_and_the_end_of_a_series_are_checked_as_well() {
    let series = |start: &str, metric: &str| {
        let series = format!(
            "[series.s]\nentities = 1\nbatch = 1\nstart = {start}\ninterval = \"1s\"\nload = \"1h\"\n\
             metrics = {{ {metric} = {{ walk = [0, 1], step = 0.1 }} }}\n[operations.look]"
        );
        Workload::parse("dir/shop.toml", &SHOP.replace("[operations.look]", &series))
    };
    series("9999-12-30T21:00:00Z", "m").expect("an hour is left");
    let problem = |start, metric| series(start, metric).expect_err("a malformed series").to_string();
    assert_eq!(
        problem("9999-12-30T21:00:01Z", "m"),
        "dir/shop.toml:21: key `series.s.load`: the series would end after 9999-12-30T22:00:00Z; start earlier or load less"
    );
    assert!(
        problem("1969-12-31", "m").contains("`series.s.start`: no instant that can be used; write one from 1970-01-01")
    );
    assert!(problem("2026-01-01", "xmax").contains("`series.s.metrics.xmax`: every table of PostgreSQL has a column"));
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let workload = Workload::parse("shop.toml", SHOP).expect("a sound workload");
    let size = |records| workload.plan(Some(records), None).expect_err("an impossible size").to_string();
    assert_eq!(size(0), "`--records 0` leaves nothing to work on; give at least 1");
    for absurd in [1_000_000_000_001, u64::MAX] {
        assert!(
            size(absurd).contains("is beyond the 1000000000000 that can be numbered; give less"),
            "{}",
            size(absurd)
        );
    }
    assert!(workload.plan(Some(1), None).is_ok());
    let long = |part: &str| {
        format!(
            "about = \"x\"\n{part}\n[operations]\nx = {{ weight = 1, do = \"read\", table = \"t\", key = \"uniform\" }}\n[tables.t]\nrecords = 1\nfields = {{ a = {{ int = 1 }} }}\n"
        )
    };
    let log = long("[logs.l]\nstreams = 1_000_000_000_000\nevents = [0, 1000]\nfields = { a = { int = 1 } }");
    let series = long(
        "[series.s]\nentities = 1_000_000_000_000\nbatch = 1\nstart = 2026-01-01\ninterval = \"1ms\"\nload = \"1year\"\nmetrics = { m = { walk = [0, 1], step = 0.1 } }",
    );
    for (text, part) in [(log, "log `l`"), (series, "series `s`")] {
        let problem =
            Workload::parse("x.toml", &text).expect("sound").plan(None, None).expect_err("too large").to_string();
        assert_eq!(problem, format!("{part} would be loaded with more than 1000000000000 rows; make it smaller"));
    }
    let empty = SHOP.replace("records = 200", "records = 0");
    let workload = Workload::parse("shop.toml", &empty).expect("a sound workload");
    let problem = workload.plan(None, None).expect_err("nothing to read").to_string();
    assert!(problem.starts_with("keys of `orders` cannot be chosen: "), "{problem}");
}

#[test]
fn distributions_are_those_written() {
    let mean_of = |written: &str| {
        let text = SHOP.replace("int = [0, 500]", &format!("int = {written}"));
        let workload = Workload::parse("shop.toml", &text).expect("a sound distribution");
        let ValueSpec::Int(numbers) = &workload.spec.tables[0].fields[1].content else { panic!("credit is an int") };
        let draws = (0..100_000).map(|i| numbers.int(&mut crate::draw::rng::at(1, i)));
        let draws: Vec<_> = draws.map(|number| number as f64).collect();
        assert!(draws.iter().all(|number| (numbers.min()..=numbers.max()).contains(number)), "{written}");
        draws.iter().sum::<f64>() / draws.len() as f64
    };
    let cases = [
        ("7", 7.0),
        ("[10, 20]", 15.0),
        ("{ choose = \"uniform\", min = 1, max = 100 }", 50.5),
        ("{ choose = \"normal\", mean = 50, deviation = 5, min = 0, max = 100 }", 50.0),
        ("{ choose = \"lognormal\", median = 1000, sigma = 0.5, min = 0, max = 100_000 }", 1133.1),
        ("{ choose = \"exponential\", mean = 200, min = 0, max = 10_000 }", 200.0),
        ("{ choose = \"weighted\", values = [1, 2, 12], weights = [50, 49, 1] }", 1.6),
    ];
    for (written, mean) in cases {
        let found = mean_of(written);
        assert!((found / mean - 1.0).abs() < 0.03, "{written}: {found}, {mean} expected");
    }
}

#[test]
fn ten_megabytes_of_noise_are_answered_at_once() {
    let noise = |seed: u64| {
        let mut rng = crate::draw::rng::rng(seed, crate::draw::rng::Purpose::Experiment, 0, 0);
        let mut bytes = vec![0_u8; 10 << 20];
        rng.fill_bytes(&mut bytes);
        bytes
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("noise.toml");
    let began = Instant::now();
    std::fs::write(&path, noise(1)).expect("a written file");
    let answer = Workload::from_file(&path, &Overrides::default()).expect_err("noise").to_string();
    assert!(answer.ends_with("noise.toml:1: not UTF-8 text; save it as UTF-8"), "{answer}");
    for repeated in ["a", "[", "[[", "{", "a=[", "\"", "'''", "a.", "\n", "a=1\n", "#"] {
        let answer = problem(&repeated.repeat((10 << 20) / repeated.len()));
        assert_eq!(answer, "dir/shop.toml:1: the text is too long; a workload has at most 1048576 bytes");
        let answer = problem(&repeated.repeat(1_000_000 / repeated.len()));
        assert!(answer.starts_with("dir/shop.toml:") && answer.len() < 1000, "{answer}");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        prop_assert!(Workload::parse("x.toml", &text).is_err());
    }

    #[test]
    fn no_cut_or_exchange_within_a_sound_file_panics(
        from in 0..SHOP.len(),
        length in 0_usize..40,
        put in prop::sample::select(vec!["", "0", "-1", "1e400", "\"", "{", "}", "[", "]", "x", "\n", "=", ".", "true", "[1, 2]"]),
    ) {
        let mut text = SHOP.to_string();
        text.replace_range(from..(from + length).min(SHOP.len()), put);
        match Workload::parse("x.toml", &text) {
            Err(error) => prop_assert!(error.to_string().starts_with("x.toml:"), "{}", error),
            Ok(workload) => prop_assert!(workload.plan(None, None).is_ok() || workload.plan(Some(7), None).is_err()),
        }
    }
}
