//! What pairs of the same thing scatter by on one machine, kept so that a gate knows beforehand what it can tell.

use drivers::Durability;
use serde::{Deserialize, Serialize};

use super::decision::{MOST, pairs_for, smallest_margin};
use super::history::HostFingerprint;
use super::look::Look;
use super::quantity::Quantity;
use super::record::{GateComparison, GateRecord};
use super::sentences::percent;
use crate::record::{Host, Run, Tool};
use crate::units;

/// Name and version of the format. A change that would mislead an old reader raises the number.
pub const CALIBRATION_SCHEMA: &str = "storebench/calibration/1";

/// What has been calibrated, on one machine or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Name and version of the format, [`CALIBRATION_SCHEMA`].
    pub schema: String,
    /// One for each machine and load; the last one measured counts.
    pub entries: Vec<CalibratedLoad>,
}

/// One load on one machine, with what pairs of it scatter by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibratedLoad {
    /// The machine.
    pub host: Host,
    /// The program that measured.
    pub tool: Tool,
    /// When: RFC 3339, UTC.
    pub measured_at: String,
    /// What was measured.
    pub subject: CalibrationSubject,
    /// How many pairs.
    pub pairs: usize,
    /// What each figure scatters by.
    pub figures: Vec<FigureNoise>,
    /// What the client carries by itself; absent of an open loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_floor_per_s: Option<f64>,
}

/// What has to be equal before the noise of one load is that of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationSubject {
    /// The name of the workload.
    pub workload: String,
    /// The hash of its file.
    pub hash: String,
    /// Rows in all its tables.
    pub rows: u64,
    /// The store as named on the command line, without passwords.
    pub store: String,
    /// The durability tier that it ran in.
    pub durability: Durability,
    /// Sessions.
    pub clients: u32,
    /// Offered rate of an open loop, operations per second; absent of a closed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<f64>,
    /// Length of a run in seconds, unless a number of operations ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_s: Option<f64>,
    /// Operations of a run, where their number ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<u64>,
}

/// What one figure scatters by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureNoise {
    /// The operation, or `total`.
    pub operation: String,
    /// The figure.
    pub metric: Quantity,
    /// Standard deviation of ln(head / base) over pairs of the same thing, without the effect of the order.
    pub noise: f64,
    /// By which share the second run of a pair is higher than the first.
    pub position: f64,
}

/// A figure that gates and whose noise is known.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownNoise {
    /// `p99 of pay (oltp)`.
    pub figure: String,
    /// The figure.
    pub metric: Quantity,
    /// By which share it may get worse.
    pub margin: f64,
    /// Standard deviation of the log ratio of a pair.
    pub noise: f64,
}

/// A margin below what a gate can tell.
#[derive(Debug, Clone, PartialEq)]
pub struct BlindMargin {
    /// `p99 of pay (oltp on libsql)`.
    pub figure: String,
    /// The margin.
    pub margin: f64,
    /// The smallest margin that so many pairs can tell.
    pub floor: f64,
    /// How many pairs there would be.
    pub pairs: usize,
    /// How many would do.
    pub enough: usize,
}

impl CalibrationSubject {
    /// Of a run that was measured.
    pub fn of(run: &Run) -> CalibrationSubject {
        CalibrationSubject {
            workload: run.workload.name.clone(),
            hash: run.workload.hash.clone(),
            rows: run.workload.rows,
            store: run.store.name.clone(),
            durability: run.store.description.guarantees.durability,
            clients: run.load.clients,
            rate_per_s: run.load.rate_per_s,
            length_s: run.load.duration_s,
            operations: run.load.ops,
        }
    }

    /// `read-heavy on libsql (closed loop, 2 clients, 15 s)`.
    pub fn title(&self) -> String {
        let load = self.rate_per_s.map_or_else(|| "closed loop".to_owned(), |rate| units::stated(rate) + "/s");
        let length = match (self.length_s, self.operations) {
            (Some(length_s), _) => units::seconds(length_s),
            (None, operations) => units::counted(operations.unwrap_or_default(), "operation"),
        };
        let clients = units::counted(self.clients.into(), "client");
        format!("{} on {} ({load}, {clients}, {length})", self.workload, self.store)
    }
}

impl CalibratedLoad {
    /// From pairs of a store with itself; none without a figure of which two pairs of either order are known.
    pub fn from_pairs(record: &GateRecord, subject: CalibrationSubject, measured_at: &str) -> Option<CalibratedLoad> {
        let of_subject = record.comparisons.iter().filter(|one| one.workload == subject.workload);
        let noise = |one: &GateComparison| {
            let (operation, metric) = (one.operation.clone(), one.metric);
            Some(FigureNoise { operation, metric, noise: one.noise?, position: one.position? })
        };
        let pairs = of_subject.clone().map(|one| one.counts[0]).min()?;
        let figures: Vec<FigureNoise> = of_subject.filter_map(noise).collect();
        let (host, tool) = (record.head.host.clone(), record.tool.clone());
        let measured_at = measured_at.to_owned();
        (!figures.is_empty()).then_some(CalibratedLoad {
            host,
            tool,
            measured_at,
            subject,
            pairs,
            figures,
            client_floor_per_s: None,
        })
    }
}

impl CalibratedLoad {
    /// Whether it was measured on this machine, by a build of the same kind.
    pub fn is_of(&self, host: &Host, tool: &Tool) -> bool {
        HostFingerprint::of(&self.host).is_same(&HostFingerprint::of(host)) && self.tool.profile == tool.profile
    }

    /// Whether its client carries what this one's does: of the same operations on the same rows, and as many clients. Store
    /// and length make no difference.
    pub fn is_same_client(&self, subject: &CalibrationSubject) -> bool {
        let key = |one: &CalibrationSubject| (one.hash.clone(), one.rows, one.clients);
        subject.rate_per_s.is_none() && key(&self.subject) == key(subject)
    }
}

impl Calibration {
    /// Nothing yet.
    pub fn empty() -> Calibration {
        Calibration { schema: CALIBRATION_SCHEMA.to_owned(), entries: Vec::new() }
    }

    /// From the text of a file.
    ///
    /// # Errors
    /// When it is no calibration, or one of a version that this program does not know.
    pub fn from_json(text: &str) -> Result<Calibration, String> {
        let read: Calibration =
            serde_json::from_str(text).map_err(|error| format!("this is no calibration: {error}"))?;
        if read.schema != CALIBRATION_SCHEMA {
            return Err(format!("its format is `{}`, and this program knows {CALIBRATION_SCHEMA}", read.schema));
        }
        Ok(read)
    }

    /// Adds what was measured, in the place of what was known of the same load on the same machine.
    pub fn keep(&mut self, new: CalibratedLoad) {
        self.entries.retain(|known| known.subject != new.subject || !known.is_of(&new.host, &new.tool));
        self.entries.push(new);
    }
}

/// The margins of figures with known noise that the last of these looks could not tell.
pub fn blind_margins(known: &[KnownNoise], looks: &[Look]) -> Vec<BlindMargin> {
    let pairs = looks.last().map_or(0, |look| look.pairs);
    let blind = |KnownNoise { figure, metric, margin, noise }: &KnownNoise| {
        let floor = smallest_margin(*metric, *noise, pairs)?;
        (*margin < floor).then(|| BlindMargin {
            figure: figure.clone(),
            margin: *margin,
            floor,
            pairs,
            enough: pairs_for(*noise, 0.025, 1.0, metric.worsening_of(*margin)).next_multiple_of(2),
        })
    };
    known.iter().filter_map(blind).collect()
}

impl BlindMargin {
    /// What it is and what would do.
    pub fn sentence(&self) -> String {
        format!(
            "the margin of {} for {} is below what {} can tell on this machine, {} (`storebench calibrate` measured its noise): \
             give a margin of {} or more{}, or make runs longer",
            percent(self.margin),
            self.figure,
            units::counted(self.pairs as u64, "pair"),
            percent(self.floor),
            percent((self.floor * 100.0).ceil() / 100.0),
            if self.enough < MOST { format!(", or --pairs {}", self.enough) } else { String::new() }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percentile::Percentile;

    const P99: Quantity = Quantity::Response(Percentile::P99);

    fn entry(store: &str, noise: f64) -> CalibratedLoad {
        CalibratedLoad {
            host: Host { cpu: "a".to_owned(), cpus: 2, memory_bytes: 8_000_000_000, ..Host::default() },
            tool: Tool { name: "storebench".to_owned(), version: "1".to_owned(), profile: "release".to_owned() },
            measured_at: "2026-11-27T10:00:00Z".to_owned(),
            subject: CalibrationSubject {
                workload: "oltp".to_owned(),
                hash: "h".to_owned(),
                rows: 10,
                store: store.to_owned(),
                durability: Durability::Durable,
                clients: 2,
                rate_per_s: None,
                length_s: Some(15.0),
                operations: None,
            },
            pairs: 10,
            figures: vec![FigureNoise { operation: "total".to_owned(), metric: P99, noise, position: 0.0 }],
            client_floor_per_s: None,
        }
    }

    fn known(noise: f64, margin: f64) -> KnownNoise {
        KnownNoise { figure: "p99 of total (oltp)".to_owned(), metric: P99, margin, noise }
    }

    #[test]
    fn a_margin_below_the_floor_is_named_with_the_margin_and_the_pairs_that_would_do() {
        let looks = [Look { pairs: 10, alpha: 0.01 }, Look { pairs: 16, alpha: 0.01 }];
        assert_eq!(blind_margins(&[known(0.02, 0.05)], &looks), []);
        let blind = blind_margins(&[known(0.10, 0.05)], &looks);
        assert_eq!(blind.len(), 1);
        let BlindMargin { floor, enough, .. } = blind[0];
        assert!((0.08..0.12).contains(&floor), "{floor}");
        let sentence = blind[0].sentence();
        assert!(sentence.contains("5 %") && sentence.contains(&format!("--pairs {enough}")), "{sentence}");
        // What it advises is enough, and the next smaller number is not.
        let with = |pairs| blind_margins(&[known(0.10, 0.05)], &[Look { pairs, alpha: 0.01 }]);
        assert!(with(enough).is_empty() && !with(enough - 2).is_empty(), "{enough}");
        assert_eq!(blind_margins(&[known(0.10, (floor * 100.0).ceil() / 100.0)], &looks), [], "{floor}");
    }

    #[test]
    fn what_is_measured_again_takes_the_place_of_what_was_known_on_the_same_machine() {
        let mut all = Calibration::empty();
        all.keep(entry("libsql", 0.1));
        all.keep(entry("postgres", 0.2));
        all.keep(entry("libsql", 0.3));
        let mut elsewhere = entry("libsql", 0.4);
        elsewhere.host.cpu = "b".to_owned();
        all.keep(elsewhere);
        let noise: Vec<f64> = all.entries.iter().map(|one| one.figures[0].noise).collect();
        assert_eq!(noise, [0.2, 0.3, 0.4]);
        let text = serde_json::to_string(&all).expect("text");
        assert_eq!(Calibration::from_json(&text), Ok(all));
    }

    #[test]
    fn what_is_no_calibration_is_refused() {
        assert!(Calibration::from_json("{").is_err_and(|problem| problem.contains("no calibration")));
        let other = r#"{"schema":"storebench/calibration/9","entries":[]}"#;
        assert!(Calibration::from_json(other).is_err_and(|problem| problem.contains("storebench/calibration/9")));
    }

    #[test]
    fn a_client_is_the_same_whatever_the_store_and_the_length() {
        let known = entry("libsql", 0.1);
        let of = |change: &dyn Fn(&mut CalibrationSubject)| {
            let mut subject = entry("redis", 0.1).subject;
            change(&mut subject);
            known.is_same_client(&subject)
        };
        assert!(of(&|subject| subject.length_s = Some(3.0)));
        assert!(!of(&|subject| subject.clients = 3));
        assert!(!of(&|subject| subject.rate_per_s = Some(3.0)), "an open loop");
        assert!(!of(&|subject| subject.hash = "i".to_owned()));
    }
}
