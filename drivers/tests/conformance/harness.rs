//! What the suite needs to hold any store: opening by its address, sessions behind one face, and short words for cases.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use drivers::memory::Memory;
use drivers::server::Server;
use drivers::{
    Address, Capabilities, Change, Dataset, Declaration, Description, Digest, Durability, Failure, FailureKind, Field,
    Fields, Key, KeyKind, Kind, Log, Op, Opening, Outcome, Part, Placement, Point, Record, Row, Rows, Series, Session,
    Store, Table, Value, Visitor,
};
use tokio::runtime::{Builder, Runtime};

use crate::servers;

pub const PEOPLE: usize = 0;
pub const WORDS: usize = 1;
pub const ACCOUNTS: usize = 2;
/// Without a primary key.
pub const VISITS: usize = 3;
pub const EVENTS: usize = 0;
pub const MOVES: usize = 1;
pub const CPU: usize = 0;

/// Every kind of field, both kinds of keys, and names that a store could mistake for its own.
pub fn dataset() -> Dataset {
    let field = |name: &str, kind| Field { name: name.into(), kind, optional: false };
    let optional = |name: &str, kind| Field { name: name.into(), kind, optional: true };
    let lines = vec![
        field("sku", Kind::Text),
        field("count", Kind::Int),
        field("price", Kind::Float),
        field("sent", Kind::Time),
        field("code", Kind::Bytes),
        optional("note", Kind::Text),
    ];
    let people = vec![
        field("name", Kind::Text),
        optional("nick", Kind::Text),
        field("age", Kind::Int),
        field("balance", Kind::Int),
        field("score", Kind::Float),
        field("active", Kind::Bool),
        optional("born", Kind::Time),
        field("photo", Kind::Bytes),
        field("tags", Kind::List(Box::new(Kind::Text))),
        field("extras", Kind::Map),
        optional("lines", Kind::Items(lines)),
    ];
    let words = vec![optional("key", Kind::Text), field("rank", Kind::Int)];
    let accounts = vec![field("balance", Kind::Int), optional("limit", Kind::Int)];
    let events = vec![field("kind", Kind::Text), field("at", Kind::Time), optional("seq", Kind::Map)];
    let table = |name: &str, key, fields, indexes| Table { name: name.into(), key, is_keyed: true, fields, indexes };
    let visits = table("visits", KeyKind::Int, vec![field("at", Kind::Time), optional("page", Kind::Text)], vec![]);
    Dataset {
        name: "conformance".into(),
        tables: vec![
            table("people", KeyKind::Int, people, vec![0, 2, 4, 6]),
            table("words", KeyKind::Text, words, vec![1]),
            table("accounts", KeyKind::Text, accounts, vec![]),
            Table { is_keyed: false, ..visits },
        ],
        logs: vec![
            Log { name: "events".into(), stream: KeyKind::Text, fields: events },
            Log { name: "moves".into(), stream: KeyKind::Int, fields: vec![field("x", Kind::Float)] },
        ],
        series: vec![Series { name: "cpu".into(), metrics: vec!["busy".into(), "at".into()] }],
    }
}

/// A store under test.
pub struct Tested {
    pub declared: Declaration,
    store: Box<dyn AnyStore>,
    address: Address,
    dataset: Arc<Dataset>,
}

/// One client of a store under test.
pub struct Client(Box<dyn AnySession>);

/// What a case holds, on which stores.
#[derive(Clone, Copy)]
pub enum On {
    /// A client of each store whose answers mean something.
    Client(fn(&mut Client)),
    /// Each store whose answers mean something.
    Store(fn(&Tested)),
    /// Of those the ones that outlive this process, so that what is kept in them can be found again. The case closes it.
    Server(fn(Tested)),
    /// Held against every store.
    Any(fn(&Tested)),
}

/// One thing that stores are held to, on an empty dataset each time.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its module and function.
    pub name: &'static str,
    /// What a store must declare to be held to it.
    pub needs: Capabilities,
    pub on: On,
}

impl Case {
    pub fn concerns(&self, declared: &Declaration) -> bool {
        let is_asked = match self.on {
            On::Client(_) | On::Store(_) => declared.keeps_data,
            On::Server(_) => declared.keeps_data && declared.placement == Placement::Remote,
            On::Any(_) => true,
        };
        is_asked && declared.capabilities.meets(self.needs)
    }

    pub fn run(&self, store: Tested) {
        match self.on {
            On::Client(case) => case(&mut store.client()),
            On::Store(case) | On::Any(case) => case(&store),
            On::Server(case) => return case(store),
        }
        store.close();
    }
}

/// The store that an address names, empty and settled. A server that is to be started is one for all cases.
pub fn store(address: &str) -> Tested {
    let address: Address = address.parse().expect("an address");
    let kind = address.store.clone();
    drivers::visit(&kind, Open(address)).expect("the list has it")
}

/// What the operations mean.
pub fn reference() -> Tested {
    opened::<Memory>("memory".parse().expect("an address"))
}

struct Open(Address);

impl Visitor for Open {
    type Output = Tested;

    fn visit<S: Store>(self) -> Tested {
        let is_to_be_started = S::PROGRAM.is_some() && !self.0.is_given();
        opened::<S>(if is_to_be_started { self.0.at(&served::<S>()) } else { self.0 })
    }
}

/// The address of the one server of this kind that all cases share.
fn served<S: Store>() -> String {
    static SERVERS: Mutex<Option<HashMap<&str, Server>>> = Mutex::new(None);
    let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    let start = || servers::started_of::<S>(Durability::Memory);
    servers.get_or_insert_default().entry(S::NAME).or_insert_with(start).address.clone()
}

/// Opens a store of this type, empty and settled, under a name that no other test uses.
pub fn opened<S: Store>(address: Address) -> Tested {
    static OPENED: AtomicU32 = AtomicU32::new(0);
    let name = format!("conformance-{}", OPENED.fetch_add(1, Ordering::Relaxed));
    let dataset = Arc::new(Dataset { name, ..dataset() });
    let tested = opened_as_it_is::<S>(address, dataset);
    tested.reset();
    tested.after_load();
    tested
}

fn opened_as_it_is<S: Store>(address: Address, dataset: Arc<Dataset>) -> Tested {
    let runtime = runtime();
    let opening = Opening { sessions: 8, ..Opening::new(Arc::clone(&dataset), Durability::Memory) };
    let config = address.config().expect("the table holds the store's own options");
    let store = runtime.block_on(S::open(config, opening)).unwrap_or_else(|failure| panic!("{}: {failure}", S::NAME));
    Tested { declared: Declaration::of::<S>(), store: Box::new(OnRuntime { of: store, runtime }), address, dataset }
}

struct Reopen(Address, Arc<Dataset>);

impl Visitor for Reopen {
    type Output = Tested;

    fn visit<S: Store>(self) -> Tested {
        opened_as_it_is::<S>(self.0, self.1)
    }
}

/// A store or session with the runtime that it lives on.
struct OnRuntime<T> {
    of: T,
    runtime: Runtime,
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

trait AnyStore: Sync {
    fn session(&self) -> Box<dyn AnySession>;
    fn reset(&self) -> Result<(), Failure>;
    fn after_load(&self) -> Result<(), Failure>;
    fn describe(&self) -> Result<Description, Failure>;
    fn read_marker(&self) -> Result<Option<String>, Failure>;
    fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure>;
    fn close(&self, keep: bool) -> Result<(), Failure>;
}

trait AnySession {
    fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure>;
    fn load(&mut self, op: &Op) -> Result<Outcome, Failure>;
    fn begin_snapshot(&mut self) -> Result<bool, Failure>;
    fn end_snapshot(&mut self) -> Result<(), Failure>;
    fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure>;
}

impl<S: Store> AnyStore for OnRuntime<S> {
    fn session(&self) -> Box<dyn AnySession> {
        let runtime = runtime();
        let session = runtime.block_on(self.of.session()).expect("a session");
        Box::new(OnRuntime { of: session, runtime })
    }

    fn reset(&self) -> Result<(), Failure> {
        self.runtime.block_on(self.of.reset())
    }

    fn after_load(&self) -> Result<(), Failure> {
        self.runtime.block_on(self.of.after_load())
    }

    fn describe(&self) -> Result<Description, Failure> {
        self.runtime.block_on(self.of.describe())
    }

    fn read_marker(&self) -> Result<Option<String>, Failure> {
        self.runtime.block_on(self.of.read_marker())
    }

    fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        self.runtime.block_on(self.of.swap_marker(expected, new))
    }

    fn close(&self, keep: bool) -> Result<(), Failure> {
        self.runtime.block_on(self.of.close(keep))
    }
}

impl<S: Session> AnySession for OnRuntime<S> {
    fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        self.runtime.block_on(self.of.execute(op, rows))
    }

    fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        self.runtime.block_on(async {
            let done = self.of.load(op).await?;
            self.of.finish_load().await.map(|()| done)
        })
    }

    fn begin_snapshot(&mut self) -> Result<bool, Failure> {
        self.runtime.block_on(self.of.begin_snapshot())
    }

    fn end_snapshot(&mut self) -> Result<(), Failure> {
        self.runtime.block_on(self.of.end_snapshot())
    }

    fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        self.runtime.block_on(self.of.export(part, sink))
    }
}

impl Tested {
    pub fn client(&self) -> Client {
        Client(self.store.session())
    }

    pub fn reset(&self) {
        self.store.reset().expect("reset");
    }

    pub fn after_load(&self) {
        self.store.after_load().expect("settled");
    }

    pub fn describe(&self) -> Description {
        self.store.describe().expect("a description")
    }

    pub fn swap_marker(&self, expected: Option<&str>, new: &str) -> bool {
        self.store.swap_marker(expected, new).expect("swapped or not")
    }

    pub fn read_marker(&self) -> Option<String> {
        self.store.read_marker().expect("the marker or none")
    }

    pub fn close(self) {
        self.store.close(false).expect("closed");
    }

    /// Another one, opened for the same dataset in the same place.
    pub fn same_place(&self) -> Tested {
        let (kind, dataset) = (self.address.store.clone(), Arc::clone(&self.dataset));
        drivers::visit(&kind, Reopen(self.address.clone(), dataset)).expect("the list has it")
    }

    /// Another one on the same server, empty and settled.
    pub fn other_place(&self) -> Tested {
        drivers::visit(&self.address.store, Open(self.address.clone())).expect("the list has it")
    }

    /// Closes it without removing anything, and opens it again for the same dataset.
    pub fn kept(self) -> Tested {
        self.reopened(true)
    }

    /// Removes everything, and opens it again for the same dataset.
    pub fn removed(self) -> Tested {
        self.reopened(false)
    }

    fn reopened(self, keep: bool) -> Tested {
        self.store.close(keep).expect("closed");
        self.same_place()
    }
}

impl Client {
    /// What an operation answers.
    pub fn execute(&mut self, op: &Op) -> Result<(Outcome, Vec<Row>), Failure> {
        let mut rows = Rows::default();
        // What an earlier operation left in the buffer must never be seen again.
        rows.push(Key::Int(-1), vec![text("left over")]);
        let done = self.0.execute(op, &mut rows)?;
        Ok((done, rows.to_vec()))
    }

    /// The rows of an operation that must be applied.
    pub fn rows(&mut self, op: Op) -> Vec<Row> {
        match self.execute(&op) {
            Ok((Outcome::Applied, rows)) => rows,
            other => panic!("{op:?} answered {other:?}"),
        }
    }

    /// An operation that must be applied and answers nothing.
    pub fn apply(&mut self, op: Op) {
        assert_eq!(self.rows(op.clone()), [], "{op:?}");
    }

    /// An operation that a floor must refuse.
    pub fn refuse(&mut self, op: Op) {
        match self.execute(&op) {
            Ok((Outcome::Refused, _)) => {}
            other => panic!("{op:?} answered {other:?}"),
        }
    }

    /// An operation that must fail in this way.
    pub fn fail(&mut self, kind: FailureKind, op: Op) {
        match self.execute(&op) {
            Err(failure) => {
                assert_eq!(failure.kind, kind, "{op:?}: {failure}");
                assert!(!failure.message.is_empty());
            }
            other => panic!("{op:?} answered {other:?}"),
        }
    }

    pub fn load(&mut self, op: &Op) {
        assert_eq!(self.0.load(op).expect("loaded"), Outcome::Applied);
    }

    pub fn is_load_refused(&mut self, op: &Op) -> bool {
        self.0.load(op).is_err_and(|failure| failure.kind == FailureKind::Broken)
    }

    /// Whether it reads as of one instant from now on.
    pub fn begin_snapshot(&mut self) -> bool {
        self.0.begin_snapshot().expect("a snapshot or none")
    }

    pub fn end_snapshot(&mut self) {
        self.0.end_snapshot().expect("its end");
    }

    /// All rows of a part.
    pub fn export(&mut self, part: Part) -> Vec<Row> {
        let mut rows = Vec::new();
        self.0.export(part, &mut |row| rows.push(row)).expect("exported");
        rows
    }

    /// The digest of each part.
    pub fn digests(&mut self) -> Vec<(Part, Digest)> {
        let digest = |part| {
            let mut digest = Digest::default();
            self.export(part).iter().for_each(|row| digest.add(&row.key, &row.values, &mut Vec::new()));
            (part, digest)
        };
        dataset().parts().map(digest).collect()
    }
}

/// Asserts that rows are these, where what means the same is the same.
#[track_caller]
pub fn assert_rows(found: &[Row], expected: &[(Key, Vec<Value>)]) {
    let expected: Vec<Row> =
        expected.iter().map(|(key, values)| Row { key: key.clone(), values: values.clone() }).collect();
    assert!(canonical(found) == canonical(&expected), "found    {found:?}\nexpected {expected:?}");
}

/// Asserts that the keys of rows are these.
#[track_caller]
pub fn assert_keys(found: &[Row], expected: &[Key]) {
    let found: Vec<&Key> = found.iter().map(|row| &row.key).collect();
    assert_eq!(found, expected.iter().collect::<Vec<_>>());
}

/// The canonical bytes of each row, in order.
pub fn canonical(rows: &[Row]) -> Vec<Vec<u8>> {
    let bytes = |row: &Row| {
        let mut out = Vec::new();
        row.key.write_canonical(&mut out);
        row.values.iter().for_each(|value| value.write_canonical(&mut out));
        out
    };
    rows.iter().map(bytes).collect()
}

pub fn text(text: &str) -> Value {
    Value::Text(text.into())
}

pub fn word(text: &str) -> Key {
    Key::Text(text.into())
}

pub fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
}

/// Somebody of this age, with a value in every field.
pub fn person(age: i64) -> Record {
    let line = map(&[
        ("sku", text("A-1")),
        ("count", Value::Int(2)),
        ("price", Value::Float(9.75)),
        ("sent", Value::Time(-1)),
        ("code", Value::Bytes(vec![0, 255])),
    ]);
    vec![
        text("Ada"),
        text("ad"),
        Value::Int(age),
        Value::Int(100),
        Value::Float(0.5),
        Value::Bool(true),
        Value::Time(1_700_000_000_000),
        Value::Bytes(vec![1, 2, 3]),
        Value::List(vec![text("x"), text("y")]),
        map(&[("city", text("Paris")), ("floors", Value::Int(3))]),
        Value::List(vec![line]),
    ]
}

pub fn insert(table: usize, key: Key, record: Record) -> Op {
    Op::Insert { table, key, record }
}

pub fn read(table: usize, key: Key) -> Op {
    Op::Read { table, key, fields: Fields::All }
}

pub fn update(table: usize, key: Key, field: usize, value: Value) -> Op {
    Op::Update { table, key, changes: vec![Change { field, value }] }
}

pub fn delete(table: usize, key: Key) -> Op {
    Op::Delete { table, key }
}

pub fn bump(table: usize, key: Key, field: usize, by: i64, floor: Option<i64>) -> Op {
    Op::Increment { table, key, field, by, floor }
}

pub fn point(entity: i64, at_ms: i64, metrics: [f64; 2]) -> Point {
    Point { entity, at_ms, metrics: metrics.to_vec() }
}

pub fn balance(client: &mut Client, key: &str) -> i64 {
    match client.rows(read(ACCOUNTS, word(key)))[0].values[0] {
        Value::Int(balance) => balance,
        ref other => panic!("a balance of {other:?}"),
    }
}

pub fn open_account(client: &mut Client, key: &str, balance: i64) {
    client.apply(insert(ACCOUNTS, word(key), vec![Value::Int(balance), Value::Null]));
}
