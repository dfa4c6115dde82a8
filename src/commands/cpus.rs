//! `--client-cpus` and `--server-cpus`: which CPUs client and server are kept on, refused where that cannot be.

use anyhow::{anyhow, bail};
use drivers::{Address, STORES};

use super::exit::Failed;
use crate::cli::CpuArgs;
use crate::load::allowed_cpus;
use crate::request::Pinning;
use crate::units;

/// What the flags ask for.
///
/// # Errors
/// When a CPU does not exist for this process, or a server is not ours to move.
pub fn pinning(args: &CpuArgs, addresses: &[Address]) -> Result<Pinning, Failed> {
    asked(args, addresses, &allowed_cpus()).map_err(Failed::usage)
}

fn asked(args: &CpuArgs, addresses: &[Address], allowed: &[u32]) -> anyhow::Result<Pinning> {
    let list = |flag: &str, given: &Option<Vec<u32>>| {
        let cpus = given.clone().unwrap_or_default();
        match cpus.iter().find(|cpu| !allowed.contains(cpu)) {
            Some(_) if allowed.is_empty() => Err(anyhow!("{flag}: threads cannot be kept on CPUs on this system")),
            Some(cpu) => {
                let allowed = units::ranges(allowed);
                Err(anyhow!("{flag}: there is no CPU {cpu} for this process; it may use {allowed}"))
            }
            None => Ok(cpus),
        }
    };
    let (client, server) = (list("--client-cpus", &args.client_cpus)?, list("--server-cpus", &args.server_cpus)?);
    let not_ours = addresses.iter().find(|address| address.is_given() || !is_started(address));
    match not_ours.filter(|_| !server.is_empty()) {
        Some(address) if is_started(address) => bail!(
            "--server-cpus: `{address}` was running before and stays where it is; only a server that is started for the run is \
             moved (`--store {}`)",
            address.store
        ),
        Some(address) => {
            bail!(
                "--server-cpus: `{address}` has no server of its own: it works in the client's threads (--client-cpus)"
            )
        }
        None => Ok(Pinning { client, server }),
    }
}

/// Whether the store is one whose server can be started.
fn is_started(address: &Address) -> bool {
    STORES.iter().any(|store| store.name == address.store && store.program.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(client: &[u32], server: &[u32], store: &str) -> Result<Pinning, String> {
        let some = |cpus: &[u32]| Some(cpus.to_vec()).filter(|cpus| !cpus.is_empty());
        let args = CpuArgs { client_cpus: some(client), server_cpus: some(server) };
        asked(&args, &[store.parse().expect("an address")], &[0, 1, 2]).map_err(|problem| problem.to_string())
    }

    #[test]
    fn cpus_that_are_not_there_and_servers_that_are_not_ours_are_refused_in_one_sentence() {
        assert_eq!(ask(&[0], &[1, 2], "redis"), Ok(Pinning { client: vec![0], server: vec![1, 2] }));
        assert_eq!(ask(&[], &[], "libsql"), Ok(Pinning::default()));
        let refused = |client: &[u32], server: &[u32], store: &str| ask(client, server, store).expect_err("refused");
        assert_eq!(refused(&[7], &[], "redis"), "--client-cpus: there is no CPU 7 for this process; it may use 0-2");
        assert!(refused(&[], &[3], "redis").starts_with("--server-cpus: there is no CPU 3"));
        assert!(refused(&[], &[1], "redis://127.0.0.1").contains("was running before"));
        assert!(refused(&[], &[1], "libsql").contains("has no server of its own"));
    }
}
