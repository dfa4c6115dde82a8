//! `storebench check`: which stores can be measured from here, and what with.

use std::fmt::Write as _;

use anyhow::anyhow;
use drivers::{Address, Capabilities, Durability};

use super::exit::{Exit, Failed};
use super::terminal::print;
use super::{passwords, stores};
use crate::cli::CheckArgs;
use crate::load::Probe;
use crate::units;
use crate::workload::Workload;

/// Tries stores one after another and prints what it finds out about each.
///
/// # Errors
/// When there is no such store. One that cannot be used is an exit code, if it was asked for by name.
pub fn check(args: &CheckArgs) -> Result<Exit, Failed> {
    let named = !args.stores.is_empty();
    // A service has no address but the user's.
    let here = drivers::STORES.iter().filter(|store| !store.addresses.is_empty()).map(|store| store.name.to_owned());
    let asked = if named { args.stores.clone() } else { here.collect() };
    let addresses: Result<Vec<Address>, String> = asked.iter().map(|store| stores::parse(store)).collect();
    let mut addresses = addresses.map_err(|problem| Failed::usage(anyhow!(problem)))?;
    passwords::give(&args.passwords, &mut addresses).map_err(Failed::usage)?;
    let mut all_usable = true;
    for address in &addresses {
        let probe = stores::probe(address, args.durability);
        all_usable &= probe.failure.is_none();
        print(&answer(address, &probe, args.durability))?;
    }
    Ok(if all_usable || !named { Exit::Ok } else { Exit::Usage })
}

/// What the check found out about a store: a line with the answer, and the details.
fn answer(address: &Address, probe: &Probe, asked: Durability) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<11} {value}");
    };
    if let Some(program) = &probe.program {
        line("program", &program.display().to_string());
    }
    if let Some(took) = probe.started_in {
        line("starts", &format!("in {}", units::latency(took.as_nanos() as u64)));
    }
    if let Some(description) = &probe.description {
        let guarantees = &description.guarantees;
        line("version", &description.version);
        line("durability", &format!("{}: {}", guarantees.durability.name(), guarantees.because));
        line("isolation", &guarantees.isolation);
        line("workloads", &workloads(probe.capabilities));
        if let Some(lack) = &probe.lack {
            line("lacks", lack);
        }
    }
    let verdict = match (&probe.failure, &probe.description) {
        (Some(failure), _) => format!("cannot be used: {}", failure.without_address(&address.to_string())),
        (None, Some(description)) if description.guarantees.durability < asked => {
            format!("usable, at most {}", description.guarantees.durability.name())
        }
        _ => format!("usable, {}", asked.name()),
    };
    format!("{address}: {verdict}\n{text}")
}

/// The built-in workloads that it can run, and what it lacks for the others.
fn workloads(capabilities: Capabilities) -> String {
    let (mut able, mut lacking) = (Vec::new(), Vec::new());
    for workload in Workload::names().filter_map(|name| Workload::builtin(name).ok()) {
        match workload.plan(None, None).map(|plan| plan.lacking(capabilities)) {
            Ok(lacks) if lacks.is_empty() => able.push(workload.name.clone()),
            Ok(lacks) => lacking.push(format!("not {}: lacks {}", workload.name, lacks[0].1.name())),
            Err(error) => lacking.push(format!("not {}: {error}", workload.name)),
        }
    }
    let able = if lacking.is_empty() { format!("all {} built-in ones", able.len()) } else { able.join(", ") };
    [vec![able], lacking].concat().join("; ")
}
