//! `storebench list`: what there is to run and to run it on.

use anyhow::anyhow;
use drivers::one_line;

use super::exit::{Exit, Failed};
use super::terminal::print;
use super::workloads;
use crate::cli::ListArgs;
use crate::workload::{NoteScope, Workload};

/// Prints workloads and stores, or one workload.
///
/// # Errors
/// When the named workload does not exist or is malformed.
pub fn list(args: &ListArgs) -> Result<Exit, Failed> {
    let names: Vec<String> = args.name.iter().cloned().collect();
    let mut found = workloads::find(&names, &args.ycsb, None)?;
    for workload in &mut found {
        let warms_up = workload.spec.load.warmup.is_some_and(|warmup| !warmup.is_zero());
        workload
            .notes
            .retain(|note| note.scope != if warms_up { NoteScope::WithoutWarmup } else { NoteScope::WithWarmup });
        workloads::print_notes(workload);
    }
    let text = match found.as_slice() {
        [] if args.toml => return Err(Failed::usage(anyhow!("--toml prints a workload; name one"))),
        [] => list_all(),
        several => several.iter().map(|workload| describe(workload, args.toml)).collect::<Vec<_>>().join("\n"),
    };
    print(&text)?;
    Ok(Exit::Ok)
}

fn list_all() -> String {
    let mut text = String::from("Workloads (`storebench list NAME --toml` prints one to edit):\n");
    for workload in Workload::names().filter_map(|name| Workload::builtin(name).ok()) {
        text += &format!("  {:<20} {}\n", workload.name, workload.about);
    }
    text += "\nStores:\n";
    for store in drivers::STORES {
        let urls: Vec<String> = store.schemes.iter().map(|scheme| format!("{scheme}://")).collect();
        let about =
            if urls.is_empty() { store.about.to_owned() } else { format!("{}; {}", store.about, urls.join(", ")) };
        text += &format!("  {:<20} {about}\n", store.name);
    }
    text
}

fn describe(workload: &Workload, toml: bool) -> String {
    if toml {
        return workload.text.clone();
    }
    let description = format!("{}: {}\n\n{}", workload.name, workload.about, workload.summary());
    // Line breaks are the only control characters of a file that reach the terminal.
    description.lines().map(|line| one_line(line) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_that_is_listed_cannot_write_elsewhere_on_the_terminal() {
        let mut workload = Workload::builtin("oltp").expect("a built-in workload");
        workload.about = "a \u{1b}]0;shop\u{7}\nin two lines".into();
        workload.spec.checks[0].name = "paid\u{1b}[2J".into();
        let listed = describe(&workload, false);
        assert!(listed.starts_with("oltp: a �]0;shop�\nin two lines\n\nData\n"), "{listed}");
        assert!(listed.contains("paid�[2J") && !listed.contains('\u{1b}'), "{listed}");
    }
}
