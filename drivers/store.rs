//! What a store is: opened for a dataset, it makes sessions and describes itself; a session carries out operations.

use std::sync::Arc;
use std::time::Duration;

use crate::seam::capability::{Binding, Capabilities, Description, Durability, Footprint, Isolation, Lack};
use crate::seam::dataset::{Dataset, Part};
use crate::seam::failure::Failure;
use crate::seam::leftover::Leftover;
use crate::seam::notation::Notation;
use crate::seam::op::{Op, Outcome};
use crate::seam::value::{Row, Rows};
use crate::support::server::{Program, Server, Site};

/// A store that is opened for one dataset: it makes sessions, and describes itself and what it holds.
pub trait Store: Sized + Send + Sync + 'static {
    /// What may be set in its address, `store:location?key=value`. Unknown keys are refused.
    type Config: serde::de::DeserializeOwned;
    /// What carries out the operations of one client.
    type Session: Session;
    /// Its name on the command line.
    const NAME: &'static str;
    /// One sentence for `storebench list`.
    const ABOUT: &'static str;
    /// The schemes of the URLs at which it is reached: `redis` for `redis://HOST`. None if it runs in this process.
    const SCHEMES: &'static [&'static str] = &[];

    /// Names by which people call it, or what it speaks for, instead of ours. They open nothing: an unknown name among them is
    /// answered with the right one.
    const ALIASES: &'static [&'static str] = &[];
    /// What other programs take for an address of this store. No help lists it.
    const FOREIGN_NOTATIONS: &'static [Notation] = &[];
    /// Its addresses other than URLs, as help shows them. The first one is what tests open. None for a service, which is
    /// always somewhere: tests find it by an environment variable.
    const ADDRESSES: &'static [&'static str] = &[Self::NAME];
    /// Options that choose another physical layout, as they stand in an address: `layout=json`. Tests hold each layout to
    /// everything that the default one is held to.
    const LAYOUTS: &'static [&'static str] = &[];
    /// The operations that it binds without emulating them.
    const CAPABILITIES: Capabilities;
    /// Where it runs, which decides whether a session may block its thread.
    const PLACEMENT: Placement;
    /// The highest durability tier that it can be set to.
    const BEST_DURABILITY: Durability;
    /// Whether its clients ask for durability with each write, so that no server is set for less than they ask.
    const CLIENTS_CHOOSE_DURABILITY: bool = false;
    /// Whether what was written can be read again. Only `null` does not: it measures the suite's own floor, and checks
    /// of its content would mean nothing.
    const KEEPS_DATA: bool = true;
    /// Whether it lists what it has for a dataset ([`Description::catalog`]). Not where tables and indexes are ours alone.
    const KEEPS_CATALOG: bool = true;

    /// Whether who writes a marker holds a lock until it closes or its process ends, and a marker whose writer holds one
    /// can be neither read nor swapped. Such a marker need not be renewed.
    const MARKER_IS_LOCKED: bool = false;

    /// The program of its server, if one can be started for a run by the store's bare name.
    const PROGRAM: Option<Program> = None;

    /// Starts a server of [`PROGRAM`](Store::PROGRAM) at a site, set for the site's tier. Called through
    /// [`launch::start`](crate::launch::start).
    async fn serve(site: Site) -> Result<Server, Failure> {
        Err(Failure::broken(format!("{} cannot be started", site.program.name)))
    }

    /// Refuses a configuration that cannot be meant. Nothing is contacted.
    ///
    /// # Errors
    /// When options contradict each other or the tier, or the address cannot be understood.
    fn refuse(_config: &Self::Config, _tier: Durability) -> Result<(), Failure> {
        Ok(())
    }

    /// Opens the store for a dataset. Nothing is created or changed before [`reset`](Store::reset). Of a server that
    /// somebody else runs, settings are read and never changed.
    async fn open(config: Self::Config, opening: Opening) -> Result<Self, Failure>;

    /// What this very store cannot do of what its kind can.
    fn lacks(&self) -> Option<Lack> {
        None
    }

    /// Makes an empty dataset, removing what an earlier `reset` of this workload made and nothing else: what has the
    /// dataset's name and not its mark is refused.
    async fn reset(&self) -> Result<(), Failure>;

    /// Tries what a run would do before it loads anything, and describes the store that it would measure. A store in a
    /// place that holds the data of others may try it elsewhere; otherwise [`clean_up`](Store::clean_up) and
    /// [`close`](Store::close) remove what was made.
    async fn rehearse(&self) -> Result<Description, Failure> {
        self.reset().await?;
        self.session().await?;
        self.describe().await
    }

    /// The marker beside the dataset: a text by which runs tell who uses the dataset's place. It is there before the
    /// dataset is and stays through [`reset`](Store::reset); [`close`](Store::close) removes it with the data. None where
    /// there is none, and in a store that nobody else can reach.
    async fn read_marker(&self) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    /// Puts a marker in the place of the expected one, or of none, in one step that nobody can come between, and answers
    /// whether it was the expected one. Where something of others has the dataset's name, there it fails and changes
    /// nothing.
    async fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        let _ = (expected, new);
        Ok(true)
    }

    /// What runs have left in this store, of the opened dataset and of all others.
    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure> {
        Ok(Vec::new())
    }

    /// Marks as ours what lies under the dataset's name without a mark, because the user says that it is.
    async fn adopt(&self) -> Result<(), Failure> {
        Err(Failure::broken(format!("{}: nobody can tell what of it is storebench's: remove it by hand", Self::NAME)))
    }

    /// What this store's own expert does after a bulk load: build indexes, gather statistics, write a checkpoint.
    async fn after_load(&self) -> Result<(), Failure>;

    /// A new session. It is used on the thread that made it.
    async fn session(&self) -> Result<Self::Session, Failure>;

    /// Version, effective settings and guarantees, read back from the store. Asked after [`reset`](Store::reset), which
    /// may have to set what lives with the data.
    async fn describe(&self) -> Result<Description, Failure>;

    /// The statements and round trips that an operation takes.
    fn explain(&self, op: &Op) -> Binding;

    /// What the data weighs now.
    async fn footprint(&self) -> Result<Footprint, Failure>;

    /// Sets back what was changed beside the dataset, in a place that holds the data of others, and answers a sentence for
    /// each thing that stays changed. The dataset may go with it. Called before [`close`](Store::close), unless what was
    /// made is to be kept.
    async fn clean_up(&self) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }

    /// Removes what was made with its marker, unless it is to be kept, and closes: no other call may follow.
    async fn close(&self, keep: bool) -> Result<(), Failure>;
}

/// What a driver declares, without its types: each field is the constant of [`Store`] of that name. From it follow help, lists,
/// the kinds of addresses and what tests try.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // The constants say what they mean.
pub struct Declaration {
    pub name: &'static str,
    pub about: &'static str,
    pub aliases: &'static [&'static str],
    pub schemes: &'static [&'static str],
    pub foreign_notations: &'static [Notation],
    pub addresses: &'static [&'static str],
    pub layouts: &'static [&'static str],
    pub capabilities: Capabilities,
    pub placement: Placement,
    pub best_durability: Durability,
    pub clients_choose_durability: bool,
    pub keeps_data: bool,
    pub keeps_catalog: bool,
    pub program: Option<Program>,
}

impl Declaration {
    /// What this driver declares.
    pub const fn of<S: Store>() -> Declaration {
        Declaration {
            name: S::NAME,
            about: S::ABOUT,
            aliases: S::ALIASES,
            schemes: S::SCHEMES,
            foreign_notations: S::FOREIGN_NOTATIONS,
            addresses: S::ADDRESSES,
            layouts: S::LAYOUTS,
            capabilities: S::CAPABILITIES,
            placement: S::PLACEMENT,
            best_durability: S::BEST_DURABILITY,
            clients_choose_durability: S::CLIENTS_CHOOSE_DURABILITY,
            keeps_data: S::KEEPS_DATA,
            keeps_catalog: S::KEEPS_CATALOG,
            program: S::PROGRAM,
        }
    }
}

/// One logical client: one operation in flight, replies fully decoded into `rows`.
pub trait Session {
    /// Carries out one operation. `rows` is cleared first and then holds the answer. A missing row, an error reply or a
    /// partial batch is a failure, never a success.
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure>;

    /// Conflicts that the session resolved by trying again since it was last asked; asked after each operation, off the
    /// stopwatch. A batch cannot be tried again as a whole once a part of it is applied, so the engine cannot do it.
    fn take_retries(&mut self) -> u64 {
        0
    }

    /// Adds records (`Batch` of `Insert`), events (`Batch` of `Append`) or points (`InsertPoints`) by the store's bulk path, with
    /// the same meaning as `execute`. Used before the run only. A store may still be at it when this returns, so that it
    /// works while the next rows are made; a failure may then come from a later call.
    async fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        self.execute(op, &mut Rows::default()).await
    }

    /// Ends a load: everything that [`load`](Session::load) took is there, for other sessions too.
    async fn finish_load(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// From now on, until [`end_snapshot`](Session::end_snapshot), exports and operations that
    /// [read](crate::Op::reads_in_snapshot) see the store as it is at one instant, whatever others write; all other
    /// operations fail. An open snapshot ends first. False where the store has nothing of the kind, and then nothing
    /// changes. Used off the clock to reconcile.
    async fn begin_snapshot(&mut self) -> Result<bool, Failure> {
        Ok(false)
    }

    /// Sees again what others write, also after an operation in the snapshot has failed. Without a snapshot nothing happens.
    async fn end_snapshot(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Hands every row of a part to `sink`: records in any order; a log's events in order within each stream; points
    /// in any order, as time and metrics under their entity. Used off the clock to reconcile.
    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure>;
}

/// What a store is opened for.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The data that it will hold.
    pub dataset: Arc<Dataset>,
    /// The tier that the user asked for. A store that can be set to it sets itself; `describe` tells what it got.
    pub durability: Durability,
    /// How many sessions will be made.
    pub sessions: usize,
    /// The weakest isolation of transactions that the workload accepts. A store whose usual level is weaker, and that can
    /// be set, sets itself to it.
    pub isolation: Option<Isolation>,
    /// How long a connection may take to be made, and how long one operation may last: the engine gives up on an operation
    /// then, and drops its session. Drivers pass it on to clients that have a limit of their own.
    pub timeout: Duration,
}

impl Opening {
    /// For a dataset at a tier, and otherwise what suits a test: one session, any isolation, 10 s.
    pub fn new(dataset: Arc<Dataset>, durability: Durability) -> Self {
        Opening { dataset, durability, sessions: 1, isolation: None, timeout: Duration::from_secs(10) }
    }
}

/// Where a store runs relative to the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// In this process: a session may block, so each owns its thread.
    Embedded,
    /// Behind a connection: sessions wait without blocking and share threads.
    Remote,
}
