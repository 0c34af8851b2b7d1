//! Commands that are carried out elsewhere: each shard gets the outcomes of its own, once, also while it waits for nothing else;
//! none comes after the end.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use kelpgate_runtime_mio::{Answers, Remote};
use kelpgate_runtime_tests::{Behaviour, Node, PATIENCE, Runtime, on_both_runtimes};
use kelpgate_shard::{Action, Event, Now, Rpc, RpcCommand, RpcError, RpcReply, RpcTicket, ShardId};

on_both_runtimes!(every_shard_gets_its_own_outcomes, a_shard_without_something_remote_is_told_so);

const COMMANDS: u64 = 500;

type Answer = (RpcTicket, Result<RpcReply, RpcError>);

/// Where commands go, and the thread that answers them.
type Answering = (Sender<(ShardId, Rpc)>, JoinHandle<()>);

/// Answers each command from a thread of its own, with the number of the shard that gave it, the last command first.
#[derive(Debug, Default)]
struct Elsewhere {
    answering: Mutex<Option<Answering>>,
}

impl Remote for Elsewhere {
    fn start(&self, answers: Answers) -> std::io::Result<()> {
        let (sender, commands) = channel::<(ShardId, Rpc)>();
        let thread = std::thread::spawn(move || {
            while let Ok(first) = commands.recv() {
                std::thread::sleep(Duration::from_millis(1));
                let together: Vec<(ShardId, Rpc)> =
                    std::iter::once(first).chain(commands.try_iter()).collect();
                for (shard, rpc) in together.into_iter().rev() {
                    let size = u64::from(shard.0);
                    answers(
                        shard,
                        vec![(rpc.ticket, Ok(RpcReply::Content { bytes: Default::default(), size }))],
                    );
                }
            }
        });
        *self.answering.lock().unwrap() = Some((sender, thread));
        Ok(())
    }

    fn submit(&self, shard: ShardId, rpc: Rpc) {
        let answering = self.answering.lock().unwrap();
        let (commands, _) = answering.as_ref().expect("it has begun");
        commands.send((shard, rpc)).unwrap();
    }

    fn stop(&self) {
        if let Some((commands, thread)) = self.answering.lock().unwrap().take() {
            drop(commands);
            thread.join().unwrap();
        }
    }
}

/// Gives all its commands in its first step and passes on the answers.
struct Clerk {
    answers: Sender<Answer>,
}

impl Behaviour for Clerk {
    type Message = ();

    fn begin(&mut self, _now: Now, actions: &mut Vec<Action<()>>) {
        for number in 0..COMMANDS {
            let (ticket, timeout) = (RpcTicket(number), Duration::from_secs(1));
            actions.push(Action::Rpc(Rpc { ticket, timeout, command: RpcCommand::Statistics }));
        }
        actions.push(Action::Ready);
    }

    fn on(&mut self, _now: Now, event: Event<()>, _actions: &mut Vec<Action<()>>) {
        if let Event::Rpc { ticket, outcome } = event {
            self.answers.send((ticket, outcome)).unwrap();
        }
    }
}

fn start(runtime: Runtime, shards: u16, remote: Option<Arc<dyn Remote>>) -> (Node, Vec<Receiver<Answer>>) {
    let (senders, receivers): (Vec<Sender<Answer>>, _) = (0..shards).map(|_| channel()).unzip();
    let senders = Mutex::new(senders);
    let behave = move |shard: ShardId| {
        let answers = senders.lock().unwrap()[usize::from(shard.0)].clone();
        Clerk { answers }
    };
    let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    let (node, _) = Node::launch_with(listen, runtime, shards, behave, remote);
    (node, receivers)
}

/// What a shard was told, by ticket.
fn told(answers: &Receiver<Answer>) -> Vec<Answer> {
    let mut told: Vec<Answer> =
        (0..COMMANDS).map(|_| answers.recv_timeout(PATIENCE).expect("an outcome")).collect();
    told.sort_by_key(|(ticket, _)| *ticket);
    told
}

fn every_shard_gets_its_own_outcomes(runtime: Runtime, shards: u16) {
    let elsewhere = Arc::new(Elsewhere::default());
    let (node, receivers) = start(runtime, shards, Some(elsewhere.clone()));
    for (shard, answers) in receivers.iter().enumerate() {
        let content = RpcReply::Content { bytes: Default::default(), size: shard as u64 };
        for (number, (ticket, outcome)) in told(answers).into_iter().enumerate() {
            assert_eq!((ticket, outcome), (RpcTicket(number as u64), Ok(content.clone())));
        }
        assert!(answers.try_recv().is_err(), "an outcome came twice");
    }
    node.stop().expect("a clean end");
    assert!(elsewhere.answering.lock().unwrap().is_none(), "it was not stopped");
}

fn a_shard_without_something_remote_is_told_so(runtime: Runtime, shards: u16) {
    let (node, receivers) = start(runtime, shards, None);
    for answers in &receivers {
        assert!(told(answers).iter().all(|(_, outcome)| matches!(outcome, Err(RpcError::Other(_)))));
    }
    node.stop().expect("a clean end");
}
