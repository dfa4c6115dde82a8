//! What may be said from samples that are not independent: intervals, trends and verdicts, as pure functions of numbers.
//!
//! Successive latencies of a store share its queue, its caches and its checkpoints, so formulas for independent samples
//! promise too much: an order-statistics interval for the p99 of a queue at half load, said to be 95 % sure, is right
//! about half of the time (see the tests of `interval`). Everything here therefore works on blocks of seconds.
//! Clocks, stores and files are not known here.

mod change_points;
mod chi_square;
mod hodges_lehmann;
mod holm;
mod interval;
mod knee;
mod level;
mod limit;
mod paired;
mod permutation;
mod power;
mod precision;
mod ratio;
mod reading;
mod regression;
mod scalability;
mod sign_flip;
mod steadiness;
mod student;

pub use change_points::{ChangePoint, FEWEST_POINTS, change_points};
pub use chi_square::{chi_square, chi_square_limit};
pub use holm::holm;
pub use interval::{percentile_interval, percentile_intervals, rate_interval};
pub use knee::knee;
pub use level::{LevelShift, level_shift};
pub use limit::{Judgement, judge};
pub use paired::{LogChange, PairedValues, change_of_pairs, change_of_samples, floor_of_pairs};
pub use power::detectable;
pub use precision::{MOST_RUNS, PILOT_RUNS, precision, precision_of, runs_needed, value_of};
pub use ratio::{FEWEST_RUNS, Ratio, ratio};
pub use reading::{Reading, over_runs, reading, spread_of};
pub use regression::{Slope, is_growing, slope};
pub use scalability::{ScalabilityLaw, scalability};
pub use steadiness::{Steadiness, Trend, steadiness};
pub use student::student_t;
