//! What comes out of the log.

use alloc::collections::VecDeque;
use alloc::string::String;

use kelpgate_core::ids::Ticket;
use kelpgate_core::machine::Level;
use kelpgate_core::storage::{StorageError, StorageReply};

use crate::file::{FileCommand, FileTicket, Lane};

/// Something to be done, or told.
#[derive(Clone, Debug, PartialEq)]
pub enum LogOutput {
    /// Carry this out, and say so with [`crate::Log::file_done`].
    File { ticket: FileTicket, lane: Lane, command: FileCommand },
    /// The answer to a storage command.
    Reply { ticket: Ticket, outcome: Result<StorageReply, StorageError> },
    /// Something a person should know.
    Note { level: Level, text: String },
}

/// Where the log puts its outputs, in order.
#[derive(Debug, Default)]
pub struct LogOutbox {
    outputs: VecDeque<LogOutput>,
}

impl LogOutbox {
    /// Adds an output at the end.
    pub fn push(&mut self, output: LogOutput) {
        self.outputs.push_back(output);
    }

    /// Takes the oldest output.
    pub fn pop(&mut self) -> Option<LogOutput> {
        self.outputs.pop_front()
    }

    /// Whether nothing is waiting to be carried out.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    pub(crate) fn file(&mut self, ticket: FileTicket, lane: Lane, command: FileCommand) {
        self.push(LogOutput::File { ticket, lane, command });
    }

    pub(crate) fn reply(&mut self, ticket: Ticket, outcome: Result<StorageReply, StorageError>) {
        self.push(LogOutput::Reply { ticket, outcome });
    }

    pub(crate) fn note(&mut self, level: Level, text: String) {
        self.push(LogOutput::Note { level, text });
    }
}
