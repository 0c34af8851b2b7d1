//! Limits that the bodies of the codec share.

/// What the arrays of a message may take when it is read again: never the limit.
pub const DECODED: usize = 1 << 30;

/// What an error with its path, and arrays that are not full, take besides.
pub const MALFORMED: usize = 4 << 10;

/// What the gateway lets the arrays of a frame of so many bytes take.
pub fn decode_budget(frame: usize) -> usize {
    frame.saturating_mul(64).saturating_add(4096)
}
