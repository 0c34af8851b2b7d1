use std::io;
use std::time::Duration;

use kelpgate_shard::{Instant, Level};

/// Connections accepted in one turn: a storm of them does not keep those that are open waiting.
const ACCEPTS_PER_TURN: usize = 64;

/// How long accepting rests when the system has no descriptor or memory left.
const REST: Duration = Duration::from_millis(100);

/// Trouble is told no more often than this.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The listeners of a shard: which may have connections, and which rest because the system is out of something.
#[derive(Debug, Default)]
pub(crate) struct Accepting {
    listeners: Vec<Listener>,
    told_at: Option<Instant>,
    untold: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listener {
    /// The poller will say when there is a connection.
    Waiting,
    /// There may be connections.
    Ready,
    /// There may be, but the last try failed.
    Resting { until: Instant },
}

/// What one try to accept led to.
pub(crate) enum Accept {
    /// Go on.
    Taken,
    /// None is left.
    Nothing,
}

impl Accepting {
    pub(crate) fn listen(&mut self, listeners: usize) {
        self.listeners = vec![Listener::Ready; listeners];
    }

    pub(crate) fn stop(&mut self) {
        self.listeners.clear();
    }

    pub(crate) fn ready(&mut self, listener: u16) {
        if let Some(listener) = self.listeners.get_mut(usize::from(listener))
            && *listener == Listener::Waiting
        {
            *listener = Listener::Ready;
        }
    }

    /// Calls `accept` for the listeners that may have connections, a bounded number of times each. Returns what a
    /// person should know.
    pub(crate) fn turn(
        &mut self,
        now: Instant,
        mut accept: impl FnMut(u16) -> io::Result<Accept>,
    ) -> Option<(Level, String)> {
        let mut trouble = None;
        for (index, listener) in (0u16..).zip(&mut self.listeners) {
            match *listener {
                Listener::Waiting => continue,
                Listener::Resting { until } if until > now => continue,
                Listener::Resting { .. } | Listener::Ready => *listener = Listener::Ready,
            }
            for _ in 0..ACCEPTS_PER_TURN {
                match accept(index) {
                    Ok(Accept::Taken) => {}
                    Ok(Accept::Nothing) => {
                        *listener = Listener::Waiting;
                        break;
                    }
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        *listener = Listener::Resting { until: now + REST };
                        trouble = Some(error);
                        break;
                    }
                }
            }
        }
        trouble.and_then(|error| self.tell(now, &error))
    }

    fn tell(&mut self, now: Instant, error: &io::Error) -> Option<(Level, String)> {
        self.untold += 1;
        if self.told_at.is_some_and(|at| now.saturating_since(at) < TELL_EVERY) {
            return None;
        }
        self.told_at = Some(now);
        let times = std::mem::take(&mut self.untold);
        let text = format!(
            "cannot accept a connection: {error}{}; failed {times} times since last said, trying again every {} ms",
            advice(error),
            REST.as_millis()
        );
        Some((Level::Warn, text))
    }

    pub(crate) fn has_work(&self) -> bool {
        self.listeners.contains(&Listener::Ready)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let until = |listener: &Listener| match listener {
            Listener::Resting { until } => Some(*until),
            Listener::Waiting | Listener::Ready => None,
        };
        self.listeners.iter().filter_map(until).min()
    }
}

/// The connection that was next is gone; others may be waiting behind it.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// `EMFILE` and `ENFILE` have these numbers on every Unix and no kind of their own in the standard library.
fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(24) => " (raise the limit on open files of this process, `ulimit -n` or LimitNOFILE=)",
        Some(23) => " (the system's limit on open files is reached, fs.file-max)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant(millis * 1_000_000)
    }

    #[test]
    fn out_of_descriptors_rests_and_tells_now_and_then() {
        let mut accepting = Accepting::default();
        accepting.listen(1);
        let (mut tries, mut told) = (0, 0);
        for millis in 0..=20_000 {
            accepting.ready(0);
            let trouble = accepting.turn(at(millis), |_| {
                tries += 1;
                Err(io::Error::from_raw_os_error(24))
            });
            if let Some((_, text)) = trouble {
                told += 1;
                assert!(text.contains("ulimit -n"), "{text}");
            }
            assert!(!accepting.has_work(), "a resting listener is no reason to turn again");
        }
        assert_eq!((tries, told), (201, 3));
        assert!(accepting.turn(at(20_100), |_| Ok(Accept::Nothing)).is_none());
        assert_eq!(accepting.next_deadline(), None);
    }

    #[test]
    fn a_storm_is_taken_in_bounded_parts_and_a_broken_one_does_not_end_it() {
        let mut accepting = Accepting::default();
        accepting.listen(2);
        let mut taken = [0, 0];
        let _ = accepting.turn(at(0), |listener| {
            taken[usize::from(listener)] += 1;
            if taken[0] % 2 == 0 { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(Accept::Taken) }
        });
        assert_eq!(taken, [ACCEPTS_PER_TURN; 2]);
        assert!(accepting.has_work());
    }
}
