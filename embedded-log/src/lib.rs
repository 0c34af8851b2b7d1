//! The embedded log: storage commands in, file commands out. Pure; see ARCHITECTURE.md for the shapes on disk.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod file;
