//! Names of fields in stored documents: the declared ones, except where the store needs a name for itself.

/// Declared names; `_id`, which is the store's own, gets another.
pub(super) fn stored_names(declared: Vec<String>) -> Vec<String> {
    let stand_in = unused_name("_id_", &declared);
    declared.into_iter().map(|name| if name == "_id" { stand_in.clone() } else { name }).collect()
}

/// The wanted name, with underscores added until it is none of the others.
pub(super) fn unused_name(wanted: &str, others: &[String]) -> String {
    let mut name = wanted.to_owned();
    while others.contains(&name) {
        name.push('_');
    }
    name
}
