//! Snapshots: files of ours with the machine's own state of a log; the newest is kept.
//!
//! `KGN1`, CRC-32C of the rest (4), the rest.

use alloc::format;
use alloc::vec::Vec;

use bytes::Bytes;
use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::pieces::Pieces;
use kelpgate_core::record::crc::crc32c;
use kelpgate_core::storage::{Snapshot, StorageReply};

use crate::engine::{Op, SmqEngine, storage_error};
use crate::outbox::SmqOutbox;
use crate::paths;
use crate::rpc::{RpcCommand, RpcError};
use crate::wire::{Fields, Put};

const MAGIC: &[u8; 4] = b"KGN1";

impl SmqEngine {
    pub(crate) fn save_snapshot(
        &mut self,
        ticket: Ticket,
        log: LogId,
        snapshot: &Snapshot,
        durable: bool,
        out: &mut SmqOutbox,
    ) {
        let folder = paths::log_folder(&self.config, log);
        let path = format!("{folder}/{}", paths::snapshot_name(snapshot.offset));
        let content = encode(&snapshot.state);
        let offset = snapshot.offset;
        self.rpc(Op::Snapshot { ticket, log, offset }, RpcCommand::Put { path, content, sync: durable }, out);
    }

    pub(crate) fn snapshot_written(
        &mut self,
        ticket: Ticket,
        id: LogId,
        offset: i64,
        outcome: Result<(), RpcError>,
        out: &mut SmqOutbox,
    ) {
        let reply = outcome.map(|()| StorageReply::SnapshotSaved).map_err(|error| storage_error(&error));
        let saved = reply.is_ok();
        out.reply(ticket, reply);
        let Some(log) = self.logs.get_mut(&id).filter(|_| saved) else { return };
        let older = log.snapshot.filter(|older| *older < offset);
        log.snapshot = log.snapshot.max(Some(offset));
        if let Some(older) = older {
            self.remove_snapshot(id, older, out);
        }
    }

    pub(crate) fn remove_snapshot(&mut self, log: LogId, offset: i64, out: &mut SmqOutbox) {
        let path = format!("{}/{}", paths::log_folder(&self.config, log), paths::snapshot_name(offset));
        let what = "removing an old snapshot";
        self.rpc(Op::Tidy { what }, RpcCommand::Delete { path }, out);
    }
}

fn encode(state: &Bytes) -> Pieces {
    let mut head = Vec::with_capacity(8);
    head.put(MAGIC);
    head.put_u32(crc32c(state));
    [Bytes::from(head), state.clone()].into_iter().collect()
}

/// The state in a file, if it is what was written.
pub(crate) fn decode(content: &Bytes) -> Option<Bytes> {
    let mut fields = Fields(content.strip_prefix(MAGIC)?);
    let crc = fields.u32()?;
    (crc32c(fields.0) == crc).then(|| content.slice_ref(fields.0))
}
