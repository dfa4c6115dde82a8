//! What stores are really sent: by a store that writes down what it is asked, whatever its answers take.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use drivers::NoOptions;
use drivers::memory::{Memory, MemorySession};
use drivers::{
    Binding, Capabilities, Description, Durability, Failure, Footprint, Op, Opening, Outcome, Part, Placement, Row,
    Rows, Session, Store,
};
use storebench::draw::rng::Purpose;
use storebench::generate::{Effect, Generator, KeyFrontiers, OpStream};
use storebench::load::{CancelToken, NoObserver, run};
use storebench::request::{LoadSettings, Pinning, RunRequest, Until};
use storebench::workload::{Arrivals, Workload};

const CLIENTS: u32 = 3;
const OPERATIONS: u64 = 600;

/// What the sessions that have ended were sent, each operation as JSON.
static SENT: Mutex<Vec<Vec<String>>> = Mutex::new(Vec::new());

/// `memory`, answering after `delay_us`.
struct Listener {
    memory: Memory,
    delay: Duration,
}

struct Listening {
    session: MemorySession,
    delay: Duration,
    sent: Vec<String>,
    retries: u64,
    /// Whether the audit reads.
    reads_back: bool,
}

#[derive(serde::Deserialize)]
struct Config {
    delay_us: u64,
}

impl Store for Listener {
    type Config = Config;
    type Session = Listening;
    const NAME: &'static str = "memory";
    const ABOUT: &'static str = "memory that writes down what it is asked";
    const CAPABILITIES: Capabilities = Memory::CAPABILITIES;
    const PLACEMENT: Placement = Placement::Embedded;
    const BEST_DURABILITY: Durability = Durability::Memory;

    async fn open(config: Config, opening: Opening) -> Result<Self, Failure> {
        let memory = Memory::open(NoOptions::default(), opening).await?;
        Ok(Listener { memory, delay: Duration::from_micros(config.delay_us) })
    }

    async fn reset(&self) -> Result<(), Failure> {
        self.memory.reset().await
    }

    async fn after_load(&self) -> Result<(), Failure> {
        self.memory.after_load().await
    }

    async fn session(&self) -> Result<Listening, Failure> {
        Ok(Listening {
            session: self.memory.session().await?,
            delay: self.delay,
            sent: Vec::new(),
            retries: 0,
            reads_back: false,
        })
    }

    async fn describe(&self) -> Result<Description, Failure> {
        self.memory.describe().await
    }

    fn explain(&self, op: &Op) -> Binding {
        self.memory.explain(op)
    }

    async fn footprint(&self) -> Result<Footprint, Failure> {
        self.memory.footprint().await
    }

    async fn close(&self, keep: bool) -> Result<(), Failure> {
        self.memory.close(keep).await
    }
}

impl Session for Listening {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        if self.reads_back {
            return self.session.execute(op, rows).await;
        }
        self.sent.push(serde_json::to_string(op).expect("JSON"));
        self.retries += 2;
        std::thread::sleep(self.delay);
        self.session.execute(op, rows).await
    }

    fn take_retries(&mut self) -> u64 {
        std::mem::take(&mut self.retries)
    }

    async fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        self.session.load(op).await
    }

    /// What the audit asks is not of the workload.
    async fn begin_snapshot(&mut self) -> Result<bool, Failure> {
        self.reads_back = true;
        self.session.begin_snapshot().await
    }

    async fn end_snapshot(&mut self) -> Result<(), Failure> {
        self.reads_back = false;
        self.session.end_snapshot().await
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        self.session.export(part, sink).await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if !self.sent.is_empty() {
            SENT.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.sent));
        }
    }
}

/// Client by client, in any order of clients.
fn sent(workload: &str, delay_us: u64) -> Vec<Vec<String>> {
    let workload = Arc::new(Workload::builtin(workload).expect("a built-in workload"));
    let plan = workload.plan(Some(500), Some(OPERATIONS)).expect("a plan");
    let request = RunRequest {
        id: "sent".to_owned(),
        repetition: 1,
        generator: Arc::new(Generator::new(Arc::new(plan), 7)),
        workload,
        address: format!("memory?delay_us={delay_us}").parse().expect("an address"),
        durability: None,
        reuse: false,
        keep: false,
        load: LoadSettings {
            clients: CLIENTS,
            rate_per_s: None,
            arrivals: Arrivals::Poisson,
            until: Until::Operations(OPERATIONS),
            warmup: Duration::ZERO,
            longest_warmup: Duration::ZERO,
            skip_after: None,
            timeout: Duration::from_secs(10),
            phase_timeout: None,
            stops_on_failure: true,
            cpus: Pinning::default(),
            client_floor_per_s: None,
            max_retries: 0,
        },
        hlog: "/dev/null".into(),
    };
    let ran = run::<Listener>(&request, &Arc::new(CancelToken::default()), &mut NoObserver).expect("it runs");
    assert!(ran.verdict.valid, "{:?}", ran.verdict.reasons);
    let mut sent = std::mem::take(&mut *SENT.lock().unwrap_or_else(PoisonError::into_inner));
    let operations: usize = sent.iter().map(Vec::len).sum();
    assert_eq!(ran.counts.retries, 2 * operations as u64, "what sessions try again by themselves is counted");
    sent.sort();
    sent
}

/// The same, as the seed has it.
fn generated(workload: &str) -> Vec<Vec<String>> {
    let plan = Workload::builtin(workload).and_then(|workload| workload.plan(Some(500), Some(OPERATIONS)));
    let generator = Arc::new(Generator::new(Arc::new(plan.expect("a plan")), 7));
    let frontiers = Arc::new(KeyFrontiers::new(&generator.plan));
    let client = |lane| {
        let mut stream = OpStream::new(Arc::clone(&generator), Arc::clone(&frontiers), Purpose::Measure, lane, CLIENTS);
        let mut sent = Vec::new();
        for _ in 0..OPERATIONS / u64::from(CLIENTS) {
            sent.extend(stream.next().ops.iter().map(|op| serde_json::to_string(op).expect("JSON")));
            stream.complete(Effect::Applied);
        }
        sent
    };
    let mut sent: Vec<Vec<String>> = (0..CLIENTS).map(client).collect();
    sent.sort();
    sent
}

/// One test, because what was sent is kept in one place. Workloads without inserts: in others keys depend on what has been
/// acknowledged.
#[test]
fn a_store_is_sent_what_the_seed_says_however_long_it_takes() {
    for workload in ["ycsb-a", "ycsb-f", "tpcb-select-only"] {
        let generated = generated(workload);
        for delay_us in [0, 200] {
            let sent = sent(workload, delay_us);
            assert_eq!(sent.len(), CLIENTS as usize, "{workload}");
            assert!(sent == generated, "{workload}, {delay_us} us: sent and generated operations differ");
        }
    }
}
