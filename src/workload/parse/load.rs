//! Reads what a workload asks for beside its data and operations: `[load]`, `[slo]` and `[require]`. Flags of the command
//! line take precedence; that is decided by the commands.

use super::document::{Item, ParseResult, Section};
use crate::percentile::{Limit, Statistic};
use crate::workload::operation::Slo;
use crate::workload::spec::{LoadDefaults, Require};
use drivers::Isolation;
use std::time::Duration;

/// Reads `[load]`, all of whose keys are optional.
pub(super) fn load(section: &Section<'_>) -> ParseResult<LoadDefaults> {
    section.only(&["clients", "rate_per_s", "arrivals", "duration", "warmup", "ops"])?;
    let of_ms = |millis: i64| Duration::from_millis(millis.unsigned_abs());
    let load = LoadDefaults {
        clients: section.get("clients", |item| item.integer_in(1, 10_000))?.map(|clients| clients as u32),
        rate_per_s: section.get("rate_per_s", |item| item.number_in(0.001, 1e9))?,
        arrivals: section.get("arrivals", Item::word)?,
        duration: section.get("duration", Item::duration_ms)?.map(of_ms),
        warmup: section.get("warmup", |item| item.duration_ms_from(0))?.map(of_ms),
        ops: section.get("ops", |item| item.integer_in(1, i64::MAX))?.map(i64::unsigned_abs),
    };
    if let (Some(_), Some(ops)) = (load.duration, section.find("ops")) {
        return Err(ops.error("a run ends after a duration or after a number of operations; write only one of the two"));
    }
    if let (None, Some(arrivals)) = (load.rate_per_s, section.find("arrivals")) {
        return Err(arrivals.error("arrivals need a rate; write `rate_per_s` as well"));
    }
    Ok(load)
}

/// Reads `[slo]` or an operation's `slo`.
pub(super) fn slo(section: &Section<'_>) -> ParseResult<Slo> {
    let keys = Statistic::ALL.map(|statistic| format!("{}_ms", statistic.name()));
    section.only(&keys.each_ref().map(String::as_str))?;
    let mut limits = Vec::new();
    for (statistic, key) in Statistic::ALL.into_iter().zip(&keys) {
        let limit_ms = section.get(key, |item| item.number_in(0.000_001, 3_600_000.0))?;
        limits.extend(limit_ms.map(|limit_ms| Limit::of_ms(statistic, limit_ms)));
    }
    Ok(Slo { limits })
}

/// Reads `[require]`, all of whose keys are optional.
pub(super) fn require(section: &Section<'_>) -> ParseResult<Require> {
    section.only(&["durability", "isolation"])?;
    let level = |item: &Item<'_>| item.one_of(&Isolation::ALL.map(Isolation::name)).map(|at| Isolation::ALL[at]);
    Ok(Require { durability: section.get("durability", Item::word)?, isolation: section.get("isolation", level)? })
}
