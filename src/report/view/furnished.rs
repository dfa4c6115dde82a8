//! Hand-made runs with everything that a page shows beside figures: layout, bindings, settings, load phase, limits. Only
//! for tests.

use drivers::{Binding, Footprint};

use crate::record::{Footprints, Loading, Run};

/// The run, furnished.
pub fn furnished(mut run: Run) -> Run {
    let description = &mut run.store.description;
    description.layout =
        vec!["CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT, price REAL, stock INTEGER) STRICT".to_owned()];
    for (name, value) in [("journal_mode", "wal"), ("page_size", "4096"), ("busy_timeout", "5000")] {
        description.settings.insert(name.to_owned(), value.to_owned());
    }
    let statement = "SELECT name, price, stock FROM product WHERE id = ?1".to_owned();
    let binding = Binding { statements: vec!["BEGIN IMMEDIATE".to_owned(), statement, "COMMIT".to_owned()], round_trips: 0 };
    run.store.bindings = run.operations.keys().map(|name| (name.clone(), vec![binding.clone()])).collect();
    run.loading = Loading { rows: 100_000, logical_bytes: 12_400_000, rows_per_s: 84_211.0, ..Loading::default() };
    (run.phases.load_s, run.phases.settle_s) = (1.19, 0.08);
    let weight = |bytes| Footprint { disk_bytes: Some(bytes), ..Footprint::default() };
    run.footprint = Footprints { after_load: weight(15_130_624), after_run: weight(17_903_616) };
    run.workload.text = "about = \"A catalogue that is mostly read.\"\n\n[slo]\np99_ms = 5\np999_ms = 0.7\n\n\
                         [operations.read]\nslo = { p99_ms = 1 }\n\n[require]\ndurability = \"durable\"\n"
        .to_owned();
    run.client.cpu_ns_per_op = 51_300.0;
    run.client.cpu_share = 0.41;
    run
}
