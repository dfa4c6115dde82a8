//! How often the regression gate is wrong: `cargo run --release --example gate_error` prints the tables of docs/ci.md.
//!
//! Noise is the standard deviation of the log ratio of a pair of runs. Seeded: the same numbers every time.

mod simulation;

use rand::SeedableRng;
use rand_xoshiro::SplitMix64;
use simulation::{FIGURES, SimulatedGate, Truth, contaminated, counted, held, live, stored, would_see};
use storebench::gate::GateVerdict;

const GATES: usize = 500;
const NOISES: [f64; 3] = [0.02, 0.05, 0.10];
/// By which share the second run of a pair is slower.
const PLACE: f64 = 0.20;

fn main() {
    let mut rng = SplitMix64::seed_from_u64(16);
    println!("Of {GATES} gates over four figures (throughput, p50, p99, cpu), default margins:\n");
    println!(
        "| noise of a pair | nothing changed: false alarms | OK | pairs | 15 % of throughput lost: found | pairs | p99 25 % higher: found | pairs |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for place in [0.0, PLACE] {
        for noise in NOISES {
            let truth = Truth { noise, place, ..Truth::default() };
            let same = gates(&mut rng, |rng| live(&truth, rng));
            let [slower, tail] = [Truth { throughput_loss: 0.15, ..truth }, Truth { p99_growth: 0.25, ..truth }]
                .map(|truth| gates(&mut rng, |rng| live(&truth, rng)));
            println!(
                "| {:.0} %{} | {} | {} | {:.1} | {} | {:.1} | {} | {:.1} |",
                noise * 100.0,
                if place > 0.0 { ", second run 20 % slower" } else { "" },
                same[0].0,
                same[1].0,
                same[0].1,
                slower[0].0,
                slower[0].1,
                tail[0].0,
                tail[0].1,
            );
        }
    }
    println!("\nStored runs of two sessions, without confirmation:\n");
    println!(
        "| noise of a pair | runs a side | false alarms | OK | 15 % of throughput lost: found | p99 25 % higher: found |"
    );
    println!("|---|---|---|---|---|---|");
    for noise in NOISES {
        for runs in [8, 16] {
            let truth = Truth { noise, ..Truth::default() };
            let same = gates(&mut rng, |rng| stored(&truth, runs, rng));
            let [slower, tail] = [Truth { throughput_loss: 0.15, ..truth }, Truth { p99_growth: 0.25, ..truth }]
                .map(|truth| gates(&mut rng, |rng| stored(&truth, runs, rng)));
            println!(
                "| {:.0} % | {runs} | {} | {} | {} | {} |",
                noise * 100.0,
                same[0].0,
                same[1].0,
                slower[0].0,
                tail[0].0
            );
        }
    }
    println!("\nOne pair of ten with a head three times as slow, of {GATES} gates where nothing changed:\n");
    println!("| noise of a pair | OK before | of these REGRESSION after | INCONCLUSIVE after |");
    println!("|---|---|---|---|");
    for noise in NOISES {
        let verdicts: Vec<[GateVerdict; 2]> =
            (0..GATES).map(|_| contaminated(&Truth { noise, ..Truth::default() }, &mut rng)).collect();
        let after = |verdict| verdicts.iter().filter(|one| **one == [GateVerdict::Ok, verdict]).count();
        let before = verdicts.iter().filter(|one| one[0] == GateVerdict::Ok).count();
        println!(
            "| {:.0} % | {before} | {} | {} |",
            noise * 100.0,
            after(GateVerdict::Regression),
            after(GateVerdict::Inconclusive)
        );
    }
    println!("\nShare of 95 % intervals that hold the true ratio, of {}:\n", GATES * FIGURES.len());
    println!("| noise of a pair | 10 pairs | 16 pairs | 10 and 10 runs | 16 and 16 runs |");
    println!("|---|---|---|---|---|");
    for noise in NOISES {
        let truth = Truth { noise, throughput_loss: 0.15, p99_growth: 0.25, place: PLACE };
        let share = |count: usize, rng: &mut SplitMix64| {
            let sums = (0..GATES)
                .map(|_| held(&truth, count, rng))
                .fold([0, 0], |sum, one| [sum[0] + one[0], sum[1] + one[1]]);
            sums.map(|sum| 100.0 * sum as f64 / (GATES * FIGURES.len()) as f64)
        };
        let (ten, sixteen) = (share(10, &mut rng), share(16, &mut rng));
        println!(
            "| {:.0} % | {:.1} % | {:.1} % | {:.1} % | {:.1} % |",
            noise * 100.0,
            ten[0],
            sixteen[0],
            ten[1],
            sixteen[1]
        );
    }
    println!("\nA loss of throughput as large as gates say that they would see (on average, where nothing changed):\n");
    println!("| noise of a pair | would see | found of {GATES} |");
    println!("|---|---|---|");
    for noise in NOISES {
        let truth = Truth { noise, ..Truth::default() };
        let throughput_loss = would_see(&truth, GATES, &mut rng);
        let found = gates(&mut rng, |rng| live(&Truth { throughput_loss, ..truth }, rng))[0].0;
        println!("| {:.0} % | {:.1} % | {found} |", noise * 100.0, throughput_loss * 100.0);
    }
}

/// Of the same gates: those that fail, with the pairs that all took, and those that are OK.
fn gates(rng: &mut SplitMix64, mut gate: impl FnMut(&mut SplitMix64) -> SimulatedGate) -> [(usize, f64); 2] {
    let all: Vec<SimulatedGate> = (0..GATES).map(|_| gate(rng)).collect();
    [GateVerdict::Regression, GateVerdict::Ok].map(|verdict| {
        let mut each = all.iter().copied();
        counted(GATES, verdict, || each.next().expect("as many"))
    })
}
