use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks a running node to stop cleanly. Serves one run.
#[derive(Clone, Debug)]
pub struct StopSignal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    asked: AtomicBool,
    reader: PipeReader,
    writer: PipeWriter,
}

impl StopSignal {
    /// # Errors
    /// When the system has no descriptors left for a pipe.
    pub fn new() -> io::Result<StopSignal> {
        let (reader, writer) = io::pipe()?;
        Ok(StopSignal { inner: Arc::new(Inner { asked: AtomicBool::new(false), reader, writer }) })
    }

    /// Asks once; more often changes nothing. One atomic exchange and one `write`: fit for a signal handler.
    pub fn trigger(&self) {
        if !self.inner.asked.swap(true, Ordering::AcqRel) {
            // The pipe is empty and its reader is ours: the one byte always fits.
            let _ = (&self.inner.writer).write(&[1]);
        }
    }

    /// Blocks until asked.
    pub(crate) fn wait(&self) {
        let mut byte = [0];
        while !self.inner.asked.load(Ordering::Acquire) {
            match (&self.inner.reader).read(&mut byte) {
                Ok(_) => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}
