//! What the tests of the log share: a disk that forgets, a driver, batches, and a model of what must be there.
#![allow(dead_code)]

pub mod batch;
pub mod drive;
pub mod model;
