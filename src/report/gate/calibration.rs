//! What a calibration found, in the terminal.

use crate::gate::{CalibratedLoad, FigureNoise, change, percent, smallest_margin};
use crate::report::table::{Align, layout};
use crate::units;

const COLUMNS: [(&str, Align); 6] = [
    ("operation", Align::Left),
    ("metric", Align::Left),
    ("noise of a pair", Align::Right),
    ("second run", Align::Right),
    ("16 pairs tell", Align::Right),
    ("40 pairs tell", Align::Right),
];

/// A table for each load, and what it means.
pub fn calibration(known: &[CalibratedLoad]) -> String {
    let mut text = String::new();
    for load in known {
        text += &format!("{}: {}\n", load.subject.title(), units::counted(load.pairs as u64, "pair"));
        text += &layout(&COLUMNS, &load.figures.iter().map(row).collect::<Vec<_>>());
        if let Some(per_s) = load.client_floor_per_s {
            text += &format!("  the client carries {}/s of it by itself\n", units::rate(per_s));
        }
        text.push('\n');
    }
    text + "A gate tells no margin below what its pairs tell; second run: by how much it differs from the first of a pair.\n"
}

fn row(of: &FigureNoise) -> Vec<String> {
    let tells = |pairs: usize| smallest_margin(of.metric, of.noise, pairs).map_or_else(String::new, percent);
    vec![
        of.operation.clone(),
        of.metric.label().to_owned(),
        percent(of.noise),
        change(1.0 + of.position),
        tells(16),
        tells(40),
    ]
}
