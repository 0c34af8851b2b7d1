//! The engine of one shard: takes storage commands, asks for RPC commands, answers.

use alloc::collections::BTreeMap;
use alloc::format;

use kelpgate_core::ids::Ticket;
use kelpgate_core::storage::{StorageCommand, StorageError, StorageReply};
use kelpgate_core::time::{Instant, Now};

use crate::config::SmqConfig;
use crate::outbox::{SmqOutbox, SmqOutput};
use crate::rpc::{Rpc, RpcCommand, RpcError, RpcReply, RpcTicket};

/// What an RPC command was for.
#[derive(Clone, Debug)]
enum Op {
    Volume { ticket: Ticket },
}

/// The engine of one shard. See [`crate`] for how it is driven.
#[derive(Debug)]
pub struct SmqEngine {
    config: SmqConfig,
    last_ticket: u64,
    ops: BTreeMap<RpcTicket, Op>,
}

impl SmqEngine {
    /// An engine that knows of nothing yet: it looks for what predecessors left as soon as it is asked for a log.
    pub fn new(config: SmqConfig) -> SmqEngine {
        SmqEngine { config, last_ticket: 0, ops: BTreeMap::new() }
    }

    /// Takes a command. It is answered once, at once or later, with the ticket it came with.
    pub fn submit(&mut self, _now: Now, ticket: Ticket, command: StorageCommand, out: &mut SmqOutbox) {
        match command {
            StorageCommand::Volume => self.rpc(Op::Volume { ticket }, RpcCommand::Statistics, out),
            other => {
                out.reply(ticket, Err(StorageError::Other(format!("not served yet: {other:?}"))));
            }
        }
    }

    /// Takes the answer to an RPC command.
    pub fn rpc_done(
        &mut self,
        _now: Now,
        ticket: RpcTicket,
        outcome: Result<RpcReply, RpcError>,
        out: &mut SmqOutbox,
    ) {
        let Some(op) = self.ops.remove(&ticket) else { return };
        match op {
            Op::Volume { ticket } => {
                let outcome = match outcome {
                    Ok(RpcReply::Volume { total, usable }) => {
                        Ok(StorageReply::Volume { total_bytes: total, usable_bytes: usable })
                    }
                    Ok(other) => Err(StorageError::Other(format!("unexpected {other:?}"))),
                    Err(error) => Err(StorageError::Other(format!("{error}"))),
                };
                out.reply(ticket, outcome);
            }
        }
    }

    /// The turn is over: what was collected goes out together, the background goes on.
    pub fn end_turn(&mut self, _now: Now, _out: &mut SmqOutbox) {}

    /// When [`SmqEngine::end_turn`] should be called at the latest, even if nothing happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }

    /// Stop cleanly: everything is published, flushed by the brokers and read back; streams are closed. Nothing may be
    /// submitted any more; drive on until [`SmqEngine::is_idle`].
    pub fn drain(&mut self) {}

    /// Whether nothing is under way and, after [`SmqEngine::drain`], nothing is left to do.
    pub fn is_idle(&self) -> bool {
        self.ops.is_empty()
    }

    fn rpc(&mut self, op: Op, command: RpcCommand, out: &mut SmqOutbox) {
        self.last_ticket += 1;
        let ticket = RpcTicket(self.last_ticket);
        self.ops.insert(ticket, op);
        out.push(SmqOutput::Rpc(Rpc { ticket, timeout: self.config.timeout, command }));
    }
}
