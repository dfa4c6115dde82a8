//! What operations do to documents that the client has read, worked out before anything is sent: which text replaces which,
//! what changes in the indexes, and the outcome.
//!
//! Later operations see what earlier ones of the same plan did. The plan holds if the documents are still what was read;
//! EXEC verifies this.

use std::collections::HashMap;

use super::group::OpGroup;
use super::text::{self, SplitDocument};
use crate::stores::redis::collation::{self, Collation};
use crate::stores::redis::decode::RecordStatus;
use crate::stores::redis::layout::{IndexLayout, Layout};
use crate::{Change, Failure, Key, Kind, Op, Record, Table, Value};

/// The edits of a group, one for each operation up to the first that ends it.
pub(in crate::stores::redis) struct DocumentPlan<'a> {
    pub(super) edits: Vec<Edit<'a>>,
    /// The operation that ends the group, and how.
    pub(in crate::stores::redis) end: Option<(RecordStatus, &'a Op)>,
    /// Whether an operation is refused without ending the group.
    pub(in crate::stores::redis) refuses: bool,
    /// Documents as they were read or will be written.
    texts: Vec<Vec<u8>>,
}

/// What one operation does. A text is a position for [`DocumentPlan::text`].
pub(super) enum Edit<'a> {
    /// A floor refuses it.
    Refused,
    /// A document that was read answers it.
    Answer { text: usize },
    /// The server answers it.
    Ask,
    /// Writes a new document.
    Insert { text: usize, changes: Vec<IndexChange<'a>> },
    /// Replaces a document by another.
    Replace { text: usize, changes: Vec<IndexChange<'a>> },
    /// Removes a document, and its member of each index.
    Remove { changes: Vec<IndexChange<'a>> },
    /// It fails or is refused, and ends the plan.
    End(RecordStatus),
}

/// What becomes of a record in an index.
pub(super) struct IndexChange<'a> {
    pub(super) index: &'a IndexLayout,
    /// The member to remove; empty if there is none.
    pub(super) removed: Vec<u8>,
    /// The member to add; empty if there is none.
    pub(super) added: Vec<u8>,
}

impl<'a> Edit<'a> {
    pub(super) fn index_changes(&self) -> &[IndexChange<'a>] {
        match self {
            Edit::Insert { changes, .. } | Edit::Replace { changes, .. } | Edit::Remove { changes } => changes,
            _ => &[],
        }
    }
}

impl<'a> DocumentPlan<'a> {
    /// Plans a group. `documents` holds the document, or none, of each record that the group watches, in order.
    pub(in crate::stores::redis) fn new(
        layout: &'a Layout,
        group: OpGroup<'a>,
        documents: Vec<Option<Vec<u8>>>,
    ) -> Result<Self, Failure> {
        let mut planner = DocumentPlanner::new(layout);
        for (record, text) in group.watched().zip(documents) {
            let text = text.map(|text| planner.keep(text));
            planner.current.insert(record, text);
        }
        let (mut edits, mut refuses) = (Vec::with_capacity(group.ops().len()), false);
        for op in group.ops() {
            match (planner.edit(op)?, group) {
                (Edit::End(RecordStatus::Refused), OpGroup::Each(_)) => {
                    edits.push(Edit::Refused);
                    refuses = true;
                }
                (Edit::End(status), _) => {
                    // Of a transaction nothing is done then.
                    if matches!(group, OpGroup::All(_)) {
                        edits.clear();
                    }
                    return Ok(DocumentPlan { edits, end: Some((status, op)), refuses, texts: planner.texts });
                }
                (edit, _) => edits.push(edit),
            }
        }
        Ok(DocumentPlan { edits, end: None, refuses, texts: planner.texts })
    }

    /// A plan with placeholders for what depends on documents: for printing.
    pub(in crate::stores::redis) fn with_placeholders(layout: &'a Layout, group: OpGroup<'a>) -> Result<Self, Failure> {
        let mut planner = DocumentPlanner::new(layout);
        let text = planner.keep(b"<document changed>".to_vec());
        let edit = |op| match placeholder_edit(layout, op, text) {
            Some(edit) => Ok(edit),
            None => planner.edit(op),
        };
        let edits = group.ops().iter().map(edit).collect::<Result<_, Failure>>()?;
        Ok(DocumentPlan { edits, end: None, refuses: false, texts: planner.texts })
    }

    pub(super) fn text(&self, at: usize) -> &[u8] {
        &self.texts[at]
    }
}

/// What is known while a plan is made.
struct DocumentPlanner<'a> {
    layout: &'a Layout,
    texts: Vec<Vec<u8>>,
    /// The documents of watched records after the edits so far; `None` for a record that does not exist.
    current: HashMap<(usize, &'a Key), Option<usize>>,
}

impl<'a> DocumentPlanner<'a> {
    fn new(layout: &'a Layout) -> Self {
        DocumentPlanner { layout, texts: Vec::new(), current: HashMap::new() }
    }

    fn keep(&mut self, text: Vec<u8>) -> usize {
        self.texts.push(text);
        self.texts.len() - 1
    }

    fn edit(&mut self, op: &'a Op) -> Result<Edit<'a>, Failure> {
        let current = op.record().and_then(|record| self.current.get(&record).copied());
        match (op, current) {
            (Op::Insert { .. }, Some(Some(_))) => Ok(Edit::End(RecordStatus::Exists)),
            (Op::Insert { table, key, record }, _) => self.insert(*table, key, record),
            (Op::Read { .. }, None) | (Op::Scan { .. } | Op::Find { .. }, _) => Ok(Edit::Ask),
            (Op::Read { .. }, Some(Some(text))) => Ok(Edit::Answer { text }),
            (_, Some(Some(text))) => self.edit_existing(op, text),
            (_, Some(None)) => Ok(Edit::End(RecordStatus::Missing)),
            (_, None) => Err(Failure::misplaced(op)),
        }
    }

    fn insert(&mut self, table: usize, key: &'a Key, record: &'a Record) -> Result<Edit<'a>, Failure> {
        let text = self.keep(text::write(&self.declared(table).fields, record)?);
        self.current.insert((table, key), Some(text));
        let changes = self.layout.tables[table].indexes_of(record).map(|index| {
            let added = member(index.collation, &record[index.field], key)?;
            Ok(IndexChange { index, removed: Vec::new(), added })
        });
        Ok(Edit::Insert { text, changes: changes.collect::<Result<_, Failure>>()? })
    }

    /// What an operation does to an existing document.
    fn edit_existing(&mut self, op: &'a Op, text: usize) -> Result<Edit<'a>, Failure> {
        match op {
            Op::Update { table, key, changes } => self.replace(*table, key, text, changes),
            // As in memory: the floor is checked first, even where no 64-bit integer could hold the sum.
            Op::Increment { table, key, field, by, floor } => {
                let document = SplitDocument::parse(&self.declared(*table).fields, &self.texts[text])?;
                let Value::Int(old) = document.value(*field)? else { return Ok(Edit::End(RecordStatus::NoInteger)) };
                let sum = i128::from(old) + i128::from(*by);
                if floor.is_some_and(|floor| sum < i128::from(floor)) {
                    return Ok(Edit::End(RecordStatus::Refused));
                }
                let Ok(sum) = i64::try_from(sum) else { return Ok(Edit::End(RecordStatus::TooLarge)) };
                self.replace(*table, key, text, &[Change { field: *field, value: Value::Int(sum) }])
            }
            Op::Delete { table, key } => {
                let document = SplitDocument::parse(&self.declared(*table).fields, &self.texts[text])?;
                let mut changes = Vec::new();
                for index in &self.layout.tables[*table].indexes {
                    let removed = member_of(&document, self.declared(*table), index, key)?;
                    if !removed.is_empty() {
                        changes.push(IndexChange { index, removed, added: Vec::new() });
                    }
                }
                self.current.insert((*table, key), None);
                Ok(Edit::Remove { changes })
            }
            _ => Err(Failure::misplaced(op)),
        }
    }

    fn replace(&mut self, table: usize, key: &'a Key, text: usize, new: &[Change]) -> Result<Edit<'a>, Failure> {
        let document = SplitDocument::parse(&self.declared(table).fields, &self.texts[text])?;
        let mut changes = Vec::new();
        for (index, value) in self.layout.tables[table].indexes_changed(new) {
            let removed = member_of(&document, self.declared(table), index, key)?;
            let added = match value {
                Value::Null => Vec::new(),
                value => member(index.collation, value, key)?,
            };
            if removed != added {
                changes.push(IndexChange { index, removed, added });
            }
        }
        let changed = document.with_changes(new)?;
        let text = self.keep(changed);
        self.current.insert((table, key), Some(text));
        Ok(Edit::Replace { text, changes })
    }

    fn declared(&self, table: usize) -> &'a Table {
        &self.layout.dataset.tables[table]
    }
}

/// The edit of an operation that depends on a document, whatever is in it.
fn placeholder_edit<'a>(layout: &'a Layout, op: &'a Op, text: usize) -> Option<Edit<'a>> {
    let (table, _) = op.record()?;
    let table = &layout.tables[table];
    let removed = || b"<old member>".to_vec();
    let moved = |index| IndexChange { index, removed: removed(), added: b"<new member>".to_vec() };
    Some(match op {
        Op::Update { changes, .. } => {
            let changes = table.indexes_changed(changes).map(|(index, _)| moved(index)).collect();
            Edit::Replace { text, changes }
        }
        Op::Increment { field, .. } => {
            Edit::Replace { text, changes: table.index(*field).map(moved).into_iter().collect() }
        }
        Op::Delete { .. } => {
            let change = |index| IndexChange { index, removed: removed(), added: Vec::new() };
            Edit::Remove { changes: table.indexes.iter().map(change).collect() }
        }
        _ => return None,
    })
}

/// A value and a key as a member of an index.
fn member(collation: Collation, value: &Value, key: &Key) -> Result<Vec<u8>, Failure> {
    let mut member = Vec::new();
    collation::write_value(&mut member, collation, value)?;
    collation::write_key(&mut member, key);
    Ok(member)
}

/// The member of a document in an index; empty if the field is absent. Lists, maps and items are ordered by the text that
/// they have in the document.
fn member_of(document: &SplitDocument<'_>, table: &Table, index: &IndexLayout, key: &Key) -> Result<Vec<u8>, Failure> {
    let Some(text) = document.text(index.field) else { return Ok(Vec::new()) };
    let value = match table.fields[index.field].kind {
        Kind::List(_) | Kind::Map | Kind::Items(_) => Value::Text(text.to_owned()),
        _ => document.value(index.field)?,
    };
    member(index.collation, &value, key)
}
