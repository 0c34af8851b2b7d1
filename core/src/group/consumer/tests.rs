//! Tests of the consumer group machine: its tables cell by cell, conversations as measured with Apache Kafka 4.3.1, and
//! seeded runs.

mod admission;
mod conversation;
mod offsets;
pub mod page;
mod regex;
mod simulation;
mod talk;
