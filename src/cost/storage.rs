//! Model C: what holding the data costs.
//!
//! `C = S_billed * p_GBmonth / (average load * 2.628e6) * 1e6`, where S_billed is what the store was measured to hold,
//! indexes, pages and bloat included, times the copies that are billed, and at least the service's minimum. A service that
//! serves from memory bills what is held there. Backups and the growth over the months are not in it.

use super::pricing::Storage;
use crate::record::Run;

/// Services bill a GB of 2^30 bytes.
pub const GB: f64 = (1_u64 << 30) as f64;

/// What the store holds after loading and after the run: on disk, or in memory where that is all it has.
pub fn held_bytes(run: &Run) -> [Option<u64>; 2] {
    let footprints = [run.footprint.after_load, run.footprint.after_run];
    footprints.map(|footprint| footprint.disk_bytes.or(footprint.memory_bytes))
}

/// Held bytes by logical byte after the load: measured, not guessed.
pub fn amplification(run: &Run) -> Option<f64> {
    let logical = Some(run.loading.logical_bytes).filter(|bytes| *bytes > 0)?;
    let [loaded, _] = held_bytes(run);
    Some(loaded? as f64 / logical as f64)
}

/// USD a month for holding so many bytes in so many copies.
pub fn usd_per_month(storage: &Storage, held_bytes: u64, copies: u32) -> f64 {
    let copies = if storage.shared { 1.0 } else { f64::from(copies) };
    (held_bytes as f64 / GB).max(storage.minimum_gb) * copies * storage.usd_per_gb_month
}
