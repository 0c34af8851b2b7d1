use kelpgate_shard::{Action, Drive, Event, Instant, Now, StopReason};

/// What a shard of a test does; what it leaves out is what most tests want.
pub trait Behaviour {
    /// What its shards say to each other.
    type Message: Send + 'static;

    /// Something happened, other than the beginning and the wish to stop.
    fn on(&mut self, now: Now, event: Event<Self::Message>, actions: &mut Vec<Action<Self::Message>>);

    /// The first event. By default the shard is ready.
    fn begin(&mut self, _now: Now, actions: &mut Vec<Action<Self::Message>>) {
        actions.push(Action::Ready);
    }

    /// The node is to stop. By default the shard is at rest.
    fn stop(&mut self, _now: Now, actions: &mut Vec<Action<Self::Message>>) {
        actions.push(Action::Stopped { reason: StopReason::Asked });
    }

    /// See [`Drive::end_turn`].
    fn end_turn(&mut self, _now: Now, _actions: &mut Vec<Action<Self::Message>>) {}

    /// See [`Drive::next_deadline`].
    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

/// A [`Behaviour`] as what runtimes drive.
#[derive(Debug)]
pub struct Shard<B> {
    behaviour: B,
    begun: bool,
}

impl<B> Shard<B> {
    /// A shard that has not begun.
    pub fn new(behaviour: B) -> Shard<B> {
        Shard { behaviour, begun: false }
    }
}

impl<B: Behaviour> Drive for Shard<B> {
    type Message = B::Message;

    fn handle(&mut self, now: Now, event: Event<B::Message>, actions: &mut Vec<Action<B::Message>>) {
        match event {
            Event::Stop => self.behaviour.stop(now, actions),
            Event::Tick if !self.begun => {
                self.begun = true;
                self.behaviour.begin(now, actions);
            }
            event => {
                assert!(self.begun, "the first event is a tick, not {}", name(&event));
                self.behaviour.on(now, event, actions);
            }
        }
    }

    fn end_turn(&mut self, now: Now, actions: &mut Vec<Action<B::Message>>) {
        self.behaviour.end_turn(now, actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.behaviour.next_deadline()
    }
}

fn name<M>(event: &Event<M>) -> &'static str {
    match event {
        Event::Opened { .. } => "Opened",
        Event::Received { .. } => "Received",
        Event::Flushed { .. } => "Flushed",
        Event::Closed { .. } => "Closed",
        Event::File { .. } => "File",
        Event::Rpc { .. } => "Rpc",
        Event::FromShard { .. } => "FromShard",
        Event::Tick => "Tick",
        Event::Asked { .. } => "Asked",
        Event::Stop => "Stop",
    }
}

/// Sends back what it receives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Behaviour for Echo {
    type Message = ();

    fn on(&mut self, _now: Now, event: Event<()>, actions: &mut Vec<Action<()>>) {
        if let Event::Received { conn, bytes } = event {
            actions.push(Action::Send { conn, pieces: bytes.into() });
        }
    }
}
