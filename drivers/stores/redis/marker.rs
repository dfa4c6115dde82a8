//! Ownership: the marker is a hash beside the dataset. It says that storebench made the dataset, and holds the text of the
//! run that uses it.
//!
//! Only keys under such a marker are ever removed. Commands that empty a database are not here.

use std::collections::BTreeMap;

use super::connection::Connection;
use super::durability::{possible_eviction, suspect_eviction};
use super::failure::code;
use super::layout::{Layout, PREFIX};
use super::scan::KeyScan;
use crate::{Failure, Leftover};

/// The field that says who made the dataset.
const MADE_BY: (&str, &str) = ("made_by", "storebench");
/// The field with the text of the run.
const TEXT_FIELD: &str = "marker";

/// Replaces the text by another; the empty text stands for none.
const SWAP: &str = "
    if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[3], ARGV[4], ARGV[5])
    return 1";

/// Makes an empty dataset of ours in place of an earlier one of ours. The marker stays while its keys are removed.
pub(super) async fn reset(connection: &mut Connection, layout: &Layout) -> Result<(), Failure> {
    if is_ours(connection, layout).await? {
        return remove_keys(connection, layout).await;
    }
    refuse_foreign(connection, layout).await?;
    let mut marker = redis::cmd("HSET");
    marker.arg(&layout.marker).arg(MADE_BY.0).arg(MADE_BY.1);
    let _: u64 = connection.query(&marker).await?;
    Ok(())
}

/// Removes a dataset of ours, and its marker last. One that was ours and has lost its marker stays, and that is a failure.
pub(super) async fn remove(connection: &mut Connection, layout: &Layout, was_ours: bool) -> Result<(), Failure> {
    if is_ours(connection, layout).await? {
        remove_keys(connection, layout).await?;
        let _: u64 = connection.query(redis::cmd("UNLINK").arg(&layout.marker)).await?;
    } else if was_ours && let Some(key) = key_under(connection, layout).await? {
        let message = format!(
            "redis: the marker `{}` is gone, so `{key}` and all else that begins with `{}` was left there: \
             `storebench clean --force` removes it",
            layout.marker, layout.prefix
        );
        return Err(suspect_eviction(connection, Failure::broken(message), &layout.marker).await);
    }
    Ok(())
}

/// The text of the marker, if there is one. That a marker `was_ours` and is gone is a failure on a server that may have
/// evicted it.
pub(super) async fn read_marker(
    connection: &mut Connection,
    layout: &Layout,
    was_ours: bool,
) -> Result<Option<String>, Failure> {
    if is_ours(connection, layout).await? {
        return connection.query(redis::cmd("HGET").arg(&layout.marker).arg(TEXT_FIELD)).await;
    }
    if was_ours && let Some(cause) = possible_eviction(connection, &layout.marker).await {
        return Err(Failure::broken(format!("redis: the marker `{}` is gone; {cause}", layout.marker)));
    }
    Ok(None)
}

/// Replaces the text of the marker, if it is the expected one.
pub(super) async fn swap_marker(
    connection: &mut Connection,
    layout: &Layout,
    expected: Option<&str>,
    new: &str,
) -> Result<bool, Failure> {
    if expected.is_none() && !is_ours(connection, layout).await? {
        refuse_foreign(connection, layout).await?;
    }
    let mut swap = redis::cmd("EVAL");
    swap.arg(SWAP).arg(1).arg(&layout.marker).arg(TEXT_FIELD).arg(expected.unwrap_or_default()).arg(new);
    connection.query(swap.arg(MADE_BY.0).arg(MADE_BY.1)).await
}

/// What runs have left under the prefix of all datasets. The name of a dataset ends at a colon.
pub(super) async fn leftovers(connection: &mut Connection) -> Result<Vec<Leftover>, Failure> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut all = KeyScan::new(PREFIX);
    while let Some(keys) = all.next(connection).await? {
        for key in keys {
            let key = String::from_utf8_lossy(&key).into_owned();
            let dataset = key[PREFIX.len()..].split(':').next().unwrap_or_default();
            *counts.entry(dataset.to_owned()).or_default() += 1;
        }
    }
    let mut leftovers = Vec::new();
    for (dataset, keys) in counts {
        let is_marked = is_marker(connection, &format!("{PREFIX}{dataset}")).await?;
        // The server may answer a key more than once.
        let what = format!("about {keys} keys of {PREFIX}{dataset}");
        leftovers.push(Leftover { dataset, what, is_marked });
    }
    Ok(leftovers)
}

/// Marks what lies under the dataset's prefix as ours, unless something else has the name of the marker.
pub(super) async fn adopt(connection: &mut Connection, layout: &Layout) -> Result<(), Failure> {
    let mut marker = redis::cmd("HSETNX");
    marker.arg(&layout.marker).arg(MADE_BY.0).arg(MADE_BY.1);
    let _: u64 = connection.query(&marker).await?;
    Ok(())
}

async fn is_ours(connection: &mut Connection, layout: &Layout) -> Result<bool, Failure> {
    is_marker(connection, &layout.marker).await
}

async fn is_marker(connection: &mut Connection, key: &str) -> Result<bool, Failure> {
    let made_by: Result<Option<String>, _> = connection.query(redis::cmd("HGET").arg(key).arg(MADE_BY.0)).await;
    match made_by {
        Ok(made_by) => Ok(made_by.as_deref() == Some(MADE_BY.1)),
        Err(failure) if code(&failure) == Some("WRONGTYPE") => Ok(false),
        Err(failure) => Err(failure),
    }
}

async fn refuse_foreign(connection: &mut Connection, layout: &Layout) -> Result<(), Failure> {
    let is_marked: bool = connection.query(redis::cmd("EXISTS").arg(&layout.marker)).await?;
    let key = if is_marked { Some(layout.marker.clone()) } else { key_under(connection, layout).await? };
    let Some(key) = key else { return Ok(()) };
    let message = format!(
        "redis: the database already holds the key `{key}` that this workload did not make; \
         choose another database by the number at the end of the URL, or remove what an earlier run left by \
         `storebench clean --force`"
    );
    let refusal = Failure::broken(message);
    Err(if is_marked { refusal } else { suspect_eviction(connection, refusal, &layout.marker).await })
}

/// One of the dataset's keys other than the marker, if there is one.
async fn key_under(connection: &mut Connection, layout: &Layout) -> Result<Option<String>, Failure> {
    let mut keys = KeyScan::new(&layout.prefix);
    while let Some(keys) = keys.next(connection).await? {
        if let Some(key) = keys.first() {
            return Ok(Some(String::from_utf8_lossy(key).into_owned()));
        }
    }
    Ok(None)
}

/// Removes all keys of the dataset but the marker. UNLINK frees memory in a thread of its own, so that other clients do not
/// wait.
async fn remove_keys(connection: &mut Connection, layout: &Layout) -> Result<(), Failure> {
    let mut keys = KeyScan::new(&layout.prefix);
    while let Some(keys) = keys.next(connection).await? {
        if !keys.is_empty() {
            let _: u64 = connection.query(redis::cmd("UNLINK").arg(keys)).await?;
        }
    }
    Ok(())
}
