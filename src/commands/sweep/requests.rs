//! What a sweep is asked for: the searches of its command line, and their time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use drivers::Address;

use super::super::exit::Failed;
use super::super::{cpus, passwords, stores, workloads as named};
use crate::cli::{ClientLevels, SweepArgs};
use crate::generate::Generator;
use crate::request::{LoadSettings, RunRequest, Until};
use crate::sweep::{ClientsPlan, SearchPlan, SweepBound, SweepLimit};
use crate::units;
use crate::workload::{Arrivals, Plan, Workload};

/// Time for each search where nothing says so.
const BUDGET: Duration = Duration::from_secs(300);
/// The most operations in flight where nothing says so: enough for a capacity that does not hang on the number of clients,
/// few enough for a server on a laptop.
const CLIENTS: u32 = 16;
/// Warm-up of each level where nothing says so.
const WARMUP: Duration = Duration::from_secs(1);

/// One store that is searched, and what with.
pub struct Search {
    pub request: RunRequest,
    /// Which levels of load.
    pub load: Load,
    pub limits: Vec<SweepLimit>,
    /// Its place among the answers.
    pub at: usize,
}

/// The levels of load of a search.
pub enum Load {
    /// An open loop, whose rates are searched.
    Rates,
    /// A closed loop of these numbers of clients.
    Clients(ClientsPlan),
}

/// The workloads that the command line names; the headline four if it names none.
///
/// # Errors
/// When one cannot be read.
pub fn named_workloads(args: &SweepArgs) -> Result<Vec<Arc<Workload>>, Failed> {
    let mut found = named::find(&args.workloads, &args.ycsb, args.records)?;
    if found.is_empty() {
        found = named::find(&Workload::HEADLINE.map(ToString::to_string), &args.ycsb, args.records)?;
    }
    Ok(found.into_iter().map(Arc::new).collect())
}

/// The time of each search.
fn budget(args: &SweepArgs, searches: usize) -> Result<Duration, Failed> {
    let budget = args.budget.map_or(BUDGET, |all| all / searches as u32);
    if budget < SearchPlan::SHORTEST {
        let least = SearchPlan::SHORTEST * searches as u32;
        return Err(Failed::usage(anyhow!(
            "--budget: too short for {}: give at least {}m, one for each store and workload",
            units::counted(searches as u64, "sweep"),
            least.as_secs() / 60
        )));
    }
    Ok(budget)
}

/// Every search, in the order in which they were asked for, and the time of each.
///
/// # Errors
/// When a limit names no operation, a store cannot do what is asked, or the time is too short.
pub fn searches(
    args: &SweepArgs,
    workloads: &[Arc<Workload>],
    addresses: &[Address],
) -> Result<(Vec<Search>, Duration), Failed> {
    let budget = budget(args, workloads.len() * addresses.len())?;
    let several = args.clients.as_ref().filter(|clients| clients.0.len() > 1);
    if several.is_some() && !args.slo.is_empty() {
        return Err(Failed::usage(anyhow!(
            "--slo: a limit is searched by rates, and several --clients are levels of a closed loop; give one of both"
        )));
    }
    let mut searches = Vec::new();
    for workload in workloads {
        let mut plan = workload.plan(args.records, None).map_err(Failed::usage)?;
        if !args.slo.is_empty() {
            let of = |operation: Option<&str>| {
                let limits = args.slo.iter().filter(move |limit| limit.operation.as_deref() == operation);
                let latency = limits.filter_map(|limit| match limit.bound {
                    SweepBound::Latency(limit) => Some(limit),
                    SweepBound::ErrorShare(_) => None,
                });
                latency.collect::<Vec<_>>()
            };
            let operations = plan.operations.iter().map(|operation| operation.name.as_str());
            if let Some(unknown) = args
                .slo
                .iter()
                .filter_map(|limit| limit.operation.as_deref())
                .find(|name| !plan.operations.iter().any(|operation| operation.name == *name))
            {
                return Err(Failed::usage(anyhow!(
                    "--slo: workload {} has no operation `{unknown}`; it has {}",
                    workload.name,
                    operations.collect::<Vec<_>>().join(", ")
                )));
            }
            plan.slo.limits = of(None);
            for operation in &mut plan.operations {
                operation.slo.limits = of(Some(&operation.name));
            }
        }
        let limits = match several {
            Some(_) => Vec::new(),
            None if args.slo.is_empty() => own_limits(&plan),
            None => args.slo.clone(),
        };
        let generator = Arc::new(Generator::new(Arc::new(plan), args.seed));
        let own = &workload.spec.load;
        let warmup = args.warmup.unwrap_or(WARMUP);
        for (address, store) in addresses.iter().zip(passwords::names(addresses)) {
            let load = match several {
                None => Load::Rates,
                Some(ClientLevels(clients)) => {
                    let plan = ClientsPlan::new(clients, budget, warmup, args.seed).map_err(|least| {
                        let least = least * (workloads.len() * addresses.len()) as u32;
                        Failed::usage(anyhow!(
                            "--budget: too short for twice {} of clients; give at least {}s",
                            units::counted(clients.len() as u64, "number"),
                            least.as_secs()
                        ))
                    })?;
                    Load::Clients(plan)
                }
            };
            let request = RunRequest {
                id: format!("{}-{store}", workload.name),
                repetition: 1,
                workload: Arc::clone(workload),
                generator: Arc::clone(&generator),
                address: address.clone(),
                durability: args.durability.or(generator.plan.require.durability),
                reuse: false,
                keep: false,
                load: LoadSettings {
                    clients: args.clients.as_ref().map(|clients| clients.0[0]).or(own.clients).unwrap_or(CLIENTS),
                    rate_per_s: None,
                    arrivals: own.arrivals.unwrap_or(Arrivals::Poisson),
                    until: Until::Elapsed(Duration::from_secs(1)),
                    warmup,
                    longest_warmup: Duration::ZERO,
                    skip_after: None,
                    max_retries: args.max_retries,
                    timeout: args.timeout,
                    phase_timeout: None,
                    stops_on_failure: false,
                    cpus: cpus::pinning(&args.cpus, addresses)?,
                    client_floor_per_s: None,
                },
                hlog: PathBuf::new(),
            };
            stores::refuse_what_it_cannot(&request).map_err(Failed::usage)?;
            searches.push(Search { request, load, limits: limits.clone(), at: searches.len() });
        }
    }
    Ok((searches, budget))
}

/// The limits that the workload itself states.
fn own_limits(plan: &Plan) -> Vec<SweepLimit> {
    let overall = plan.slo.limits.iter().map(|limit| (None, *limit));
    let single = plan
        .operations
        .iter()
        .flat_map(|operation| operation.slo.limits.iter().map(|limit| (Some(operation.name.clone()), *limit)));
    overall
        .chain(single)
        .map(|(operation, limit)| SweepLimit { operation, bound: SweepBound::Latency(limit) })
        .collect()
}
