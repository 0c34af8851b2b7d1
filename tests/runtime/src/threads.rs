use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// What a thread has used since it began, as Linux counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time on a processor.
    pub cpu: Duration,
    /// How often it went to sleep.
    pub sleeps: u64,
}

impl Usage {
    /// Of all the threads together.
    ///
    /// # Panics
    /// When one of them has ended.
    pub fn of(threads: &[PathBuf]) -> Usage {
        threads.iter().fold(Usage::default(), |sum, thread| {
            let one = Usage::of_one(thread);
            Usage { cpu: sum.cpu + one.cpu, sleeps: sum.sleeps + one.sleeps }
        })
    }

    fn of_one(thread: &PathBuf) -> Usage {
        let schedstat = fs::read_to_string(thread.join("schedstat")).expect("a live thread");
        let nanos =
            schedstat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds");
        let status = fs::read_to_string(thread.join("status")).expect("a live thread");
        let sleeps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        let sleeps = sleeps.and_then(|count| count.trim().parse().ok()).expect("a count");
        Usage { cpu: Duration::from_nanos(nanos), sleeps }
    }

    /// What was used between `earlier` and `self`.
    pub fn since(self, earlier: Usage) -> Usage {
        Usage { cpu: self.cpu.saturating_sub(earlier.cpu), sleeps: self.sleeps - earlier.sleeps }
    }
}

/// The threads of the shards of all nodes of this process, under `/proc`.
///
/// # Panics
/// Where there is no `/proc`.
pub fn shard_threads() -> Vec<PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").expect("/proc");
    let is_shard =
        |task: &PathBuf| fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("shard-"));
    tasks.flatten().map(|task| task.path()).filter(is_shard).collect()
}
