//! Every table is named with its schema, in every statement. The server that these tests share has an empty search path,
//! so that a bare name would fail there, too.

use super::dialect::TableId;
use super::items_layout::{ItemsChange, ItemsStatement};
use super::statement::PgStatement;
use super::*;
use crate::sql::statement::{FieldList, Statement};
use crate::{Field, Fold, Kind, Order};

/// Every statement of a dataset: what makes it, and each statement with a part that it is for.
fn statements(layout: &PostgresLayout) -> Vec<String> {
    let (table, log, series, metric, rows) = (0, 0, 0, 0, 1);
    let fields = || FieldList::All;
    let mut common = vec![
        Statement::Insert { table, rows },
        Statement::Read { table, fields: fields() },
        Statement::Update { table, fields: fields() },
        Statement::Delete { table },
        Statement::Scan { table, fields: fields() },
        Statement::Append { log, rows },
        Statement::Tail { log },
        Statement::InsertPoints { series, rows },
        Statement::LastPoint { series },
        Statement::PointRange { series },
        Statement::PointsAbove { series, metric },
    ];
    common.extend([true, false].map(|has_floor| Statement::Increment { table, field: 0, has_floor }));
    for is_range in [true, false] {
        let find = |order| Statement::Find { table, field: 0, is_range, order, fields: fields() };
        common.extend([Order::Ascending, Order::Descending].map(find));
    }
    let folds = [Fold::Mean, Fold::Min, Fold::Max, Fold::Sum, Fold::Count];
    common.extend(folds.map(|fold| Statement::Window { series, metric, fold }));
    common.extend(layout.parts().map(Statement::Export));
    let mut all: Vec<PgStatement<'_>> = common.into_iter().map(PgStatement::Common).collect();
    all.extend([PgStatement::AppendArrays { log }, PgStatement::InsertPointArrays { series }]);
    for into in layout.table_ids() {
        all.extend([true, false].map(|frozen| PgStatement::Copy { into, frozen }));
        if let TableId::Items { table, field } = into {
            let items = |change| PgStatement::Items(ItemsStatement { table, field, change });
            all.extend([ItemsChange::Delete, ItemsChange::Insert].map(items));
        }
    }
    let sent = all.into_iter().map(|statement| statement.sql(layout).text);
    sent.chain(layout.describe()).collect()
}

/// What follows each of the words after which a table is named.
fn named_after<'s>(statement: &'s str, word: &str) -> Vec<&'s str> {
    statement.split(word).skip(1).map(|rest| rest.split([' ', ';']).next().unwrap_or_default()).collect()
}

#[test]
fn every_statement_names_its_tables_with_their_schema() {
    let items = vec![Field { name: "count".into(), kind: Kind::Int, optional: true }];
    let mut sample = sample::dataset("names");
    sample.tables[0].fields.push(sample::field("lines", Kind::Items(items)));
    sample.tables[0].fields.insert(0, sample::field("number", Kind::Int));
    for nested in [NestedLayout::Jsonb, NestedLayout::Children] {
        let layout = dialect::layout(Arc::new(sample.clone()), items_layout(nested));
        for statement in statements(&layout) {
            let mut tables = 0;
            for word in
                ["FROM ", "INTO ", "UPDATE ", "DELETE FROM ", "TABLE ", "REFERENCES ", "COPY ", "JOIN ", " ON \""]
            {
                for named in named_after(&statement, word) {
                    let named = if word.ends_with('"') { format!("\"{named}") } else { named.to_owned() };
                    // A subquery, a function, the words of ON CONFLICT and of COPY.
                    let is_none =
                        named.starts_with('(') || ["unnest($", "SET", "STDIN"].iter().any(|no| named.starts_with(no));
                    assert!(is_none || named.starts_with("\"storebench_names\".\""), "{word}{named}: {statement}");
                    tables += usize::from(!is_none);
                }
            }
            assert!(tables > 0, "{statement}");
        }
    }
}

#[tokio::test]
async fn a_table_that_was_made_anew_is_left_alone_whatever_its_name() {
    for (name, made_anew) in [
        ("anew", "CREATE TABLE accounts (key bigint, balance bigint)"),
        ("anew-like", "CREATE TABLE accounts (LIKE users INCLUDING ALL)"),
        ("anew-view", "CREATE VIEW accounts AS SELECT 1 AS key"),
        ("anew-renamed", "ALTER TABLE users RENAME TO accounts"),
    ] {
        let store = ready(name).await;
        let mut own = inside(&store).await;
        own.run(&format!("DROP TABLE accounts; {made_anew}")).await.expect("made");
        let theirs = "SELECT 'accounts'::regclass::oid::text";
        let before = text(&mut own, theirs).await;
        let refused = store.reset().await.expect_err("it is somebody's").message;
        assert!(refused.contains("left alone") && refused.contains("accounts"), "{name}: {refused}");
        let open = open(shared(), name, Durability::Memory).await.expect("opened");
        let refused = open.close(false).await.expect_err("it is somebody's").message;
        assert!(refused.contains("left alone"), "{name}: {refused}");
        assert_eq!(text(&mut own, theirs).await, before, "{name}");
        own.run("DROP TABLE IF EXISTS accounts").await.ok();
        own.run("DROP VIEW IF EXISTS accounts").await.ok();
        store.reset().await.expect("ours give way");
        store.close(false).await.expect("closed");
    }
}

#[tokio::test]
async fn a_schema_that_was_restored_from_elsewhere_or_is_of_an_earlier_version_is_left_alone() {
    let store = ready("restored").await;
    let mut own = inside(&store).await;
    // As a dump would, with all names and contents.
    own.run(
        "ALTER SCHEMA storebench_restored RENAME TO original; CREATE SCHEMA storebench_restored; \
         CREATE TABLE storebench_restored.\"storebench.mark\" AS SELECT * FROM original.\"storebench.mark\"; \
         CREATE TABLE storebench_restored.accounts AS SELECT * FROM original.accounts",
    )
    .await
    .expect("copied");
    let refused = store.reset().await.expect_err("not the tables that were made").message;
    assert!(refused.contains("left alone"), "{refused}");
    own.run("ALTER TABLE storebench_restored.\"storebench.mark\" DROP COLUMN oids").await.expect("as it was");
    let refused = store.reset().await.expect_err("no identifiers").message;
    assert!(refused.contains("this version did not make"), "{refused}");
    store.close(false).await.expect("closed");
    own.run("SELECT FROM storebench_restored.accounts").await.expect("still there");
}
