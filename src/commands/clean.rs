//! `storebench clean`: removes from a store what runs have left there, and says of each thing what became of it and why.

use anyhow::anyhow;
use drivers::Address;

use super::signals::stop_on_signals;
use super::{Exit, Failed, stores, tell};
use crate::cli::CleanArgs;
use crate::load::{Cleaned, Extent};

/// Lists and removes.
///
/// # Errors
/// When there is no such store, or it cannot be listed.
pub fn clean(args: &CleanArgs) -> Result<Exit, Failed> {
    let address: Address = stores::parse(&args.store).map_err(|problem| Failed::usage(anyhow!(problem)))?;
    if !address.is_given() {
        return Err(Failed::usage(anyhow!(
            "`{address}` is made for each run: give the URL or file of a store that stays"
        )));
    }
    let extent = Extent { is_dry: args.dry_run, is_forced: args.force };
    let stop = stop_on_signals()?;
    let (mut all, mut gone, mut printed) = (0, 0, Ok(()));
    let cleaned = stores::clean(&address, extent, &stop, &mut |leftover, cleaned| {
        let became = match cleaned {
            Cleaned::Removed => "removed".to_owned(),
            Cleaned::Removable => "would be removed".to_owned(),
            Cleaned::Left(why) => format!("left: {why}"),
        };
        all += 1;
        gone += u32::from(*cleaned == Cleaned::Removed);
        let line = tell(&format!("{address}: {}: {became}\n", leftover.what));
        printed = std::mem::replace(&mut printed, Ok(())).and(line);
    });
    cleaned.map_err(Failed::usage)?;
    printed?;
    if all == 0 {
        tell(&format!("{address}: no run has left anything here\n"))?;
    }
    Ok(if all == gone && !stop.is_set() { Exit::Ok } else { Exit::Invalid })
}
