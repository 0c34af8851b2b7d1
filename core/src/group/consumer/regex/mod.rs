//! Subscription by regular expression: the syntax of RE2, matched against whole topic names.
//!
//! [`re2`] turns RE2's syntax into that of the engine, [`pattern`] compiles and matches within limits, and
//! [`resolution`] finds the topics of a group's expressions slice by slice.

pub mod pattern;
mod re2;
pub mod resolution;
