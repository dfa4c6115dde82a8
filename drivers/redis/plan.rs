//! What operations do to documents that the client has read, worked out before anything is sent: which text is put in the
//! place of which, and what moves in the indexes.
//!
//! Later operations see what earlier ones of the same plan did. That the documents are still what was read is for
//! `documents.lua` to find out.

use std::collections::HashMap;

use super::document::{self, Document};
use super::order::{self, Ordering};
use super::records::{indexed, indexed_changes};
use super::replies::code;
use super::shape::{Index, Shape};
use crate::{Change, Failure, Key, Kind, Op, Table, Value};

/// Steps, one for each operation, up to the first that fails.
pub(super) struct Plan<'a> {
    pub(super) steps: Vec<Step<'a>>,
    /// Documents as they were read or are written.
    texts: Vec<Vec<u8>>,
}

/// What one operation does. A text is a position for [`Plan::text`].
pub(super) enum Step<'a> {
    /// No document is written.
    Plain,
    /// A document is put where none is.
    Insert { new: usize, moves: Vec<Move<'a>> },
    /// A document is put in the place of the one that was read.
    Replace { read: usize, new: usize, moves: Vec<Move<'a>> },
    /// The document that was read is removed; any, if the table has no index.
    Remove { read: Option<usize>, moves: Vec<Move<'a>> },
    /// It ends with a code of [`code`], if the document that was read, or none, is still there.
    Ends { read: Option<usize>, code: i64 },
}

/// What becomes of a record in an index.
pub(super) struct Move<'a> {
    pub(super) index: &'a Index,
    /// The member that goes; empty if none does.
    pub(super) goes: Vec<u8>,
    /// The member that comes; empty if none does.
    pub(super) comes: Vec<u8>,
}

impl<'a> Step<'a> {
    pub(super) fn moves(&self) -> &[Move<'a>] {
        match self {
            Step::Insert { moves, .. } | Step::Replace { moves, .. } | Step::Remove { moves, .. } => moves,
            Step::Plain | Step::Ends { .. } => &[],
        }
    }
}

/// The record whose document has to be read before this operation can be sent.
pub(super) fn needed<'a>(shape: &Shape, op: &'a Op) -> Option<(usize, &'a Key)> {
    match op {
        Op::Update { table, key, .. } | Op::Bump { table, key, .. } => Some((*table, key)),
        Op::Delete { table, key } if !shape.tables[*table].indexes.is_empty() => Some((*table, key)),
        _ => None,
    }
}

impl<'a> Plan<'a> {
    /// Plans operations on records; `read` holds a document, or none, for each of them that is [`needed`], in order.
    pub(super) fn new(shape: &'a Shape, ops: &'a [Op], read: Vec<Option<Vec<u8>>>) -> Result<Self, Failure> {
        let mut planner = Planner::new(shape);
        for (record, text) in ops.iter().filter_map(|op| needed(shape, op)).zip(read) {
            let text = text.map(|text| planner.keep(text));
            planner.held.insert(record, text);
        }
        let mut steps = Vec::with_capacity(ops.len());
        for op in ops {
            let step = planner.step(op)?;
            let fails = matches!(step, Step::Ends { code, .. } if code < code::REFUSED);
            steps.push(step);
            if fails {
                break;
            }
        }
        Ok(Plan { steps, texts: planner.texts })
    }

    /// A plan with words in the place of what would be read: for printing.
    pub(super) fn in_words(shape: &'a Shape, ops: &'a [Op]) -> Result<Self, Failure> {
        let mut planner = Planner::new(shape);
        let [read, new] = ["<document read>", "<document changed>"].map(|word| planner.keep(word.into()));
        let step = |op| match in_words(shape, op, read, new) {
            Some(step) => Ok(step),
            None => planner.step(op),
        };
        let steps = ops.iter().map(step).collect::<Result<_, Failure>>()?;
        Ok(Plan { steps, texts: planner.texts })
    }

    pub(super) fn text(&self, at: usize) -> &[u8] {
        &self.texts[at]
    }

    /// How the only operation ends, if that is known without another word of the server.
    pub(super) fn known_end(&self) -> Option<i64> {
        match self.steps[..] {
            [Step::Ends { code, .. }] => Some(code),
            _ => None,
        }
    }

    /// Whether one of the first operations is refused.
    pub(super) fn refuses(&self, first: usize) -> bool {
        self.steps.iter().take(first).any(|step| matches!(step, Step::Ends { code: code::REFUSED, .. }))
    }
}

/// What is known while a plan is made.
struct Planner<'a> {
    shape: &'a Shape,
    texts: Vec<Vec<u8>>,
    /// The documents of records as they are after the steps so far, or that there is none.
    held: HashMap<(usize, &'a Key), Option<usize>>,
}

impl<'a> Planner<'a> {
    fn new(shape: &'a Shape) -> Self {
        Planner { shape, texts: Vec::new(), held: HashMap::new() }
    }

    fn keep(&mut self, text: Vec<u8>) -> usize {
        self.texts.push(text);
        self.texts.len() - 1
    }

    fn step(&mut self, op: &'a Op) -> Result<Step<'a>, Failure> {
        if let Some(record) = needed(self.shape, op) {
            return match self.held.get(&record).copied().flatten() {
                Some(read) => self.step_from(op, read),
                None => Ok(Step::Ends { read: None, code: code::MISSING }),
            };
        }
        match op {
            Op::Insert { table, key, record } => {
                let new = self.keep(document::write(&self.table(*table).fields, record)?);
                self.held.insert((*table, key), Some(new));
                let joined = |index: &'a Index| {
                    let comes = member(index.ordering, &record[index.field], key)?;
                    Ok(Move { index, goes: Vec::new(), comes })
                };
                let moves = indexed(self.shape, *table, record).map(joined).collect::<Result<_, Failure>>()?;
                Ok(Step::Insert { new, moves })
            }
            Op::Delete { table, key } => {
                self.held.insert((*table, key), None);
                Ok(Step::Remove { read: None, moves: Vec::new() })
            }
            _ => Ok(Step::Plain),
        }
    }

    /// What an operation does to the document that is there.
    fn step_from(&mut self, op: &'a Op, read: usize) -> Result<Step<'a>, Failure> {
        match op {
            Op::Update { table, key, changes } => self.replace(*table, key, read, changes),
            // As in memory: the floor is asked first, also where no 64-bit integer could hold the sum.
            Op::Bump { table, key, field, by, floor } => {
                let ends = |code| Ok(Step::Ends { read: Some(read), code });
                let document = Document::of(&self.table(*table).fields, &self.texts[read])?;
                let Value::Int(held) = document.value(*field)? else { return ends(code::NO_INTEGER) };
                let sum = i128::from(held) + i128::from(*by);
                if floor.is_some_and(|floor| sum < i128::from(floor)) {
                    return ends(code::REFUSED);
                }
                let Ok(sum) = i64::try_from(sum) else { return ends(code::TOO_LARGE) };
                self.replace(*table, key, read, &[Change { field: *field, value: Value::Int(sum) }])
            }
            Op::Delete { table, key } => {
                let document = Document::of(&self.table(*table).fields, &self.texts[read])?;
                let mut moves = Vec::new();
                for index in &self.shape.tables[*table].indexes {
                    let goes = member_of(&document, self.table(*table), index, key)?;
                    moves.push(Move { index, goes, comes: Vec::new() });
                }
                moves.retain(|one| !one.goes.is_empty());
                self.held.insert((*table, key), None);
                Ok(Step::Remove { read: Some(read), moves })
            }
            _ => Err(Failure::misplaced(op)),
        }
    }

    fn replace(&mut self, table: usize, key: &'a Key, read: usize, changes: &[Change]) -> Result<Step<'a>, Failure> {
        let document = Document::of(&self.table(table).fields, &self.texts[read])?;
        let mut moves = Vec::new();
        for (index, value) in indexed_changes(self.shape, table, changes) {
            let goes = member_of(&document, self.table(table), index, key)?;
            let comes = match value {
                Value::Null => Vec::new(),
                value => member(index.ordering, value, key)?,
            };
            if goes != comes {
                moves.push(Move { index, goes, comes });
            }
        }
        let changed = document.changed(changes)?;
        let new = self.keep(changed);
        self.held.insert((table, key), Some(new));
        Ok(Step::Replace { read, new, moves })
    }

    fn table(&self, table: usize) -> &'a Table {
        &self.shape.dataset.tables[table]
    }
}

/// What an operation does that needs a document, whatever is in it.
fn in_words<'a>(shape: &'a Shape, op: &'a Op, read: usize, new: usize) -> Option<Step<'a>> {
    let (table, _) = needed(shape, op)?;
    let goes = || b"<old member>".to_vec();
    let moved = |index| Move { index, goes: goes(), comes: b"<new member>".to_vec() };
    let indexes = &shape.tables[table].indexes;
    Some(match op {
        Op::Update { changes, .. } => {
            let moves = indexed_changes(shape, table, changes).map(|(index, _)| moved(index)).collect();
            Step::Replace { read, new, moves }
        }
        Op::Bump { field, .. } => {
            let moves = indexes.iter().filter(|index| index.field == *field).map(moved).collect();
            Step::Replace { read, new, moves }
        }
        _ => {
            let moves = indexes.iter().map(|index| Move { index, goes: goes(), comes: Vec::new() }).collect();
            Step::Remove { read: Some(read), moves }
        }
    })
}

/// A value and a key as a member of an index.
fn member(ordering: Ordering, value: &Value, key: &Key) -> Result<Vec<u8>, Failure> {
    let mut member = Vec::new();
    order::write_value(&mut member, ordering, value)?;
    order::write_key(&mut member, key);
    Ok(member)
}

/// The member of a document in an index; empty if the field is absent. Lists, maps and items stand there by the text that
/// they have in the document.
fn member_of(document: &Document<'_>, table: &Table, index: &Index, key: &Key) -> Result<Vec<u8>, Failure> {
    let Some(text) = document.text(index.field) else { return Ok(Vec::new()) };
    let value = match table.fields[index.field].kind {
        Kind::List(_) | Kind::Map | Kind::Items(_) => Value::Text(text.to_owned()),
        _ => document.value(index.field)?,
    };
    member(index.ordering, &value, key)
}
