//! A picture as a palette and one byte for each pixel: a quarter of the data, so that compressing it takes a quarter of the
//! time and the files are smaller. Charts have few colours; most of those in a picture are the rims of letters and lines.

use std::collections::HashMap;

/// What a byte can number.
const MOST: usize = 256;

/// Colours, and for each pixel the number of its colour.
#[derive(Debug, PartialEq, Eq)]
pub struct Indexed {
    /// Red, green and blue of each colour.
    pub palette: Vec<u8>,
    /// A number for each pixel.
    pub pixels: Vec<u8>,
}

type Rgb = [u8; 3];

/// Of opaque RGBA pixels. Colours are kept exactly where there are no more than 256; beyond, colours that differ in their
/// lowest bits become the most frequent of them.
pub fn indexed(rgba: &[u8]) -> Indexed {
    let colors = counted(rgba);
    let alike = (0..8).find(|bits| distinct(&colors, *bits) <= MOST).unwrap_or(8);
    let mut chosen: HashMap<Rgb, u8> = HashMap::new();
    let mut palette: Vec<u8> = Vec::new();
    // The most frequent first: it stands for those like it. Equally frequent ones in the order of their values, so that the
    // same picture gives the same bytes.
    let mut ranked: Vec<(Rgb, u32)> = colors.into_iter().collect();
    ranked.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut numbers: HashMap<Rgb, u8> = HashMap::with_capacity(ranked.len());
    for (color, _) in ranked {
        let number = *chosen.entry(coarse(color, alike)).or_insert_with(|| {
            palette.extend(color);
            (palette.len() / 3 - 1) as u8
        });
        numbers.insert(color, number);
    }
    Indexed { palette, pixels: numbered(rgba, &numbers) }
}

/// How often each colour occurs. Runs of one colour are counted as one, for a chart is mostly its ground.
fn counted(rgba: &[u8]) -> HashMap<Rgb, u32> {
    let mut colors: HashMap<Rgb, u32> = HashMap::new();
    for run in runs(rgba) {
        *colors.entry(run.0).or_default() += run.1 as u32;
    }
    colors
}

fn numbered(rgba: &[u8], numbers: &HashMap<Rgb, u8>) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(rgba.len() / 4);
    for (color, length) in runs(rgba) {
        let number = numbers.get(&color).copied().unwrap_or_default();
        pixels.resize(pixels.len() + length, number);
    }
    pixels
}

/// Successive pixels of one colour, and how many.
fn runs(rgba: &[u8]) -> impl Iterator<Item = (Rgb, usize)> {
    let (pixels, _) = rgba.as_chunks::<4>();
    pixels.chunk_by(|a, b| a == b).map(|run| ([run[0][0], run[0][1], run[0][2]], run.len()))
}

fn distinct(colors: &HashMap<Rgb, u32>, bits: u32) -> usize {
    colors.keys().map(|color| coarse(*color, bits)).collect::<std::collections::HashSet<_>>().len()
}

/// The colour without its lowest bits.
fn coarse(color: Rgb, bits: u32) -> Rgb {
    color.map(|channel| channel.checked_shr(bits).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(colors: &[(Rgb, usize)]) -> Vec<u8> {
        colors.iter().flat_map(|([r, g, b], times)| [*r, *g, *b, 255].repeat(*times)).collect()
    }

    #[test]
    fn few_colours_are_kept_exactly() {
        let Indexed { palette, pixels } = indexed(&picture(&[([9, 8, 7], 2), ([255; 3], 5), ([9, 8, 7], 1)]));
        assert_eq!((palette, pixels), (vec![255, 255, 255, 9, 8, 7], vec![1, 1, 0, 0, 0, 0, 0, 1]));
        assert_eq!(indexed(&[]), Indexed { palette: Vec::new(), pixels: Vec::new() });
    }

    #[test]
    fn of_many_colours_the_frequent_ones_stay_exact_and_none_moves_far() {
        let mut colors: Vec<(Rgb, usize)> = vec![([255; 3], 90_000), ([0, 0x72, 0xB2], 500)];
        colors.extend((0..=255).flat_map(|v: u8| [([v, v, v], 1), ([v, 128, 255 - v / 2], 1), ([0, v / 2, v], 1)]));
        let rgba = picture(&colors);
        let Indexed { palette, pixels } = indexed(&rgba);
        assert!(palette.len() <= 3 * MOST);
        let shown = |at: usize| &palette[3 * pixels[at] as usize..][..3];
        assert_eq!((shown(0), shown(90_100)), (&[255; 3][..], &[0, 0x72, 0xB2][..]));
        for (at, pixel) in rgba.chunks(4).enumerate() {
            assert!(shown(at).iter().zip(pixel).all(|(a, b)| a.abs_diff(*b) < 16), "{:?} for {pixel:?}", shown(at));
        }
    }
}
