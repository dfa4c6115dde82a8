//! Which known name is meant by one that is not known.

/// The known name that was probably meant: one letter changed, missing, added or swapped with its neighbour; or else, as in
/// `mongo` and `postgresql`, two thirds or more of the one are the other.
pub fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Shorter names are as good as any other.
    const SHORTEST: usize = 3;
    let known: Vec<&str> = known.into_iter().filter(|known| known.len() >= SHORTEST).collect();
    // A foreign name may be of any length, and the distance takes time with the product of both: lengths are compared first.
    let is_typo = |known: &&&str| known.len().abs_diff(name.len()) <= 4 && strsim::osa_distance(name, known) <= 1;
    let is_part = |known: &&&str| {
        let (shorter, longer) = (known.len().min(name.len()), known.len().max(name.len()));
        3 * shorter >= 2 * longer && (known.starts_with(name) || name.starts_with(**known))
    };
    known.iter().find(is_typo).or_else(|| known.iter().find(is_part)).copied()
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn a_typo_is_one_letter_off_or_two_swapped() {
        for typo in ["wieght", "weigt", "weigght", "weighs", "weight"] {
            assert_eq!(meant(typo, ["table", "weight"]), Some("weight"), "{typo}");
        }
        for other in ["", "weird", "height of", "tab", "tablespace", "x"] {
            assert_eq!(meant(other, ["table", "weight"]), None, "{other}");
        }
    }

    #[test]
    fn a_shorter_or_longer_form_of_a_name_is_that_name() {
        assert_eq!(meant("postgresql", ["mongodb", "postgres"]), Some("postgres"));
        assert_eq!(meant("mongo", ["mongodb", "postgres"]), Some("mongodb"));
        assert_eq!(meant("libsqk", ["libsql-server", "libsql"]), Some("libsql"), "a typo is nearer than a beginning");
    }
}
