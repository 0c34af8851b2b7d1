//! Several ways of doing one thing, measured in turns.

use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 400;
/// About how long one round of one codec takes.
const ROUND_NANOS: f64 = 500_000.0;

/// One way of doing a thing.
pub struct Contender<'a> {
    name: &'static str,
    work: Box<dyn FnMut() + 'a>,
    iterations: u32,
    best: f64,
}

pub fn contender<'a, T>(name: &'static str, mut work: impl FnMut() -> T + 'a) -> Contender<'a> {
    let mut work: Box<dyn FnMut() + 'a> = Box::new(move || drop(black_box(work())));
    let start = Instant::now();
    (0..100).for_each(|_| work());
    let once = start.elapsed().as_nanos() as f64 / 100.0;
    Contender { name, work, iterations: (ROUND_NANOS / once).ceil() as u32, best: f64::MAX }
}

/// Lets all take turns and prints the best round of each.
pub fn race(title: &str, mut contenders: Vec<Contender<'_>>) {
    for _ in 0..ROUNDS {
        for Contender { work, iterations, best, .. } in &mut contenders {
            let start = Instant::now();
            (0..*iterations).for_each(|_| work());
            *best = best.min(start.elapsed().as_nanos() as f64 / f64::from(*iterations));
        }
    }
    println!("{title}");
    contenders.iter().for_each(|one| println!("    {:44} {:>10.1} ns", one.name, one.best));
}
