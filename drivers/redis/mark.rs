//! Ownership: a hash beside the dataset records that storebench made it, in which layout, and a note.
//!
//! Only keys under a mark are ever removed. Commands that empty a database are not here.

use super::eviction;
use super::link::Link;
use super::session::{KeysUnder, ask};
use super::shape::Shape;
use crate::Failure;

const MADE_BY: (&str, &str) = ("made_by", "storebench");
const NOTE: &str = "note";
const LAYOUT: &str = "layout";

/// Makes an empty dataset of ours in place of an earlier one of ours.
pub(super) async fn reset(connection: &mut Link, shape: &Shape) -> Result<(), Failure> {
    if is_ours(connection, shape).await? {
        // The note goes before what it tells of, and the mark stays until all is gone.
        let _: u64 = ask(connection, redis::cmd("HDEL").arg(&shape.mark).arg(NOTE)).await?;
        remove_keys(connection, shape).await?;
    } else {
        refuse_foreign(connection, shape).await?;
    }
    let mut mark = redis::cmd("HSET");
    mark.arg(&shape.mark).arg(MADE_BY.0).arg(MADE_BY.1).arg(LAYOUT).arg(shape.layout.name());
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
            "redis: the mark `{}` is gone, so `{key}` and what else begins with `{}` was left: remove it by hand",
            shape.mark, shape.prefix
        );
        return Err(eviction::suspected(connection, Failure::broken(words), &shape.mark).await);
    }
    Ok(())
}

/// Writes the note.
pub(super) async fn note(connection: &mut Link, shape: &Shape, note: &str) -> Result<(), Failure> {
    if !is_ours(connection, shape).await? {
        let failure = Failure::broken("redis: no storebench dataset to annotate");
        return Err(eviction::suspected(connection, failure, &shape.mark).await);
    }
    let _: u64 = ask(connection, redis::cmd("HSET").arg(&shape.mark).arg(NOTE).arg(note)).await?;
    Ok(())
}

/// Reads the note. Returns `None` for a dataset in the other layout, whose records we would misread.
pub(super) async fn noted(connection: &mut Link, shape: &Shape) -> Result<Option<String>, Failure> {
    if !is_ours(connection, shape).await? {
        return Ok(None);
    }
    let read = redis::cmd("HMGET").arg(&shape.mark).arg(LAYOUT).arg(NOTE).clone();
    let (layout, note): (Option<String>, Option<String>) = ask(connection, &read).await?;
    Ok(note.filter(|_| layout.as_deref() == Some(shape.layout.name())))
}

async fn is_ours(connection: &mut Link, shape: &Shape) -> Result<bool, Failure> {
    let held: Result<Option<String>, _> = ask(connection, redis::cmd("HGET").arg(&shape.mark).arg(MADE_BY.0)).await;
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
         choose another database by the number at the end of the URL"
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
