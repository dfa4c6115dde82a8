//! What a workload asks for beside its data and operations: how it is loaded, what its latencies and its store must
//! promise. Flags of the command line take precedence; that is decided by the commands.

use super::reader::{Reading, Section};
use crate::percentile::{Limit, Statistic};
use drivers::{Durability, Isolation};
use std::time::Duration;

/// How the load is applied unless the command line says otherwise.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct LoadDefaults {
    /// Logical clients.
    pub clients: Option<u32>,
    /// Operations a second over all clients; without it each client sends as soon as it has its answer.
    pub rate_per_s: Option<f64>,
    /// How the operations of a rate are spread over time.
    pub arrivals: Option<Arrivals>,
    /// How long is measured.
    pub duration: Option<Duration>,
    /// How long is warmed up.
    pub warmup: Option<Duration>,
    /// How many operations are measured, instead of a duration.
    pub ops: Option<u64>,
}

/// How the operations of a rate are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// At equal distances.
    Constant,
    /// Independent of each other, as many users are.
    #[default]
    Poisson,
}

/// Limits of latencies.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slo {
    /// In the order of [`Statistic::ALL`].
    pub limits: Vec<Limit>,
}

/// What the store must promise.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct Require {
    /// At least this durability.
    pub durability: Option<Durability>,
    /// This isolation level, or a stronger one.
    pub isolation: Option<Isolation>,
}

/// Reads `[load]`.
pub(super) fn load(section: &Section<'_>) -> Reading<LoadDefaults> {
    section.only(&["clients", "rate_per_s", "arrivals", "duration", "warmup", "ops"])?;
    let duration = |name: &str| match section.find(name) {
        None => Ok(None),
        Some(item) => item.duration_ms().map(|millis| Some(Duration::from_millis(millis.unsigned_abs()))),
    };
    let load = LoadDefaults {
        clients: section
            .find("clients")
            .map(|item| item.integer_in(1, 10_000))
            .transpose()?
            .map(|clients| clients as u32),
        rate_per_s: section.find("rate_per_s").map(|item| item.number_in(0.001, 1e9)).transpose()?,
        arrivals: match section.find("arrivals") {
            None => None,
            Some(item) => Some([Arrivals::Constant, Arrivals::Poisson][item.one_of(&["constant", "poisson"])?]),
        },
        duration: duration("duration")?,
        warmup: duration("warmup")?,
        ops: section.find("ops").map(|item| item.integer_in(1, i64::MAX)).transpose()?.map(|ops| ops as u64),
    };
    if let (Some(_), Some(ops)) = (load.duration, section.find("ops")) {
        return Err(ops.fault("a run ends after a duration or after a number of operations; write only one of the two"));
    }
    if let (None, Some(arrivals)) = (load.rate_per_s, section.find("arrivals")) {
        return Err(arrivals.fault("arrivals need a rate; write `rate_per_s` as well"));
    }
    Ok(load)
}

/// Reads `[slo]` or an operation's `slo`.
pub(super) fn slo(section: &Section<'_>) -> Reading<Slo> {
    let keys = Statistic::ALL.map(|statistic| format!("{}_ms", statistic.name()));
    section.only(&keys.each_ref().map(String::as_str))?;
    let mut limits = Vec::new();
    for (statistic, key) in Statistic::ALL.into_iter().zip(&keys) {
        if let Some(item) = section.find(key) {
            limits.push(Limit::of_ms(statistic, item.number_in(0.000_001, 3_600_000.0)?));
        }
    }
    Ok(Slo { limits })
}

/// Reads `[require]`.
pub(super) fn require(section: &Section<'_>) -> Reading<Require> {
    section.only(&["durability", "isolation"])?;
    const TIERS: [Durability; 3] = [Durability::Memory, Durability::Relaxed, Durability::Durable];
    let durability = section.find("durability").map(|item| item.one_of(&TIERS.map(Durability::name))).transpose()?;
    let isolation =
        section.find("isolation").map(|item| item.one_of(&Isolation::ALL.map(Isolation::name))).transpose()?;
    Ok(Require { durability: durability.map(|at| TIERS[at]), isolation: isolation.map(|at| Isolation::ALL[at]) })
}
