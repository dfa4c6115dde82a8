//! `storebench cost`: what the measured stores would cost on offers of the price catalogue; and the estimate that
//! `storebench run` writes into its record.

use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::exit::{Exit, Failed};
use super::terminal::print;
use crate::cli::{CostArgs, PriceArgs};
use crate::cost::{self, Catalogue, Options, Targets};
use crate::record::{Experiment, Host, Run};
use crate::report;

/// Prints the comparison of offers for a results folder.
///
/// # Errors
/// When there is no readable record in the folder, a file of prices or targets is wrong, or an offer is unknown.
pub fn cost(args: &CostArgs) -> Result<Exit, Failed> {
    let prices = Prices::load(&args.prices)?;
    let experiment = Experiment::read(&args.folder).map_err(Failed::usage)?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let table = report::cost::table(&experiment, &prices.catalogue, &prices.options, &args.offers, today);
    print(&table.context("--offers").map_err(Failed::usage)?)?;
    Ok(if experiment.is_valid() { Exit::Ok } else { Exit::Invalid })
}

/// The catalogue, and how to choose from it.
pub struct Prices {
    catalogue: Catalogue,
    options: Options,
}

impl Prices {
    /// Reads the files that the command line names, and makes sure that all offers exist that it and they name.
    ///
    /// # Errors
    /// When a file is wrong or an offer is unknown.
    pub fn load(args: &PriceArgs) -> Result<Self, Failed> {
        let catalogue = Catalogue::load(args.prices.as_deref()).map_err(Failed::usage)?;
        let targets = args.targets.as_deref().map(Targets::open).transpose().map_err(Failed::usage)?;
        let targets = targets.unwrap_or_default();
        if let Some(id) = &args.offer {
            catalogue.offer(id).context("--offer").map_err(Failed::usage)?;
        }
        for id in targets.offers() {
            catalogue.offer(id).context("--targets").map_err(Failed::usage)?;
        }
        let options =
            Options { offer: args.offer.clone(), copies: args.copies, utilisation: args.utilisation, targets };
        Ok(Prices { catalogue, options })
    }

    /// Gives a run its estimate.
    ///
    /// # Errors
    /// When an offer is unknown.
    pub fn price(&self, run: &mut Run, host: &Host) -> Result<(), Failed> {
        run.cost = Some(cost::estimate(run, host, &self.catalogue, &self.options).map_err(Failed::usage)?);
        Ok(())
    }
}
