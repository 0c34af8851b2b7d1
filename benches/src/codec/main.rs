//! The codec against `kafka-protocol`, on the same messages and batches, in one run:
//! `cargo run --release --bin codec [-- WORD]`, with a word only the races whose name contains it.
//!
//! Each figure is the best of many rounds, the contenders taking turns, so that a busy machine disturbs all alike.
//! Where a codec consumes its input, the clone of the frame that it needs is part of its figure, and of ours.

mod messages;
mod race;
mod records;

fn main() {
    let word = std::env::args().nth(1).unwrap_or_default();
    let races: [(&str, fn()); 8] = [
        ("produce", || messages::produce(16 << 10)),
        ("produce large", || messages::produce(1 << 20)),
        ("metadata", messages::metadata),
        ("fetch", messages::fetch),
        ("api versions", messages::api_versions),
        ("batch of 16 KiB", || records::batch(150)),
        ("batch of 1,000 records", || records::batch(1_000)),
        ("checksums", records::checksums),
    ];
    races.iter().filter(|(name, _)| name.contains(&word)).for_each(|(_, run)| run());
}
