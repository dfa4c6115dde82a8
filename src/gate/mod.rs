//! The regression gate: whether a head is worse than its base, with a verdict that knows its own error.
//!
//! Pure functions of records and numbers. The unit of evidence is a run or a pair of runs, never an operation. What is
//! measured for a gate, printed and written is in `commands` and `report`.

mod baseline;
mod calibration;
mod compare;
mod decision;
mod differences;
mod figures;
mod history;
mod levels;
mod live;
mod look;
mod looks;
mod margins;
mod matching;
mod options;
mod quantity;
mod record;
mod selection;
mod sentences;
mod terms;

pub use baseline::Baseline;
pub use calibration::{
    BlindMargin, CALIBRATION_SCHEMA, CalibratedLoad, Calibration, CalibrationSubject, FigureNoise, KnownNoise,
    blind_margins,
};
pub use compare::{StoredSide, compare};
pub use decision::{
    Decision, FEWEST, FigureEvidence, GateVerdict, POWER, Sample, decide, decide_before, pairs_for, smallest_margin,
};
pub use history::{HISTORY_SCHEMA, HistoryLine, HostFingerprint, KeptExperiment, LONGEST_LINE};
pub use levels::{Courses, FigureChange, FigureHistory, courses};
pub use live::{LiveJudgement, LivePair, family, judge_pairs, orders};
pub use look::Look;
pub use looks::{ALPHA_OF_STORED, NextStep, confirm, confirmation, is_flagged, next_step, plan};
pub use margins::Margins;
pub use options::GateOptions;
pub use quantity::Quantity;
pub use record::{
    GATE_SCHEMA, GateComparison, GatePair, GateRecord, GateSide, MeasuredGate, Mismatch, RunValues, TOTAL,
};
pub use sentences::{change, percent};
