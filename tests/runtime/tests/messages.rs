//! Between shards: every message, once, in order.

use std::sync::mpsc::{Sender, channel};

use kelpgate_runtime_tests::{Behaviour, Node, PATIENCE, Runtime, on_both_runtimes};
use kelpgate_shard::{Action, Event, Now, ShardId};

on_both_runtimes!(every_message_arrives_once_and_in_order, a_burst_arrives_whole);

/// Numbers sent to each shard, itself included.
const EACH: u32 = 20_000;

/// Numbers on their way to each shard.
const WINDOW: u32 = 64;

#[derive(Debug)]
enum Message {
    Number(u32),
    /// The next number may be sent.
    Credit,
}

/// Sends rising numbers to everyone, a window at a time, and expects the same from everyone.
struct Counter {
    window: u32,
    sent: Vec<u32>,
    expected: Vec<u32>,
    done: Sender<ShardId>,
    shard: ShardId,
}

impl Counter {
    fn send_next(&mut self, to: usize, actions: &mut Vec<Action<Message>>) {
        if self.sent[to] < EACH {
            let message = Message::Number(self.sent[to]);
            actions.push(Action::ToShard { to: ShardId(to as u16), message });
            self.sent[to] += 1;
        }
    }
}

impl Behaviour for Counter {
    type Message = Message;

    fn begin(&mut self, _now: Now, actions: &mut Vec<Action<Message>>) {
        actions.push(Action::Ready);
        for _ in 0..self.window {
            (0..self.sent.len()).for_each(|to| self.send_next(to, actions));
        }
    }

    fn on(&mut self, _now: Now, event: Event<Message>, actions: &mut Vec<Action<Message>>) {
        let Event::FromShard { from, message } = event else { return };
        let index = usize::from(from.0);
        match message {
            Message::Credit => self.send_next(index, actions),
            Message::Number(number) => {
                assert_eq!(number, self.expected[index], "from shard {from}");
                self.expected[index] += 1;
                actions.push(Action::ToShard { to: from, message: Message::Credit });
                if self.expected.iter().all(|next| *next == EACH) {
                    self.done.send(self.shard).unwrap();
                }
            }
        }
    }
}

fn count(runtime: Runtime, shards: u16, window: u32) {
    let (done, told) = channel();
    let zeros = vec![0; usize::from(shards)];
    let behave = move |shard| Counter {
        window,
        sent: zeros.clone(),
        expected: zeros.clone(),
        done: done.clone(),
        shard,
    };
    let node = Node::start(runtime, shards, behave);
    for _ in 0..shards {
        told.recv_timeout(PATIENCE).unwrap();
    }
    node.stop().unwrap();
}

fn every_message_arrives_once_and_in_order(runtime: Runtime, shards: u16) {
    count(runtime, shards, WINDOW);
}

fn a_burst_arrives_whole(runtime: Runtime, shards: u16) {
    count(runtime, shards, EACH);
}
