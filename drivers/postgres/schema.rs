//! The dataset's own schema: making, settling and removing it.
//!
//! On a server of others, nothing but this schema is touched. It is marked by a table that names its workload and the
//! tables that were made, each with its object identifier, which no other table of the database has: one that was dropped
//! and made anew by somebody is theirs, whatever its name. Only ours are ever dropped, one by one and never with CASCADE.
//! What has the schema's name and not its mark is refused. Data is reused only by a run that would create the same tables.

use super::laid::Laid;
use super::layout::{self, quoted, schema_name};
use super::link::Link;
use crate::{Failure, FailureKind};

/// The mark's table. Its name contains a dot, as no declared name does.
const MARK: &str = "\"storebench.mark\"";

/// A dataset's schema, there or not.
pub(super) struct Schema {
    dataset: String,
    name: String,
    quoted: String,
}

/// What the server has under the schema's name.
enum There {
    Nothing,
    /// Ours, with those tables in it that we made.
    Own(Vec<String>),
    /// Somebody else's.
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
    pub(super) async fn create(&self, link: &mut Link, laid: &Laid) -> Result<(), Failure> {
        link.run("BEGIN").await?; // Undone, if anything fails, by the end of the connection.
        match self.there(link).await? {
            There::Nothing => {}
            There::Own(tables) => self.drop_own(link, &tables).await?,
            There::Foreign => {
                let problem =
                    format!("there is a schema {} that this version did not make for this workload", self.name);
                return Err(Failure::broken(format!(
                    "postgres: {problem}; rename or drop it, or give another database"
                )));
            }
        }
        let (tables, made): (Vec<String>, Vec<String>) = all_tables(laid).unzip();
        let (schema, mark) = (&self.quoted, self.mark());
        let columns = "workload text PRIMARY KEY, tables text[] NOT NULL, oids oid[] NOT NULL, note text";
        link.run(&format!("CREATE SCHEMA {schema}; CREATE TABLE {mark} ({columns}); {}", made.join("; "))).await?;
        // In the order of their names in the mark.
        let oids = "ARRAY(SELECT to_regclass($3 || quote_ident(name))::oid \
                    FROM unnest($2::text[]) WITH ORDINALITY AS made (name, n) ORDER BY n)";
        let marked = format!("INSERT INTO {mark} (workload, tables, oids) VALUES ($1, $2, {oids})");
        link.query(&marked, &[&self.dataset, &tables, &format!("{schema}.")]).await?;
        link.run("COMMIT").await
    }

    /// Builds the indexes, lets the planner look at the data and the data reach the disk. Only some roles may ask for a
    /// checkpoint; for the others the server makes it in its own time.
    pub(super) async fn settle(&self, link: &mut Link, laid: &Laid) -> Result<(), Failure> {
        let named = "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                     WHERE n.nspname = $1 AND c.relkind = 'i' \
                     UNION ALL SELECT c.conname FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace \
                     WHERE n.nspname = $1 AND c.contype = 'f'";
        let there = link.query(named, &[&self.name]).await?;
        let there: Vec<&str> = there.iter().filter_map(|row| row.try_get(0).ok()).collect();
        for part in laid.parts() {
            for index in layout::indexes(laid, part).into_iter().filter(|index| !there.contains(&&*index.name)) {
                link.run(&index.make).await.map_err(|failure| match failure.kind {
                    FailureKind::Exists => Failure::exists(format_args!("a loaded key of {}", laid.name_of(part))),
                    _ => failure,
                })?;
            }
        }
        let tables: Vec<String> = all_tables(laid).map(|(name, _)| laid.qualified(&name)).collect();
        if !tables.is_empty() {
            link.run(&format!("VACUUM (ANALYZE) {}", tables.join(", "))).await?;
        }
        match link.run("CHECKPOINT").await {
            Err(failure) if failure.kind == FailureKind::Denied => Ok(()),
            made => made,
        }
    }

    /// Writes a note beside the data.
    pub(super) async fn note(&self, link: &mut Link, note: &str) -> Result<(), Failure> {
        let noted = link.query(&format!("UPDATE {} SET note = $1 RETURNING true", self.mark()), &[&note]).await?;
        if noted.len() == 1 { Ok(()) } else { Err(Failure::broken("postgres: there is no dataset to be noted")) }
    }

    /// The note beside the data, if there are both and the data lies in the tables of this layout.
    pub(super) async fn noted(&self, link: &mut Link, laid: &Laid) -> Result<Option<String>, Failure> {
        let There::Own(tables) = self.there(link).await? else { return Ok(None) };
        if !all_tables(laid).map(|(name, _)| name).eq(tables) {
            return Ok(None);
        }
        let rows = link.query(&format!("SELECT note FROM {}", self.mark()), &[]).await?;
        Ok(rows.first().and_then(|row| row.try_get(0).ok().flatten()))
    }

    /// Bytes of the tables with their indexes and everything that belongs to them.
    pub(super) async fn bytes(&self, link: &mut Link) -> Result<u64, Failure> {
        let sum = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c \
                   JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'";
        let rows = link.query(sum, &[&self.name]).await?;
        let bytes: Option<i64> = rows.first().and_then(|row| row.try_get(0).ok());
        bytes
            .and_then(|bytes| u64::try_from(bytes).ok())
            .ok_or_else(|| Failure::broken("postgres answers no size of the dataset"))
    }

    /// Removes what was made, if it is there and ours.
    pub(super) async fn remove(&self, link: &mut Link) -> Result<(), Failure> {
        link.run("BEGIN").await?;
        if let There::Own(tables) = self.there(link).await? {
            self.drop_own(link, &tables).await?;
        }
        link.run("COMMIT").await
    }

    async fn there(&self, link: &mut Link) -> Result<There, Failure> {
        // A mark without identifiers is of an earlier version, which dropped by name.
        let known = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass($2) AND attname = 'oids') \
                     FROM pg_namespace WHERE nspname = $1";
        let mark = self.mark();
        let rows = link.query(known, &[&self.name, &mark]).await?;
        let Some(row) = rows.first() else { return Ok(There::Nothing) };
        if !row.try_get(0).unwrap_or(false) {
            return Ok(There::Foreign);
        }
        let ours = "ARRAY(SELECT name FROM unnest(tables, oids) WITH ORDINALITY AS made (name, id, n) \
                    JOIN pg_class c ON c.oid = id AND c.relname = name \
                    WHERE c.relnamespace = quote_ident($1)::regnamespace ORDER BY n)";
        let rows = link.query(&format!("SELECT workload, {ours} FROM {mark}"), &[&self.name]).await?;
        let told = rows.first().and_then(|row| Some((row.try_get::<_, String>(0).ok()?, row.try_get(1).ok()?)));
        Ok(match told {
            Some((workload, tables)) if workload == self.dataset => There::Own(tables),
            _ => There::Foreign,
        })
    }

    async fn drop_own(&self, link: &mut Link, tables: &[String]) -> Result<(), Failure> {
        let own = tables.iter().map(|table| format!("{}.{}", self.quoted, quoted(table)));
        let own: Vec<String> = own.chain([self.mark()]).collect();
        let dropped = link.run(&format!("DROP TABLE IF EXISTS {}; DROP SCHEMA {}", own.join(", "), self.quoted)).await;
        dropped.map_err(|failure| {
            // dependent_objects_still_exist
            if !failure.message.contains("2BP01") {
                return failure;
            }
            let problem = format!("something else was put into schema {} or depends on it", self.name);
            Failure::broken(format!("postgres: {problem}, so it is left alone: {failure}"))
        })
    }
}

/// All tables of a dataset, each with the statement that makes it.
fn all_tables(laid: &Laid) -> impl Iterator<Item = (String, String)> {
    laid.parts().flat_map(|part| layout::tables(laid, part))
}
