//! Ways to write the address of a store that other programs have: known, so that it can be said how it is written here.

/// A way in which another program writes an address, which is refused with what to write instead.
#[derive(Debug, Clone, Copy)]
pub struct Notation {
    /// What every address of this kind holds, in whatever case; it begins with what ends in a colon.
    pub holds: &'static [&'static str],
    /// What it is: `a JDBC URL`.
    pub what: &'static str,
    /// What to write instead.
    pub instead: &'static str,
}

impl Notation {
    /// Whether the text is written so.
    pub(super) fn is_of(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        self.holds.iter().all(|part| if part.ends_with(':') { text.starts_with(part) } else { text.contains(part) })
    }
}
