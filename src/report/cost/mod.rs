//! Everything that is said about cost: paragraphs under a run, the comparison of offers that `storebench cost` prints, and
//! the words for prices in charts. The figures come from the record and from `cost`.

mod basis;
mod comparison;
mod lines;
mod prices;

#[cfg(test)]
mod tests;

pub use comparison::table;
pub use lines::{CostParagraphs, left_out, lines, paragraphs};
pub use prices::{PerMillion, by_month, per_million, prices, unpriced};
