//! The price catalogue: the entries compiled in, and over them those of a user's file. What an entry means is in
//! `offer`.

use std::path::Path;

use indexmap::IndexMap;
use jiff::civil::Date;
use serde::Deserialize;

use super::file::{self, CostError};
use super::offer::{Offer, Origin, Precision, Quality};
use super::pricing::{FlatPlan, Node, Pricing, Provisioned, Requests, Serverless, Storage};

const BUILT_IN: &str = include_str!("prices.toml");
const BUILT_IN_NAME: &str = "prices.toml (built in)";

/// The offers that can be priced, by id.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalogue {
    offers: IndexMap<String, Offer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    list: Vec<List>,
}

/// What one source says on one date.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    provider: Plain,
    service: Plain,
    runs: Vec<Plain>,
    region: Plain,
    term: Plain,
    #[serde(rename = "currency")]
    _currency: Currency,
    source: Plain,
    retrieved: Option<Date>,
    #[serde(default)]
    precision: Precision,
    quality: Quality,
    #[serde(default)]
    node: IndexMap<Id, Node>,
    #[serde(default)]
    serverless: IndexMap<Id, Serverless>,
    #[serde(default)]
    requests: IndexMap<Id, Requests>,
    #[serde(default)]
    provisioned: IndexMap<Id, Provisioned>,
    #[serde(default)]
    storage: IndexMap<Id, Storage>,
    #[serde(default)]
    plan: IndexMap<Id, FlatPlan>,
}

/// The only one so far: it must be written, so that no price is read in the wrong one.
#[derive(Debug, Deserialize)]
enum Currency {
    #[serde(rename = "USD")]
    Usd,
}

/// Text that can be printed as it is.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Plain(String);

impl TryFrom<String> for Plain {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.is_empty() && drivers::one_line(&text) == text {
            return Ok(Plain(text));
        }
        Err(format!("{text:?} is empty or holds characters that cannot be printed"))
    }
}

/// An id: what can be typed after `--offer` without quotes.
#[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(try_from = "String")]
struct Id(String);

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if !text.is_empty() && text.bytes().all(is_plain) {
            return Ok(Id(text));
        }
        Err(format!("{text:?} is no id; write letters, digits, `.`, `-` and `_`"))
    }
}

impl Catalogue {
    /// The entries compiled in, and over them those of a file: an offer of the same id is replaced as a whole.
    ///
    /// # Errors
    /// When the file cannot be read or is malformed.
    pub fn load(user_file: Option<&Path>) -> Result<Self, CostError> {
        let mut catalogue = Catalogue::default();
        catalogue.add(BUILT_IN_NAME, BUILT_IN, file::parse(BUILT_IN_NAME, BUILT_IN)?)?;
        if let Some(path) = user_file {
            let (text, lists) = file::open(path)?;
            catalogue.add(&path.display().to_string(), &text, lists)?;
        }
        Ok(catalogue)
    }

    /// The offer of an id.
    ///
    /// # Errors
    /// When there is none; the error lists what there is.
    pub fn offer(&self, id: &str) -> Result<&Offer, CostError> {
        self.offers
            .get(id)
            .ok_or_else(|| CostError::UnknownOffer { id: id.to_owned(), known: self.offers.keys().cloned().collect() })
    }

    /// All offers, list by list as in the files.
    pub fn offers(&self) -> impl Iterator<Item = &Offer> {
        self.offers.values()
    }

    /// The storage that an offer is billed with: its id and price.
    pub fn storage_of(&self, offer: &Offer) -> Option<(&Offer, &Storage)> {
        let found = self.offers.get(offer.storage()?)?;
        match &found.pricing {
            Pricing::Storage(storage) => Some((found, storage)),
            _ => None,
        }
    }

    /// Adds a file's offers over those that are there.
    fn add(&mut self, name: &str, text: &str, File { list }: File) -> Result<(), CostError> {
        let mut added: IndexMap<String, Offer> = IndexMap::new();
        for list in list {
            for offer in list.offers() {
                if added.contains_key(&offer.id) {
                    return Err(file::malformed(name, text, line_of(text, &offer.id), "this id is there twice"));
                }
                added.insert(offer.id.clone(), offer);
            }
        }
        let ids: Vec<String> = added.keys().cloned().collect();
        self.offers.extend(added);
        for offer in ids.iter().filter_map(|id| self.offers.get(id)) {
            if let (Some(storage), None) = (offer.storage(), self.storage_of(offer)) {
                let problem = format!("there is no storage offer {storage:?}");
                return Err(file::malformed(name, text, line_of(text, &offer.id), &problem));
            }
        }
        Ok(())
    }
}

impl List {
    fn offers(self) -> Vec<Offer> {
        let origin = Origin {
            provider: self.provider.0,
            service: self.service.0,
            runs: self.runs.into_iter().map(|name| name.0).collect(),
            region: self.region.0,
            term: self.term.0,
            source: self.source.0,
            retrieved: self.retrieved,
            precision: self.precision,
            quality: self.quality,
        };
        fn kinds<T>(rows: IndexMap<Id, T>, pricing: fn(T) -> Pricing) -> impl Iterator<Item = (Id, Pricing)> {
            rows.into_iter().map(move |(id, row)| (id, pricing(row)))
        }
        let rows = kinds(self.node, Pricing::Node)
            .chain(kinds(self.serverless, Pricing::Serverless))
            .chain(kinds(self.requests, Pricing::Requests))
            .chain(kinds(self.provisioned, Pricing::Provisioned))
            .chain(kinds(self.storage, Pricing::Storage))
            .chain(kinds(self.plan, Pricing::Plan));
        rows.map(|(id, pricing)| Offer { id: id.0, origin: origin.clone(), pricing }).collect()
    }
}

/// The last line, from 0, that begins with an id: where a second entry of it stands.
fn line_of(text: &str, id: &str) -> usize {
    let begins = |line: &str| {
        let name = line.trim_start().trim_start_matches('[').trim_start_matches('"');
        name.strip_prefix(id).is_some_and(|rest| rest.starts_with(['"', ' ', '=', ']']))
    };
    text.lines().enumerate().filter(|(_, line)| begins(line)).last().map_or(0, |(at, _)| at)
}
