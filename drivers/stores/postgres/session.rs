//! A session: one connection with its prepared statements.

use std::sync::Arc;

use super::bulk::Load;
use super::laid::Laid;
use super::link::{Link, Wire};
use super::statements::Statements;
use super::talk::Talk;
use crate::{Failure, Op, Outcome, Part, Row, Rows, Session};

/// One logical client.
pub struct PostgresSession {
    laid: Arc<Laid>,
    link: Link,
    statements: Statements,
    load: Load,
}

impl PostgresSession {
    pub(super) fn new(link: Link, laid: Arc<Laid>, load: Load) -> Self {
        let statements = Statements::new(laid.clone());
        PostgresSession { laid, link, statements, load }
    }

    /// The session in the parts that are borrowed separately.
    fn parts(&mut self) -> (Talk<'_>, &mut Wire, &mut Load) {
        let PostgresSession { laid, link: Link { client, wire, .. }, statements, load } = self;
        (Talk { laid, client, statements }, wire, load)
    }
}

impl Session for PostgresSession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        if self.load.is_open() {
            self.finish_load().await?;
        }
        let (mut talk, wire, _) = self.parts();
        wire.drive(talk.execute(op, rows)).await.map_err(|failure| wire.explained(failure))
    }

    async fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        let (mut talk, wire, load) = self.parts();
        wire.drive(talk.load(load, op)).await.map_err(|failure| wire.explained(failure))
    }

    async fn finish_load(&mut self) -> Result<(), Failure> {
        let (mut talk, wire, load) = self.parts();
        wire.drive(talk.finish_load(load)).await.map_err(|failure| wire.explained(failure))
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        self.finish_load().await?;
        let (mut talk, wire, load) = self.parts();
        wire.drive(talk.export(load, part, sink)).await.map_err(|failure| wire.explained(failure))
    }
}
