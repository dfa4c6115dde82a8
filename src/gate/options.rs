//! What a gate is asked to do, and what it knows beforehand.

use super::calibration::{CalibratedLoad, CalibrationSubject};
use super::margins::Margins;
use super::quantity::Quantity;

/// What a gate is asked to do.
#[derive(Debug, Clone, Default)]
pub struct GateOptions {
    /// By how much each figure may get worse.
    pub margins: Margins,
    /// Whether sides that differ in what should be equal are compared all the same.
    pub allows_mismatch: bool,
    /// Whether a regression is reported and does not fail the gate.
    pub advises: bool,
    /// Whether noisy runs are evidence like others.
    pub keeps_noisy: bool,
    /// What is known of the noise on the machine of the runs.
    pub calibrated: Vec<CalibratedLoad>,
}

impl GateOptions {
    /// What pairs of a figure scatter by according to the calibration, of the side that scatters more.
    pub fn known_noise(&self, sides: &[CalibrationSubject; 2], operation: &str, metric: Quantity) -> Option<f64> {
        let of_side = |side: &CalibrationSubject| {
            let known = self.calibrated.iter().rev().find(|known| known.subject == *side)?;
            known.figures.iter().find(|one| one.operation == operation && one.metric == metric).map(|one| one.noise)
        };
        sides.iter().filter_map(of_side).max_by(f64::total_cmp)
    }
}
