//! What the page and the decision record say, as plain text in the order in which it is read. Computed here once, laid
//! out by the templates: no markup is known here, and nothing is escaped.

pub mod caveats;
pub mod checks;
pub mod circumstances;
pub mod content;
pub mod cost;
pub mod figure;
pub mod groups;
pub mod operations;
pub mod runs;
pub mod semantics;
pub mod summary;
pub mod verdict;
pub mod work;

/// Keeps the first of equal values, in their order.
pub fn distinct<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

/// `a`, `a and b`, `a, b and c`; beyond five, how many more there are.
pub fn listed(names: &[String]) -> String {
    const MOST: usize = 5;
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] if names.len() <= MOST => format!("{} and {last}", first.join(", ")),
        many => format!("{} and {} more", many[..MOST - 1].join(", "), many.len() + 1 - MOST),
    }
}
