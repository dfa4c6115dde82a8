//! The seam between the suite and the stores, and a folder for each store.
//!
//! A driver is two types. Its [`Store`] opens from its own configuration, makes sessions and describes itself; its
//! [`Session`] is one logical client with one operation in flight, whose `execute` is a `match` with one arm for each
//! operation that it speaks. Operations are data ([`Op`]); their meanings are written in `seam/op.rs` and, as code, in
//! `stores/memory`. Drivers know no plan, no stopwatch and no histogram, and print nothing.
//!
//! To add a store: write `stores/name/mod.rs`, put its client crate and a feature into `Cargo.toml`, and its module and a line
//! into the list of `stores/mod.rs`. All else follows from what it declares ([`Declaration`]); the conformance suite
//! (`tests/conformance.rs`) holds it to that.
//!
//! # Words
//!
//! - **store**: a kind of data store, known by its name. **session**: one logical client of an opened store.
//! - **dataset**: what a workload keeps: **tables** of **records**, **logs** of **streams** of **events**, **series** of
//!   **points** of **entities**. A **part** is one of them.
//! - **operation** (`Op`): one logical step that a workload asks for. Its **outcome** is that it was applied, or refused by
//!   a **floor**, the lowest value that a counter may fall to; else it is a **failure** of a **kind**.
//! - **capability**: a family of operations that a store carries out without emulating them.
//! - **binding**: the statements and round trips that an operation becomes in a store. **layout**: how the dataset lies in
//!   it physically.
//! - **tier**, **durability**: what an acknowledged write survives. **guarantees**: what a store is found to promise, by its
//!   own settings.
//! - **address**: how a user names a store. Without a **location** a **server** of our own is started, at a **site**, and
//!   is stopped after the run.
//! - **mark**: what says of a dataset that we made it. **marker**: the text beside a dataset by which runs tell who uses it.
//! - **leftover**: what an ended run left in a store. **abandoned folder**: what it left of a server on this machine.

#![allow(async_fn_in_trait)] // Sessions live and die on one thread, so their futures need not be `Send`.
#![cfg_attr(not(feature = "all"), allow(dead_code))] // A build of some stores leaves helpers of the others unused.

pub mod launch;
mod seam;
mod sql;
mod store;
mod stores;
mod support;

pub use seam::address::{Address, AddressError};
pub use seam::capability::{
    Binding, Capabilities, Capability, Description, Durability, Footprint, Guarantees, Isolation, Lack, Sending,
};
pub use seam::dataset::{Dataset, Field, KeyKind, Kind, Log, Part, Series, Table};
pub use seam::failure::{Failure, FailureKind, PassedLimit};
pub use seam::leftover::Leftover;
pub use seam::notation::Notation;
pub use seam::op::{Fields, Fold, Matching, Op, OpSubject, Order, Outcome};
pub use seam::options::NoOptions;
pub use seam::printable::{is_unprintable, one_line, one_sentence, printable_lines, without_error_numbers};
pub use seam::redaction::{password_in, redacted};
pub use seam::secrets::without_secrets;
pub use seam::value::{Change, Digest, Key, Point, Record, Row, Rows, Value, row_hash};
pub use seam::value_order::OrderedValue;
pub use store::{Declaration, Opening, Placement, Session, Store};
pub use stores::*;
pub use support::disk::{filesystem_of, scratch_folder};
pub use support::{scratch, server};
