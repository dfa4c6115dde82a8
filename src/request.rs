//! What a run is asked to do: which workload, on which store, under which load. Commands make it; the load engine carries it
//! out, and the record repeats it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use drivers::{Address, Durability};

use crate::generate::Generator;
use crate::workload::{Arrivals, Plan, Workload};

/// One run of an experiment: one workload on one store, once.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// Unique in the experiment: `read-heavy-libsql-1`.
    pub id: String,
    /// Which repetition, from 1.
    pub repetition: u32,
    /// The workload as it was read from its file.
    pub workload: Arc<Workload>,
    /// The same workload with its sizes and seed: what makes the data and the operations.
    pub generator: Arc<Generator>,
    /// Where the store is, and its options.
    pub address: Address,
    /// The durability tier that is asked for; none takes the best that the store has.
    pub durability: Option<Durability>,
    /// Whether data that an earlier run kept is used again, if it is still what was loaded.
    pub reuse: bool,
    /// Whether the data stays in the store after the run.
    pub keep: bool,
    /// Clients, rate and length.
    pub load: LoadSettings,
    /// Where the histogram log goes.
    pub hlog: PathBuf,
}

impl RunRequest {
    /// The workload's plan: sizes, operations and invariants.
    pub fn plan(&self) -> &Plan {
        &self.generator.plan
    }

    /// The durability tier that a store with this best tier is set for: the one asked for, or else the best up to durable.
    pub fn tier(&self, best: Durability) -> Durability {
        self.durability.unwrap_or(Durability::Durable).min(best)
    }
}

/// The CPUs that threads are kept on; an empty list leaves them to the system.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pinning {
    /// Those of the client.
    pub client: Vec<u32>,
    /// Those of a server that is started for the run.
    pub server: Vec<u32>,
}

/// How the load is applied.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadSettings {
    /// Lanes: clients of a closed loop, the in-flight cap of an open one.
    pub clients: u32,
    /// Arrivals a second of an open loop; none is a closed loop.
    pub rate_per_s: Option<f64>,
    /// How the arrivals of an open loop are spread over time.
    pub arrivals: Arrivals,
    /// What ends the measurement.
    pub until: Until,
    /// Length of the warm-up; zero for none.
    pub warmup: Duration,
    /// How long a warm-up may take that is seen not to be over; if not more than `warmup`, its length is fixed.
    pub longest_warmup: Duration,
    /// Open loop: arrivals later than this are skipped. None: never before the end.
    pub skip_after: Option<Duration>,
    /// Attempts after the first for operations that lost a conflict.
    pub max_retries: u32,
    /// After how long an operation of a remote store is given up.
    pub timeout: Duration,
    /// After how long a step that is not measured is given up; none: by the number of rows.
    pub phase_timeout: Option<Duration>,
    /// Whether the first failed operation ends the run.
    pub stops_on_failure: bool,
    /// Where client and server run.
    pub cpus: Pinning,
    /// Operations per second that the client carries of this load by itself, in a closed loop; none where nobody measured it.
    pub client_floor_per_s: Option<f64>,
}

/// What ends a measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Until {
    /// A length of time.
    Elapsed(Duration),
    /// A number of operations, over all lanes.
    Operations(u64),
}

impl Until {
    /// The planned length, unless a number of operations ends the measurement.
    pub fn elapsed(self) -> Option<Duration> {
        match self {
            Until::Elapsed(planned) => Some(planned),
            Until::Operations(_) => None,
        }
    }

    /// The planned number of operations, unless time ends the measurement.
    pub fn operations(self) -> Option<u64> {
        match self {
            Until::Elapsed(_) => None,
            Until::Operations(operations) => Some(operations),
        }
    }
}
