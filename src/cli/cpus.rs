//! The flags that say which CPUs client and server are kept on.

use clap::Args;

use super::numbers::cpus;

/// CPUs by number, in order. Not written as `Vec<u32>` in the flags: clap takes that for values of several flags.
pub type CpuList = Vec<u32>;

/// Which CPUs client and server are kept on
#[derive(Debug, Args)]
pub struct CpuArgs {
    /// Keep the client's threads on these CPUs, such as 0 or 0,2-3
    #[arg(long, value_name = "LIST", value_parser = cpus)]
    pub client_cpus: Option<CpuList>,

    /// Keep the processes of a server that is started for the run on these CPUs
    #[arg(long, value_name = "LIST", value_parser = cpus)]
    pub server_cpus: Option<CpuList>,
}
