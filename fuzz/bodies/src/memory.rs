//! How much memory something may take.

use allocation_counter::measure;

/// Runs `work` and gives what it gives.
///
/// # Panics
/// More than `bound` bytes were allocated at once, beyond what was allocated before.
pub fn within<T>(bound: usize, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let taken = measure(|| result = Some(work())).bytes_max;
    assert!(taken <= bound as u64, "{taken} bytes were taken at once, {bound} are allowed");
    result.expect("it was run")
}
