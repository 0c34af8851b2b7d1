//! The gateway and its engine in one: commands of the one go to the other, and the rest is the runtime's.

use alloc::format;
use alloc::vec::Vec;

use kelpgate_core::gateway::Gateway;
use kelpgate_core::machine::{Input, Level, Outbox, Output, PeerInfo};
use kelpgate_core::settings::Settings;
use kelpgate_core::shard_message::ShardMessage;
use kelpgate_core::time::{Instant, Now};

use crate::contract::{Action, Drive, Event, StopReason};
use crate::engine::{Engine, EngineOutput};

/// One shard.
pub struct Shard {
    gateway: Option<Gateway>,
    settings: Settings,
    engine: Engine,
    outbox: Outbox,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    /// The gateway answers what it accepted.
    Draining,
    /// The engine writes down what it holds.
    Closing,
    Stopped,
}

impl Shard {
    /// A shard on an engine, such as a log that was recovered. It begins with the first event.
    pub fn new(settings: Settings, engine: impl Into<Engine>) -> Shard {
        let (engine, outbox) = (engine.into(), Outbox::default());
        Shard { gateway: None, settings, engine, outbox, stage: Stage::Serving }
    }

    /// The machine, to be looked at; none before the first event.
    pub fn gateway(&self) -> Option<&Gateway> {
        self.gateway.as_ref()
    }

    fn input(&mut self, now: Now, input: Input) {
        let gateway =
            self.gateway.get_or_insert_with(|| Gateway::new(self.settings.clone(), now, &mut self.outbox));
        gateway.handle(now, input, &mut self.outbox);
    }

    /// Passes on what gateway and engine have for each other until neither has anything left.
    fn pump(&mut self, now: Now, actions: &mut Vec<Action<ShardMessage>>) {
        loop {
            if let Some(output) = self.outbox.pop() {
                self.output(now, output, actions);
            } else if let Some(output) = self.engine.pop() {
                self.engine_output(now, output, actions);
            } else {
                break;
            }
        }
        if self.stage == Stage::Closing && self.engine.is_idle() {
            self.stop(StopReason::Asked, actions);
        }
    }

    fn output(&mut self, now: Now, output: Output, actions: &mut Vec<Action<ShardMessage>>) {
        match output {
            Output::Send { conn, pieces } => actions.push(Action::Send { conn, pieces }),
            Output::PauseReading { conn } => actions.push(Action::PauseReading { conn }),
            Output::ResumeReading { conn } => actions.push(Action::ResumeReading { conn }),
            Output::Close { conn, reason } => {
                let text = format!("connection {conn} is closed: {reason}");
                actions.push(Action::Log { level: Level::Info, text });
                actions.push(Action::Close { conn });
            }
            Output::Store { ticket, command } => self.engine.submit(now, ticket, command),
            Output::ToShard { to, message } => actions.push(Action::ToShard { to, message }),
            Output::Note { level, text } => actions.push(Action::Log { level, text }),
            Output::Ready => actions.push(Action::Ready),
            Output::Drained => {
                self.stage = Stage::Closing;
                self.engine.drain();
                self.engine.end_turn(now);
            }
            Output::Answer { ticket, answer } => actions.push(Action::Answer { ticket, answer }),
            Output::Failed { text } => self.stop(StopReason::Failed(text), actions),
        }
    }

    fn engine_output(&mut self, now: Now, output: EngineOutput, actions: &mut Vec<Action<ShardMessage>>) {
        match output {
            EngineOutput::File { ticket, lane, command } => {
                actions.push(Action::File { ticket, lane, command });
            }
            EngineOutput::Rpc(rpc) => actions.push(Action::Rpc(rpc)),
            EngineOutput::Reply { ticket, outcome } => self.input(now, Input::Stored { ticket, outcome }),
            EngineOutput::Note { level, text } => actions.push(Action::Log { level, text }),
        }
    }

    fn stop(&mut self, reason: StopReason, actions: &mut Vec<Action<ShardMessage>>) {
        if self.stage != Stage::Stopped {
            self.stage = Stage::Stopped;
            actions.push(Action::Stopped { reason });
        }
    }
}

impl Drive for Shard {
    type Message = ShardMessage;

    fn handle(&mut self, now: Now, event: Event<ShardMessage>, actions: &mut Vec<Action<ShardMessage>>) {
        match event {
            Event::Opened { conn, peer, local, listener, others } => {
                self.input(now, Input::Opened { conn, peer: PeerInfo { peer, local, listener, others } });
            }
            Event::Received { conn, bytes } => self.input(now, Input::Received { conn, bytes }),
            Event::Flushed { conn, bytes } => self.input(now, Input::Flushed { conn, bytes }),
            Event::Closed { conn } => self.input(now, Input::Closed { conn }),
            Event::File { ticket, outcome } => self.engine.file_done(now, ticket, outcome),
            Event::Rpc { ticket, outcome } => self.engine.rpc_done(now, ticket, outcome),
            Event::FromShard { from, message } => self.input(now, Input::FromShard { from, message }),
            Event::Asked { ticket, question } => self.input(now, Input::Asked { ticket, question }),
            Event::Tick => self.input(now, Input::Tick),
            Event::Stop => {
                if self.stage == Stage::Serving {
                    self.stage = Stage::Draining;
                }
                self.input(now, Input::Stop);
            }
        }
        self.pump(now, actions);
    }

    fn end_turn(&mut self, now: Now, actions: &mut Vec<Action<ShardMessage>>) {
        self.engine.end_turn(now);
        self.pump(now, actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let Some(gateway) = &self.gateway else {
            // It has not begun: at once.
            return Some(Instant::default());
        };
        gateway.next_deadline().map(|(at, _)| at).into_iter().chain(self.engine.next_deadline()).min()
    }
}
