//! Charts as PNG, for wikis that refuse SVG: twice the size and in the embedded font only, so the picture is the same on a
//! machine without fonts.

use std::sync::{Arc, LazyLock};

use anyhow::Context;
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use super::palette::{ColorCounts, IndexedPicture};

/// Pixels for each pixel of the SVG.
const SCALE: f32 = 2.0;

/// How many rows of pixels are drawn at once: a whole chart would be 15 MB, for each CPU.
const BAND: u32 = 512;

/// DejaVu Sans, under the licence of Bitstream Vera; see `fonts/LICENSE`.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(include_bytes!("fonts/DejaVuSans.ttf").to_vec());
    fonts.load_font_data(include_bytes!("fonts/DejaVuSans-Bold.ttf").to_vec());
    Arc::new(fonts)
});

/// The PNG file of an SVG document.
///
/// # Errors
/// When the document is not SVG or too large, or the picture cannot be encoded.
pub fn render(svg: &str) -> anyhow::Result<Vec<u8>> {
    let tree = tree(svg)?;
    let size = tree.size().to_int_size().scale_by(SCALE).context("the chart is too large")?;
    let (width, height) = (size.width(), size.height());
    let mut counted = ColorCounts::default();
    for top in (0..height).step_by(BAND as usize) {
        let mut band = Pixmap::new(width, BAND.min(height - top)).context("the chart is too large")?;
        band.fill(Color::WHITE);
        let place = Transform::from_row(SCALE, 0.0, 0.0, SCALE, 0.0, -(top as f32));
        resvg::render(&tree, place, &mut band.as_mut());
        counted.add(band.data());
    }
    Ok(encode(width, height, counted.indexed())?)
}

fn encode(width: u32, height: u32, picture: IndexedPicture) -> Result<Vec<u8>, png::EncodingError> {
    let IndexedPicture { palette, pixels } = picture;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    // Five times as fast as the default for files half as large again, and still smaller than without a palette.
    encoder.set_deflate_compression(png::DeflateCompression::Level(1));
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}

/// The document with its text resolved in the embedded fonts; system fonts are not looked at.
pub(super) fn tree(svg: &str) -> anyhow::Result<Tree> {
    let options = Options { fontdb: FONTS.clone(), font_family: "DejaVu Sans".to_owned(), ..Options::default() };
    Tree::from_str(svg, &options).context("the chart is not SVG")
}

#[cfg(test)]
mod tests {
    use super::*;
    use resvg::usvg::Node;

    const SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40">
        <text x="10" y="20" font-family="DejaVu Sans, sans-serif" font-size="12">p99 of 42.1 µs</text></svg>"#;

    #[test]
    fn text_is_drawn_without_any_system_font() {
        assert_eq!(FONTS.faces().count(), 2);
        let tree = tree(SVG).expect("it is SVG");
        let Some(Node::Text(text)) = tree.root().children().first() else { panic!("the text is gone") };
        assert!(text.bounding_box().width() > 80.0, "{:?}", text.bounding_box());
    }

    #[test]
    fn the_picture_is_twice_the_size_and_always_the_same() {
        let png = render(SVG).expect("it renders");
        let side = |at: usize| u32::from_be_bytes([png[at], png[at + 1], png[at + 2], png[at + 3]]);
        assert_eq!((&png[1..4], side(16), side(20)), (&b"PNG"[..], 400, 80));
        assert_eq!(png, render(SVG).expect("it renders"));
        assert!(render("<html>").is_err());
    }
}
