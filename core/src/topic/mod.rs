//! Topics and the state of their partitions.

pub mod producers;
