//! Numbers in files: big-endian, read without trust.

use alloc::vec::Vec;

use kelpgate_core::ids::LogId;
use kelpgate_core::uuid::Uuid;

/// Reads fields one after the other; `None` once the bytes run out.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub(crate) fn log(&mut self) -> Option<LogId> {
        Some(LogId { topic: Uuid(self.array()?), partition: self.i32()? })
    }

    /// Text behind its length.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.u32()?).ok()?;
        core::str::from_utf8(self.take(len)?).ok()
    }
}

/// Appends fields to bytes.
pub(crate) trait Put {
    fn put(&mut self, bytes: &[u8]);

    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_be_bytes());
    }

    fn put_i32(&mut self, value: i32) {
        self.put(&value.to_be_bytes());
    }

    fn put_i64(&mut self, value: i64) {
        self.put(&value.to_be_bytes());
    }

    fn put_log(&mut self, log: LogId) {
        self.put(&log.topic.0);
        self.put_i32(log.partition);
    }

    fn put_text(&mut self, text: &str) {
        self.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.put(text.as_bytes());
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
