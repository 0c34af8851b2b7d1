//! A little fuzzing without a fuzzer: seeds, changed by chance, through each body. `KELPGATE_FUZZ_ROUNDS` sets how many
//! inputs, `KELPGATE_FUZZ_SEED` which.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use kelpgate_core::protocol::wire::Source;
use kelpgate_fuzz_bodies::seeds::{noise, seeds};
use kelpgate_fuzz_bodies::{BODIES, Body};

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}

fn body(name: &str) -> &'static Body {
    BODIES.iter().find(|body| body.name == name).expect("a body of that name")
}

/// Sends so many inputs through a body; each is a seed, changed in a few places.
fn fuzz(name: &str, rounds: u64) {
    let (body, seeds) = (body(name), seeds(name));
    let seed = number("KELPGATE_FUZZ_SEED", 1);
    for round in 0..number("KELPGATE_FUZZ_ROUNDS", rounds) {
        let mut source = Source::new(seed << 32 ^ round);
        let input = changed(&seeds, &mut source);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (body.run)(&input))) {
            let digits: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
            println!("{name}, round {round}: {digits}");
            resume_unwind(panic);
        }
    }
}

fn changed(seeds: &[Vec<u8>], source: &mut Source) -> Vec<u8> {
    let mut input = seeds[source.below(seeds.len() as u64) as usize].clone();
    if source.one_in(4) {
        let length = source.below(600) as usize;
        input = noise(source, length);
    }
    for _ in 0..source.below(6) {
        let at = source.below(input.len() as u64 + 1) as usize;
        let length = source.below(8) as usize;
        match source.below(6) {
            0 => input.truncate(at),
            1 => {
                let more = noise(source, length);
                input.splice(at..at, more);
            }
            2 => drop(input.drain(at..(at + length).min(input.len()))),
            3 => {
                let other = &seeds[source.below(seeds.len() as u64) as usize];
                let from = source.below(other.len() as u64 + 1) as usize;
                let part: Vec<u8> = other[from..].to_vec();
                input.splice(at.., part);
            }
            4 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << source.below(8);
                }
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = [0, 1, 0x7f, 0x80, 0xff][source.below(5) as usize];
                }
            }
        }
    }
    input
}

macro_rules! bodies {
    ($($name:ident $rounds:literal,)*) => {
        $(
            #[test]
            fn $name() {
                fuzz(stringify!($name), $rounds);
            }
        )*

        #[test]
        fn no_body_is_left_out() {
            let here = [$(stringify!($name)),*];
            assert_eq!(BODIES.iter().map(|body| body.name).collect::<Vec<_>>(), here);
        }
    };
}

bodies! {
    requests 5_000,
    responses 5_000,
    batches 1_000,
    messages 2_000,
    compression 1_000,
    embedded_protocol 1_000,
    groups 300,
    recovery 60,
    streams 100,
    stored 5_000,
}
