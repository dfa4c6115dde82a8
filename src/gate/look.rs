//! A point at which a gate judges its pairs.

use serde::{Deserialize, Serialize};

/// A point at which the pairs so far are judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// So many pairs.
    pub pairs: usize,
    /// The share of wrong alarms that this look may raise, over all figures.
    pub alpha: f64,
}
