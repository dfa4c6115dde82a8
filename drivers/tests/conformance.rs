//! Every store is held to what it declares: it must answer as `memory` does, and say so where it has no answer.
//!
//! One suite for all: a store in the list of `stores/mod.rs` is tested without a change here. Cases are written by hand where a
//! meaning has an edge, in a file for each family of operations, and here by chance where nobody would think of one. How
//! quick a store is, is not asked.

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
#[path = "conformance/streams.rs"]
mod streams;
#[path = "conformance/transactions.rs"]
mod transactions;

use std::collections::BTreeMap;

use drivers::{Capability, FailureKind, Key, Outcome, Row};
use harness::*;
use random::Random;

/// Runs a case on every store that declares what it needs, each time on an empty dataset.
fn on_each(needs: &[Capability], case: impl Fn(&mut Client)) {
    for store in keeping_stores() {
        if needs.iter().all(|one| store.capabilities.meets((*one).into())) {
            println!("store {}", store.name);
            case(&mut store.client());
            store.close();
        }
    }
}

const ONE: Key = Key::Int(1);

#[test]
fn whatever_happens_it_happens_as_in_memory() {
    const STEPS: usize = 4000;
    for store in keeping_stores() {
        let reference = harness::store("memory");
        let (mut client, mut truth) = (store.client(), reference.client());
        let mut random = Random(42);
        let mut answers = BTreeMap::new();
        for step in 0..STEPS {
            let op = random.op();
            if !store.capabilities.meets(op.needs()) {
                continue;
            }
            let (found, expected) = (outcome(client.execute(&op)), outcome(truth.execute(&op)));
            assert!(
                found == expected,
                "{}, step {step}: {op:?}\nfound    {found:?}\nexpected {expected:?}",
                store.name
            );
            let answered = matches!(&found, Ok((Outcome::Applied, rows)) if op.writes() || !rows.is_empty());
            *answers.entry(op.verb()).or_insert(0) += u32::from(answered);
        }
        assert_eq!(client.digests(), truth.digests(), "{}", store.name);
        // Chance must have asked something of every verb, or agreeing would mean little.
        assert!(answers.values().all(|times| *times >= 20), "{}: {answers:?}", store.name);
    }
}

/// What must agree: the kind of a failure, or how it ended and the rows, by their meaning.
fn outcome(answer: Result<(Outcome, Vec<Row>), drivers::Failure>) -> Result<(Outcome, Vec<Vec<u8>>), FailureKind> {
    match answer {
        Ok((Outcome::Applied, rows)) => Ok((Outcome::Applied, canonical(&rows))),
        Ok((Outcome::Refused, _)) => Ok((Outcome::Refused, Vec::new())),
        Err(failure) => Err(failure.kind),
    }
}
