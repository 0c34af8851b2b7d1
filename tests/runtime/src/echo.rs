use kelpgate_shard::{Action, Drive, Event, Instant, Now, StopReason};

/// Sends back what it receives.
#[derive(Debug, Default)]
pub struct Echo {
    begun: bool,
}

impl Drive for Echo {
    type Message = ();

    fn handle(&mut self, _now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        match event {
            Event::Received { conn, bytes } => actions.push(Action::Send { conn, pieces: bytes.into() }),
            Event::Tick if !self.begun => {
                self.begun = true;
                actions.push(Action::Ready);
            }
            Event::Stop => actions.push(Action::Stopped { reason: StopReason::Asked }),
            Event::Opened { .. }
            | Event::Flushed { .. }
            | Event::Closed { .. }
            | Event::File { .. }
            | Event::FromShard { .. }
            | Event::Tick => {}
        }
    }

    fn end_turn(&mut self, _now: Now, _actions: &mut Vec<Action<()>>) {}

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}
