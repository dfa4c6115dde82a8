//! What an ended run is found to have left behind.

/// What runs have left in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The dataset to which it belongs, by [`Dataset::name`](crate::Dataset::name).
    pub dataset: String,
    /// What is there and where, in a few words.
    pub what: String,
    /// Whether a mark of ours says that it is ours.
    pub is_marked: bool,
}
