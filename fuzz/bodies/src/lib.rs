//! What the fuzz targets do with their bytes. Each body takes any bytes at all and panics if a promise does not hold; the
//! targets in the folder above hand them what the fuzzer thinks up, and the tests of this crate the corpus and what a
//! seed gives.
#![forbid(unsafe_code)]

pub mod batches;
mod budget;
pub mod compression;
pub mod embedded_protocol;
pub mod groups;
mod memory;
pub mod messages;
mod records;
pub mod recovery;
pub mod requests;
pub mod responses;
pub mod seeds;
pub mod stored;
pub mod streams;

/// A body, by the name of its target and of its folder in the corpus.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

/// Every body.
pub const BODIES: &[Body] = &[
    Body { name: "requests", run: requests::run },
    Body { name: "responses", run: responses::run },
    Body { name: "batches", run: batches::run },
    Body { name: "messages", run: messages::run },
    Body { name: "compression", run: compression::run },
    Body { name: "embedded_protocol", run: embedded_protocol::run },
    Body { name: "groups", run: groups::run },
    Body { name: "recovery", run: recovery::run },
    Body { name: "streams", run: streams::run },
    Body { name: "stored", run: stored::run },
];
