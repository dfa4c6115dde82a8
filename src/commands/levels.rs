//! The levels of load that `run` is asked for: one, or several rates or numbers of clients, each measured by itself.

use std::time::Duration;

use anyhow::bail;

use crate::cli::{OnError, RunArgs};
use crate::request::{LoadSettings, Pinning, RunRequest, Until};
use crate::units;
use crate::workload::Workload;

/// How long to measure where neither the command line nor the workload says so.
const DURATION: Duration = Duration::from_secs(10);
/// How long to warm up where nothing says so.
const WARMUP: Duration = Duration::from_secs(2);
/// How many times its length a warm-up may take where nothing says so: from the default, long enough for caches to fill.
const LONGEST_WARMUP: u32 = 5;
/// How many clients where nothing says so: the fewest that can conflict.
const CLIENTS: u32 = 2;

/// The levels, in the order in which they were named; never none.
///
/// # Errors
/// When several rates and several numbers of clients are named, one of them twice, or several numbers of clients for an
/// open loop, where they are only a cap.
pub fn levels(args: &RunArgs, workload: &Workload) -> anyhow::Result<Vec<LoadSettings>> {
    let own = &workload.spec.load;
    let rates: Vec<Option<f64>> = match &args.rate[..] {
        _ if args.closed => vec![None],
        [] => vec![own.rate_per_s],
        rates => rates.iter().copied().map(Some).collect(),
    };
    let clients = match &args.clients[..] {
        [] => vec![own.clients.unwrap_or(CLIENTS)],
        clients => clients.to_vec(),
    };
    if rates == [None] {
        let arrivals = args.arrivals.map(|_| "--arrivals");
        if let Some(flag) = arrivals.or(args.skip_after.map(|_| "--skip-after")) {
            let name = &workload.name;
            bail!("{flag} is for an open loop, and workload {name} has no rate of its own: give --rate too");
        }
    } else if clients.len() > 1 {
        bail!(
            "--clients: in an open loop they are a cap and not a level of load; give one number, and several rates with --rate \
             (or --closed, where workload {} has a rate of its own)",
            workload.name
        );
    }
    let levels =
        rates.iter().flat_map(|rate_per_s| clients.iter().map(|clients| level(args, workload, *rate_per_s, *clients)));
    let levels: Vec<LoadSettings> = levels.collect();
    match levels.iter().enumerate().find(|(at, level)| levels[..*at].contains(level)) {
        Some((_, twice)) => bail!("the level {} is named twice; name it once, with --runs", name(twice)),
        None => Ok(levels),
    }
}

/// One level: the command line's settings, else the workload's, else the defaults above.
fn level(args: &RunArgs, workload: &Workload, rate_per_s: Option<f64>, clients: u32) -> LoadSettings {
    let own = &workload.spec.load;
    let until = match (args.duration, args.ops) {
        (_, Some(operations)) => Until::Operations(operations),
        (Some(length), None) => Until::Elapsed(length),
        (None, None) => match (own.duration, own.ops) {
            (Some(length), _) => Until::Elapsed(length),
            (None, Some(operations)) => Until::Operations(operations),
            (None, None) => Until::Elapsed(DURATION),
        },
    };
    let warmup = args.warmup.or(own.warmup).unwrap_or(WARMUP);
    LoadSettings {
        clients,
        rate_per_s,
        arrivals: args.arrivals.or(own.arrivals).unwrap_or_default(),
        until,
        warmup,
        longest_warmup: args.max_warmup.unwrap_or(LONGEST_WARMUP * warmup),
        skip_after: args.skip_after,
        max_retries: args.max_retries,
        timeout: args.timeout,
        phase_timeout: args.phase_timeout,
        stops_on_failure: args.on_error == OnError::Stop,
        cpus: Pinning::default(),
        client_floor_per_s: None,
    }
}

/// `500/s`, `8 clients`.
fn name(load: &LoadSettings) -> String {
    match load.rate_per_s {
        Some(rate_per_s) => units::stated(rate_per_s) + "/s",
        None => units::counted(load.clients.into(), "client"),
    }
}

/// The same for the name of a file: `500-per-s`, `8-clients`.
pub fn slug(load: &LoadSettings) -> String {
    match load.rate_per_s {
        Some(rate_per_s) => format!("{rate_per_s}-per-s"),
        None => format!("{}-clients", load.clients),
    }
}

/// What is going to happen, if levels are joined: how many runs, for how long, in which order. Nothing for single levels.
pub fn announcement(requests: &[RunRequest]) -> Option<String> {
    let differs = |pair: &[RunRequest]| pair[0].workload.name == pair[1].workload.name && pair[0].load != pair[1].load;
    requests.windows(2).any(differs).then(|| {
        let length = |request: &RunRequest| request.load.until.elapsed().map(|length| length + request.load.warmup);
        let planned: Option<Duration> = requests.iter().map(length).sum();
        let time = planned.map_or_else(String::new, |planned| {
            format!(", {} of load, to which come loading and checks", units::seconds(planned.as_secs_f64()))
        });
        let order: Vec<&str> = requests.iter().map(|request| request.id.as_str()).collect();
        format!(
            "levels of load: {}{time}; in random order: {}",
            units::counted(requests.len() as u64, "run"),
            order.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::workload::Overrides;
    use clap::Parser;

    fn asked(flags: &[&str]) -> anyhow::Result<Vec<String>> {
        let line = ["storebench", "run"].iter().chain(flags);
        let Command::Run(args) = Cli::try_parse_from(line)?.command else { panic!("run") };
        let workload = Workload::find("read-heavy", &Overrides::default())?;
        Ok(levels(&args, &workload)?.iter().map(name).collect())
    }

    #[test]
    fn rates_or_clients_are_levels_in_the_order_in_which_they_are_named() {
        assert_eq!(asked(&[]).expect("the default"), ["2 clients"]);
        assert_eq!(asked(&["--rate", "1000,250,500"]).expect("three"), ["1,000/s", "250/s", "500/s"]);
        assert_eq!(asked(&["--clients", "1,8"]).expect("two"), ["1 client", "8 clients"]);
        assert_eq!(asked(&["--rate", "20", "--clients", "8"]).expect("a cap"), ["20/s"]);
    }

    #[test]
    fn what_is_no_level_is_refused_with_what_to_do() {
        let refused = |flags: &[&str]| asked(flags).expect_err("refused").to_string();
        assert!(refused(&["--rate", "20,30", "--clients", "1,8"]).contains("they are a cap and not a level"));
        assert!(refused(&["--rate", "5,7,5"]).contains("the level 5/s is named twice"));
        assert!(refused(&["--rate", "5,"]).contains("--rate"), "{}", refused(&["--rate", "5,"]));
    }
}
