//! Whether the level of a run moved: a shift between successive blocks that its own seconds do not explain.
//!
//! Coarser than [`steadiness`](super::steadiness::steadiness), which names a drift or a step and needs 20 s: this is the mark of a run
//! that should be repeated before anything is made of it.

use super::reading::spread_of;

/// A shorter series says nothing.
const SHORTEST_S: usize = 10;
/// A shift of more than this many median absolute deviations of single seconds is no chance: on independent noise it comes
/// up in less than 4 % of runs of 10 s and in less than 1 % of runs of a minute.
const DEVIATIONS: f64 = 3.0;
/// Smaller shifts, as a share of the level, do not matter: restarts of one and the same store differ by as much.
const SMALLEST_SHARE: f64 = 0.10;

/// A level that moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelShift {
    /// Median of a block's seconds.
    pub from: f64,
    /// Median of the next block's.
    pub to: f64,
    /// Where the second block begins, in seconds from the start of the series.
    pub at_s: usize,
    /// How large the shift is in median absolute deviations of the seconds about their block's median.
    pub deviations: f64,
}

/// The largest shift between the medians of successive blocks of a series of one value a second, if it is more than three
/// median absolute deviations and a tenth of the level. Blocks are halves of a series of less than 40 s, and else sixths
/// of it, of 10 s or more.
pub fn level_shift(per_second: &[f64]) -> Option<LevelShift> {
    let count = per_second.len();
    if count < SHORTEST_S {
        return None;
    }
    let blocks = if count < 40 { 2 } else { count / (count / 6).max(10) };
    let bounds: Vec<usize> = (0..=blocks).map(|block| block * count / blocks).collect();
    let blocks: Vec<&[f64]> = bounds.windows(2).map(|pair| &per_second[pair[0]..pair[1]]).collect();
    let medians: Vec<f64> = blocks.iter().map(|block| median(block.iter().copied())).collect();
    let deviations = blocks.iter().zip(&medians).flat_map(|(block, median)| {
        let mut deviations: Vec<f64> = block.iter().map(|value| (value - median).abs()).collect();
        deviations.sort_by(f64::total_cmp);
        // The median's own is 0 by definition: with few seconds it would make the deviation too small.
        deviations.into_iter().skip(1)
    });
    let deviation = median(deviations);
    let level = median(per_second.iter().copied());
    let shift = |(at, pair): (usize, &[f64])| LevelShift {
        from: pair[0],
        to: pair[1],
        at_s: bounds[at + 1],
        deviations: (pair[1] - pair[0]).abs() / deviation,
    };
    let shifts = medians.windows(2).enumerate().map(shift);
    shifts
        .filter(|shift| (shift.to - shift.from).abs() > (DEVIATIONS * deviation).max(SMALLEST_SHARE * level.abs()))
        .max_by(|a, b| (a.to - a.from).abs().total_cmp(&(b.to - b.from).abs()))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    spread_of(values)[1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_xoshiro::SplitMix64;

    /// Seconds about a level of 1 with this spread.
    fn seconds(count: usize, spread: f64, seed: u64) -> Vec<f64> {
        let mut rng = SplitMix64::seed_from_u64(seed);
        let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
        (0..count).map(|_| 1.0 + spread * draw()).collect()
    }

    #[test]
    fn noise_about_one_level_is_seldom_called_a_shift() {
        for (count, most) in [(10, 0.06), (20, 0.02), (60, 0.02)] {
            let called = (0..1_000).filter(|seed| level_shift(&seconds(count, 0.2, *seed)).is_some()).count();
            assert!(called as f64 / 1_000.0 < most, "{count} s: {called} of 1000");
        }
    }

    #[test]
    fn a_level_that_moves_is_found_with_its_size_and_place() {
        let mut moved = seconds(20, 0.02, 1);
        moved[10..].iter_mut().for_each(|second| *second *= 0.5);
        let shift = level_shift(&moved).expect("half the level is gone");
        assert_eq!(shift.at_s, 10);
        assert!((shift.from - 1.0).abs() < 0.05 && (shift.to - 0.5).abs() < 0.05, "{shift:?}");
        assert!(shift.deviations > 10.0);
    }

    #[test]
    fn small_shifts_and_short_series_say_nothing() {
        let steady: Vec<f64> = (0..20).map(|second| if second < 10 { 1_000.0 } else { 1_050.0 }).collect();
        assert_eq!(level_shift(&steady), None, "5 %, however exactly");
        assert_eq!(level_shift(&[1.0, 1.0, 1.0, 9.0, 9.0, 9.0]), None);
    }

    #[test]
    fn a_single_bad_second_is_no_shift() {
        let mut one = seconds(20, 0.02, 3);
        one[7] = 0.0;
        assert_eq!(level_shift(&one), None);
    }
}
