//! The dataset's own schema: making, settling and removing it.
//!
//! On a server of others, nothing but this schema is touched. It is marked by a table that names its workload and the
//! tables that were made, each with its object identifier, which no other table of the database has: one that was dropped
//! and made anew by somebody is theirs, whatever its name. Only ours are ever dropped, one by one and never with CASCADE.
//! What has the schema's name and not its mark is refused. Data is reused only by a run that would create the same tables.

use super::connection::Connection;
use super::dialect::PostgresLayout;
use super::failure::code;
use super::names::{quoted, schema_name};
use crate::sql::dialect::Definition;
use crate::{Failure, FailureKind, Leftover};

/// The mark's table. Its name contains a dot, as no declared name does.
pub(super) const MARK_NAME: &str = "storebench.mark";
const MARK: &str = "\"storebench.mark\"";

/// A dataset's schema, there or not.
pub(super) struct Schema {
    dataset: String,
    name: String,
    quoted: String,
}

/// What the server has under the schema's name.
enum Existing {
    Nothing,
    /// Ours, with those tables in it that we made and the marker of the run that uses it.
    Own(Vec<String>, Option<String>),
    /// Something of this name is there that we did not make.
    Foreign,
}

impl Schema {
    pub(super) fn of(dataset: &str) -> Self {
        let name = schema_name(dataset);
        Schema { dataset: dataset.into(), quoted: quoted(&name), name }
    }

    /// The mark's table with the schema.
    fn mark(&self) -> String {
        format!("{}.{MARK}", self.quoted)
    }

    /// Makes the dataset's tables, empty, in place of those that an earlier run of this workload made. All or nothing.
    pub(super) async fn create(&self, connection: &mut Connection, layout: &PostgresLayout) -> Result<(), Failure> {
        connection.run("BEGIN").await?; // Undone, if anything fails, by the end of the connection.
        let marker = match self.existing_locked(connection).await? {
            Existing::Nothing => None,
            Existing::Own(tables, marker) => {
                self.drop_own(connection, &tables).await?;
                marker
            }
            Existing::Foreign => return Err(self.foreign()),
        };
        let (tables, create): (Vec<String>, Vec<String>) =
            all_tables(layout).map(|table| (table.name, table.create)).unzip();
        self.create_schema(connection, marker.as_deref()).await?;
        connection.run(&create.join("; ")).await?;
        // In the order of their names in the mark.
        let oids = "ARRAY(SELECT to_regclass($2 || quote_ident(name))::oid \
                    FROM unnest($1::text[]) WITH ORDINALITY AS made (name, n) ORDER BY n)";
        let marked = format!("UPDATE {} SET tables = $1, oids = {oids}", self.mark());
        connection.query(&marked, &[&tables, &format!("{}.", self.quoted)]).await?;
        connection.run("COMMIT").await
    }

    /// The schema with its mark, which names no table yet.
    async fn create_schema(&self, connection: &mut Connection, marker: Option<&str>) -> Result<(), Failure> {
        let (schema, mark) = (&self.quoted, self.mark());
        let columns = "workload text PRIMARY KEY, tables text[] NOT NULL, oids oid[] NOT NULL, note text";
        connection.run(&format!("CREATE SCHEMA {schema}; CREATE TABLE {mark} ({columns})")).await?;
        let insert = format!("INSERT INTO {mark} (workload, tables, oids, note) VALUES ($1, '{{}}', '{{}}', $2)");
        connection.query(&insert, &[&self.dataset, &marker]).await.map(|_| ())
    }

    fn foreign(&self) -> Failure {
        let problem = format!("there is a schema {} that this version did not make for this workload", self.name);
        Failure::broken(format!("postgres: {problem}; rename or drop it, or give another database"))
    }

    /// Builds the indexes, lets the planner look at the data and the data reach the disk. Only some roles may ask for a
    /// checkpoint; for the others the server makes it in its own time.
    pub(super) async fn after_load(&self, connection: &mut Connection, layout: &PostgresLayout) -> Result<(), Failure> {
        let named = "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                     WHERE n.nspname = $1 AND c.relkind = 'i' \
                     UNION ALL SELECT c.conname FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace \
                     WHERE n.nspname = $1 AND c.contype = 'f'";
        let there = connection.query(named, &[&self.name]).await?;
        let there: Vec<&str> = there.iter().filter_map(|row| row.try_get(0).ok()).collect();
        for part in layout.parts() {
            for index in layout.indexes(part).into_iter().filter(|index| !there.contains(&&*index.name)) {
                connection.run(&index.create).await.map_err(|failure| match failure.kind {
                    FailureKind::Exists => Failure::exists(format_args!("a loaded key of {}", layout.name_of(part))),
                    _ => failure,
                })?;
            }
        }
        let tables: Vec<String> = all_tables(layout).map(|table| layout.dialect.qualified(&table.name)).collect();
        if !tables.is_empty() {
            connection.run(&format!("VACUUM (ANALYZE) {}", tables.join(", "))).await?;
        }
        match connection.run("CHECKPOINT").await {
            Err(failure) if failure.kind == FailureKind::Denied => Ok(()),
            made => made,
        }
    }

    /// The marker in our schema.
    pub(super) async fn read_marker(&self, connection: &mut Connection) -> Result<Option<String>, Failure> {
        match self.existing(connection).await? {
            Existing::Own(_, marker) => Ok(marker),
            Existing::Nothing | Existing::Foreign => Ok(None),
        }
    }

    /// Puts a marker in the place of the expected one, if that is what is there. For the first marker it makes the schema:
    /// of two that do so at once, one waits for the other and then finds it there.
    pub(super) async fn swap_marker(
        &self,
        connection: &mut Connection,
        expected: Option<&str>,
        new: &str,
    ) -> Result<bool, Failure> {
        match self.existing(connection).await? {
            Existing::Foreign => return Err(self.foreign()),
            Existing::Nothing if expected.is_some() => return Ok(false),
            Existing::Nothing => {
                connection.run("BEGIN").await?; // Undone, if anything fails, by the end of the connection.
                // unique_violation, duplicate_schema
                let is_there =
                    |failure: &Failure| failure.kind == FailureKind::Exists || code(failure) == Some("42P06");
                return match self.create_schema(connection, Some(new)).await {
                    Ok(()) => connection.run("COMMIT").await.map(|()| true),
                    Err(failure) if is_there(&failure) => Ok(false),
                    Err(failure) => Err(failure),
                };
            }
            Existing::Own(..) => {}
        }
        let update = format!("UPDATE {} SET note = $2 WHERE note IS NOT DISTINCT FROM $1 RETURNING true", self.mark());
        Ok(connection.query(&update, &[&expected, &new]).await?.len() == 1)
    }

    /// Bytes of the tables with their indexes and everything that belongs to them.
    pub(super) async fn bytes(&self, connection: &mut Connection) -> Result<u64, Failure> {
        let sum = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c \
                   JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'";
        let rows = connection.query(sum, &[&self.name]).await?;
        let bytes: Option<i64> = rows.first().and_then(|row| row.try_get(0).ok());
        bytes
            .and_then(|bytes| u64::try_from(bytes).ok())
            .ok_or_else(|| Failure::broken("postgres answers no size of the dataset"))
    }

    /// Removes what was made, if it is there and ours.
    pub(super) async fn remove(&self, connection: &mut Connection) -> Result<(), Failure> {
        connection.run("BEGIN").await?;
        if let Existing::Own(tables, _) = self.existing_locked(connection).await? {
            self.drop_own(connection, &tables).await?;
        }
        connection.run("COMMIT").await
    }

    /// What is under our name.
    async fn existing(&self, connection: &mut Connection) -> Result<Existing, Failure> {
        self.existing_with(connection, "").await
    }

    /// The same; our mark is locked until the end of the transaction, so that what it says stays true.
    async fn existing_locked(&self, connection: &mut Connection) -> Result<Existing, Failure> {
        self.existing_with(connection, " FOR UPDATE").await
    }

    async fn existing_with(&self, connection: &mut Connection, lock: &str) -> Result<Existing, Failure> {
        // A mark without identifiers is of an earlier version, which dropped by name.
        let known = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass($2) AND attname = 'oids') \
                     FROM pg_namespace WHERE nspname = $1";
        let mark = self.mark();
        let rows = connection.query(known, &[&self.name, &mark]).await?;
        let Some(row) = rows.first() else { return Ok(Existing::Nothing) };
        if !row.try_get(0).map_err(|error| malformed(&mark, error))? {
            return Ok(Existing::Foreign);
        }
        let ours = "ARRAY(SELECT name FROM unnest(tables, oids) WITH ORDINALITY AS made (name, id, n) \
                    JOIN pg_class c ON c.oid = id AND c.relname = name \
                    WHERE c.relnamespace = quote_ident($1)::regnamespace ORDER BY n)";
        let rows =
            match connection.query(&format!("SELECT workload, {ours}, note FROM {mark}{lock}"), &[&self.name]).await {
                // undefined_column, wrong_object_type: it has our name and not our form.
                Err(failure) if matches!(code(&failure), Some("42703" | "42809")) => {
                    return Ok(Existing::Foreign);
                }
                rows => rows?,
            };
        let Some(row) = rows.first() else { return Ok(Existing::Foreign) };
        let workload: String = row.try_get(0).map_err(|error| malformed(&mark, error))?;
        let tables = row.try_get(1).map_err(|error| malformed(&mark, error))?;
        let marker = row.try_get(2).map_err(|error| malformed(&mark, error))?;
        Ok(if workload == self.dataset { Existing::Own(tables, marker) } else { Existing::Foreign })
    }

    async fn drop_own(&self, connection: &mut Connection, tables: &[String]) -> Result<(), Failure> {
        let own = tables.iter().map(|table| format!("{}.{}", self.quoted, quoted(table)));
        let own: Vec<String> = own.chain([self.mark()]).collect();
        let dropped =
            connection.run(&format!("DROP TABLE IF EXISTS {}; DROP SCHEMA {}", own.join(", "), self.quoted)).await;
        dropped.map_err(|failure| {
            // dependent_objects_still_exist
            if code(&failure) != Some("2BP01") {
                return failure;
            }
            let problem = format!("something else was put into schema {} or depends on it", self.name);
            Failure::broken(format!("postgres: {problem}, so it is left alone: {failure}"))
        })
    }
}

/// The schemas that have a name as ours have.
pub(super) async fn leftovers(connection: &mut Connection) -> Result<Vec<Leftover>, Failure> {
    const PREFIX: &str = "storebench_";
    let named = "SELECT nspname::text FROM pg_namespace WHERE starts_with(nspname::text, $1) ORDER BY 1";
    let mut leftovers = Vec::new();
    for row in connection.query(named, &[&PREFIX]).await? {
        let name: String = row.try_get(0).map_err(|error| malformed("pg_namespace", error))?;
        // A long name in the schema's is cut; the mark has all of it.
        let mark = format!("{}.{MARK}", quoted(&name));
        let is_there = connection.query("SELECT to_regclass($1) IS NOT NULL", &[&mark]).await?;
        let is_there = is_there.first().is_some_and(|row| row.try_get(0).unwrap_or(false));
        let workload = match is_there {
            true => connection.query(&format!("SELECT workload FROM {mark}"), &[]).await?,
            false => Vec::new(),
        };
        let workload = workload.first().and_then(|row| row.try_get::<_, String>(0).ok());
        let is_marked = workload.as_deref().is_some_and(|workload| Schema::of(workload).name == name);
        let dataset = workload.unwrap_or_else(|| name[PREFIX.len()..].to_owned());
        leftovers.push(Leftover { dataset, what: format!("schema {name}"), is_marked });
    }
    Ok(leftovers)
}

fn malformed(mark: &str, error: tokio_postgres::Error) -> Failure {
    Failure::broken(format!("postgres: {mark} is not as storebench writes it: {error}")).caused_by(error)
}

/// All tables of a dataset.
fn all_tables(layout: &PostgresLayout) -> impl Iterator<Item = Definition> {
    layout.parts().flat_map(|part| layout.tables(part))
}
