//! Catalogue and targets as files: what is built in, what is refused and where, what a user's file changes; the choice of
//! the nearest node; ages of prices.

use std::io::Write;

use jiff::civil::date;

use super::*;
use crate::cost::file;
use crate::cost::node::nearest;
use crate::cost::pricing::Pricing;
use crate::cost::targets::Targets;

const LIST: &str = r#"
[[list]]
provider = "Mine"
service = "Rack"
runs = ["any"]
region = "cellar"
term = "owned"
currency = "USD"
source = "invoice"
retrieved = "2026-11-01"
quality = "C"
[list.node]
"#;

fn user_file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("it can be written");
    file
}

fn refused(text: &str) -> String {
    let file = user_file(text);
    let error = Catalogue::load(Some(file.path())).expect_err("it is wrong").to_string();
    error.replace(&file.path().display().to_string(), "prices.toml")
}

#[test]
fn every_built_in_offer_is_complete_and_of_quality_a_or_b() {
    let catalogue = catalogue();
    assert!(catalogue.offers().count() > 50);
    for offer in catalogue.offers() {
        assert_ne!(format!("{:?}", offer.origin.quality), "C", "{}", offer.id);
        assert!(offer.storage().is_none() || catalogue.storage_of(offer).is_some(), "{}", offer.id);
    }
    let Pricing::Node(node) = &offer(&catalogue, "ec2.m7g.large").pricing else { panic!("a node") };
    assert_eq!((node.vcpus, node.memory_gb, node.usd_per_hour), (Some(2.0), Some(8.0), 0.0816));
}

#[test]
fn what_nobody_verified_has_no_price() {
    for unknown in ["rds.db.r7g.large", "memorydb.r7g.large", "timescale", ""] {
        let error = catalogue().offer(unknown).expect_err("it is not in the catalogue").to_string();
        assert!(error.contains("ec2.m7g.large") && error.contains(&format!("{unknown:?}")), "{error}");
    }
}

#[test]
fn a_users_file_wins_offer_by_offer() {
    let file =
        user_file(&format!("{LIST}\"ec2.m7g.large\" = {{ usd_per_hour = 0.05 }}\nmine = {{ usd_per_hour = 0.01 }}\n"));
    let catalogue = Catalogue::load(Some(file.path())).expect("it is sound");
    let Pricing::Node(node) = &offer(&catalogue, "ec2.m7g.large").pricing else { panic!("a node") };
    // As a whole: nothing of the built-in entry is left.
    assert_eq!((node.usd_per_hour, node.vcpus, node.storage.as_deref()), (0.05, None, None));
    assert_eq!(offer(&catalogue, "mine").origin.provider, "Mine");
    assert!(catalogue.offer("ec2.c7g.large").is_ok());
}

#[test]
fn errors_name_file_line_and_key() {
    let row = |row: &str| refused(&format!("{LIST}{row}\n"));
    insta::assert_snapshot!(row("a = { usd_per_hour = 1, cores = 2 }"), @"prices.toml:13: key `a`: unknown field `cores`, expected one of `usd_per_hour`, `vcpus`, `memory_gb`, `nodes`, `storage`, `beside`");
    insta::assert_snapshot!(row("a = { usd_per_hour = -1 }"), @"prices.toml:13: key `a`: -1 is no amount; write a number from 0 up");
    insta::assert_snapshot!(row("a = { usd_per_hour = nan }"), @"prices.toml:13: key `a`: NaN is no amount; write a number from 0 up");
    insta::assert_snapshot!(row("a = { vcpus = 2 }"), @"prices.toml:13: key `a`: missing field `usd_per_hour`");
    insta::assert_snapshot!(row("a = { usd_per_hour = 1, storage = \"attic\" }"), @r#"prices.toml:13: key `a`: there is no storage offer "attic""#);
    insta::assert_snapshot!(row("\"a b\" = { usd_per_hour = 1 }"), @r#"prices.toml:13: key `a b`: "a b" is no id; write letters, digits, `.`, `-` and `_`"#);
    insta::assert_snapshot!(row("a = { usd_per_hour = 1 }\n[list.storage]\na = { usd_per_gb_month = 1 }"), @"prices.toml:15: key `a`: this id is there twice");
    insta::assert_snapshot!(refused(&LIST.replace("USD", "EUR")), @"prices.toml:8: key `currency`: unknown variant `EUR`, expected `USD`");
    insta::assert_snapshot!(refused(&LIST.replace("2026-11-01", "yesterday")), @"prices.toml:10: key `retrieved`: failed to parse four digit integer as year: invalid digit, expected 0-9 but got y");
    insta::assert_snapshot!(refused(&LIST.replace("Rack", "Ra\\u001bck")), @r#"prices.toml:4: key `service`: "Ra\u{1b}ck" is empty or holds characters that cannot be printed"#);
    insta::assert_snapshot!(refused(&LIST.replace("service = \"Rack\"\n", "")), @"prices.toml:2: key `list`: missing field `service`");
    insta::assert_snapshot!(refused("= 1"), @"prices.toml:1: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`");
    let missing = Catalogue::load(Some(std::path::Path::new("/nowhere/prices.toml"))).expect_err("it is not there");
    assert!(missing.to_string().starts_with("cannot read /nowhere/prices.toml"), "{missing}");
}

#[test]
fn the_nearest_node_is_near_in_doublings_and_then_cheap() {
    let catalogue = catalogue();
    let near = |driver: &str, vcpus, gb| nearest(&catalogue, driver, vcpus, gb).map(|offer| offer.id.as_str());
    // Five offers have 2 vCPUs and 8 GiB; of those that run this store, the cheapest.
    assert_eq!(near("libsql", 2.0, 8.0), Some("ec2.m7g.large"));
    assert_eq!(near("libsql", 2.0, 7.6), Some("ec2.m7g.large"));
    assert_eq!(near("libsql", 64.0, 256.0), Some("ec2.m7g.4xlarge"));
    assert_eq!(near("libsql", 4.0, 8.0), Some("ec2.c7g.xlarge"));
    // Half a GiB is nearer to a cache node than to any machine, for a store that it runs.
    assert_eq!(near("redis", 2.0, 0.5), Some("elasticache.valkey.t4g.micro"));
    assert_eq!(near("libsql", 2.0, 0.5), Some("ec2.c7g.large"));
    assert_eq!(near("libsql", 2.0, 0.0), None);
}

#[test]
fn prices_go_stale_after_180_days_and_undated_ones_are() {
    let catalogue = catalogue();
    let upstash = &offer(&catalogue, "upstash.payg").origin;
    assert_eq!(upstash.age_days(date(2026, 12, 15)), Some(180));
    assert!(!upstash.is_stale(date(2026, 12, 15)));
    assert!(upstash.is_stale(date(2026, 12, 16)));
    let undated = &offer(&catalogue, "ec2.c7g.large").origin;
    assert_eq!((undated.age_days(date(2026, 11, 20)), undated.date().as_str()), (None, "undated"));
    assert!(undated.is_stale(date(2026, 11, 20)));
    let dates = ["upstash.payg", "ebs.gp3", "ec2.m7g.large"].map(|id| offer(&catalogue, id).origin.date());
    assert_eq!(dates, ["2026-06-18", "2024-07", "2025"]);
}

#[test]
fn targets_say_where_each_store_runs_and_the_command_line_wins() {
    let text = r#"
        [redis]
        offer = "upstash.payg"
        ["libsql:/data/a.db"]
        copies = 3
        utilisation = 0.25
        consistency = "eventual"
        [libsql.ownership]
        engineer = { hours_per_month = 4, usd_per_hour = 120 }
        other_usd_per_month = { audit = 50 }
    "#;
    let targets: Targets = file::parse("targets.toml", text).expect("it is sound");
    assert_eq!(targets.offers().collect::<Vec<_>>(), ["upstash.payg"]);
    let mut run = run("libsql", &[]);
    let mut options = Options { targets, ..Options::default() };
    let by_driver = options.terms(&run);
    assert_eq!((by_driver.copies, by_driver.utilisation), (1, 0.4));
    let lines: Vec<(String, f64)> = by_driver.ownership.lines().into_iter().collect();
    assert_eq!(lines, [("engineer hours".to_owned(), 480.0), ("audit".to_owned(), 50.0)]);
    run.store.name = "libsql:/data/a.db".to_owned();
    assert_eq!((options.terms(&run).copies, options.terms(&run).utilisation), (3, 0.25));
    options.copies = Some(2);
    assert_eq!(options.terms(&run).copies, 2);
}

#[test]
fn targets_that_make_no_sense_are_refused() {
    let refused = |text: &str| file::parse::<Targets>("targets.toml", text).expect_err("it is wrong").to_string();
    insta::assert_snapshot!(refused("[a]\nutilisation = 40"), @"targets.toml:2: key `utilisation`: 40 is no utilisation; write a share from 0.001 to 1");
    insta::assert_snapshot!(refused("[a]\ncopies = 0"), @"targets.toml:2: key `copies`: 0 copies cannot be; write 1 to 1000");
    insta::assert_snapshot!(refused("[a]\n\ncopys = 1"), @"targets.toml:3: key `copys`: unknown field `copys`, expected one of `offer`, `copies`, `utilisation`, `consistency`, `ownership`");
    insta::assert_snapshot!(refused("[a.ownership]\nengineer = { hours_per_month = 4 }"), @"targets.toml:2: key `engineer`: missing field `usd_per_hour`");
    insta::assert_snapshot!(refused("[a.ownership]\nother_usd_per_month = { audit = -1 }"), @"targets.toml:2: key `other_usd_per_month`: -1 is no amount; write a number from 0 up");
}
