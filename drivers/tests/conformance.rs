//! Every store is held to what it declares: it must answer as `memory` does, and say so where it has no answer.
//!
//! One suite for all: a store in the list of `stores/mod.rs` is tested without a change here, in each of its layouts, and so
//! is one that is nothing but a service, if the environment says where it is (`tests/common/servers.rs`). A trial is a case
//! on a store, `redis::batches::…`, so `cargo test redis` runs those of Redis. Cases are written by hand where a meaning has an
//! edge, in a file for each family of operations, and in `random.rs` by chance where nobody would think of one. How quick a
//! store is, is not asked.

/// `case!(Client its_name: Record, Batch)`: the case of that name and what it needs.
macro_rules! case {
    ($on:ident $case:ident $(: $($need:ident),+)?) => {
        Case {
            name: concat!(module_path!(), "::", stringify!($case)),
            needs: drivers::Capabilities::of(&[$($(drivers::Capability::$need),+)?]),
            on: On::$on($case),
        }
    };
}

#[path = "conformance/batches.rs"]
mod batches;
#[path = "conformance/counters.rs"]
mod counters;
#[path = "conformance/datasets.rs"]
mod datasets;
#[path = "conformance/declared.rs"]
mod declared;
#[path = "conformance/harness.rs"]
mod harness;
#[path = "conformance/narrow.rs"]
mod narrow;
#[path = "conformance/random.rs"]
mod random;
#[path = "conformance/ranges.rs"]
mod ranges;
#[path = "conformance/records.rs"]
mod records;
#[path = "conformance/series.rs"]
mod series;
#[path = "../../tests/common/servers.rs"]
mod servers;
#[path = "conformance/snapshots.rs"]
mod snapshots;
#[path = "conformance/streams.rs"]
mod streams;
#[path = "conformance/transactions.rs"]
mod transactions;

use std::process::ExitCode;

use drivers::Key;
use libtest_mimic::Arguments;

const ONE: Key = Key::Int(1);

fn main() -> ExitCode {
    let cases = [
        records::CASES,
        counters::CASES,
        ranges::CASES,
        batches::CASES,
        transactions::CASES,
        streams::CASES,
        series::CASES,
        snapshots::CASES,
        datasets::CASES,
        declared::CASES,
        random::CASES,
    ];
    let mut trials = vec![servers::trial("declared::a_store_that_answers_more_than_it_declares_is_found_out", || {
        declared::a_store_that_answers_more_than_it_declares_is_found_out();
    })];
    for store in servers::candidates() {
        for case in cases.concat().into_iter().filter(|case| case.concerns(&store.declared)) {
            let (_, name) = case.name.split_once("::").expect("the crate and what is in it");
            trials.push(store.trial(name, move |store| case.run(harness::store(store.address()))));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
