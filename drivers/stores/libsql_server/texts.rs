//! The SQL texts of a session: each is composed once, and stored on the server once.

use std::sync::Arc;

use super::hrana::{STORED_TEXTS, Text};
use super::plan::{What, text};
use crate::sql::named::Named;
use crate::{Dataset, Fields};

/// The texts that a session has used, in the order of their first use.
pub(super) struct Texts {
    /// With the names that tables have on the server.
    dataset: Arc<Dataset>,
    known: Vec<Known>,
}

struct Known {
    what: What,
    fields: Fields,
    sql: String,
}

impl Texts {
    pub(super) fn new(dataset: Arc<Dataset>) -> Self {
        Texts { dataset, known: Vec::new() }
    }

    /// The number of a statement's text. A workload has a few dozen, which a search compares quicker than a hash.
    pub(super) fn find(&mut self, what: What, named: Named<'_>) -> usize {
        let known = self.known.iter().position(|one| one.what == what && named.are(&one.fields));
        known.unwrap_or_else(|| {
            let fields = named.to_fields();
            let sql = text(&self.dataset, what, &fields);
            self.known.push(Known { what, fields, sql });
            self.known.len() - 1
        })
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn sql(&self, number: usize) -> &str {
        &self.known[number].sql
    }

    /// As it is to be sent.
    pub(super) fn text(&self, number: usize) -> Text<'_> {
        if number < STORED_TEXTS { Text::Stored(number as u32) } else { Text::Sent(self.sql(number)) }
    }
}
