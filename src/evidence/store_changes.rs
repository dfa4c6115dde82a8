//! What has become of the store itself between the load and the end of the run.

use drivers::{Description, Guarantees};

/// Changes of the store that make what was measured worth less, each in one sentence.
pub fn store_changes(before: &Description, after: &Description) -> Vec<String> {
    weakened(&before.guarantees, &after.guarantees).into_iter().chain(evicted(before, after)).collect()
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
        "the server has evicted {evicted} keys during the run (maxmemory={}, maxmemory-policy={}): what it holds is not \
         what was written",
        set("maxmemory"),
        set("maxmemory-policy")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use drivers::Durability;

    #[test]
    fn a_store_that_promises_less_after_the_run_is_reported() {
        let at = |durability| Guarantees { durability, isolation: String::new(), because: "fsync=off".into() };
        let (durable, memory) = (at(Durability::Durable), at(Durability::Memory));
        assert_eq!(weakened(&memory, &durable), None);
        let weaker = weakened(&durable, &memory).expect("weaker");
        assert_eq!(weaker, "the store was durable before the run and is memory after it: fsync=off");
    }
}
