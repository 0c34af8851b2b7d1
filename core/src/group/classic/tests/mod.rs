//! The classic group, by its table, its clocks, its records and many seeded runs.

mod fixture;
mod plain;
