//! A node on either runtime, for tests and measurements.
#![forbid(unsafe_code)]

mod echo;
mod node;

pub use echo::Echo;
pub use node::{Node, Runtime};
