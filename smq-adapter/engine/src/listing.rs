//! Listing all logs with their sizes: those in hand from memory, others from the head of their state file.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kelpgate_core::ids::{LogId, Ticket};
use kelpgate_core::storage::{LogInfo, StorageReply};

use crate::engine::{Op, SmqEngine, storage_error, unexpected};
use crate::look::PAGE;
use crate::outbox::SmqOutbox;
use crate::paths;
use crate::rpc::{RpcCommand, RpcError, RpcReply};
use crate::state::{HEAD_LEN, bytes_of};

/// A list that is being made.
#[derive(Debug)]
struct Listing {
    ticket: Ticket,
    /// The last name seen, while names are being listed.
    after: Option<String>,
    /// Logs whose size is to be found out.
    unknown: VecDeque<LogId>,
    found: Vec<LogInfo>,
}

/// Lists that are being made.
#[derive(Debug, Default)]
pub(crate) struct Listings {
    listings: BTreeMap<u64, Listing>,
    last: u64,
}

impl SmqEngine {
    pub(crate) fn list(&mut self, ticket: Ticket, out: &mut SmqOutbox) {
        self.listings.last += 1;
        let number = self.listings.last;
        let listing =
            Listing { ticket, after: Some(String::new()), unknown: VecDeque::new(), found: Vec::new() };
        self.listings.listings.insert(number, listing);
        self.list_on(number, out);
    }

    fn list_on(&mut self, number: u64, out: &mut SmqOutbox) {
        let Some(listing) = self.listings.listings.get_mut(&number) else { return };
        let command = match (&listing.after, listing.unknown.front()) {
            (Some(after), _) => {
                let folder = paths::logs_root(&self.config);
                RpcCommand::List { folder, after: after.clone(), limit: PAGE }
            }
            (None, Some(log)) => {
                let path = format!("{}/{}", paths::log_folder(&self.config, *log), paths::STATE);
                RpcCommand::Get { path, from: 0, len: HEAD_LEN as u64 }
            }
            (None, None) => {
                if let Some(Listing { ticket, found, .. }) = self.listings.listings.remove(&number) {
                    out.reply(ticket, Ok(StorageReply::Listed(found)));
                }
                return;
            }
        };
        self.rpc(Op::Listing(number), command, out);
    }

    pub(crate) fn listing_told(
        &mut self,
        number: u64,
        outcome: Result<RpcReply, RpcError>,
        out: &mut SmqOutbox,
    ) {
        let Some(listing) = self.listings.listings.get_mut(&number) else { return };
        let error = match outcome {
            Ok(RpcReply::Listed(entries)) => {
                let full = entries.len() >= PAGE as usize;
                listing.after = entries.last().filter(|_| full).map(|last| last.name.clone());
                for log in entries.iter().filter_map(|entry| paths::parse_log(&entry.name)) {
                    let ours = log.owner(self.config.shards) == self.config.shard;
                    match self.logs.get(&log) {
                        Some(known) => listing.found.push(LogInfo { log, bytes: known.bytes() }),
                        None if ours && !self.removals.contains_key(&log) => listing.unknown.push_back(log),
                        None => {}
                    }
                }
                return self.list_on(number, out);
            }
            Ok(RpcReply::Content { bytes, .. }) => {
                if let (Some(log), Some(bytes)) = (listing.unknown.pop_front(), bytes_of(&bytes)) {
                    listing.found.push(LogInfo { log, bytes });
                }
                return self.list_on(number, out);
            }
            // Removed meanwhile, or never written to.
            Err(RpcError::NotFound) => {
                listing.unknown.pop_front();
                return self.list_on(number, out);
            }
            Ok(other) => unexpected(&other),
            Err(error) => storage_error(&error),
        };
        if let Some(Listing { ticket, .. }) = self.listings.listings.remove(&number) {
            out.reply(ticket, Err(error));
        }
    }
}
