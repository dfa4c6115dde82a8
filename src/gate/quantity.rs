//! The figures of a run that a gate compares, with the direction that is worse and the margin within which a change does not
//! matter.

use std::str::FromStr;

use drivers::Placement;
use serde::{Deserialize, Serialize};

use crate::percentile::Percentile;
use crate::record::{OperationRecord, Run};

/// A figure of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Quantity {
    /// Successful operations per second: the throughput of a closed loop, the achieved rate of an open one.
    Throughput,
    /// A percentile of the response times.
    Response(Percentile),
    /// CPU time of the store for each successful operation; of an embedded one, of the process.
    Cpu,
    /// Bytes written to storage for each successful operation.
    BytesWritten,
    /// How often a client waits for the store, over all steps of an operation.
    RoundTrips,
}

impl Quantity {
    /// All of them, in the order of tables.
    pub const ALL: [Quantity; 8] = [
        Quantity::Throughput,
        Quantity::Response(Percentile::P50),
        Quantity::Response(Percentile::P90),
        Quantity::Response(Percentile::P99),
        Quantity::Response(Percentile::P999),
        Quantity::Cpu,
        Quantity::BytesWritten,
        Quantity::RoundTrips,
    ];

    /// Its name in files and flags.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::Throughput => "throughput",
            Quantity::Response(percentile) => percentile.name(),
            Quantity::Cpu => "cpu",
            Quantity::BytesWritten => "bytes-written",
            Quantity::RoundTrips => "round-trips",
        }
    }

    /// Its name in sentences and tables.
    pub fn label(self) -> &'static str {
        match self {
            Quantity::Response(percentile) => percentile.label(),
            Quantity::BytesWritten => "bytes written",
            Quantity::RoundTrips => "round trips",
            Quantity::Throughput | Quantity::Cpu => self.name(),
        }
    }

    /// The unit of its values.
    pub fn unit(self) -> &'static str {
        match self {
            Quantity::Throughput => "ops/s",
            Quantity::Response(_) => "ns",
            Quantity::Cpu => "ns/op",
            Quantity::BytesWritten => "bytes/op",
            Quantity::RoundTrips => "trips/op",
        }
    }

    /// Whether more is better.
    pub fn is_better_higher(self) -> bool {
        self == Quantity::Throughput
    }

    /// Whether it is counted and never scatters: two values that differ are a change, without any test.
    pub fn is_exact(self) -> bool {
        self == Quantity::RoundTrips
    }

    /// The margin that gates it where nobody gave one: the share by which it may get worse. Counts are nearly exact. None for
    /// what is shown only: the p90 lies between two figures that gate, and the p99.9 scatters too much.
    pub fn default_margin(self) -> Option<f64> {
        match self {
            Quantity::Throughput | Quantity::Response(Percentile::P50) | Quantity::Cpu => Some(0.05),
            Quantity::Response(Percentile::P99) => Some(0.10),
            Quantity::BytesWritten | Quantity::RoundTrips => Some(0.01),
            Quantity::Response(Percentile::P90 | Percentile::P999) => None,
        }
    }

    /// How far a change is for the worse, as a logarithm: of a ratio of head over base.
    pub fn worsening(self, log_ratio: f64) -> f64 {
        if self.is_better_higher() { -log_ratio } else { log_ratio }
    }

    /// The worsening that a share stands for: 5 % less throughput, or 5 % more of anything else.
    pub fn worsening_of(self, share: f64) -> f64 {
        if self.is_better_higher() { -(-share).ln_1p() } else { share.ln_1p() }
    }

    /// The share that a worsening stands for.
    pub fn share_of(self, worsening: f64) -> f64 {
        if self.is_better_higher() { -(-worsening).exp_m1() } else { worsening.exp_m1() }
    }

    /// Its value over a whole run. None where it was not recorded or its samples do not carry it.
    pub fn of_run(self, run: &Run) -> Option<f64> {
        match self {
            Quantity::Throughput => Some(run.throughput_per_s),
            Quantity::Response(_) => self.of_operation(&run.total),
            Quantity::Cpu => run.server_cpu_ns_per_op.or_else(|| {
                let is_ours = run.store.placement == Placement::Embedded && run.client.cpu_ns_per_op > 0.0;
                is_ours.then_some(run.client.cpu_ns_per_op)
            }),
            // What a store writes beside a workload that writes nothing is no property of its operations.
            Quantity::BytesWritten if run.total.work.is_some_and(|work| work.rows_written == 0.0) => None,
            Quantity::BytesWritten => {
                let (before, after) = (&run.footprint.after_load, &run.footprint.after_run);
                let written = after.written_bytes?.checked_sub(before.written_bytes?)?;
                (written > 0 && run.total.ok > 0).then(|| written as f64 / run.total.ok as f64)
            }
            Quantity::RoundTrips => None,
        }
    }

    /// Whether a run tells it, be it that it is zero.
    pub fn is_recorded(self, run: &Run) -> bool {
        let written = [&run.footprint.after_load, &run.footprint.after_run].map(|footprint| footprint.written_bytes);
        if self == Quantity::BytesWritten { written.iter().all(Option::is_some) } else { self.of_run(run).is_some() }
    }

    /// Its value for one named operation.
    pub fn of_named(self, run: &Run, name: &str) -> Option<f64> {
        match self {
            Quantity::RoundTrips => {
                let trips: u32 = run.store.bindings.get(name)?.iter().map(|binding| binding.round_trips).sum();
                (trips > 0).then_some(f64::from(trips))
            }
            Quantity::Response(_) => self.of_operation(run.operations.get(name)?),
            Quantity::Throughput | Quantity::Cpu | Quantity::BytesWritten => None,
        }
    }

    fn of_operation(self, operation: &OperationRecord) -> Option<f64> {
        let Quantity::Response(percentile) = self else { return None };
        operation.response_ns.percentile_ns(percentile).map(|ns| ns as f64)
    }
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |quantity: &Quantity| [quantity.name(), quantity.label()].contains(&text);
        let found = Quantity::ALL.into_iter().find(named);
        found.ok_or_else(|| {
            format!("there is no metric `{text}`; there are {}", Quantity::ALL.map(Quantity::name).join(", "))
        })
    }
}

impl TryFrom<String> for Quantity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Quantity> for String {
    fn from(quantity: Quantity) -> String {
        quantity.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_loss_of_what_should_be_high_and_a_gain_of_what_should_be_low() {
        let p50 = Quantity::Response(Percentile::P50);
        assert!((Quantity::Throughput.worsening_of(0.15) + 0.85_f64.ln()).abs() < 1e-12);
        assert!((p50.worsening_of(0.15) - 1.15_f64.ln()).abs() < 1e-12);
        for quantity in Quantity::ALL {
            assert!((quantity.share_of(quantity.worsening_of(0.07)) - 0.07).abs() < 1e-12);
            assert_eq!(quantity.name().parse(), Ok(quantity));
        }
        assert!(Quantity::Throughput.worsening(0.5_f64.ln()) > 0.0 && p50.worsening(0.5_f64.ln()) < 0.0);
        assert!("latency".parse::<Quantity>().is_err_and(|error| error.contains("p50")));
    }
}
