//! Consumer groups: who shares the work of reading, and how far they have read.
//!
//! A group lives with the owner of its partition of `__consumer_offsets`: [`coordinator`] loads it from there and keeps
//! it there. Groups themselves are pure: a [`step`](step::Step) changes their state and says which records that makes
//! and which answers may leave once those are durable.

pub mod any;
pub mod assignor;
pub mod bridge;
pub mod classic;
mod classic_requests;
pub mod consumer;
pub mod coordinator;
pub mod coordinators;
pub mod embedded;
mod loading;
pub mod offsets;
pub mod place;
pub mod question;
pub mod record;
mod refusal;
pub mod step;
#[cfg(any(test, feature = "client"))]
pub mod testing;
