use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use kelpgate_files::Files;
use kelpgate_shard::{FileCommand, FileError, FileTicket, Lane, ShardId};

use crate::mailbox::{Delivery, Mailbox};
use crate::node::{Notices, spawn_watched};

type Job = (FileTicket, FileCommand);

/// A thread per lane that was ever used: commands of one lane in order, lanes beside each other, the shard never waits.
///
/// On io_uring, too. A sync that goes through the ring is handed to a thread of the kernel, so nothing is saved by it, and
/// glommio writes vectors only, so the pieces of a write would have to be copied. Measured (`cargo bench -p
/// kelpgate-runtime-tests --bench files`; append and sync, median, processor time of the process): 64 KiB 0.7-1.9 ms and
/// 320-340 us by a lane of the glommio runtime, 1.1-2.0 ms and 270-280 us by the ring; 1 MiB 3.9-4.6 ms and 600-690 us by
/// the lane, 4.0-7.2 ms and 940-2,340 us by the ring.
pub(crate) struct Lanes<M> {
    shard: ShardId,
    files: Arc<Files>,
    mailbox: Mailbox<M>,
    notices: Notices,
    threads: [Option<LaneThread>; Lane::ALL.len()],
}

struct LaneThread {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

impl<M: Send + 'static> Lanes<M> {
    pub(crate) fn new(shard: ShardId, files: Files, mailbox: Mailbox<M>, notices: Notices) -> Lanes<M> {
        Lanes { shard, files: Arc::new(files), mailbox, notices, threads: [None, None, None] }
    }

    /// Queues a command. Its outcome is delivered to the shard's mailbox, in order for each lane.
    pub(crate) fn submit(&mut self, ticket: FileTicket, lane: Lane, command: FileCommand) {
        if let Err(text) = self.try_submit(ticket, lane, command) {
            self.mailbox.post(Delivery::File { ticket, outcome: Err(FileError::Other(text)) });
        }
    }

    fn try_submit(&mut self, ticket: FileTicket, lane: Lane, command: FileCommand) -> Result<(), String> {
        let slot = match lane {
            Lane::Journal => 0,
            Lane::Read => 1,
            Lane::Background => 2,
        };
        let started = match &self.threads[slot] {
            Some(started) => started,
            None => self.threads[slot].insert(self.start(lane)?),
        };
        // The thread ends early only by a panic, which ends the node.
        started.jobs.send((ticket, command)).map_err(|_| "the file thread has ended".to_owned())
    }

    fn start(&self, lane: Lane) -> Result<LaneThread, String> {
        let (sender, jobs) = channel();
        let (files, mailbox) = (self.files.clone(), self.mailbox.clone());
        let name = match lane {
            Lane::Journal => format!("journal-{}", self.shard),
            Lane::Read => format!("read-{}", self.shard),
            Lane::Background => format!("background-{}", self.shard),
        };
        let thread = spawn_watched(name, &self.notices, move || carry_out(&jobs, &files, &mailbox))
            .map_err(|error| format!("cannot start a file thread: {error}"))?;
        Ok(LaneThread { jobs: sender, thread })
    }
}

impl<M> Drop for Lanes<M> {
    /// When the shard has ended no thread of it still holds a file of the data folder.
    fn drop(&mut self) {
        for LaneThread { jobs, thread } in self.threads.iter_mut().filter_map(Option::take) {
            drop(jobs);
            // A panic in it was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

/// A write that a sync follows is told together with it: whoever asks for both waits for both, and the shard is woken
/// once.
fn carry_out<M>(jobs: &Receiver<Job>, files: &Files, mailbox: &Mailbox<M>) {
    let mut written = None;
    let mut next = jobs.recv().ok();
    while let Some((ticket, command)) = next {
        let outcome = files.execute(&command);
        let writes = matches!(command, FileCommand::Write { .. });
        // What the command held (pieces to write) is let go before the shard hears of it and counts.
        drop(command);
        next = jobs.try_recv().ok();
        let done = Delivery::File { ticket, outcome };
        if writes && matches!(next, Some((_, FileCommand::Sync { .. }))) {
            written = Some(done);
            continue;
        }
        mailbox.post_all(written.take().into_iter().chain([done]));
        next = next.or_else(|| jobs.recv().ok());
    }
}
