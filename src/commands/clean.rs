//! `storebench clean`: removes from a store what runs have left there, and says of each thing what became of it and why.

use anyhow::anyhow;
use drivers::Address;

use super::exit::{Exit, Failed};
use super::signals::Signals;
use super::terminal::print;
use super::{passwords, stores};
use crate::cli::CleanArgs;
use crate::load::{Cleaned, Extent};

/// Removes what runs have left in a store, or lists it.
///
/// # Errors
/// When there is no such store, or it cannot be listed.
pub fn clean(args: &CleanArgs) -> Result<Exit, Failed> {
    let mut address: Address = stores::parse(&args.store).map_err(|problem| Failed::usage(anyhow!(problem)))?;
    passwords::give(&args.passwords, std::slice::from_mut(&mut address)).map_err(Failed::usage)?;
    if !address.is_given() {
        return clean_folders(&address, args.dry_run);
    }
    let extent = Extent { is_dry: args.dry_run, is_forced: args.force };
    let cancel = Signals::watch()?.cancel;
    let (mut found, mut removed, mut printed) = (0, 0, Ok(()));
    let cleaned = stores::clean(&address, extent, &cancel, &mut |leftover, cleaned| {
        let result = match cleaned {
            Cleaned::Removed(changed) => [vec!["removed".to_owned()], changed.clone()].concat().join("; "),
            Cleaned::Removable => "would be removed".to_owned(),
            Cleaned::Left(why) => format!("left: {why}"),
        };
        found += 1;
        removed += u32::from(matches!(cleaned, Cleaned::Removed(_)));
        let line = print(&format!("{address}: {}: {result}\n", leftover.what));
        printed = std::mem::replace(&mut printed, Ok(())).and(line);
    });
    cleaned
        .map_err(|failure| Failed::usage(anyhow!("{address}: {}", failure.without_address(&address.to_string()))))?;
    printed?;
    if found == 0 {
        print(&format!("{address}: no run has left anything here\n"))?;
    }
    Ok(if found == removed && !cancel.is_cancelled() { Exit::Ok } else { Exit::Invalid })
}

/// The same for a store that is made for each run. It leaves a folder, and perhaps its server, if a run was killed together
/// with its guard.
fn clean_folders(address: &Address, is_dry: bool) -> Result<Exit, Failed> {
    let parent = drivers::scratch_folder();
    let found = drivers::server::abandoned(&parent, &address.to_string());
    let found = found.map_err(|error| Failed::usage(anyhow!("cannot look into {}: {error}", parent.display())))?;
    if found.is_empty() {
        print(&format!("{address}: no run has left a folder in {}\n", parent.display()))?;
        return Ok(Exit::Ok);
    }
    let mut all_gone = true;
    for leftover in found {
        let servers = if leftover.pids.is_empty() { "" } else { " with a server that still runs" };
        let what = format!("{address}: {}{servers}", leftover.folder.display());
        let result = match is_dry {
            true => Err("would be removed".to_owned()),
            false => leftover.remove().map_err(|error| format!("left: {error}")),
        };
        all_gone &= result.is_ok();
        print(&format!("{what}: {}\n", result.map_or_else(|why| why, |()| "removed".to_owned())))?;
    }
    Ok(if all_gone { Exit::Ok } else { Exit::Invalid })
}
