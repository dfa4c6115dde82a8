use std::time::Instant;
use storebench::generate::keys::*;
use storebench::generate::rng::{self, Purpose};
use storebench::workload::*;
use rand::Rng;
fn best(name: &str, mut f: impl FnMut(u64)) {
    let mut best = f64::MAX;
    for _ in 0..30 { let t = Instant::now(); for i in 0..100_000 { f(i) } best = best.min(t.elapsed().as_nanos() as f64 / 1e5); }
    println!("{name}: {best:.1} ns");
}
fn main() {
    let mut c = KeyChooser::new(KeyChoice::ZipfianYcsb {}, 100_000, 0).unwrap();
    let stream = rng::stream(1, Purpose::Measure, 0);
    best("seed+u64", |i| { std::hint::black_box(rng::at(stream, i).next_u64()); });
    best("seed+draw", |i| { std::hint::black_box(c.draw(&mut rng::at(stream, i), 100_000, Turn::default())); });
    let p = KeyPattern::Text(vec![Piece::Literal("user".into()), Piece::Fnv]);
    let mut key = drivers::Key::default();
    best("key", |i| { p.write_key(i, &mut key); std::hint::black_box(&key); });
    best("hash", |i| { std::hint::black_box(storebench::generate::ycsb::hash(std::hint::black_box(i))); });
    best("text", |i| { std::hint::black_box(storebench::generate::ycsb::key_text(std::hint::black_box(i) << 40, 1)); });
    best("hash+text", |i| { std::hint::black_box(storebench::generate::ycsb::key_text(storebench::generate::ycsb::hash(i), 1)); });
}
