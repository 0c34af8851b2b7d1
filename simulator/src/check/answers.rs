//! Every request is answered once, in its turn; in the end, only fetches wait that may.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kelpgate_core::protocol::{ApiKey, Request};

use super::{Check, End, Seen, Verdict};
use crate::client::Sent;
use crate::history::Observation;
use crate::network::LinkId;

/// How long an answer may take when nothing is wrong: as long as clients wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens to each connection.
#[derive(Debug, Default)]
pub struct Answers {
    /// Requests that may wait, and for how long.
    waiting: BTreeMap<(LinkId, i32), Duration>,
    /// Connections from before healing: one that was silenced stays silent, and who died may have left it open.
    old: BTreeSet<LinkId>,
}

impl Check for Answers {
    fn name(&self) -> &'static str {
        "every request is answered once, in its turn"
    }

    fn observed(&mut self, _: Seen, what: &Observation) -> Verdict {
        match what {
            Observation::WrongAnswer { link, what } => Err(format!("connection {}: {what}", link.0)),
            _ => Ok(()),
        }
    }

    fn asked(&mut self, seen: Seen, link: LinkId, sent: &Sent, request: &Request) {
        if !seen.healed {
            self.old.insert(link);
        }
        let waits = match request {
            Request::Fetch(fetch) => fetch.max_wait_ms,
            Request::JoinGroup(join) => join.rebalance_timeout_ms.max(join.session_timeout_ms),
            _ => return,
        };
        let waits = Duration::from_millis(u64::try_from(waits).unwrap_or(0));
        self.waiting.insert((link, sent.correlation_id), waits);
    }

    fn lost(&mut self, _: Seen, link: LinkId) {
        self.waiting.retain(|(of, _), _| *of != link);
        self.old.remove(&link);
    }

    fn ended(&mut self, end: End<'_>) -> Verdict {
        for (client, seat) in end.seats.iter().enumerate() {
            // Whatever waits behind one that may wait may wait as long.
            let mut longest: BTreeMap<LinkId, Duration> = BTreeMap::new();
            for (link, sent) in seat.unanswered().filter(|(link, _)| !self.old.contains(link)) {
                let own = self.waiting.get(&(link, sent.correlation_id)).copied().unwrap_or_default();
                let may = longest.entry(link).or_default();
                *may = (*may).max(own);
                let waited = end.now.saturating_since(sent.at);
                if waited > *may + PATIENCE {
                    let (key, number): (ApiKey, i32) = (sent.key, sent.correlation_id);
                    return Err(format!(
                        "client {client} waits for {key:?} {number} on {} since {waited:?}",
                        link.0
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::made_up::{healed, seconds, seen};
    use crate::client::Seat;
    use crate::client::creator::Creator;
    use crate::random::Random;
    use kelpgate_core::protocol::fetch::FetchRequest;
    use kelpgate_core::protocol::metadata::MetadataRequest;

    /// Whether requests that were sent at the beginning may be without an answer after so many seconds.
    fn may_wait(requests: &[Request], since: Seen, now: u64) -> bool {
        let mut seat = Seat::new(Box::new(Creator::new(Vec::new())), 0, false, Random::new(1));
        let mut answers = Answers::default();
        seat.connected(LinkId(1));
        for request in requests {
            let (sent, _) = seat.frame(LinkId(1), since.now, 4, request).expect("it is connected");
            answers.asked(since, LinkId(1), &sent, request);
        }
        let seats = [seat];
        answers.ended(End { now: seconds(now), nodes: &[], seats: &seats }).is_ok()
    }

    fn fetch(max_wait_ms: i32) -> Request {
        FetchRequest { max_wait_ms, ..Default::default() }.into()
    }

    #[test]
    fn what_is_asked_is_answered_in_time() {
        let request = [MetadataRequest::default().into()];
        assert!(may_wait(&request, healed(0), 10));
        assert!(!may_wait(&request, healed(0), 11));
        assert!(may_wait(&request, seen(0), 99), "a connection from before healing");
    }

    #[test]
    fn a_fetch_may_wait_and_so_may_what_comes_behind_it() {
        let metadata = || Request::from(MetadataRequest::default());
        assert!(may_wait(&[fetch(30_000)], healed(0), 40));
        assert!(!may_wait(&[fetch(30_000)], healed(0), 41));
        assert!(may_wait(&[fetch(30_000), metadata()], healed(0), 40));
        assert!(!may_wait(&[metadata(), fetch(30_000)], healed(0), 11));
    }

    #[test]
    fn a_wrong_answer_is_told() {
        let wrong = Observation::WrongAnswer { link: LinkId(1), what: "unasked".into() };
        assert!(Answers::default().observed(seen(0), &wrong).is_err());
    }
}
