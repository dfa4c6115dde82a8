//! Ownership: a hash beside the dataset records that storebench made it, and holds the marker of the run that uses it.
//!
//! Only keys under such a mark are ever removed. Commands that empty a database are not here.

use std::collections::BTreeMap;

use super::eviction;
use super::link::Link;
use super::session::{KeysUnder, ask};
use super::shape::{PREFIX, Shape};
use crate::{Failure, Leftover};

const MADE_BY: (&str, &str) = ("made_by", "storebench");
const MARKER: &str = "marker";

/// Puts a marker in the place of another; the empty text stands for none.
const SWAP: &str = "
    if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[3], ARGV[4], ARGV[5])
    return 1";

/// Makes an empty dataset of ours in place of an earlier one of ours. The mark stays until all is gone.
pub(super) async fn reset(connection: &mut Link, shape: &Shape) -> Result<(), Failure> {
    if is_ours(connection, shape).await? {
        return remove_keys(connection, shape).await;
    }
    refuse_foreign(connection, shape).await?;
    let mut mark = redis::cmd("HSET");
    mark.arg(&shape.mark).arg(MADE_BY.0).arg(MADE_BY.1);
    let _: u64 = ask(connection, &mark).await?;
    Ok(())
}

/// Removes a dataset of ours, and its mark last. One that was ours and has lost its mark stays, and that is a failure.
pub(super) async fn remove(connection: &mut Link, shape: &Shape, was_ours: bool) -> Result<(), Failure> {
    if is_ours(connection, shape).await? {
        remove_keys(connection, shape).await?;
        let _: u64 = ask(connection, redis::cmd("UNLINK").arg(&shape.mark)).await?;
    } else if was_ours && let Some(key) = key_under(connection, shape).await? {
        let words = format!(
            "redis: the mark `{}` is gone, so `{key}` and what else begins with `{}` was left: `storebench clean --force` removes it",
            shape.mark, shape.prefix
        );
        return Err(eviction::suspected(connection, Failure::broken(words), &shape.mark).await);
    }
    Ok(())
}

/// The marker, if there is one. That it is gone though it `was_ours` is a failure on a server that evicts: it knows why.
pub(super) async fn read(connection: &mut Link, shape: &Shape, was_ours: bool) -> Result<Option<String>, Failure> {
    if is_ours(connection, shape).await? {
        return ask(connection, redis::cmd("HGET").arg(&shape.mark).arg(MARKER)).await;
    }
    if was_ours {
        let gone = Failure::broken(format!("redis: the marker `{}` is gone", shape.mark));
        let suspected = eviction::suspected(connection, gone, &shape.mark).await;
        if suspected.message.contains("evicted") {
            return Err(suspected);
        }
    }
    Ok(None)
}

/// Puts a marker in the place of the expected one, if that is what is there.
pub(super) async fn swap(
    connection: &mut Link,
    shape: &Shape,
    expected: Option<&str>,
    new: &str,
) -> Result<bool, Failure> {
    if expected.is_none() && !is_ours(connection, shape).await? {
        refuse_foreign(connection, shape).await?;
    }
    let mut swap = redis::cmd("EVAL");
    swap.arg(SWAP).arg(1).arg(&shape.mark).arg(MARKER).arg(expected.unwrap_or_default()).arg(new);
    ask(connection, swap.arg(MADE_BY.0).arg(MADE_BY.1)).await
}

/// What lies below the prefix of all datasets. Its names end at a colon.
pub(super) async fn leftovers(connection: &mut Link) -> Result<Vec<Leftover>, Failure> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut all = KeysUnder::new(PREFIX);
    while let Some(keys) = all.next(connection).await? {
        for key in keys {
            let key = String::from_utf8_lossy(&key).into_owned();
            let dataset = key[PREFIX.len()..].split(':').next().unwrap_or_default();
            *counts.entry(dataset.to_owned()).or_default() += 1;
        }
    }
    let mut leftovers = Vec::new();
    for (dataset, keys) in counts {
        let is_marked = is_mark(connection, &format!("{PREFIX}{dataset}")).await?;
        // The server may answer a key more than once.
        let what = format!("about {keys} keys of {PREFIX}{dataset}");
        leftovers.push(Leftover { dataset, what, is_marked });
    }
    Ok(leftovers)
}

/// Marks what lies below our prefix as ours, unless something else has the name of the mark.
pub(super) async fn adopt(connection: &mut Link, shape: &Shape) -> Result<(), Failure> {
    let mut mark = redis::cmd("HSETNX");
    mark.arg(&shape.mark).arg(MADE_BY.0).arg(MADE_BY.1);
    let _: u64 = ask(connection, &mark).await?;
    Ok(())
}

async fn is_ours(connection: &mut Link, shape: &Shape) -> Result<bool, Failure> {
    is_mark(connection, &shape.mark).await
}

async fn is_mark(connection: &mut Link, key: &str) -> Result<bool, Failure> {
    let held: Result<Option<String>, _> = ask(connection, redis::cmd("HGET").arg(key).arg(MADE_BY.0)).await;
    match held {
        Ok(held) => Ok(held.as_deref() == Some(MADE_BY.1)),
        Err(failure) if failure.message.contains("WRONGTYPE") => Ok(false),
        Err(failure) => Err(failure),
    }
}

async fn refuse_foreign(connection: &mut Link, shape: &Shape) -> Result<(), Failure> {
    let marked: bool = ask(connection, redis::cmd("EXISTS").arg(&shape.mark)).await?;
    let key = if marked { Some(shape.mark.clone()) } else { key_under(connection, shape).await? };
    let Some(key) = key else { return Ok(()) };
    let words = format!(
        "redis: the database already holds the key `{key}` that this workload did not make; \
         choose another database by the number at the end of the URL, or remove what an earlier run has left by \
         `storebench clean --force`"
    );
    let refusal = Failure::broken(words);
    Err(if marked { refusal } else { eviction::suspected(connection, refusal, &shape.mark).await })
}

/// One of the dataset's keys beside the mark, if there is one.
async fn key_under(connection: &mut Link, shape: &Shape) -> Result<Option<String>, Failure> {
    let mut keys = KeysUnder::new(&shape.prefix);
    while let Some(keys) = keys.next(connection).await? {
        if let Some(key) = keys.first() {
            return Ok(Some(String::from_utf8_lossy(key).into_owned()));
        }
    }
    Ok(None)
}

/// UNLINK frees memory in a thread of its own, so that others do not wait.
async fn remove_keys(connection: &mut Link, shape: &Shape) -> Result<(), Failure> {
    let mut keys = KeysUnder::new(&shape.prefix);
    while let Some(keys) = keys.next(connection).await? {
        if !keys.is_empty() {
            let _: u64 = ask(connection, redis::cmd("UNLINK").arg(keys)).await?;
        }
    }
    Ok(())
}
