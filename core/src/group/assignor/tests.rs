//! The worked examples of Kafka's own classes, and speed.

mod client;
mod notation;
mod properties;
mod server;
