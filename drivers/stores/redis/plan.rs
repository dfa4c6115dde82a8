//! What operations do to documents that the client has read, worked out before anything is sent: which text is put in the
//! place of which, what moves in the indexes, and how it ends.
//!
//! Later operations see what earlier ones of the same plan did. It holds if the documents are still what was read; EXEC
//! verifies this.

use std::collections::HashMap;

use super::document::{self, Document};
use super::order::{self, Ordering};
use super::records::{indexed, indexed_changes};
use super::replies::code;
use super::shape::{Index, Shape};
use super::watched::{Group, record_of};
use crate::{Change, Failure, Key, Kind, Op, Record, Table, Value};

/// Steps, one for each operation, up to the first that ends it.
pub(super) struct Plan<'a> {
    pub(super) steps: Vec<Step<'a>>,
    /// The code with which it ends, of [`code`], and the operation.
    pub(super) end: Option<(i64, &'a Op)>,
    /// Whether one of the steps is a refusal.
    pub(super) refuses: bool,
    /// Documents as they were read or are written.
    texts: Vec<Vec<u8>>,
}

/// What one operation does. A text is a position for [`Plan::text`].
pub(super) enum Step<'a> {
    /// It was refused.
    Nothing,
    /// It is answered by a document that was read.
    Answer { seen: usize },
    /// The server answers it.
    Ask,
    /// A document is put where none is.
    Insert { new: usize, moves: Vec<Move<'a>> },
    /// A document is put in the place of another.
    Replace { new: usize, moves: Vec<Move<'a>> },
    /// A document is removed.
    Remove { moves: Vec<Move<'a>> },
    /// It fails or is refused, with a code.
    Ends(i64),
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
            Step::Insert { moves, .. } | Step::Replace { moves, .. } | Step::Remove { moves } => moves,
            _ => &[],
        }
    }
}

impl<'a> Plan<'a> {
    /// Plans a group; `read` holds the document, or none, of each record that it watches, in order. What a transaction did
    /// before its end is not done.
    pub(super) fn new(shape: &'a Shape, group: Group<'a>, read: Vec<Option<Vec<u8>>>) -> Result<Self, Failure> {
        let mut planner = Planner::new(shape);
        for (record, text) in group.watched().zip(read) {
            let text = text.map(|text| planner.keep(text));
            planner.held.insert(record, text);
        }
        let (mut steps, mut refuses) = (Vec::with_capacity(group.ops().len()), false);
        for op in group.ops() {
            match (planner.step(op)?, group) {
                (Step::Ends(code::REFUSED), Group::Each(_)) => {
                    steps.push(Step::Nothing);
                    refuses = true;
                }
                (Step::Ends(code), _) => {
                    if matches!(group, Group::All(_)) {
                        steps.clear();
                    }
                    return Ok(Plan { steps, end: Some((code, op)), refuses, texts: planner.texts });
                }
                (step, _) => steps.push(step),
            }
        }
        Ok(Plan { steps, end: None, refuses, texts: planner.texts })
    }

    /// A plan with words in the place of what would be read: for printing.
    pub(super) fn in_words(shape: &'a Shape, group: Group<'a>) -> Result<Self, Failure> {
        let mut planner = Planner::new(shape);
        let new = planner.keep(b"<document changed>".to_vec());
        let step = |op| match in_words(shape, op, new) {
            Some(step) => Ok(step),
            None => planner.step(op),
        };
        let steps = group.ops().iter().map(step).collect::<Result<_, Failure>>()?;
        Ok(Plan { steps, end: None, refuses: false, texts: planner.texts })
    }

    pub(super) fn text(&self, at: usize) -> &[u8] {
        &self.texts[at]
    }
}

/// What is known while a plan is made.
struct Planner<'a> {
    shape: &'a Shape,
    texts: Vec<Vec<u8>>,
    /// The documents of watched records as they are after the steps so far, or that there is none.
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
        let held = record_of(op).and_then(|record| self.held.get(&record).copied());
        match (op, held) {
            (Op::Insert { .. }, Some(Some(_))) => Ok(Step::Ends(code::EXISTS)),
            (Op::Insert { table, key, record }, _) => self.insert(*table, key, record),
            (Op::Read { .. }, None) | (Op::Scan { .. } | Op::Find { .. }, _) => Ok(Step::Ask),
            (Op::Read { .. }, Some(Some(seen))) => Ok(Step::Answer { seen }),
            (_, Some(Some(read))) => self.step_from(op, read),
            (_, Some(None)) => Ok(Step::Ends(code::MISSING)),
            (_, None) => Err(Failure::misplaced(op)),
        }
    }

    fn insert(&mut self, table: usize, key: &'a Key, record: &'a Record) -> Result<Step<'a>, Failure> {
        let new = self.keep(document::write(&self.table(table).fields, record)?);
        self.held.insert((table, key), Some(new));
        let joined = |index: &'a Index| {
            let comes = member(index.ordering, &record[index.field], key)?;
            Ok(Move { index, goes: Vec::new(), comes })
        };
        let moves = indexed(self.shape, table, record).map(joined).collect::<Result<_, Failure>>()?;
        Ok(Step::Insert { new, moves })
    }

    /// What an operation does to the document that is there.
    fn step_from(&mut self, op: &'a Op, read: usize) -> Result<Step<'a>, Failure> {
        match op {
            Op::Update { table, key, changes } => self.replace(*table, key, read, changes),
            // As in memory: the floor is asked first, also where no 64-bit integer could hold the sum.
            Op::Increment { table, key, field, by, floor } => {
                let document = Document::of(&self.table(*table).fields, &self.texts[read])?;
                let Value::Int(held) = document.value(*field)? else { return Ok(Step::Ends(code::NO_INTEGER)) };
                let sum = i128::from(held) + i128::from(*by);
                if floor.is_some_and(|floor| sum < i128::from(floor)) {
                    return Ok(Step::Ends(code::REFUSED));
                }
                let Ok(sum) = i64::try_from(sum) else { return Ok(Step::Ends(code::TOO_LARGE)) };
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
                Ok(Step::Remove { moves })
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
        Ok(Step::Replace { new, moves })
    }

    fn table(&self, table: usize) -> &'a Table {
        &self.shape.dataset.tables[table]
    }
}

/// What an operation does that depends on a document, whatever is in it.
fn in_words<'a>(shape: &'a Shape, op: &'a Op, new: usize) -> Option<Step<'a>> {
    let (table, _) = record_of(op)?;
    let goes = || b"<old member>".to_vec();
    let moved = |index| Move { index, goes: goes(), comes: b"<new member>".to_vec() };
    let indexes = shape.tables[table].indexes.iter();
    Some(match op {
        Op::Update { changes, .. } => {
            let moves = indexed_changes(shape, table, changes).map(|(index, _)| moved(index)).collect();
            Step::Replace { new, moves }
        }
        Op::Increment { field, .. } => {
            Step::Replace { new, moves: indexes.filter(|index| index.field == *field).map(moved).collect() }
        }
        Op::Delete { .. } => {
            Step::Remove { moves: indexes.map(|index| Move { index, goes: goes(), comes: Vec::new() }).collect() }
        }
        _ => return None,
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
