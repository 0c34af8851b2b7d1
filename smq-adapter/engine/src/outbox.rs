//! What comes out of the engine.

use alloc::collections::VecDeque;
use alloc::string::String;

use kelpgate_core::ids::Ticket;
use kelpgate_core::machine::Level;
use kelpgate_core::storage::{StorageError, StorageReply};

use crate::rpc::Rpc;

/// Something to be done, or told.
#[derive(Clone, Debug, PartialEq)]
pub enum SmqOutput {
    /// Carry this out, and say so with [`crate::SmqEngine::rpc_done`].
    Rpc(Rpc),
    /// The answer to a storage command.
    Reply { ticket: Ticket, outcome: Result<StorageReply, StorageError> },
    /// Something a person should know.
    Note { level: Level, text: String },
}

/// Where the engine puts its outputs, in order.
#[derive(Debug, Default)]
pub struct SmqOutbox {
    outputs: VecDeque<SmqOutput>,
}

impl SmqOutbox {
    /// Adds an output at the end.
    pub fn push(&mut self, output: SmqOutput) {
        self.outputs.push_back(output);
    }

    /// Takes the oldest output.
    pub fn pop(&mut self) -> Option<SmqOutput> {
        self.outputs.pop_front()
    }

    /// Whether nothing is waiting to be carried out.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    pub(crate) fn reply(&mut self, ticket: Ticket, outcome: Result<StorageReply, StorageError>) {
        self.push(SmqOutput::Reply { ticket, outcome });
    }

    pub(crate) fn note(&mut self, level: Level, text: String) {
        self.push(SmqOutput::Note { level, text });
    }
}
