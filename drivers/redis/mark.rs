//! Whose keys they are: a hash beside a dataset's keys says that storebench made them and in which layout, and holds the
//! note.
//!
//! Only keys under a mark are ever removed. Commands that empty a database are not here.

use super::link::Link;
use super::session::{KeysUnder, ask};
use super::shape::{Layout, Shape};
use crate::{Failure, FailureKind};

const MADE_BY: (&str, &str) = ("made_by", "storebench");
const NOTE: &str = "note";
/// A mark without it is of the time when there was one layout, the hash.
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

/// Removes a dataset of ours, and its mark last.
pub(super) async fn remove(connection: &mut Link, shape: &Shape) -> Result<(), Failure> {
    if is_ours(connection, shape).await? {
        remove_keys(connection, shape).await?;
        let _: u64 = ask(connection, redis::cmd("UNLINK").arg(&shape.mark)).await?;
    }
    Ok(())
}

/// Writes the note.
pub(super) async fn note(connection: &mut Link, shape: &Shape, note: &str) -> Result<(), Failure> {
    if !is_ours(connection, shape).await? {
        return Err(Failure::broken(format!("redis: `{}` holds no dataset of ours to note something of", shape.mark)));
    }
    let _: u64 = ask(connection, redis::cmd("HSET").arg(&shape.mark).arg(NOTE).arg(note)).await?;
    Ok(())
}

/// Reads the note. Of a dataset that lies in the other layout there is none for us: its records would be misread.
pub(super) async fn noted(connection: &mut Link, shape: &Shape) -> Result<Option<String>, Failure> {
    if !is_ours(connection, shape).await? {
        return Ok(None);
    }
    let read = redis::cmd("HMGET").arg(&shape.mark).arg(LAYOUT).arg(NOTE).clone();
    let (layout, note): (Option<String>, Option<String>) = ask(connection, &read).await?;
    let is_same = layout.as_deref().unwrap_or(Layout::Hash.name()) == shape.layout.name();
    Ok(note.filter(|_| is_same))
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
    let refusal = |key: &str| {
        let words = format!(
            "redis: the database already holds the key `{key}` that this workload did not make; \
             choose another database by the number at the end of the URL"
        );
        Err(Failure::new(FailureKind::Broken, words))
    };
    let marked: bool = ask(connection, redis::cmd("EXISTS").arg(&shape.mark)).await?;
    if marked {
        return refusal(&shape.mark);
    }
    let mut keys = KeysUnder::new(&shape.prefix);
    while let Some(keys) = keys.next(connection).await? {
        if let Some(key) = keys.first() {
            return refusal(&String::from_utf8_lossy(key));
        }
    }
    Ok(())
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
