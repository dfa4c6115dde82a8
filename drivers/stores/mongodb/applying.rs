//! Changes: the commands of operations that share one, and what the counts and errors in their replies mean.

use std::collections::HashSet;

use super::changes::{Added, added};
use super::session::{MongodbSession, Trouble, key_of};
use crate::{Failure, FailureKind, Fields, Op, Outcome, Point, Value};

impl MongodbSession {
    pub(super) async fn insert(&mut self, run: &[Op]) -> Result<(), Failure> {
        let mut documents = added(run).peekable();
        let mut sent = 0;
        while documents.peek().is_some() {
            let (command, count) = self.commands().insert(&mut documents, true)?;
            let reply = self.line.change(command).await.map_err(|failure| self.named(failure, run))?;
            if let Some(refusal) = reply.errors.first() {
                let name = added(run).nth(sent + refusal.at).map(|document| self.name(document));
                return Err(refusal.failure(&name.unwrap_or_default()));
            }
            expect(reply.count, count)?;
            sent += count;
        }
        Ok(())
    }

    /// Points are inserted, which is several times quicker than looking for each first; those whose instant the server
    /// says is taken are then put in place of the former, in their order.
    pub(super) async fn ingest(&mut self, series: usize, run: &[Op]) -> Result<(), Failure> {
        let is_unique = self.layout.series[series].is_unique();
        let mut documents = added(run).peekable();
        while documents.peek().is_some() {
            let these = documents.clone();
            let (command, count) = self.commands().insert(&mut documents, false)?;
            let reply = self.line.change(command).await?;
            if let Some(refusal) = reply.errors.iter().find(|refusal| !(is_unique && refusal.is_taken_key())) {
                return Err(refusal.failure(&self.layout.dataset.series[series].name));
            }
            expect(reply.count + reply.errors.len(), count)?;
            if !reply.errors.is_empty() {
                let taken: HashSet<usize> = reply.errors.iter().map(|refusal| refusal.at).collect();
                let points = these.take(count).enumerate().filter(|(at, _)| taken.contains(at));
                let points = points.filter_map(|(_, document)| match document {
                    Added::Point { point, .. } => Some(point),
                    _ => None,
                });
                self.replace(series, points).await?;
            }
        }
        Ok(())
    }

    async fn replace<'p>(&mut self, series: usize, points: impl Iterator<Item = &'p Point>) -> Result<(), Failure> {
        let mut points = points.peekable();
        while points.peek().is_some() {
            let (command, count) = self.commands().replace(series, &mut points)?;
            let reply = self.line.change(command).await?;
            if let Some(refusal) = reply.errors.first() {
                return Err(refusal.failure(&self.layout.dataset.series[series].name));
            }
            expect(reply.count, count)?;
        }
        Ok(())
    }

    pub(super) async fn update(&mut self, table: usize, run: &[Op]) -> Result<Outcome, Trouble> {
        let mut ops = run.iter().peekable();
        let (mut done, mut sent) = (Outcome::Applied, 0);
        while ops.peek().is_some() {
            let (command, count) = self.commands().update(table, &mut ops)?;
            let these = &run[sent..sent + count];
            sent += count;
            let reply = match self.line.change(command).await {
                Ok(reply) => reply,
                Err(failure) if self.transacting && count > 1 && failure.kind == FailureKind::Broken => {
                    return Err(Trouble::Undecided);
                }
                Err(failure) => return Err(self.named(failure, these).into()),
            };
            let tried = reply.errors.first().map_or(count, |refusal| refusal.at);
            if reply.count < tried {
                // The error has ended the transaction, in which nothing can be read any more.
                if self.transacting && tried < count {
                    return Err(Trouble::Undecided);
                }
                done = self.why(table, &these[..tried], tried - reply.count).await?;
            }
            if let Some(refusal) = reply.errors.first() {
                return Err(refusal.failure(&self.record_name(table, key_of(&these[tried]))).into());
            }
        }
        Ok(done)
    }

    /// Some of these updates and bumps matched nothing: the record or a number in it is missing, or there is a floor.
    async fn why(&mut self, table: usize, ops: &[Op], short: usize) -> Result<Outcome, Trouble> {
        let bumped = |op: &Op| if let Op::Increment { field, .. } = op { Some(*field) } else { None };
        let fields: Vec<usize> = ops.iter().filter_map(bumped).collect();
        let held = self.held(table, ops, &Fields::Some(fields.clone())).await?;
        let mut failures = ops.iter().filter_map(|op| {
            let name = || self.record_name(table, key_of(op));
            let Some(values) = held.get(key_of(op)) else { return Some(Failure::missing(name())) };
            let number = |field| fields.iter().position(|one| *one == field).map(|at| &values[at]);
            match bumped(op).map(number) {
                None | Some(Some(Value::Int(_))) => None,
                _ => Some(Failure::broken(format!("mongodb: {}: a field without an integer cannot be bumped", name()))),
            }
        });
        if let Some(first) = failures.next() {
            let undecided = self.transacting && 1 + failures.count() < short;
            return Err(if undecided { Trouble::Undecided } else { first.into() });
        }
        // Everything is there now. With a floor it was so before as well, and the floor was met, whatever has been done
        // since; else the record has come since.
        if ops.iter().any(|op| matches!(op, Op::Increment { floor: Some(_), .. })) {
            return Ok(Outcome::Refused);
        }
        Err(Failure::missing(self.record_name(table, key_of(&ops[0]))).into())
    }

    pub(super) async fn delete(&mut self, table: usize, run: &[Op]) -> Result<(), Failure> {
        let mut keys = run.iter().map(key_of).peekable();
        while keys.peek().is_some() {
            let (command, count) = self.commands().delete(table, &mut keys)?;
            let reply = self.line.change(command).await?;
            if let Some(refusal) = reply.errors.first() {
                return Err(refusal.failure(&self.layout.dataset.tables[table].name));
            }
            match run {
                _ if reply.count == count => {}
                [op] => return Err(Failure::missing(self.record_name(table, key_of(op)))),
                _ => {
                    return Err(Failure::missing(format_args!(
                        "one of {count} {}",
                        self.layout.dataset.tables[table].name
                    )));
                }
            }
        }
        Ok(())
    }

    /// A failure of a whole command, where the taken key is that of its only document.
    fn named(&self, failure: Failure, run: &[Op]) -> Failure {
        match (failure.kind, added(run).next()) {
            (FailureKind::Exists, Some(document)) => Failure::exists(self.name(document)),
            _ => failure,
        }
    }

    fn name(&self, document: Added<'_>) -> String {
        match document {
            Added::Record { table, key, .. } => self.record_name(table, key),
            other => self.layout.dataset.name_of(other.part()).to_owned(),
        }
    }
}

fn expect(count: usize, expected: usize) -> Result<(), Failure> {
    if count == expected {
        return Ok(());
    }
    Err(Failure::broken(format!("mongodb: {count} of {expected} statements were carried out, without any error")))
}
