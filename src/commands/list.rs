//! `storebench list`: what there is to run and to run it on.

use drivers::one_line;

use super::{Exit, Failed, print, stores, warn};
use crate::cli::ListArgs;
use crate::workload::Workload;

/// Prints workloads and stores, or one workload.
///
/// # Errors
/// When the named workload does not exist or is malformed.
pub fn list(args: &ListArgs) -> Result<Exit, Failed> {
    let text = match &args.name {
        None => everything(),
        Some(name) => {
            let workload = Workload::find(name).map_err(Failed::usage)?;
            warn(name, &workload);
            one(&workload, args.toml)
        }
    };
    print(&text)?;
    Ok(Exit::Ok)
}

fn everything() -> String {
    let mut text = String::from("Workloads (`storebench list NAME --toml` prints one to edit):\n");
    for workload in Workload::names().filter_map(|name| Workload::builtin(name).ok()) {
        text += &format!("  {:<20} {}\n", workload.name, workload.about);
    }
    text += "\nStores:\n";
    for (name, about) in stores::all() {
        text += &format!("  {name:<20} {about}\n");
    }
    text
}

fn one(workload: &Workload, toml: bool) -> String {
    if toml {
        return workload.text.clone();
    }
    let told = format!("{}: {}\n\n{}", workload.name, workload.about, workload.summary());
    // Lines are the only thing that a file may bring to the terminal.
    told.lines().map(|line| one_line(line) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_that_is_listed_cannot_write_elsewhere_on_the_terminal() {
        let mut workload = Workload::builtin("oltp").expect("a built-in workload");
        workload.about = "a \u{1b}]0;shop\u{7}\nin two lines".into();
        workload.spec.checks[0].name = "paid\u{1b}[2J".into();
        let listed = one(&workload, false);
        assert!(listed.starts_with("oltp: a �]0;shop�\nin two lines\n\nData\n"), "{listed}");
        assert!(listed.contains("paid�[2J") && !listed.contains('\u{1b}'), "{listed}");
    }
}
