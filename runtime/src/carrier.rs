use std::sync::Arc;

use kelpgate_shard::{FileCommand, FileError, FileTicket, Lane, Rpc, RpcError, ShardId};

use crate::lanes::Lanes;
use crate::mailbox::{Delivery, Mailbox};
use crate::remote::Remote;

/// Carries out what the engine of a shard asks for.
pub(crate) struct Carrier<M> {
    shard: ShardId,
    mailbox: Mailbox<M>,
    means: Means<M>,
}

pub(crate) enum Means<M> {
    Files(Lanes<M>),
    Remote(Arc<dyn Remote>),
}

impl<M: Send + 'static> Carrier<M> {
    pub(crate) fn new(shard: ShardId, mailbox: Mailbox<M>, means: Means<M>) -> Carrier<M> {
        Carrier { shard, mailbox, means }
    }

    pub(crate) fn file(&mut self, ticket: FileTicket, lane: Lane, command: FileCommand) {
        match &mut self.means {
            Means::Files(lanes) => lanes.submit(ticket, lane, command),
            Means::Remote(_) => {
                let outcome = Err(FileError::Other("the node has no data folder".to_owned()));
                self.mailbox.post(Delivery::File { ticket, outcome });
            }
        }
    }

    pub(crate) fn rpc(&mut self, rpc: Rpc) {
        match &mut self.means {
            Means::Remote(remote) => remote.submit(self.shard, rpc),
            Means::Files(_) => {
                let outcome = Err(RpcError::Other("the node stores in files".to_owned()));
                self.mailbox.post(Delivery::Rpc { ticket: rpc.ticket, outcome });
            }
        }
    }
}
