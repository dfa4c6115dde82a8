//! What is measured in pairs: a request for either side of each workload.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use drivers::{Address, Durability, STORES};

use crate::cli::PairArgs;
use crate::commands::exit::Failed;
use crate::commands::{stores, workloads};
use crate::gate::CalibrationSubject;
use crate::generate::Generator;
use crate::request::{LoadSettings, Pinning, RunRequest, Until};
use crate::units;
use crate::workload::Workload;

/// Length of a run where nothing says so.
const DURATION: Duration = Duration::from_secs(15);
/// Length of the warm-up where nothing says so.
const WARMUP: Duration = Duration::from_secs(2);
/// Clients where nothing says so: the fewest that can conflict.
const CLIENTS: u32 = 2;

/// What both sides run of one workload; ids and logs are filled in for each run.
pub struct PairedRequests {
    /// Of the base.
    pub base: RunRequest,
    /// Of the head.
    pub head: RunRequest,
}

impl PairedRequests {
    /// The workload.
    pub fn name(&self) -> &str {
        &self.base.workload.name
    }

    /// The names of its operations.
    pub fn operations(&self) -> Vec<&str> {
        self.base.plan().operations.iter().map(|one| one.name.as_str()).collect()
    }

    /// How long so many pairs of these take, loading and checks apart; none where a number of operations ends a run.
    pub fn time(sides: &[PairedRequests], pairs: usize) -> Option<String> {
        let length = |side: &PairedRequests| Some(side.base.load.until.elapsed()? + side.base.load.warmup);
        let once: Option<Duration> = sides.iter().map(length).sum();
        Some(units::seconds(2.0 * pairs as f64 * once?.as_secs_f64()))
    }

    /// What a calibration of either side would be of.
    pub fn subjects(&self) -> [CalibrationSubject; 2] {
        [&self.base, &self.head].map(subject)
    }

    /// Everything that has to be the same when a comparison goes on.
    pub fn asked(&self) -> String {
        let RunRequest { workload, load, generator, durability, .. } = &self.base;
        let rate = load.rate_per_s.map_or_else(|| "closed loop".to_owned(), |rate| units::stated(rate) + "/s");
        let length = match load.until {
            Until::Elapsed(length) => units::seconds(length.as_secs_f64()),
            Until::Operations(operations) => units::counted(operations, "operation"),
        };
        format!(
            "{} ({}) on {} and {}: {rate}, {}, {length} after {} of warm-up, {}, {}",
            workload.name,
            workload.hash,
            self.base.address,
            self.head.address,
            units::counted(load.clients.into(), "client"),
            units::seconds(load.warmup.as_secs_f64()),
            units::counted(generator.plan.rows(), "row"),
            durability.map_or("the best tier up to durable", |tier| tier.name()),
        )
    }
}

/// What is measured of each workload, on the base and on the head.
///
/// # Errors
/// When a workload is none, or a store cannot do what is asked.
pub fn sides(targets: &[String], pairs: &PairArgs, [base, head]: [&Address; 2]) -> Result<Vec<PairedRequests>, Failed> {
    let headline = Workload::HEADLINE.map(ToString::to_string);
    let names = if targets.is_empty() && pairs.ycsb.property_files.is_empty() { &headline[..] } else { targets };
    let found = workloads::find(names, &pairs.ycsb, pairs.records)?;
    let requests = |workload: Workload| -> Result<PairedRequests, Failed> {
        let workload = Arc::new(workload);
        let load = load(pairs, &workload);
        let plan = workload.plan(pairs.records, load.until.operations()).map_err(Failed::usage)?;
        let generator = Arc::new(Generator::new(Arc::new(plan), pairs.seed));
        let request = |address: &Address| -> Result<RunRequest, Failed> {
            let request = RunRequest {
                id: String::new(),
                repetition: 1,
                workload: Arc::clone(&workload),
                generator: Arc::clone(&generator),
                address: address.clone(),
                durability: pairs.durability.or(generator.plan.require.durability),
                reuse: false,
                keep: false,
                load: load.clone(),
                hlog: PathBuf::new(),
            };
            stores::refuse_what_it_cannot(&request).map_err(Failed::usage)?;
            Ok(request)
        };
        Ok(PairedRequests { base: request(base)?, head: request(head)? })
    };
    found.into_iter().map(requests).collect()
}

/// The best tier of the store that an address is of.
fn best_durability(address: &Address) -> Durability {
    let store = STORES.iter().find(|store| store.name == address.store);
    store.map_or(Durability::Memory, |store| store.best_durability)
}

/// What a calibration of this request would be of.
pub fn subject(request: &RunRequest) -> CalibrationSubject {
    let RunRequest { workload, load, .. } = request;
    CalibrationSubject {
        workload: workload.name.clone(),
        hash: workload.hash.clone(),
        rows: request.plan().rows(),
        store: request.address.to_string(),
        durability: request.tier(best_durability(&request.address)),
        clients: load.clients,
        rate_per_s: load.rate_per_s,
        length_s: load.until.elapsed().map(|length| length.as_secs_f64()),
        operations: load.until.operations(),
    }
}

fn load(pairs: &PairArgs, workload: &Workload) -> LoadSettings {
    let own = &workload.spec.load;
    let until = match (pairs.duration.or(own.duration), own.ops) {
        (Some(length), _) => Until::Elapsed(length),
        (None, Some(operations)) => Until::Operations(operations),
        (None, None) => Until::Elapsed(DURATION),
    };
    LoadSettings {
        clients: pairs.clients.or(own.clients).unwrap_or(CLIENTS),
        rate_per_s: pairs.rate.or(own.rate_per_s),
        arrivals: own.arrivals.unwrap_or_default(),
        until,
        warmup: pairs.warmup.or(own.warmup).unwrap_or(WARMUP),
        // Of the same length on both sides.
        longest_warmup: Duration::ZERO,
        cpus: Pinning::default(),
        client_floor_per_s: None,
        skip_after: None,
        max_retries: 100,
        timeout: pairs.timeout,
        phase_timeout: None,
        stops_on_failure: false,
    }
}
