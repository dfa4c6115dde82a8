//! The commands: the only modules that print and that write results.

mod calibrate;
mod calibration;
mod check;
mod clean;
mod compare;
mod cost;
mod cpus;
mod exit;
mod history;
mod judgement;
mod levels;
mod list;
mod measuring;
mod other_build;
mod output;
mod pairs;
mod passwords;
mod progress;
mod report;
mod run;
mod secrets;
mod signals;
mod stores;
mod sweep;
mod terminal;
mod want;
mod workloads;

use std::process::ExitCode;

use crate::cli::Command;

pub use exit::{Exit, Failed};
pub use signals::survive_the_limit_of_files;
use terminal::{eprint, print};

/// Carries out a command and returns how the process should exit. An error is printed here.
pub fn carry_out(command: &Command) -> ExitCode {
    let result = match command {
        Command::Run(args) => run::run(args),
        Command::Sweep(args) => sweep::sweep(args),
        Command::List(args) => list::list(args),
        Command::Report(args) => report::report(args),
        Command::Check(args) => check::check(args),
        Command::Clean(args) => clean::clean(args),
        Command::Cost(args) => cost::cost(args),
        Command::Compare(args) => compare::compare(args),
        Command::Calibrate(args) => calibrate::calibrate(args),
        Command::History(args) => history::history(args),
    };
    exit_code(result)
}

/// Prints what the command line itself answers: help, the version, or what is wrong with it.
pub fn print_usage(answer: &clap::Error) -> ExitCode {
    let text = answer.render().to_string();
    let was_asked_for = answer.exit_code() == 0;
    if !was_asked_for {
        eprint(text.trim_end());
        return Exit::Usage.into();
    }
    exit_code(print(&text).map(|()| Exit::Ok))
}

fn exit_code(result: Result<Exit, Failed>) -> ExitCode {
    let exit = result.unwrap_or_else(|failed| {
        eprint(&format!("error: {}", drivers::one_sentence(failed.error.as_ref())));
        failed.exit
    });
    exit.into()
}
