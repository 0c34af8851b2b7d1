//! Reading records.

pub mod session;
