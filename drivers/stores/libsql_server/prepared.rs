//! The SQL texts of a session: each is composed once, and stored on the server once.

use std::sync::Arc;

use super::hrana::{STORED_TEXTS, SqlText};
use super::steps::StepStatement;
use crate::sql::sqlite::dialect::SqliteLayout;

/// The texts that a session has used, in the order of their first use.
pub(super) struct PreparedStatements {
    layout: Arc<SqliteLayout>,
    texts: Vec<(StepStatement<'static>, String)>,
}

impl PreparedStatements {
    pub(super) fn new(layout: Arc<SqliteLayout>) -> Self {
        PreparedStatements { layout, texts: Vec::new() }
    }

    /// The number of a statement's text. A workload has a few dozen, which a search compares quicker than a hash.
    pub(super) fn find(&mut self, statement: &StepStatement<'_>) -> usize {
        let known = self.texts.iter().position(|(known, _)| known == statement);
        known.unwrap_or_else(|| {
            self.texts.push((statement.clone().into_static(), statement.text(&self.layout)));
            self.texts.len() - 1
        })
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn sql(&self, number: usize) -> &str {
        &self.texts[number].1
    }

    /// As it is to be sent.
    pub(super) fn text(&self, number: usize) -> SqlText<'_> {
        if number < STORED_TEXTS { SqlText::Stored(number as u32) } else { SqlText::Sent(self.sql(number)) }
    }
}
