//! `storebench report`: rebuilds everything that derives from a record, and puts several records side by side.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, anyhow};

use super::exit::{Exit, Failed};
use super::output::OutputErrors;
use super::terminal::{eprint, print};
use crate::cli::ReportArgs;
use crate::record::Experiment;
use crate::report::side_by_side::{self, Side};
use crate::report::text::limits::{self, Judged};
use crate::report::{self, adr, chart};

/// Rebuilds the reports of results folders and prints the table, or the decision record.
///
/// # Errors
/// When there is no readable record in a folder. A file that cannot be written is an error message and an exit code.
pub fn report(args: &ReportArgs) -> Result<Exit, Failed> {
    let experiments: anyhow::Result<Vec<Experiment>> =
        args.folders.iter().map(|folder| Experiment::read(folder)).collect();
    let experiments = experiments.map_err(Failed::usage)?;
    let out = if let [only] = args.folders.as_slice() { only } else { &args.out };
    if out != &args.folders[0] && out.join("experiment.json").exists() {
        let out = out.display();
        return Err(Failed::usage(anyhow!(
            "{out} holds an experiment, whose report this would replace; give --out another folder"
        )));
    }
    let sides = sides(&args.folders, &experiments, out);
    let merged = side_by_side::merged(&sides).ok_or_else(|| Failed::usage(anyhow!("give a results folder")))?;
    let mut errors = OutputErrors::default();
    let adr = if args.adr { Some(adr::record(&merged, &chart::charts(&merged)?, &sides)?) } else { None };
    let text = adr.clone().unwrap_or_else(|| report::text::experiment(&merged));
    errors.collect(print(&text), "the files of the report are written all the same");
    std::fs::create_dir_all(out)
        .with_context(|| format!("cannot create the folder {}", out.display()))
        .map_err(Failed::usage)?;
    let files = report::files(&merged, &sides);
    errors.write_report(files.map(|files| files.into_iter().chain(adr.map(adr_file)).collect()), out);
    if !args.adr {
        errors.collect(print(&format!("report: {}\n", out.join("report.html").display())), "it is there all the same");
    }
    let missed = print_missed_limits(&merged);
    Ok(if errors.print_all() {
        Exit::Usage
    } else if merged.is_valid() && !missed {
        Exit::Ok
    } else {
        Exit::Invalid
    })
}

fn adr_file(record: String) -> (String, Vec<u8>) {
    ("adr.md".to_owned(), record.into_bytes())
}

/// Prints on standard error which limits were missed or could not be judged. Returns whether one was missed.
pub fn print_missed_limits(experiment: &Experiment) -> bool {
    let limits = limits::judged(experiment);
    limits.iter().filter_map(Judged::sentence).for_each(|sentence| eprint(&sentence));
    limits.iter().any(Judged::is_missed)
}

/// The experiments with what tells them apart: the names of their folders, or their paths where two have the same name.
fn sides<'a>(folders: &[PathBuf], experiments: &'a [Experiment], out: &Path) -> Vec<Side<'a>> {
    if let [only] = experiments {
        return vec![Side::alone(only)];
    }
    let names: Vec<String> = folders.iter().map(|folder| name(folder)).collect();
    let unique = names.iter().enumerate().all(|(at, name)| !names[..at].contains(name));
    let label = |at: usize| if unique { names[at].clone() } else { format!("{} {}", at + 1, names[at]) };
    let side = |(at, experiment)| Side { label: label(at), href: relative(&folders[at], out), experiment };
    experiments.iter().enumerate().map(side).collect()
}

fn name(folder: &Path) -> String {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    real.file_name().unwrap_or(real.as_os_str()).to_string_lossy().into_owned()
}

/// A folder as seen from another one, ending in `/`.
fn relative(folder: &Path, from: &Path) -> String {
    let absolute =
        |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned());
    let (folder, from) = (absolute(folder), absolute(from));
    let (parts, base): (Vec<Component<'_>>, Vec<Component<'_>>) =
        (folder.components().collect(), from.components().collect());
    let common = parts.iter().zip(&base).take_while(|(a, b)| a == b).count();
    let up = base[common..].iter().map(|_| "..".to_owned());
    let down = parts[common..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).map(|part| part + "/").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_linked_as_seen_from_the_report() {
        assert_eq!(relative(Path::new("/r/a"), Path::new("/r/side-by-side")), "../a/");
        assert_eq!(relative(Path::new("/r/a b/c"), Path::new("/r")), "a b/c/");
        assert_eq!(relative(Path::new("/r"), Path::new("/r")), "");
    }
}
