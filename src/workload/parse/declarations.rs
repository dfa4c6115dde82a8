//! What a workload file has declared so far: the parts of its dataset and the choosers of keys, which fields and operations
//! name and get back as positions.

use super::document::{Item, ParseResult};
use super::keys;
use crate::draw::keys::KeyChoice;
use crate::workload::field::KeyChooserSpec;
use crate::workload::spec::{LogSpec, SeriesSpec, TableSpec};
use drivers::Part;

/// The declared parts and choosers.
#[derive(Default)]
pub(super) struct Declarations {
    pub tables: Vec<TableSpec>,
    pub logs: Vec<LogSpec>,
    pub series: Vec<SeriesSpec>,
    pub key_choosers: Vec<KeyChooserSpec>,
}

impl Declarations {
    /// All parts: tables, then logs, then series.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = Part> + use<> {
        let tables = (0..self.tables.len()).map(Part::Table);
        tables.chain((0..self.logs.len()).map(Part::Log)).chain((0..self.series.len()).map(Part::Series))
    }

    pub fn part_name(&self, part: Part) -> &str {
        match part {
            Part::Table(at) => &self.tables[at].name,
            Part::Log(at) => &self.logs[at].name,
            Part::Series(at) => &self.series[at].name,
        }
    }

    /// The number of records, streams or entities.
    pub fn part_size(&self, part: Part) -> u64 {
        match part {
            Part::Table(at) => self.tables[at].records,
            Part::Log(at) => self.logs[at].streams,
            Part::Series(at) => self.series[at].entities,
        }
    }

    /// The table that a text names.
    pub fn table(&self, item: &Item<'_>) -> ParseResult<usize> {
        let names = self.tables.iter().map(|table| table.name.as_str());
        item.position("no table of this workload", item.text()?, names)
    }

    /// The log that a text names.
    pub fn log(&self, item: &Item<'_>) -> ParseResult<usize> {
        item.position("no log of this workload", item.text()?, self.logs.iter().map(|log| log.name.as_str()))
    }

    /// The series that a text names.
    pub fn series(&self, item: &Item<'_>) -> ParseResult<usize> {
        let names = self.series.iter().map(|series| series.name.as_str());
        item.position("no series of this workload", item.text()?, names)
    }

    /// The field of a table that an item names.
    pub fn field(&self, table: usize, item: &Item<'_>) -> ParseResult<usize> {
        let TableSpec { name, fields, .. } = &self.tables[table];
        item.position(&format!("no field of `{name}`"), item.text()?, fields.iter().map(|field| field.name.as_str()))
    }

    /// The chooser for keys of a part; `uniform` if nothing is written.
    pub fn key_chooser(&mut self, item: Option<&Item<'_>>, part: Part, grows: bool) -> ParseResult<usize> {
        let choice = item.map_or(Ok(KeyChoice::Uniform), keys::choice)?;
        let chooser = KeyChooserSpec { part, choice, grows };
        let known = self.key_choosers.iter().position(|known| *known == chooser);
        Ok(known.unwrap_or_else(|| {
            self.key_choosers.push(chooser);
            self.key_choosers.len() - 1
        }))
    }
}
