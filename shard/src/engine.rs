//! The engine of a shard: the embedded log, or SeaweedMQ. Both take storage commands and answer them; they differ in what
//! they ask for to carry them out.

use alloc::boxed::Box;
use alloc::string::String;

use kelpgate_core::ids::Ticket;
use kelpgate_core::machine::Level;
use kelpgate_core::storage::{StorageCommand, StorageError, StorageReply};
use kelpgate_core::time::{Instant, Now};
use kelpgate_log::file::{FileCommand, FileError, FileReply, FileTicket, Lane};
use kelpgate_log::{Log, LogOutbox, LogOutput};
use kelpgate_smq::rpc::{Rpc, RpcError, RpcReply, RpcTicket};
use kelpgate_smq::{SmqEngine, SmqOutbox, SmqOutput};

/// What stores the records of a shard.
pub struct Engine(Kind);

enum Kind {
    Log(Box<Log>, LogOutbox),
    Smq(Box<SmqEngine>, SmqOutbox),
}

/// What an engine asks for, or tells.
pub(crate) enum EngineOutput {
    File { ticket: FileTicket, lane: Lane, command: FileCommand },
    Rpc(Rpc),
    Reply { ticket: Ticket, outcome: Result<StorageReply, StorageError> },
    Note { level: Level, text: String },
}

impl From<Log> for Engine {
    fn from(log: Log) -> Engine {
        Engine(Kind::Log(Box::new(log), LogOutbox::default()))
    }
}

impl From<SmqEngine> for Engine {
    fn from(engine: SmqEngine) -> Engine {
        Engine(Kind::Smq(Box::new(engine), SmqOutbox::default()))
    }
}

impl Engine {
    pub(crate) fn submit(&mut self, now: Now, ticket: Ticket, command: StorageCommand) {
        match &mut self.0 {
            Kind::Log(log, out) => log.submit(now, ticket, command, out),
            Kind::Smq(engine, out) => engine.submit(now, ticket, command, out),
        }
    }

    /// A file command was carried out.
    ///
    /// # Panics
    /// The engine asks for no files: our own mistake.
    pub(crate) fn file_done(&mut self, now: Now, ticket: FileTicket, outcome: Result<FileReply, FileError>) {
        match &mut self.0 {
            Kind::Log(log, out) => log.file_done(now, ticket, outcome, out),
            Kind::Smq(..) => panic!("SeaweedMQ's engine was told of file command {ticket:?}"),
        }
    }

    /// An RPC command was carried out.
    ///
    /// # Panics
    /// The engine asks for no such commands: our own mistake.
    pub(crate) fn rpc_done(&mut self, now: Now, ticket: RpcTicket, outcome: Result<RpcReply, RpcError>) {
        match &mut self.0 {
            Kind::Smq(engine, out) => engine.rpc_done(now, ticket, outcome, out),
            Kind::Log(..) => panic!("the embedded log was told of RPC command {ticket:?}"),
        }
    }

    pub(crate) fn end_turn(&mut self, now: Now) {
        match &mut self.0 {
            Kind::Log(log, out) => log.end_turn(now, out),
            Kind::Smq(engine, out) => engine.end_turn(now, out),
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        match &self.0 {
            Kind::Log(log, _) => log.next_deadline(),
            Kind::Smq(engine, _) => engine.next_deadline(),
        }
    }

    pub(crate) fn drain(&mut self) {
        match &mut self.0 {
            Kind::Log(log, _) => log.drain(),
            Kind::Smq(engine, _) => engine.drain(),
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        match &self.0 {
            Kind::Log(log, _) => log.is_idle(),
            Kind::Smq(engine, _) => engine.is_idle(),
        }
    }

    /// Takes the oldest output.
    pub(crate) fn pop(&mut self) -> Option<EngineOutput> {
        Some(match &mut self.0 {
            Kind::Log(_, out) => match out.pop()? {
                LogOutput::File { ticket, lane, command } => EngineOutput::File { ticket, lane, command },
                LogOutput::Reply { ticket, outcome } => EngineOutput::Reply { ticket, outcome },
                LogOutput::Note { level, text } => EngineOutput::Note { level, text },
            },
            Kind::Smq(_, out) => match out.pop()? {
                SmqOutput::Rpc(rpc) => EngineOutput::Rpc(rpc),
                SmqOutput::Reply { ticket, outcome } => EngineOutput::Reply { ticket, outcome },
                SmqOutput::Note { level, text } => EngineOutput::Note { level, text },
            },
        })
    }
}
