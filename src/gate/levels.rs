//! What a history shows: for each figure its course on one machine, and where its level changed.

use super::history::{HistoryLine, HostFingerprint, MeasuredWork, figure};
use super::quantity::Quantity;
use crate::stats::{FEWEST_POINTS, change_points};

/// The course of one figure.
#[derive(Debug, Clone, PartialEq)]
pub struct FigureHistory {
    /// `oltp on libsql`.
    pub title: String,
    /// The operation, or `total`.
    pub operation: String,
    /// The figure.
    pub quantity: Quantity,
    /// For each experiment that has it the place of its line and the value.
    pub points: Vec<(usize, f64)>,
    /// Where its level changed, in order.
    pub changes: Vec<FigureChange>,
}

/// A change of the level of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct FigureChange {
    /// The first point of the new level.
    pub point: usize,
    /// Median of the level before, and of the one after.
    pub levels: [f64; 2],
    /// The share of shuffled histories that show as much.
    pub probability: f64,
}

impl FigureChange {
    /// New level over old level.
    pub fn ratio(&self) -> f64 {
        self.levels[1] / self.levels[0]
    }
}

/// The courses of all figures that the newest experiment has, on the machine of that one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Courses {
    /// In the order of the newest line.
    pub figures: Vec<FigureHistory>,
    /// Lines of other machines.
    pub elsewhere: usize,
    /// Lines that measured the same workload and store in another way: other data, load or length.
    pub otherwise: usize,
}

impl FigureHistory {
    /// How many more experiments it takes before a change can be found.
    pub fn lacking(&self) -> usize {
        FEWEST_POINTS.saturating_sub(self.points.len())
    }

    /// `p99 of pay (oltp on libsql)`.
    pub fn name(&self) -> String {
        format!("{} of {} ({})", self.quantity.label(), self.operation, self.title)
    }

    /// Whether a change was for the worse.
    pub fn is_worse(&self, change: &FigureChange) -> bool {
        self.quantity.worsening(change.ratio().ln()) > 0.0
    }
}

/// Follows each figure back from the newest line.
pub fn courses(lines: &[HistoryLine]) -> Courses {
    let Some(newest) = lines.last() else { return Courses::default() };
    let is_here = |host: &HostFingerprint| host.is_same(&newest.host);
    let here: Vec<usize> = (0..lines.len()).filter(|at| is_here(&lines[*at].host)).collect();
    let is_like = |a: &MeasuredWork, b: &MeasuredWork| (&a.workload, &a.store) == (&b.workload, &b.store);
    let is_same = |a: &MeasuredWork, b: &MeasuredWork| is_like(a, b) && a.terms == b.terms;
    let is_otherwise = |at: &&usize| {
        let of = |work: &MeasuredWork| newest.work.iter().any(|one| is_like(one, work));
        let same = |work: &MeasuredWork| newest.work.iter().any(|one| is_same(one, work));
        let work = &lines[**at].work;
        work.iter().any(of) && !work.iter().any(same)
    };
    let mut figures = Vec::new();
    for work in &newest.work {
        for key in work.medians.keys() {
            let Some((operation, quantity)) = figure(key) else { continue };
            let value = |at: &usize| {
                let same = lines[*at].work.iter().find(|one| is_same(one, work))?;
                Some((*at, *same.medians.get(key)?))
            };
            let points: Vec<(usize, f64)> = here.iter().filter_map(value).collect();
            let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
            let changes = change_points(&values).into_iter().map(|change| FigureChange {
                point: change.at,
                levels: [change.before, change.after],
                probability: change.probability,
            });
            let load = work.load.as_ref().map_or_else(String::new, |load| format!(" at {load}"));
            figures.push(FigureHistory {
                title: format!("{}{load} on {}", work.workload, work.store),
                operation: operation.to_owned(),
                quantity,
                points,
                changes: changes.collect(),
            });
        }
        // As in tables: by operation, all together first, and then by figure.
        let rank = |one: &FigureHistory| (one.operation != super::record::TOTAL, one.operation.clone(), one.quantity);
        let of_work = figures.len() - work.medians.keys().filter(|key| figure(key).is_some()).count();
        figures[of_work..].sort_by_key(rank);
    }
    Courses { figures, elsewhere: lines.len() - here.len(), otherwise: here.iter().filter(is_otherwise).count() }
}
