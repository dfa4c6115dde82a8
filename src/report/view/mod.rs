//! What the page and the decision record say, as plain text in the order in which it is read. Computed here once, laid
//! out by the templates: no markup is known here, and nothing is escaped.

pub mod caveats;
pub mod checks;
pub mod circumstances;
pub mod content;
pub mod figure;
pub mod operations;
pub mod runs;
pub mod semantics;
pub mod summary;
pub mod verdict;
pub mod work;
