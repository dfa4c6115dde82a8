//! What has become of the store itself between the load and the end of the run.

use drivers::{Description, Guarantees};

use crate::units;

/// Changes of the store that make what was measured worth less, each in one sentence.
pub fn store_changes(before: &Description, after: &Description) -> Vec<String> {
    let weakened = weakened(&before.guarantees, &after.guarantees).into_iter();
    weakened.chain(evicted(before, after)).chain(rebuilt(&before.catalog, &after.catalog)).collect()
}

/// What of the layout was dropped, added or changed in between: the figures are about a mixture of both.
fn rebuilt(before: &[String], after: &[String]) -> impl Iterator<Item = String> {
    let not_in = |one: &[String], other: &[String], what: &str| -> Vec<String> {
        let lacking = one.iter().filter(|entry| !other.contains(entry));
        lacking.map(|entry| format!("the layout was changed during the run: {what} `{entry}`")).collect()
    };
    let gone = not_in(before, after, "the store no longer has");
    gone.into_iter().chain(not_in(after, before, "there was no"))
}

/// What the store promises less after the run than before it: its settings were changed in between.
fn weakened(before: &Guarantees, after: &Guarantees) -> Option<String> {
    (after.durability < before.durability).then(|| {
        let (was, is) = (before.durability.name(), after.durability.name());
        format!("the store was {was} before the run and is {is} after it: {}", after.because)
    })
}

/// What a server with a limit of memory has dropped by itself since the load, if it counts that.
fn evicted(before: &Description, after: &Description) -> Option<String> {
    let count = |description: &Description| description.settings.get("evicted_keys")?.parse::<u64>().ok();
    let evicted = count(after)?.checked_sub(count(before)?).filter(|evicted| *evicted > 0)?;
    let set = |name: &str| after.settings.get(name).map_or("unknown", String::as_str);
    Some(format!(
        "the server has evicted {} during the run (maxmemory={}, maxmemory-policy={}): what it holds is not \
         what was written",
        units::counted(evicted, "key"),
        set("maxmemory"),
        set("maxmemory-policy")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use drivers::Durability;

    #[test]
    fn an_index_that_is_dropped_or_added_during_the_run_is_reported() {
        let catalog = |entries: &[&str]| entries.iter().map(ToString::to_string).collect::<Vec<_>>();
        let changes = |before: &[&str], after: &[&str]| rebuilt(&catalog(before), &catalog(after)).collect::<Vec<_>>();
        assert_eq!(changes(&["table t", "index i"], &["index i", "table t"]), [""; 0]);
        let sentence = "the layout was changed during the run: the store no longer has `index i`";
        assert_eq!(changes(&["table t", "index i"], &["table t"]), [sentence]);
        assert_eq!(changes(&["index i"], &["index i, not valid"]).len(), 2);
    }

    #[test]
    fn a_store_that_promises_less_after_the_run_is_reported() {
        let at = |durability| Guarantees { durability, isolation: String::new(), because: "fsync=off".into() };
        let (durable, memory) = (at(Durability::Durable), at(Durability::Memory));
        assert_eq!(weakened(&memory, &durable), None);
        let weaker = weakened(&durable, &memory).expect("weaker");
        assert_eq!(weaker, "the store was durable before the run and is memory after it: fsync=off");
    }
}
