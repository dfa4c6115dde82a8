//! A picture as a palette and one byte per pixel: a quarter of the data, so compressing it takes a quarter of the time and the
//! files are smaller. Charts have few colours; most of those in a picture are at the edges of letters and lines.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// How many colours a byte can number.
const MOST_COLORS: usize = 256;

/// A palette, and for each pixel the number of its colour.
#[derive(Debug, PartialEq, Eq)]
pub struct IndexedPicture {
    /// Red, green and blue of each colour.
    pub palette: Vec<u8>,
    /// The number of each pixel's colour, row by row.
    pub pixels: Vec<u8>,
}

type Rgb = [u8; 3];

/// The pixels of a picture, collected to choose its palette.
#[derive(Default)]
pub struct ColorCounts {
    /// Each colour with how many pixels have it, in the order of their appearance.
    colors: Vec<(Rgb, usize)>,
    /// The position of each RGBA value in `colors`.
    positions: HashMap<[u8; 4], usize>,
    /// Successive pixels of one colour, as its position and their number: a chart is mostly its ground.
    runs: Vec<(usize, usize)>,
}

impl ColorCounts {
    /// Adds the next opaque RGBA pixels.
    pub fn add(&mut self, rgba: &[u8]) {
        let (pixels, _) = rgba.as_chunks::<4>();
        for run in pixels.chunk_by(|a, b| a == b) {
            let [red, green, blue, _] = run[0];
            let at = *self.positions.entry(run[0]).or_insert_with(|| {
                self.colors.push(([red, green, blue], 0));
                self.colors.len() - 1
            });
            self.colors[at].1 += run.len();
            self.runs.push((at, run.len()));
        }
    }

    /// The picture with its palette. Up to 256 colours are kept exactly; of more, those that differ only in their lowest bits
    /// become the most frequent of them.
    pub fn indexed(self) -> IndexedPicture {
        let ColorCounts { colors, runs, .. } = self;
        let dropped_bits = (0..8).find(|bits| distinct(&colors, *bits) <= MOST_COLORS).unwrap_or(8);
        // The most frequent first: it stands for those like it. Equally frequent ones in the order of their values, so
        // that the same picture gives the same bytes.
        let mut ranked: Vec<usize> = (0..colors.len()).collect();
        ranked.sort_unstable_by_key(|at| (Reverse(colors[*at].1), colors[*at].0));
        let mut chosen: HashMap<Rgb, u8> = HashMap::new();
        let mut palette: Vec<u8> = Vec::new();
        let mut numbers: Vec<u8> = vec![0; colors.len()];
        for at in ranked {
            let (color, _) = colors[at];
            numbers[at] = *chosen.entry(coarse(color, dropped_bits)).or_insert_with(|| {
                palette.extend(color);
                (palette.len() / 3 - 1) as u8
            });
        }
        let mut pixels = Vec::with_capacity(runs.iter().map(|(_, length)| length).sum());
        for (color, length) in runs {
            pixels.resize(pixels.len() + length, numbers[color]);
        }
        IndexedPicture { palette, pixels }
    }
}

/// How many colours differ without their lowest bits.
fn distinct(colors: &[(Rgb, usize)], bits: u32) -> usize {
    colors.iter().map(|(color, _)| coarse(*color, bits)).collect::<HashSet<_>>().len()
}

/// The colour without its lowest bits.
fn coarse(color: Rgb, bits: u32) -> Rgb {
    color.map(|channel| channel.checked_shr(bits).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(rgba: &[u8]) -> ColorCounts {
        let mut counted = ColorCounts::default();
        // In two pieces, as it comes.
        let (first, second) = rgba.split_at(rgba.len() / 8 * 4);
        counted.add(first);
        counted.add(second);
        counted
    }

    fn picture(colors: &[(Rgb, usize)]) -> Vec<u8> {
        colors.iter().flat_map(|([r, g, b], times)| [*r, *g, *b, 255].repeat(*times)).collect()
    }

    #[test]
    fn few_colours_are_kept_exactly() {
        let IndexedPicture { palette, pixels } =
            counted(&picture(&[([9, 8, 7], 2), ([255; 3], 5), ([9, 8, 7], 1)])).indexed();
        assert_eq!((palette, pixels), (vec![255, 255, 255, 9, 8, 7], vec![1, 1, 0, 0, 0, 0, 0, 1]));
        assert_eq!(counted(&[]).indexed(), IndexedPicture { palette: Vec::new(), pixels: Vec::new() });
    }

    #[test]
    fn of_many_colours_the_frequent_ones_stay_exact_and_none_moves_far() {
        let mut colors: Vec<(Rgb, usize)> = vec![([255; 3], 90_000), ([0, 0x72, 0xB2], 500)];
        colors.extend((0..=255).flat_map(|v: u8| [([v, v, v], 1), ([v, 128, 255 - v / 2], 1), ([0, v / 2, v], 1)]));
        let rgba = picture(&colors);
        let IndexedPicture { palette, pixels } = counted(&rgba).indexed();
        assert!(palette.len() <= 3 * MOST_COLORS);
        let shown = |at: usize| &palette[3 * pixels[at] as usize..][..3];
        assert_eq!((shown(0), shown(90_100)), (&[255; 3][..], &[0, 0x72, 0xB2][..]));
        for (at, pixel) in rgba.chunks(4).enumerate() {
            assert!(shown(at).iter().zip(pixel).all(|(a, b)| a.abs_diff(*b) < 16), "{:?} for {pixel:?}", shown(at));
        }
    }
}
