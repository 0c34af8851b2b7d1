//! What happened in a run, as a hash of all of it, and as a line for each step for those who want to read it.

use std::fmt::Display;
use std::hash::Hasher;
use std::io::Write;

use kelpgate_core::time::Instant;
use siphasher::sip::SipHasher13;

/// Takes note of everything that happens.
pub struct Transcript {
    hash: SipHasher13,
    lines: Option<Box<dyn Write>>,
}

impl Default for Transcript {
    fn default() -> Transcript {
        Transcript { hash: SipHasher13::new(), lines: None }
    }
}

impl Transcript {
    /// One that is read, too.
    pub fn to(lines: Box<dyn Write>) -> Transcript {
        Transcript { lines: Some(lines), ..Transcript::default() }
    }

    /// Whether anybody reads the lines.
    pub fn is_read(&self) -> bool {
        self.lines.is_some()
    }

    /// A step: `numbers` say what it was, `line` says so to a person.
    pub fn note<T: Display>(&mut self, now: Instant, numbers: &[u64], line: impl FnOnce() -> T) {
        self.hash.write_u64(now.0);
        numbers.iter().for_each(|number| self.hash.write_u64(*number));
        if let Some(lines) = &mut self.lines {
            // A reader that has gone away does not end the run.
            let _ = writeln!(lines, "@{}.{:06}ms {}", now.0 / 1_000_000, now.0 % 1_000_000, line());
        }
    }

    /// Bytes that went from one to another.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.hash.write(bytes);
    }

    /// Tells one run from another.
    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }
}
