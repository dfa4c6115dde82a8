//! `report.md`: the experiment as a document that a wiki or a pull request shows, its charts beside it.
//!
//! Every string that comes from outside is escaped: names of operations and words of servers are not Markdown.

use super::chart::Chart;
use super::group::{self, Cell};
use super::reading::Percentile;
use super::{per_second, text, units, words};
use crate::record::{Experiment, OperationRecord, Run};

/// The document; `charts` are those that lie in `charts/` beside it.
pub fn report(experiment: &Experiment, charts: &[Chart]) -> String {
    let cells = group::cells(experiment);
    let mut text = String::from("# storebench report\n\n");
    if experiment.interrupted {
        text += "**Interrupted**: runs are missing or shorter than asked.\n\n";
    }
    for workload in group::by_workload(&cells) {
        text += &section(workload);
    }
    text += &images(charts);
    text += &stores(&cells);
    text += &environment(experiment);
    text
}

fn section(workload: &[Cell<'_>]) -> String {
    let about = &workload[0].runs[0].workload.about;
    let mut text = format!("## {}\n\n{}\n\n", escaped(workload[0].workload), escaped(about));
    for tier in workload.chunk_by(|a, b| a.tier == b.tier) {
        if group::tiers_differ(workload) {
            text += &format!("### Durability: {} (compare within a tier only)\n\n", tier[0].tier.name());
        }
        tier.iter().flat_map(|cell| &cell.runs).for_each(|run| text += &block(run));
    }
    text
}

fn block(run: &Run) -> String {
    let facts = [words::store(run), words::tier(run), words::load(run), words::duration(run)];
    let mut text = format!("**{}** ({})\n\n", escaped(&run.id), escaped(&facts.join("; ")));
    match words::invalid(run) {
        Some(reason) => text += &format!("**INVALID**: {}\n\n", escaped(&reason)),
        None => text += &figures(run),
    }
    text += &format!("- Checks: {}\n", words::checks(run));
    for (what, check) in words::doubtful_checks(run) {
        text += &format!("- **{what}** {}: {}\n", escaped(&check.name), escaped(&check.detail));
    }
    let losses = words::losses(run);
    if !losses.is_empty() {
        text += &format!("- Losses: {losses}\n");
    }
    run.verdict.notes.iter().for_each(|note| text += &format!("- {}\n", escaped(note)));
    text + "\n"
}

fn figures(run: &Run) -> String {
    let mut text =
        String::from("| operation | ok | failed | per second | p50 | p99 | p99.9 |\n|---|--:|--:|--:|---|---|---|\n");
    for (name, operation) in &run.operations {
        text += &row(&escaped(name), operation, per_second(run, operation));
    }
    text + &row("**total**", &run.total, run.throughput_per_s) + "\n"
}

fn row(name: &str, operation: &OperationRecord, per_s: f64) -> String {
    let percentiles = Percentile::ALL.map(|percentile| text::percentile_text(&operation.response_ns, percentile));
    let [p50, p99, p999] = percentiles.map(|text| escaped(&units::typeset(&text)));
    let (ok, failed) = (units::count(operation.ok), units::count(operation.failed));
    format!("| {name} | {ok} | {failed} | {} | {p50} | {p99} | {p999} |\n", units::rate(per_s))
}

fn images(charts: &[Chart]) -> String {
    let image = |chart: &Chart| {
        format!("![{} {}](charts/{}.svg)\n\n", escaped(&chart.title), escaped(&chart.finding), chart.name)
    };
    let images: String = charts.iter().map(image).collect();
    format!("## Charts\n\nEach is also there as PNG, at twice the size.\n\n{images}")
}

/// What each store promises, for speed without it says little.
fn stores(cells: &[Cell<'_>]) -> String {
    let mut text =
        String::from("## Stores\n\n| store | version | durability | because | isolation |\n|---|---|---|---|---|\n");
    let mut told: Vec<(&str, drivers::Durability)> = Vec::new();
    for cell in cells.iter() {
        if told.contains(&(cell.store, cell.tier)) {
            continue;
        }
        told.push((cell.store, cell.tier));
        let store = &cell.runs[0].store;
        let guarantees = &store.description.guarantees;
        let cells = [
            &store.name,
            &store.description.version,
            &words::tier(cell.runs[0]),
            &guarantees.because,
            &guarantees.isolation,
        ];
        text += &format!("| {} |\n", cells.map(|cell| escaped(cell)).join(" | "));
    }
    text + "\n"
}

fn environment(experiment: &Experiment) -> String {
    let host = &experiment.host;
    let mut facts = vec![
        format!("Host: {}", words::host(experiment)),
        format!("Memory: {}, file system: {}", units::bytes(host.memory_bytes), host.file_system),
        format!("Tool: {}, profile {}", words::tool(experiment), experiment.tool.profile),
        format!("Started {}, finished {}", experiment.started_at, experiment.finished_at),
    ];
    facts.extend(host.governor.iter().map(|governor| format!("Frequency governor: {governor}")));
    facts.extend(host.virtualization.iter().map(|kind| format!("Virtualization: {kind}")));
    let list: String = facts.iter().map(|fact| format!("- {}\n", escaped(fact))).collect();
    let command = experiment.command.split_whitespace().collect::<Vec<_>>().join(" ");
    format!(
        "## Environment\n\n{list}\nReproduce, with seed {}:\n\n    {command}\n\n\
         Brackets hold 95 % intervals from batch means over 20 blocks of a run. Everything here derives from \
         `experiment.json`.\n",
        experiment.seed
    )
}

/// Text that no Markdown reader takes for anything but text, in one line.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' | '$' => safe.extend(['\\', sign]),
            _ if sign.is_control() => safe.push(' '),
            _ => safe.push(sign),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_document_of_one_run() {
        let chart = Chart {
            name: "latency".to_owned(),
            title: "How long?".to_owned(),
            finding: "p99 396 \u{b5}s.".to_owned(),
            svg: String::new(),
        };
        insta::assert_snapshot!(report(&fixture::experiment(vec![fixture::read_heavy()]), &[chart]), @r"
        # storebench report

        ## read-heavy

        A catalogue that is mostly read.

        **read-heavy-libsql-1** (libsql 3.45.1; durable; closed loop, 2 clients; 30 s after 5 s of warm-up)

        | operation | ok | failed | per second | p50 | p99 | p99.9 |
        |---|--:|--:|--:|---|---|---|
        | read | 56,979 | 0 | 1,899 | 42.0 µs \[41.9, 42.2\] | 95.0 µs \[93.7, 96.2\] | 126 µs \[123, 131\] |
        | update | 2,933 | 0 | 97.8 | 261 µs \[255, 266\] | 826 µs \[781, 921\] | &gt;= 1.06 ms (n=2, too few) |
        | **total** | 59,912 | 0 | 1,997 | 43.0 µs \[42.8, 43.3\] | 396 µs \[385, 405\] | 711 µs \[678, 785\] |

        - Checks: 1 of 1 passed

        ## Charts

        Each is also there as PNG, at twice the size.

        ![How long? p99 396 µs.](charts/latency.svg)

        ## Stores

        | store | version | durability | because | isolation |
        |---|---|---|---|---|
        | libsql | 3.45.1 | durable | journal\_mode=wal, synchronous=full | serializable |

        ## Environment

        - Host: AMD EPYC 7763 64-Core Processor, 2 CPUs, Linux 6.1.0
        - Memory: 8.0 GiB, file system: ext4
        - Tool: storebench 0.1.0, profile release
        - Started 2026-11-20T13:00:00Z, finished 2026-11-20T13:00:41Z
        - Virtualization: kvm

        Reproduce, with seed 42:

            storebench run read-heavy --store libsql

        Brackets hold 95 % intervals from batch means over 20 blocks of a run. Everything here derives from `experiment.json`.
        ");
    }

    #[test]
    fn foreign_text_stays_text() {
        let mut run = fixture::read_heavy();
        run.id = "[x](javascript:alert(1))<img src=x>|a\nb".to_owned();
        let text = report(&fixture::experiment(vec![run]), &[]);
        assert!(text.contains(r"**\[x\](javascript:alert(1))&lt;img src=x&gt;\|a b**"), "{text}");
    }

    #[test]
    fn an_invalid_run_has_no_figures() {
        let mut run = fixture::read_heavy();
        run.verdict = fixture::invalid("the store lost a write");
        let text = report(&fixture::experiment(vec![run]), &[]);
        assert!(text.contains("**INVALID**: the store lost a write") && !text.contains("| operation |"), "{text}");
    }
}
