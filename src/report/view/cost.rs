//! What the stores would cost, in the words of `cost::lines`: from the median run of each, for money follows from a run and
//! not from a single figure.

use super::groups::Group;
use crate::cost;
use crate::report::words;

/// The cost of a store for a workload.
#[derive(Debug)]
pub struct Cost {
    /// The workload.
    pub workload: String,
    /// `libsql 3.45.1`.
    pub store: String,
    /// Paragraphs: estimates, what they lack, units per operation.
    pub lines: Vec<String>,
}

/// All costs; none in a record that was made without prices.
pub fn costs(groups: &[Group<'_>]) -> Vec<Cost> {
    let cells = groups.iter().flat_map(|group| group.cells.iter().map(move |cell| (group.workload, cell)));
    let cost = |(workload, cell): (&str, &crate::report::group::Cell<'_>)| {
        let run = cell.median_run()?;
        let lines = [cost::lines(run), cost::left_out([run])].concat();
        (!lines.is_empty()).then(|| Cost { workload: workload.to_owned(), store: words::store(run), lines })
    };
    cells.filter_map(cost).collect()
}
