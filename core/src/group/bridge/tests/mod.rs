//! Tests of the bridge: the rows of its tables, conversations as measured with Apache Kafka 4.3.1, and rolling upgrades and
//! back.

mod field;
mod rolling;
mod rows;
