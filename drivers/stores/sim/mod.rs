//! A store of stated latency, by which the instrument itself is tested: what was stated must be measured.
//!
//! It answers what `memory` answers. The times are in the address,
//! `sim?latency=1ms*90,5ms*9,20ms*1&stall=10s+2s&seed=7`: a mixture of latencies, stalls, a share of failures and a
//! bound on what is served at once. The n-th operation of a session always has the same latency and failure, whatever
//! the other sessions do. What is not here: any distribution other than a mixture of constants, because the percentiles
//! of that are known without computing.

mod config;
mod times;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::stores::memory::{Memory, MemorySession};
use crate::{
    Binding, Capabilities, Description, Durability, Failure, FailureKind, Footprint, NoOptions, Op, Opening, Outcome,
    Part, Placement, Row, Rows, Session, Store,
};
pub use config::Config;

/// A dataset in memory behind a simulated service.
pub struct Sim {
    memory: Memory,
    service: Arc<Service>,
    /// How many sessions have been made.
    sessions: AtomicU64,
}

/// A client of the store, which waits as long as the simulated service takes.
pub struct SimSession {
    memory: MemorySession,
    service: Arc<Service>,
    /// Sessions count from 0 as they are made.
    number: u64,
    /// How many operations this session has sent.
    operations: u64,
    /// Whether it reads back, which takes no simulated time.
    reads_back: bool,
}

impl Store for Sim {
    type Config = Config;
    type Session = SimSession;
    const NAME: &'static str = "sim";
    const ABOUT: &'static str = "memory with stated latencies, stalls and failures: tests the instrument";
    const ADDRESSES: &'static [&'static str] = &["sim?latency=20us"];
    const CAPABILITIES: Capabilities = Memory::CAPABILITIES;
    const PLACEMENT: Placement = Placement::Embedded;
    const BEST_DURABILITY: Durability = Durability::Memory;
    const KEEPS_CATALOG: bool = false;

    async fn open(config: Config, opening: Opening) -> Result<Self, Failure> {
        let shares = [config.fail, config.conflict, config.fail + config.conflict];
        if !shares.iter().all(|share| (0.0..=1.0).contains(share)) {
            return Err(Failure::broken("sim: `fail` and `conflict` are shares: each, and their sum, from 0 to 1"));
        }
        let memory = Memory::open(NoOptions {}, opening).await?;
        let free_at = config.capacity.map(|slots| vec![Instant::now(); usize::from(slots.get())]);
        let service = Service { config, queue: Mutex::new(ServiceQueue { first_arrival: None, free_at }) };
        Ok(Sim { memory, service: Arc::new(service), sessions: AtomicU64::new(0) })
    }

    async fn reset(&self) -> Result<(), Failure> {
        self.memory.reset().await
    }

    async fn after_load(&self) -> Result<(), Failure> {
        self.service.queue()?.first_arrival = None;
        self.memory.after_load().await
    }

    async fn session(&self) -> Result<SimSession, Failure> {
        Ok(SimSession {
            memory: self.memory.session().await?,
            service: self.service.clone(),
            number: self.sessions.fetch_add(1, Ordering::Relaxed),
            operations: 0,
            reads_back: false,
        })
    }

    async fn describe(&self) -> Result<Description, Failure> {
        let Config { latency, stall, warm, fail, conflict, capacity, seed } = &self.service.config;
        let capacity = capacity.map_or("unbounded".into(), |slots| slots.to_string());
        let settings = [
            ("latency", latency.to_string()),
            ("stall", stall.to_string()),
            ("warm", warm.to_string()),
            ("fail", fail.to_string()),
            ("conflict", conflict.to_string()),
            ("capacity", capacity),
            ("seed", seed.to_string()),
        ];
        let mut description = self.memory.describe().await?;
        description.settings.extend(settings.map(|(name, value)| (name.into(), value)));
        Ok(description)
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

impl Session for SimSession {
    /// The content changes at once and the answer comes when it is due, so that the time of the change itself is within
    /// the stated latency and not added to it.
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        if self.reads_back {
            return self.memory.execute(op, rows).await;
        }
        let arrived = Instant::now();
        let simulated = self.service.draw(self.number, self.operations);
        self.operations += 1;
        let due = self.service.admit(arrived, simulated.latency)?;
        let answer = match simulated.failure {
            None => self.memory.execute(op, rows).await,
            Some(kind) => {
                rows.clear();
                Err(Failure::new(kind, format!("sim: {} was drawn for this operation", kind.name())))
            }
        };
        wait_until(due);
        answer
    }

    /// Loading takes no simulated time, and its operations are not counted.
    async fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        self.memory.load(op).await
    }

    async fn begin_snapshot(&mut self) -> Result<bool, Failure> {
        self.reads_back = true;
        self.memory.begin_snapshot().await
    }

    async fn end_snapshot(&mut self) -> Result<(), Failure> {
        self.reads_back = false;
        self.memory.end_snapshot().await
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        self.memory.export(part, sink).await
    }
}

/// The simulated service, which the sessions share.
struct Service {
    config: Config,
    queue: Mutex<ServiceQueue>,
}

/// Where operations wait for one of the slots in which they are served.
struct ServiceQueue {
    /// When the first operation after `after_load` arrived.
    first_arrival: Option<Instant>,
    /// When each slot is free again; `None` if their number is unbounded.
    free_at: Option<Vec<Instant>>,
}

/// The latency and the failure that are simulated for one operation.
struct SimulatedAnswer {
    latency: Duration,
    failure: Option<FailureKind>,
}

impl Service {
    fn draw(&self, session: u64, operation: u64) -> SimulatedAnswer {
        let random = |purpose: u8| {
            let mut name = [purpose; 17];
            name[1..9].copy_from_slice(&session.to_le_bytes());
            name[9..].copy_from_slice(&operation.to_le_bytes());
            xxh3_64_with_seed(&name, self.config.seed)
        };
        // The upper 53 bits are as many as a float between 0 and 1 can hold.
        let share = (random(1) >> 11) as f64 / (1_u64 << 53) as f64;
        let failure = if share < self.config.fail {
            Some(FailureKind::Broken)
        } else if share < self.config.fail + self.config.conflict {
            Some(FailureKind::Conflict)
        } else {
            None
        };
        SimulatedAnswer { latency: self.config.latency.pick(random(0)), failure }
    }

    /// When an operation that arrived now will be answered. The first to arrive is served first, in the slot that is
    /// free first. The queue is computed and threads do not wait in it, because waking a waiting thread would take as
    /// long as the latencies to be simulated.
    fn admit(&self, arrived: Instant, latency: Duration) -> Result<Instant, Failure> {
        let mut queue = self.queue()?;
        let first_arrival = *queue.first_arrival.get_or_insert(arrived);
        let Some(slot) = queue.free_at.as_mut().and_then(|slots| slots.iter_mut().min()) else {
            return Ok(self.service_end(first_arrival, arrived, latency));
        };
        let due = self.service_end(first_arrival, arrived.max(*slot), latency);
        *slot = due;
        Ok(due)
    }

    /// When the service of an operation ends that starts at an instant.
    fn service_end(&self, first_arrival: Instant, start: Instant, latency: Duration) -> Instant {
        let moment = start.saturating_duration_since(first_arrival);
        let latency = self.config.warm.slowed(latency, moment);
        let stalled_until = self.config.stall.end(moment).map(|end| first_arrival + end);
        stalled_until.map_or(start + latency, |end| end.max(start + latency))
    }

    fn queue(&self) -> Result<MutexGuard<'_, ServiceQueue>, Failure> {
        self.queue.lock().map_err(|_| Failure::broken("sim: a session stopped while it joined the queue"))
    }
}

/// Sleeps twice and then spins: a sleeping thread wakes some 75 us late and, on a core that was idle for long, up to
/// 450 us (p99 of a virtual machine), which would be measured as latency. The second sleep begins on a core that is
/// awake.
fn wait_until(due: Instant) {
    for early in [Duration::from_micros(700), Duration::from_micros(200)] {
        let left = due.saturating_duration_since(Instant::now());
        if left > early {
            std::thread::sleep(left - early);
        }
    }
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Address, Dataset, Durability};

    const MS: Duration = Duration::from_millis(1);

    async fn open(address: &str) -> Result<Sim, Failure> {
        let address: Address = address.parse().expect("an address");
        let opening = Opening::new(Arc::new(Dataset::default()), Durability::Memory);
        Sim::open(address.config().expect("its options"), opening).await
    }

    #[tokio::test]
    async fn beyond_its_capacity_operations_wait_for_each_other_in_the_order_of_arrival() {
        let sim = open("sim?capacity=2").await.expect("a store");
        let start = Instant::now() + MS;
        let due = |after: u32| sim.service.admit(start + MS / 10 * after, MS).expect("a slot") - start;
        assert_eq!([due(0), due(1), due(2), due(3)], [MS, MS + MS / 10, MS * 2, MS * 2 + MS / 10]);
        assert_eq!(due(50), MS * 6, "an idle slot serves at once");
    }

    #[tokio::test]
    async fn what_starts_within_a_stall_ends_no_earlier_than_the_stall() {
        let sim = open("sim?stall=10ms+5ms").await.expect("a store");
        let first = Instant::now();
        let took = |after: u32| sim.service.admit(first + MS * after, MS).expect("no queue") - (first + MS * after);
        assert_eq!([took(0), took(9), took(10), took(14), took(15)], [MS, MS, MS * 5, MS, MS]);
        sim.after_load().await.expect("settled");
        assert_eq!([took(20), took(30), took(34), took(35)], [MS, MS * 5, MS, MS], "counted from the next operation");
    }

    #[tokio::test]
    async fn latencies_and_failures_come_in_their_stated_shares_and_again_with_the_same_seed() {
        let address = "sim?latency=1ms*90,5ms*9,20ms*1&fail=0.01&conflict=0.05&seed=7";
        let (first, again) = (open(address).await.expect("a store"), open(address).await.expect("a store"));
        let draws: Vec<SimulatedAnswer> = (0..100_000).map(|at| first.service.draw(at % 10, at)).collect();
        let share = |is: &dyn Fn(&SimulatedAnswer) -> bool| draws.iter().filter(|draw| is(draw)).count() as f64 / 1e5;
        assert!((share(&|draw| draw.latency == MS) - 0.90).abs() < 0.005);
        assert!((share(&|draw| draw.latency == MS * 20) - 0.01).abs() < 0.002);
        assert!((share(&|draw| draw.failure == Some(FailureKind::Broken)) - 0.01).abs() < 0.002);
        assert!((share(&|draw| draw.failure == Some(FailureKind::Conflict)) - 0.05).abs() < 0.005);
        let repeats = |(at, draw): (u64, &SimulatedAnswer)| again.service.draw(at % 10, at).latency == draw.latency;
        assert!((0..).zip(&draws).all(repeats));
    }

    #[tokio::test]
    async fn an_operation_takes_the_stated_latency_and_hardly_more() {
        let sim = open("sim?latency=500us").await.expect("a store");
        let mut session = sim.session().await.expect("a session");
        let mut took = Vec::new();
        for _ in 0..101 {
            let start = Instant::now();
            session.execute(&Op::Batch(vec![]), &mut Rows::default()).await.expect("applied");
            took.push(start.elapsed());
        }
        took.sort();
        assert!(took[0] >= MS / 2, "never less: {:?}", took[0]);
        // The lower quartile, because a busy machine takes the processor away now and then.
        assert!(took[25] < MS / 2 + Duration::from_micros(50), "lower quartile {:?}", took[25]);
    }

    #[tokio::test]
    async fn shares_that_are_none_are_refused() {
        for address in ["sim?fail=1.5", "sim?conflict=-0.1", "sim?fail=0.6&conflict=0.6"] {
            assert!(open(address).await.is_err(), "{address}");
        }
    }
}
