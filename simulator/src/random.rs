//! Where chance comes from: one seed, and from it a stream for each that draws, so that a draw more in one room does not
//! change what is drawn in another.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Random(fastrand::Rng);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Random {
        Random(fastrand::Rng::with_seed(seed))
    }

    /// A stream of its own for another room.
    pub fn fork(&mut self) -> Random {
        Random(self.0.fork())
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// Below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.usize(..bound.max(1))
    }

    /// Within these bounds.
    pub fn within(&mut self, bounds: RangeInclusive<u64>) -> u64 {
        self.0.u64(bounds)
    }

    /// A time within these bounds.
    pub fn time(&mut self, bounds: RangeInclusive<Duration>) -> Duration {
        let nanos = |time: &Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.within(nanos(bounds.start())..=nanos(bounds.end())))
    }

    /// True once in so many times; never if that is 0.
    pub fn chance(&mut self, one_in: usize) -> bool {
        one_in > 0 && self.below(one_in) == 0
    }

    /// One of these.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// In any order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        self.0.shuffle(all);
    }

    /// Bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}
