//! storebench measures data stores so that its figures survive the question "how do you know?".

pub mod generate;
pub mod load;
pub mod measure;
pub mod record;
pub mod report;
pub mod stats;
pub mod workload;

/// Parses the command line, runs the command, and turns its result into an exit code.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
