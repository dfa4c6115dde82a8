//! Columns of text, aligned.

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// As names are.
    Left,
    /// As numbers are.
    Right,
}

/// Lays out rows of cells, the header first: columns two spaces apart, each as wide as its widest cell, the whole
/// indented by two; columns whose cells are all empty below the header are left out.
pub fn layout(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let shown: Vec<usize> =
        (0..columns.len()).filter(|&column| rows.iter().any(|row| !row[column].is_empty())).collect();
    let header: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&header]).map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in [&header].into_iter().chain(rows) {
        let mut line = String::new();
        for &column in &shown {
            let (cell, width) = (&row[column], width(column));
            line += &match columns[column].1 {
                Align::Left => format!("  {cell:<width$}"),
                Align::Right => format!("  {cell:>width$}"),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}
