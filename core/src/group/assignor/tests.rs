//! The worked examples of Kafka's own classes, and speed.

mod server;
