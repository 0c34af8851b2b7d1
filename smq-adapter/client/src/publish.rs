//! Publish streams: one for each partition that is written to, open for as long as it is.
//!
//! A stream is a task that waits for answers, and a queue of the publishes that are under way. Publishes are put on their
//! way by the one who takes commands in, so their order is that of the commands.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use bytes::Bytes;
use hyper::http::uri::PathAndQuery;
use kelpgate_core::ids::ShardId;
use kelpgate_core::pieces::Pieces;
use kelpgate_smq::rpc::{RpcError, RpcReply, RpcTicket, SmqPartition, SmqTopic, StreamId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Streaming};

use crate::cluster::Cluster;
use crate::codec::{PublishCodec, Publishing};
use crate::completions::Collector;
use crate::fault::{Fault, Role};
use crate::grpc;
use crate::message::messaging::{PublishInit, PublishMessageResponse};
use crate::message::schema::Partition;
use crate::topics::{UNASSIGNED, look_anew, named, of_code};

const PUBLISH_MESSAGE: &str = "/messaging_pb.SeaweedMessaging/PublishMessage";

/// What a message has around its key and value, at most.
const AROUND: usize = 64;

/// A stream's name: ids are the shard's own.
type Name = (ShardId, StreamId);

/// Where a new stream leads to.
pub(crate) struct Target {
    pub(crate) broker: String,
    pub(crate) topic: SmqTopic,
    pub(crate) partition: SmqPartition,
}

/// The open streams of all shards.
pub(crate) struct Streams {
    cluster: Rc<Cluster>,
    collector: Rc<Collector>,
    open: RefCell<BTreeMap<Name, Stream>>,
}

/// A stream, as those see it who give commands for it.
struct Stream {
    /// Gone once the stream is half-closed.
    outgoing: Option<mpsc::UnboundedSender<Publishing>>,
    /// What waits for the broker's greeting.
    opening: Option<Waiting>,
    /// Publishes without an answer, in order.
    publishes: VecDeque<Waiting>,
    /// What waits for the end.
    closing: Vec<Waiting>,
    /// Ends the task at once.
    break_off: Option<oneshot::Sender<RpcError>>,
}

/// A command without an answer.
struct Waiting {
    ticket: RpcTicket,
    deadline: Instant,
}

impl Streams {
    pub(crate) fn new(cluster: Rc<Cluster>, collector: Rc<Collector>) -> Rc<Streams> {
        Rc::new(Streams { cluster, collector, open: RefCell::default() })
    }

    /// [`kelpgate_smq::rpc::RpcCommand::OpenStream`]
    pub(crate) fn open(self: &Rc<Self>, name: Name, ticket: RpcTicket, deadline: Instant, target: Target) {
        if self.open.borrow().contains_key(&name) {
            let error = RpcError::Other(format!("stream {} was opened before", name.1.0));
            return self.collector.done(name.0, ticket, Err(error));
        }
        let (outgoing, messages) = mpsc::unbounded_channel();
        let (break_off, broken_off) = oneshot::channel();
        let opening = Some(Waiting { ticket, deadline });
        let stream = Stream {
            outgoing: Some(outgoing),
            opening,
            publishes: VecDeque::new(),
            closing: Vec::new(),
            break_off: Some(break_off),
        };
        self.open.borrow_mut().insert(name, stream);
        let streams = self.clone();
        tokio::task::spawn_local(async move {
            let outcome = tokio::select! {
                outcome = streams.drive(name, target, messages) => outcome,
                Ok(error) = broken_off => Err(error),
            };
            streams.end(name, outcome);
        });
    }

    /// [`kelpgate_smq::rpc::RpcCommand::Publish`]
    pub(crate) fn publish(&self, name: Name, waiting: (RpcTicket, Instant), key: Bytes, value: Pieces) {
        let (ticket, deadline) = waiting;
        let mut open = self.open.borrow_mut();
        let refuse = |text: &str| self.collector.done(name.0, ticket, Err(RpcError::Broken(text.to_owned())));
        let Some(stream) = open.get_mut(&name) else { return refuse("it is not open") };
        let Some(outgoing) = &stream.outgoing else { return refuse("it is being closed") };
        if stream.break_off.is_none() {
            return refuse("it broke");
        }
        let size = key.len().saturating_add(value.len()).saturating_add(AROUND);
        if size > grpc::LARGEST_MESSAGE {
            let text = format!("a message of {size} bytes; SeaweedMQ takes {}", grpc::LARGEST_MESSAGE);
            self.collector.done(name.0, ticket, Err(RpcError::TooLarge(text.clone())));
            return stream.break_off(RpcError::Broken(text));
        }
        stream.publishes.push_back(Waiting { ticket, deadline });
        // The task is about to end, and answers for all publishes that it finds.
        let _ = outgoing.send(Publishing::Data { key, value });
    }

    /// [`kelpgate_smq::rpc::RpcCommand::CloseStream`]
    pub(crate) fn close(&self, name: Name, ticket: RpcTicket, deadline: Instant) {
        match self.open.borrow_mut().get_mut(&name) {
            None => self.collector.done(name.0, ticket, Ok(RpcReply::Done)),
            Some(stream) => {
                stream.outgoing = None;
                stream.closing.push(Waiting { ticket, deadline });
            }
        }
    }

    /// Breaks off the streams that have kept a command waiting for too long.
    pub(crate) fn expire(&self, now: Instant) {
        for stream in self.open.borrow_mut().values_mut() {
            let mut first =
                stream.opening.iter().chain(stream.publishes.front()).chain(stream.closing.first());
            if first.any(|waiting| waiting.deadline <= now) {
                stream.break_off(RpcError::Timeout);
            }
        }
    }

    /// Whether some stream keeps a command waiting.
    pub(crate) fn any_waiting(&self) -> bool {
        self.open.borrow().values().any(|stream| {
            stream.opening.is_some() || !stream.publishes.is_empty() || !stream.closing.is_empty()
        })
    }

    /// Opens a stream and takes its answers until it ends.
    async fn drive(
        &self,
        name: Name,
        target: Target,
        messages: mpsc::UnboundedReceiver<Publishing>,
    ) -> Result<(), RpcError> {
        let broker = target.broker.clone();
        let told = |fault: Fault| {
            if matches!(fault, Fault::Unreachable(_) | Fault::Lost(_)) {
                self.cluster.suspect_broker(&broker);
            }
            fault.told(Role::Broker, &broker)
        };
        let topic = target.topic.clone();
        let mut answers = match self.greet(target, messages).await {
            Ok(answers) => answers,
            Err(fault) => {
                let error = told(fault);
                if matches!(&error, RpcError::NoBroker(text) if text.contains(UNASSIGNED)) {
                    // The next who opens it profits; this one hears what happened to it.
                    let _ = look_anew(&self.cluster, &topic).await;
                }
                return Err(error);
            }
        };
        self.opened(name);
        loop {
            match answers.message().await {
                Ok(Some(answer)) => self.answered(name, answer)?,
                Ok(None) if self.is_closing(name) => return Ok(()),
                Ok(None) => return Err(RpcError::Broken(format!("broker {broker} ended it"))),
                Err(status) => return Err(told(Fault::of_status(&status))),
            }
        }
    }

    async fn greet(
        &self,
        target: Target,
        messages: mpsc::UnboundedReceiver<Publishing>,
    ) -> Result<Streaming<PublishMessageResponse>, Fault> {
        if target.broker.is_empty() {
            return Err(Fault::Unreachable("the partition has no leader".to_owned()));
        }
        let SmqPartition { ring_size, range_start, range_stop, unix_time_ns } = target.partition;
        let init = PublishInit {
            topic: Some(named(&target.topic)),
            partition: Some(Partition { ring_size, range_start, range_stop, unix_time_ns }),
            publisher_name: "kelpgate".to_owned(),
        };
        let first = tokio_stream::once(Publishing::Init(init));
        let request =
            Request::new(tokio_stream::StreamExt::chain(first, UnboundedReceiverStream::new(messages)));
        let mut client = grpc::client(self.cluster.channel(&target.broker)?);
        grpc::ready(&mut client).await.map_err(|status| Fault::of_status(&status))?;
        let method = PathAndQuery::from_static(PUBLISH_MESSAGE);
        let answers = client.streaming(request, method, PublishCodec::default()).await;
        let mut answers = answers.map_err(|status| Fault::of_status(&status))?.into_inner();
        let greeting: Option<PublishMessageResponse> =
            answers.message().await.map_err(|status| Fault::of_status(&status))?;
        match greeting {
            Some(greeting) => refused(greeting).map(|()| answers).map_err(Fault::Answered),
            None => Err(Fault::Lost("the broker ended the stream without a greeting".to_owned())),
        }
    }

    fn opened(&self, name: Name) {
        let opening = self.open.borrow_mut().get_mut(&name).and_then(|stream| stream.opening.take());
        if let Some(Waiting { ticket, .. }) = opening {
            self.collector.done(name.0, ticket, Ok(RpcReply::Done));
        }
    }

    fn is_closing(&self, name: Name) -> bool {
        self.open.borrow().get(&name).is_some_and(|stream| !stream.closing.is_empty())
    }

    /// One answer for the oldest publish.
    fn answered(&self, name: Name, answer: PublishMessageResponse) -> Result<(), RpcError> {
        refused(answer)?;
        let mut open = self.open.borrow_mut();
        match open.get_mut(&name).and_then(|stream| stream.publishes.pop_front()) {
            Some(Waiting { ticket, .. }) => {
                self.collector.done(name.0, ticket, Ok(RpcReply::Done));
                Ok(())
            }
            None => Err(RpcError::Other("the broker answered what it was not asked".to_owned())),
        }
    }

    /// Forgets a stream. Whatever is without an answer gets one: the oldest publish hears what happened, the others that the
    /// stream broke.
    fn end(&self, name: Name, outcome: Result<(), RpcError>) {
        let Some(stream) = self.open.borrow_mut().remove(&name) else { return };
        let error = outcome.err();
        let broken = RpcError::Broken(error.as_ref().map_or("it was closed".to_owned(), RpcError::to_string));
        let mut happened = error.clone();
        for Waiting { ticket, .. } in stream.opening.into_iter().chain(stream.publishes) {
            let told = happened.take().unwrap_or_else(|| broken.clone());
            self.collector.done(name.0, ticket, Err(told));
        }
        for Waiting { ticket, .. } in stream.closing {
            let outcome = match &error {
                // Nobody knows whether the broker has written out what it had.
                Some(RpcError::Timeout) => Err(RpcError::Timeout),
                Some(_) | None => Ok(RpcReply::Done),
            };
            self.collector.done(name.0, ticket, outcome);
        }
    }
}

impl Stream {
    /// Lets the stream's task end with this error, unless it is ending already.
    fn break_off(&mut self, error: RpcError) {
        if let Some(break_off) = self.break_off.take() {
            // A task that is gone has its own reason.
            let _ = break_off.send(error);
        }
    }
}

/// What an answer says, if it is not good.
fn refused(answer: PublishMessageResponse) -> Result<(), RpcError> {
    let PublishMessageResponse { error, should_close, error_code } = answer;
    match (error_code, error.is_empty(), should_close) {
        (0, true, false) => Ok(()),
        (0, true, true) => Err(RpcError::Broken("the broker wants it to be closed".to_owned())),
        (code, _, _) => Err(of_code(code, error)),
    }
}
