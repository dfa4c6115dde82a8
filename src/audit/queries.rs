//! Queries: what the workload's operations read, asked again after the run and compared with the rows that the store holds.
//!
//! Whatever answers operations is reconciled so: indexes, orders of keys and derived sets, of which an export need not read
//! any. Subjects are drawn evenly from all that is there, and not as often as the workload asks for them, so that what is
//! seldom asked for is looked at, too.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use drivers::{Dataset, Failure, FailureKind, Key, Op, OpSubject, Part, Row, Rows, Session};

use super::expected_answer::{ExpectedAnswer, is_same};
use crate::generate::{Effect, Generator, KeyFrontiers, OpStream, even_operations};
use crate::record::CheckResult;

/// How many queries for one row are asked for an operation of the workload, and how many of those for several.
const SINGLE_ROWS: usize = 300;
const SEVERAL_ROWS: usize = 100;
/// How many times as many are drawn at most, because some are drawn twice.
const DRAWS: usize = 4;
/// How many rows a query asks for at least, where the operation gives a limit: entries that a shorter answer never reaches
/// are compared, too.
const ROWS: usize = 1_000;

/// The queries to ask, by operation of the workload.
#[derive(Debug, Clone)]
pub struct Queries {
    operations: Vec<(String, Vec<Op>)>,
}

/// The answers that the rows of the store demand.
#[derive(Debug)]
pub struct ExpectedAnswers {
    operations: Vec<String>,
    /// With the operation of the workload for which each is asked.
    answers: Vec<(usize, ExpectedAnswer)>,
    /// Positions of those that only rows of one key decide, and of the others.
    by_key: HashMap<(Part, Key), Vec<usize>>,
    by_part: HashMap<Part, Vec<usize>>,
}

impl Queries {
    /// Draws queries of every operation that reads.
    pub fn draw(generator: &Generator, frontiers: &Arc<KeyFrontiers>) -> Queries {
        let mut stream = even_operations(generator, frontiers);
        let names = generator.plan.operations.iter().map(|operation| operation.name.clone());
        let operations = names.enumerate().map(|(at, name)| (name, drawn(&mut stream, at)));
        Queries { operations: operations.filter(|(_, queries)| !queries.is_empty()).collect() }
    }

    /// No queries, for reading back alone.
    pub fn none() -> Queries {
        Queries { operations: Vec::new() }
    }

    /// What must be answered, before any row has gone by.
    pub fn expected(&self) -> ExpectedAnswers {
        let mut expected = ExpectedAnswers {
            operations: self.operations.iter().map(|(name, _)| name.clone()).collect(),
            answers: Vec::new(),
            by_key: HashMap::new(),
            by_part: HashMap::new(),
        };
        for (operation, (_, queries)) in self.operations.iter().enumerate() {
            for query in queries {
                let answer = ExpectedAnswer::to(query.clone());
                let Some(part) = answer.part() else { continue };
                let at = expected.answers.len();
                match answer.key() {
                    Some(key) => expected.by_key.entry((part, key)).or_default().push(at),
                    None => expected.by_part.entry(part).or_default().push(at),
                }
                expected.answers.push((operation, answer));
            }
        }
        expected
    }
}

/// Different queries of an operation of the plan.
fn drawn(stream: &mut OpStream, operation: usize) -> Vec<Op> {
    let (mut queries, mut known) = (Vec::new(), HashSet::new());
    let mut wanted = SINGLE_ROWS;
    for draw in 0.. {
        let found: Vec<Op> = reads(stream.example(operation)).collect();
        stream.complete(Effect::NotApplied);
        if found.iter().any(|op| !matches!(op, Op::Read { .. } | Op::LastPoint { .. })) {
            wanted = SEVERAL_ROWS;
        }
        let done = found.is_empty() || draw >= wanted * DRAWS;
        for query in found {
            if queries.len() < wanted && known.insert(format!("{query:?}")) {
                queries.push(query);
            }
        }
        if done || queries.len() >= wanted {
            break;
        }
    }
    queries
}

/// The operations that read among these and within them, each by itself and for more rows.
fn reads(ops: &[Op]) -> impl Iterator<Item = Op> {
    let single = ops.iter().flat_map(|op| match op {
        Op::Batch(ops) | Op::Transact(ops) | Op::Interactive(ops) => ops.as_slice(),
        op => std::slice::from_ref(op),
    });
    single.filter(|op| !op.writes()).map(|op| {
        let mut op = op.clone();
        if let Op::Scan { limit, .. }
        | Op::Find { limit, .. }
        | Op::Tail { limit, .. }
        | Op::PointsAbove { limit, .. } = &mut op
        {
            *limit = ROWS.max(*limit);
        }
        op
    })
}

impl ExpectedAnswers {
    /// Takes a row that the store holds.
    pub fn add(&mut self, part: Part, row: &Row) {
        let of_key = if self.by_key.is_empty() { None } else { self.by_key.get(&(part, row.key.clone())) };
        for at in self.by_part.get(&part).into_iter().chain(of_key).flatten() {
            self.answers[*at].1.add(row);
        }
    }

    /// Asks the store, and compares; nothing where no operation reads.
    ///
    /// # Errors
    /// When the store does not answer any more.
    pub async fn compare<S: Session>(self, session: &mut S, dataset: &Dataset) -> Result<Option<CheckResult>, Failure> {
        let mut found: Vec<QueryComparison> = self.operations.iter().map(|_| QueryComparison::default()).collect();
        let mut rows = Rows::default();
        for (operation, answer) in self.answers {
            let (op, expected, tolerance) = answer.rows();
            let answered = session.execute(&op, &mut rows).await;
            let wrong = match answered {
                Ok(_) => difference(&expected, &rows, tolerance),
                // What is not there is missing.
                Err(failure) if failure.kind == FailureKind::Missing && expected.is_empty() => None,
                Err(failure) if matches!(failure.kind, FailureKind::Unavailable | FailureKind::Timeout) => {
                    return Err(failure);
                }
                // A store that refuses a query, for want of an index say, may answer all others.
                Err(failure) => Some(failure.to_string()),
            };
            let of_operation = &mut found[operation];
            of_operation.asked += 1;
            if let Some(wrong) = wrong {
                of_operation.wrong += 1;
                of_operation.first.get_or_insert_with(|| format!("{} {}: {wrong}", op.verb(), OpSubject(dataset, &op)));
            }
        }
        Ok((!found.is_empty()).then(|| check_result(&self.operations, &found)))
    }
}

/// How the queries of an operation were answered.
#[derive(Debug, Default)]
struct QueryComparison {
    asked: u64,
    wrong: u64,
    /// What was wrong with the first of the wrong ones.
    first: Option<String>,
}

/// One check of all operations, which says of each that was answered wrongly what was wrong first.
fn check_result(operations: &[String], found: &[QueryComparison]) -> CheckResult {
    let asked: u64 = found.iter().map(|of_operation| of_operation.asked).sum();
    let wrong: u64 = found.iter().map(|of_operation| of_operation.wrong).sum();
    let mut detail = format!(
        "{wrong} of {asked} queries, drawn evenly for each operation that reads, are answered with other rows than are there"
    );
    for (operation, QueryComparison { asked, wrong, first }) in operations.iter().zip(found) {
        if let Some(first) = first {
            detail += &format!("; of {operation} {wrong} of {asked}, the first: {first}");
        }
    }
    let name = "queries find exactly the rows that are there".to_owned();
    CheckResult { name, passed: wrong == 0, undecided: false, sampled: true, detail }
}

/// In what an answer differs from what the rows demand; none if in nothing.
fn difference(expected: &[Row], answered: &[Row], tolerance: f64) -> Option<String> {
    let first = expected.iter().zip(answered).position(|(expected, answered)| !is_same(expected, answered, tolerance));
    match first {
        _ if expected.len() != answered.len() => {
            Some(format!("rows to be answered: {}, answered: {}", expected.len(), answered.len()))
        }
        Some(at) if expected[at].key != answered[at].key => {
            Some(format!("row {} should be {}, is {}", at + 1, expected[at].key, answered[at].key))
        }
        Some(at) => Some(format!("row {}, of {}, holds something else", at + 1, expected[at].key)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Workload;
    use drivers::memory::Memory;
    use drivers::{Durability, NoOptions, Opening, Outcome, Store};

    /// A workload loaded into the reference store, at a size at which every subject is drawn.
    async fn loaded(name: &str) -> (Arc<Generator>, Memory) {
        let workload = Workload::builtin(name).expect("a built-in workload");
        let plan = Arc::new(workload.plan(Some(60), None).expect("a plan"));
        let opening = Opening::new(Arc::clone(&plan.dataset), Durability::Memory);
        let store = Memory::open(NoOptions {}, opening).await.expect("opened");
        let generator = Arc::new(Generator::new(plan, 7));
        let mut session = store.session().await.expect("a session");
        let mut loader = crate::generate::Loader::new(Arc::clone(&generator), 0, 1);
        while let Some(step) = loader.next() {
            session.load(step.op).await.expect("loaded");
        }
        (generator, store)
    }

    /// What the queries find wrong with a store where an export leaves out what `is_shown` says.
    async fn compared(generator: &Arc<Generator>, store: &Memory, is_shown: impl Fn(Part, u64) -> bool) -> CheckResult {
        let frontiers = Arc::new(KeyFrontiers::new(&generator.plan));
        let mut session = store.session().await.expect("a session");
        let mut expected = Queries::draw(generator, &frontiers).expected();
        for part in generator.plan.dataset.parts() {
            let mut at = 0;
            let take = &mut |row| {
                if is_shown(part, at) {
                    expected.add(part, &row);
                }
                at += 1;
            };
            session.export(part, take).await.expect("exported");
        }
        expected.compare(&mut session, &generator.plan.dataset).await.expect("answered").expect("something is read")
    }

    #[tokio::test]
    async fn the_reference_store_answers_every_workload_from_its_rows_and_a_row_that_it_hides_is_missed() {
        for name in ["read-heavy", "oltp", "append-only", "time-series", "ycsb-a", "ycsb-e", "tpcb"] {
            let (generator, store) = loaded(name).await;
            let all = compared(&generator, &store, |_, _| true).await;
            assert!(all.passed && all.detail.starts_with("0 of "), "{name}: {all:#?}");
            // The fifth row of each part is not exported: whatever is answered from it differs.
            let hidden = compared(&generator, &store, |_, at| at != 5).await;
            assert!(!hidden.passed, "{name}: {hidden:#?}");
        }
    }

    #[tokio::test]
    async fn queries_are_those_of_the_workload_and_change_nothing() {
        let (generator, _) = loaded("oltp").await;
        let queries = Queries::draw(&generator, &Arc::new(KeyFrontiers::new(&generator.plan)));
        let names: Vec<_> = queries.operations.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["order-status", "recent-orders"], "those that read");
        assert!(queries.operations.iter().flat_map(|(_, ops)| ops).all(|op| !op.writes()));
        let finds = &queries.operations[1].1;
        assert!(finds.iter().all(|op| matches!(op, Op::Find { limit: ROWS, .. })), "{finds:?}");
    }

    /// A session that answers with rows of its own.
    struct Answers(Rows);

    impl Session for Answers {
        async fn execute(&mut self, _: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
            *rows = self.0.clone();
            Ok(Outcome::Applied)
        }

        async fn export(&mut self, _: Part, _: &mut dyn FnMut(Row)) -> Result<(), Failure> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_store_that_answers_nothing_fails_and_the_first_query_is_named() {
        let (generator, store) = loaded("read-heavy").await;
        let frontiers = Arc::new(KeyFrontiers::new(&generator.plan));
        let mut expected = Queries::draw(&generator, &frontiers).expected();
        let mut session = store.session().await.expect("a session");
        session.export(Part::Table(0), &mut |row| expected.add(Part::Table(0), &row)).await.expect("exported");
        let found = expected.compare(&mut Answers(Rows::default()), &generator.plan.dataset).await;
        let found = found.expect("answered").expect("something is read");
        assert!(
            // In four of the categories there is nothing, as was answered.
            !found.passed && found.detail.contains("; of category-page 20 of 24, the first: find products: "),
            "{found:?}"
        );
        assert!(found.detail.contains("read products 14: rows to be answered: 1, answered: 0"), "{found:?}");
    }
}
