//! The file that keeps what has been calibrated.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, anyhow};

use super::output;
use super::pairs::subject;
use super::terminal::eprint;
use crate::cli::CALIBRATION;
use crate::gate::{CalibratedLoad, Calibration};
use crate::host;
use crate::record::{Host, Tool};
use crate::request::RunRequest;

/// All that is in the file; nothing if there is none.
///
/// # Errors
/// When it cannot be read, or is no calibration.
pub fn read(path: &Path) -> anyhow::Result<Calibration> {
    let shown = path.display();
    match std::fs::read_to_string(path) {
        Ok(text) => Calibration::from_json(&text).map_err(|problem| {
            anyhow!("{shown}: {problem}; `storebench calibrate` makes a new one where there is none")
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Calibration::empty()),
        Err(error) => Err(error).with_context(|| format!("cannot read {shown}")),
    }
}

/// What the file says of this machine and build.
///
/// # Errors
/// See [`read`].
pub fn of_machine(path: &Path, host: &Host, tool: &Tool) -> anyhow::Result<Vec<CalibratedLoad>> {
    let all = read(path)?;
    Ok(all.entries.into_iter().filter(|one| one.is_of(host, tool)).collect())
}

/// Adds to the file what was measured.
///
/// # Errors
/// When the file cannot be read or written.
pub fn keep(path: &Path, measured: Vec<CalibratedLoad>) -> anyhow::Result<()> {
    let mut all = read(path)?;
    measured.into_iter().for_each(|one| all.keep(one));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("--calibration: {} names no file", path.display()))?;
    output::write(folder, name, (serde_json::to_string_pretty(&all)? + "\n").as_bytes())
}

/// What the client carries by itself on this machine.
pub struct ClientFloors(Vec<CalibratedLoad>);

impl ClientFloors {
    /// From the default file. One that cannot be read is a notice and no error: nothing that is measured depends on it.
    pub fn read(tool: &Tool) -> ClientFloors {
        let known = of_machine(Path::new(CALIBRATION), &host::describe(&drivers::scratch_folder()), tool);
        ClientFloors(known.unwrap_or_else(|error| {
            eprint(&format!("notice: {error:#}"));
            Vec::new()
        }))
    }

    /// Operations per second of this request's load, if that was measured.
    pub fn of(&self, request: &RunRequest) -> Option<f64> {
        let subject = subject(request);
        let of_client = self.0.iter().rev().filter(|known| known.is_same_client(&subject));
        of_client.filter_map(|known| known.client_floor_per_s).find(|per_s| *per_s > 0.0)
    }
}
