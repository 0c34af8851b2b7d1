use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// What threads have used since they began, as Linux counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time on a processor.
    pub cpu: Duration,
    /// How often they went to sleep.
    pub sleeps: u64,
}

impl Usage {
    /// What was used between `earlier` and `self`.
    pub fn since(self, earlier: Usage) -> Usage {
        Usage { cpu: self.cpu.saturating_sub(earlier.cpu), sleeps: self.sleeps - earlier.sleeps }
    }
}

/// Reads the [`Usage`] of the threads that run shards, of all nodes of this process together. Needs no descriptor once it
/// is made.
#[derive(Debug)]
pub struct Meter {
    threads: Vec<(File, File)>,
}

impl Meter {
    /// A meter for the shards there are now.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    pub fn new() -> Meter {
        let tasks = fs::read_dir("/proc/self/task").expect("/proc");
        let threads = tasks.flatten().map(|task| task.path()).filter(|task| runs_a_shard(task));
        Meter { threads: threads.map(|task| files_of(&task).expect("a live thread")).collect() }
    }

    /// How many threads are metered; glommio's helper threads bear the names of theirs and count.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// The usage until now.
    ///
    /// # Panics
    /// When a thread has ended.
    pub fn read(&self) -> Usage {
        self.threads.iter().fold(Usage::default(), |sum, (schedstat, status)| {
            let cpu = first_number(&text_of(schedstat)).expect("nanoseconds");
            let sleeps = text_of(status)
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
                .and_then(first_number)
                .expect("a count");
            Usage { cpu: sum.cpu + Duration::from_nanos(cpu), sleeps: sum.sleeps + sleeps }
        })
    }
}

impl Default for Meter {
    fn default() -> Meter {
        Meter::new()
    }
}

fn runs_a_shard(task: &Path) -> bool {
    fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("shard-"))
}

fn files_of(task: &Path) -> io::Result<(File, File)> {
    Ok((File::open(task.join("schedstat"))?, File::open(task.join("status"))?))
}

fn text_of(file: &File) -> String {
    let mut text = vec![0; 4096];
    let len = file.read_at(&mut text, 0).expect("a live thread");
    text.truncate(len);
    String::from_utf8(text).expect("text")
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}
