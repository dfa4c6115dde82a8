//! Arguments that several commands take.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use drivers::{Durability, STORES};

use super::numbers::{count, utilisation};

/// Properties of YCSB, as its own command line has them
#[derive(Debug, Args)]
#[command(next_help_heading = "YCSB")]
pub struct YcsbArgs {
    /// A file of YCSB's properties; give it again for more: together they are one workload, in which later files win
    #[arg(short = 'P', long = "property-file", value_name = "FILE", value_parser = path())]
    pub property_files: Vec<PathBuf>,

    /// A property of YCSB, such as recordcount=100000; give it again for more. It wins over those of files, for all
    /// workloads in YCSB's format
    #[arg(short = 'p', long = "property", value_name = "KEY=VALUE", value_parser = property)]
    pub properties: Vec<(String, String)>,
}

/// Prices and the terms on which runs are priced
#[derive(Debug, Args)]
#[command(next_help_heading = "Cost")]
pub struct PriceArgs {
    /// Price on this offer of the catalogue [default: the store's in the targets file, else the node nearest to this
    /// machine in vCPUs and memory]
    #[arg(long, value_name = "ID")]
    pub offer: Option<String>,

    /// Nodes that hold the data, for availability [default: the targets file's, else 1]
    #[arg(long, value_name = "N", value_parser = count::<u32>(1..=1_000), allow_negative_numbers = true)]
    pub copies: Option<u32>,

    /// Average load as a share of the measured throughput, such as 0.4 or 40% [default: the targets file's, else 40%]
    #[arg(long, value_name = "SHARE", value_parser = utilisation)]
    pub utilisation: Option<f64>,

    /// Your prices: a file like src/cost/prices.toml, whose offers replace the built-in ones of the same id
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub prices: Option<PathBuf>,

    /// Where each store is going to run: a table for each store with offer, copies, utilisation, ownership
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub targets: Option<PathBuf>,
}

/// Passwords that do not stand in addresses
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// Read the password or token of a store that is given by its URL from a file; with several such stores, NAME=FILE for
    /// each, where NAME is the store's, or redis-2 for the second --store if several are of one kind. The variables
    /// STOREBENCH_PASSWORD and STOREBENCH_PASSWORD_NAME hold the password itself
    #[arg(long = "password-file", value_name = "[NAME=]FILE")]
    pub password_files: Vec<String>,
}

/// A file or folder. The address of a store in its place would become folders with the password in their names.
pub fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        let is_address = path.to_string_lossy().contains("://");
        let refusal = "this is an address; give the path of a file or folder, and stores with --store";
        if is_address { Err(refusal) } else { Ok(path) }
    })
}

/// Reads `key=value`.
pub fn property(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, such as recordcount=100000")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// Reads a length of time, zero included: `30s`, `5m`, `1m30s`, or a bare number of seconds.
pub fn warmup(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<u32>().map(|seconds| Duration::from_secs(u64::from(seconds)));
    let parsed = parsed.or_else(|_| humantime::parse_duration(text));
    let longest = Duration::from_secs(30 * 24 * 3600);
    parsed.ok().filter(|parsed| *parsed <= longest).ok_or_else(|| "give a length such as 500ms, 30s or 5m".to_owned())
}

/// Reads a length of time that is not zero.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = warmup(text)?;
    if parsed < Duration::from_millis(1) { Err("must be at least 1ms".to_owned()) } else { Ok(parsed) }
}

/// Reads a tier.
pub fn durability(text: &str) -> Result<Durability, String> {
    let tiers = [Durability::Durable, Durability::Relaxed, Durability::Memory];
    let known = tiers.into_iter().find(|tier| tier.name() == text);
    known.ok_or_else(|| "give durable, relaxed or memory".to_owned())
}

/// Where calibrations are kept if nothing is said.
pub const CALIBRATION: &str = "results/calibration.json";

/// The store that is measured if none is named: it needs no server.
pub(super) const DEFAULT_STORE: &str = "libsql";

/// How stores are addressed that run in this process, that are started for the run, and that run already.
pub(super) fn store_help() -> String {
    let addresses = |is_started: bool| {
        let stores = STORES.iter().filter(|store| store.program.is_some() == is_started);
        stores.flat_map(|store| store.addresses).copied().collect::<Vec<_>>().join(", ")
    };
    let schemes = STORES.iter().flat_map(|store| store.schemes);
    let urls: Vec<String> = schemes.map(|scheme| format!("{scheme}://")).collect();
    format!(
        "Store to measure; give it again for more: {}, a server that is started for the run ({}; ?env=NAME=VALUE sets a \
         variable for it, ?env=NAME passes on what is set here), or the URL of one that runs ({})",
        addresses(false),
        addresses(true),
        urls.join(", ")
    )
}
