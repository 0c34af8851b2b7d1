//! The classic group, by its table, its clocks, its records and many seeded runs.

mod cast;
mod cost;
mod details;
mod fixture;
mod plain;
mod restart;
mod rows;
mod runs;
mod table;
mod timers;
