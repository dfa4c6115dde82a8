use std::sync::Arc;
use std::time::Instant;
use storebench::generate::*;
use storebench::generate::rng::Purpose;
use storebench::workload::Workload;
fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    for name in names {
        let w = Workload::builtin(&name).unwrap();
        let plan = Arc::new(w.plan(None, None).unwrap());
        let t = Instant::now();
        let g = Arc::new(Generator::new(plan.clone(), 1));
        let (mut rows, mut bytes, mut ops) = (0, 0, 0);
        let mut l = Loader::new(g.clone(), 0, 1);
        while let Some(s) = l.next() { rows += s.rows; bytes += s.bytes; ops += 1; }
        println!("{name}: load {ops} ops {rows} rows {:.1} MB in {:?}", bytes as f64 / 1e6, t.elapsed());
        let f = Arc::new(Frontiers::new(&plan));
        let mut s = OpStream::new(g.clone(), f, Purpose::Measure, 0, 4);
        let mut best = f64::MAX;
        let n = 5_000;
        for _ in 0..400 {
            let t = Instant::now();
            for _ in 0..n { std::hint::black_box(s.next()); s.settle(Outcome::Applied); }
            best = best.min(t.elapsed().as_nanos() as f64 / n as f64);
        }
        println!("  next {best:.1} ns; hash {}; shares {:?}", stream_hash(&g, 4), shares(&g, 4, 1_000_000));
        for (op, ex) in plan.operations.iter().zip(examples(&g)) { 
            let text = format!("{ex:?}");
            println!("  {} {:.4}: {}", op.name, op.share, &text.chars().take(900).collect::<String>()); }
    }
}
