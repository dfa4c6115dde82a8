//! Clauses that commands have in common: secondary indexes as keys and as sort orders, limits and batch sizes.

use std::fmt;

use super::encode::DocumentWriter;
use crate::Order;

/// More documents than any reply holds: the server ends a batch at 16 MB anyway.
pub(super) const WHOLE_ANSWER: usize = 1 << 30;

/// The fields of an index with their directions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Index(pub(super) Vec<(String, Order)>);

impl Index {
    /// The field by which the index is searched.
    pub(super) fn first_field(&self) -> &str {
        &self.0[0].0
    }

    /// The fields with 1 for ascending and -1 for descending.
    pub(super) fn write(&self, document: &mut DocumentWriter) {
        self.write_directions(document, false);
    }

    /// Sorts as the index is ordered, or in the opposite order. The hint makes a missing index a failure instead of a
    /// slow answer.
    pub(super) fn write_sort(&self, command: &mut DocumentWriter, is_reversed: bool) {
        command.document("sort", |sort| self.write_directions(sort, is_reversed));
        self.write_hint(command);
    }

    pub(super) fn write_hint(&self, command: &mut DocumentWriter) {
        command.document("hint", |hint| self.write(hint));
    }

    fn write_directions(&self, document: &mut DocumentWriter, is_reversed: bool) {
        for (name, order) in &self.0 {
            document.int(name.as_str(), if (*order == Order::Ascending) != is_reversed { 1 } else { -1 });
        }
    }
}

/// As the shell writes it: `{stream: 1, place: 1}`.
impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field =
            |(name, order): &(String, Order)| format!("{name}: {}", if *order == Order::Ascending { 1 } else { -1 });
        write!(f, "{{{}}}", self.0.iter().map(field).collect::<Vec<_>>().join(", "))
    }
}

/// A limit, in one batch that is larger: with a batch of exactly the limit the server would keep the cursor open for
/// another request.
pub(super) fn write_limit(find: &mut DocumentWriter, limit: usize) {
    find.parameter_int("limit", batch_size(limit) - 1);
    find.parameter_int("batchSize", batch_size(limit));
}

/// A batch that takes this many documents and whose cursor is then closed.
pub(super) fn batch_size(count: usize) -> i64 {
    count.min(WHOLE_ANSWER) as i64 + 1
}
