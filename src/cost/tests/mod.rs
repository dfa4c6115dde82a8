//! Tests of `cost` that need a run: a hand-made one whose throughput and sizes are round numbers, so that every expected
//! figure can be worked out on paper. No store is started.

mod figures;
mod files;
mod intervals;

use drivers::{Description, Durability, Footprint, Guarantees, Placement};
use indexmap::IndexMap;

use super::Catalogue;
use super::offer::Offer;
use super::targets::{Options, PricingTerms};
use crate::record::{
    Client, Counts, Footprints, Host, LoadInfo, Loading, Mode, OperationRecord, Phases, Run, Spread, Standstill,
    StoreInfo, Verdict, Work, WorkloadInfo,
};

/// Two vCPUs and 8 GiB: an m7g.large in size.
pub(crate) fn host() -> Host {
    Host { cpus: 2, memory_bytes: 8 << 30, ..Host::default() }
}

pub(crate) fn catalogue() -> Catalogue {
    Catalogue::load(None).expect("the built-in catalogue is sound")
}

pub(crate) fn offer<'a>(catalogue: &'a Catalogue, id: &str) -> &'a Offer {
    catalogue.offer(id).expect("an offer of the built-in catalogue")
}

pub(crate) fn terms(run: &Run, utilisation: f64, copies: u32) -> PricingTerms {
    Options { utilisation: Some(utilisation), copies: Some(copies), ..Options::default() }.terms(run)
}

/// Every operation was counted, and all are alike.
pub(crate) const ALIKE: Work = Work {
    reads: 0.0,
    rows_read: 0.0,
    bytes_read: 0.0,
    rows_written: 0.0,
    bytes_written: 0.0,
    transactional: false,
    sampled: u64::MAX,
    spread: Some(Spread {
        reads: 0.0,
        rows_read: 0.0,
        bytes_read: 0.0,
        rows_written: 0.0,
        bytes_written: 0.0,
        item_bytes_read: 0.0,
        item_bytes_written: 0.0,
    }),
};

/// One item of this size written by each operation.
pub(crate) fn write_of(bytes: f64) -> Work {
    Work { rows_written: 1.0, bytes_written: bytes, ..ALIKE }
}

/// One item of this size read by each operation.
pub(crate) fn read_of(bytes: f64) -> Work {
    Work { reads: 1.0, rows_read: 1.0, bytes_read: bytes, ..ALIKE }
}

/// A run at 5,000 operations per second, give or take 2 %, that stores nothing.
pub(crate) fn run(driver: &str, operations: &[(&str, u64, Option<Work>)]) -> Run {
    let operation = |(name, ok, work): &(&str, u64, Option<Work>)| {
        ((*name).to_owned(), OperationRecord { ok: *ok, work: *work, ..OperationRecord::default() })
    };
    let succeeded = operations.iter().map(|(_, ok, _)| ok).sum();
    Run {
        id: format!("oltp-{driver}-1"),
        repetition: 1,
        started_at: "2026-11-20T13:00:02Z".to_owned(),
        workload: WorkloadInfo {
            name: "oltp".to_owned(),
            about: String::new(),
            hash: String::new(),
            stream_hash: String::new(),
            rows: 0,
            text: String::new(),
            slo: None,
            requires: None,
        },
        store: store(driver),
        load: load(),
        phases: Phases::default(),
        loading: Loading::default(),
        throughput_per_s: 5_000.0,
        throughput_interval: Some([4_900.0, 5_100.0]),
        counts: Counts { scheduled: succeeded, succeeded, ..Counts::default() },
        operations: operations.iter().map(operation).collect(),
        total: OperationRecord::default(),
        timeline: Vec::new(),
        standstill: Standstill::default(),
        warmup: None,
        client: Client { cpu_ns_per_op: 40_000.0, ..Client::default() },
        footprint: Footprints::default(),
        checks: Vec::new(),
        skew: None,
        server_cpu_ns_per_op: None,
        cost: None,
        verdict: Verdict { valid: true, ..Verdict::default() },
    }
}

/// The same, holding 10 GiB on disk of 4 GiB logical, each of a million operations having added a KiB.
pub(crate) fn run_that_stores(driver: &str, operations: &[(&str, u64, Option<Work>)]) -> Run {
    let mut run = run(driver, operations);
    let disk = |disk_bytes| Footprint { disk_bytes: Some(disk_bytes), ..Footprint::default() };
    run.loading.logical_bytes = 4 << 30;
    run.footprint = Footprints {
        after_load: disk((10 << 30) - (1024 * run.counts.succeeded)),
        after_run: disk(10 << 30),
        ..Footprints::default()
    };
    run
}

pub(crate) fn store(driver: &str) -> StoreInfo {
    StoreInfo {
        name: driver.to_owned(),
        driver: driver.to_owned(),
        placement: Placement::Embedded,
        description: Description {
            version: "1.2.3".to_owned(),
            guarantees: Guarantees {
                durability: Durability::Durable,
                isolation: "serializable".to_owned(),
                because: String::new(),
            },
            settings: Default::default(),
            layout: Vec::new(),
            catalog: Vec::new(),
        },
        bindings: IndexMap::new(),
    }
}

pub(crate) fn load() -> LoadInfo {
    LoadInfo {
        mode: Mode::Closed,
        clients: 16,
        threads: 2,
        rate_per_s: None,
        arrivals: None,
        skip_after_s: None,
        duration_s: Some(30.0),
        ops: None,
        warmup_s: 5.0,
        max_retries: 10,
        client_cpus: Vec::new(),
        server_cpus: Vec::new(),
        durability: Durability::Durable,
    }
}
