//! Hand-made runs with everything that a page shows beside figures: layout, bindings, settings, load phase, limits. Only
//! for tests.

use drivers::{Binding, Durability, Footprint};

use crate::cost::{self, Catalogue, Options};
use crate::percentile::{Limit, Percentile, Statistic};
use crate::record::{Experiment, Footprints, Host, Loading, MissingRun, Requirements, Run, SloRecord, Spread, Work};

/// Breaks out of HTML, attributes, tables, code spans and lines, wherever it is not escaped.
pub const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'`|\n# [a](javascript:alert(2)) </script></pre>\u{202e}\u{0}";

/// The run with all of this added.
pub fn furnished(mut run: Run) -> Run {
    let description = &mut run.store.description;
    description.layout =
        vec!["CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT, price REAL, stock INTEGER) STRICT".to_owned()];
    for (name, value) in [("journal_mode", "wal"), ("page_size", "4096"), ("busy_timeout", "5000")] {
        description.settings.insert(name.to_owned(), value.to_owned());
    }
    let statement = "SELECT name, price, stock FROM product WHERE id = ?1".to_owned();
    let binding =
        Binding { statements: vec!["BEGIN IMMEDIATE".to_owned(), statement, "COMMIT".to_owned()], round_trips: 0 };
    run.store.bindings = run.operations.keys().map(|name| (name.clone(), vec![binding.clone()])).collect();
    run.loading = Loading { rows: 100_000, logical_bytes: 12_400_000, rows_per_s: 84_211.0, ..Loading::default() };
    (run.phases.load_s, run.phases.settle_s) = (1.19, 0.08);
    let weight = |bytes| Footprint { disk_bytes: Some(bytes), ..Footprint::default() };
    run.footprint =
        Footprints { after_load: weight(15_130_624), after_run: weight(17_903_616), ..Footprints::default() };
    run.workload.text = "about = \"A catalogue that is mostly read.\"\n\n[slo]\np99_ms = 5\np999_ms = 0.7\n\n\
                         [operations.read]\nslo = { p99_ms = 1 }\n\n[require]\ndurability = \"durable\"\n"
        .to_owned();
    let limit = |percentile, limit_ms| Limit::of_ms(Statistic::Percentile(percentile), limit_ms);
    run.workload.slo = Some(SloRecord {
        total: vec![limit(Percentile::P99, 5.0), limit(Percentile::P999, 0.7)],
        operations: [("read".to_owned(), vec![limit(Percentile::P99, 1.0)])].into(),
    });
    run.workload.requires = Some(Requirements { durability: Some(Durability::Durable), isolation: None });
    run.client.cpu_ns_per_op = 51_300.0;
    run.client.cpu_share = 0.41;
    run
}

/// The run, furnished and priced with the catalogue that is compiled in, as if its operations read and wrote rows of 200 B.
pub fn priced(run: Run, host: &Host) -> Run {
    let mut run = furnished(run);
    for (at, operation) in run.operations.values_mut().enumerate() {
        let written = if at == 0 { 0.0 } else { 1.0 };
        operation.work = Some(Work {
            reads: 1.0,
            rows_read: 1.0,
            bytes_read: 200.0,
            rows_written: written,
            bytes_written: written * 200.0,
            transactional: false,
            sampled: 100,
            spread: Some(Spread::default()),
        });
    }
    let catalogue = Catalogue::load(None).expect("the catalogue that is compiled in");
    run.cost = Some(cost::estimate(&run, host, &catalogue, &Options::default()).expect("no offer is named"));
    run
}

/// The same experiment with hostile text in everything that a store, a file or the command line may fill.
pub fn hostile(mut experiment: Experiment) -> Experiment {
    let taint = |text: &mut String| text.push_str(HOSTILE);
    let host = &mut experiment.host;
    [&mut host.os, &mut host.cpu, &mut host.file_system, &mut experiment.command].into_iter().for_each(taint);
    [&mut experiment.tool.version, &mut experiment.started_at].into_iter().for_each(taint);
    experiment.missing.push(MissingRun {
        id: HOSTILE.to_owned(),
        workload: HOSTILE.to_owned(),
        store: HOSTILE.to_owned(),
        problem: HOSTILE.to_owned(),
    });
    for run in &mut experiment.runs {
        let (workload, store) = (&mut run.workload, &mut run.store);
        [&mut workload.name, &mut workload.about, &mut workload.hash, &mut workload.stream_hash, &mut workload.text]
            .into_iter()
            .chain([&mut run.id, &mut store.name, &mut store.driver, &mut store.description.version])
            .chain([&mut store.description.guarantees.isolation, &mut store.description.guarantees.because])
            .chain(&mut store.description.layout)
            .chain(store.bindings.values_mut().flatten().flat_map(|binding| &mut binding.statements))
            .chain(run.cost.iter_mut().flat_map(|cost| &mut cost.estimates).flat_map(|estimate| {
                let offer = &mut estimate.offer;
                let texts =
                    [&mut offer.id, &mut offer.service, &mut offer.region, &mut offer.term, &mut offer.retrieved];
                texts.into_iter().chain(&mut estimate.assumed).chain(&mut estimate.left_out)
            }))
            .chain(run.checks.iter_mut().flat_map(|check| [&mut check.name, &mut check.detail]))
            .for_each(taint);
        store.description.settings.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
        let mut failed = run.total.clone();
        failed.failures.insert(HOSTILE.to_owned(), 3);
        failed.messages.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
        run.operations.insert(HOSTILE.to_owned(), failed);
        run.verdict.notes.push(HOSTILE.to_owned());
    }
    experiment
}

/// What a Markdown reader takes for markup that no template of ours writes: HTML, links, images that are no charts.
pub fn foreign_markup(markdown: &str) -> Vec<String> {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let foreign = events.filter(|event| match event {
        Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Link { .. } | Tag::Strikethrough) => true,
        Event::Start(Tag::Image { dest_url, .. }) => !dest_url.starts_with("charts/"),
        _ => false,
    });
    foreign.map(|event| format!("{event:?}")).collect()
}
