//! A client's connection to its node: made anew when it breaks, given up when an answer does not come in time.

use std::collections::VecDeque;
use std::time::Duration;

use kelpgate_core::protocol::{Request, Response};
use kelpgate_core::time::Instant;

use super::{Context, Happening};
use crate::network::LinkId;

/// How long until a connection is tried again.
const BACKOFF: Duration = Duration::from_millis(50);

/// A connection and, for each request on it, what it was for.
#[derive(Debug)]
pub struct Line<T> {
    state: State,
    waiting: VecDeque<(T, Instant)>,
    /// How long an answer may take (`request.timeout.ms`).
    patience: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Tried again at that time.
    Down(Instant),
    /// Given up at that time.
    Connecting(LinkId, Instant),
    Up(LinkId),
}

/// What a happening meant for a connection.
#[derive(Debug)]
pub enum LineNews<T> {
    /// It is another's business, or nothing new.
    Nothing,
    /// The connection stands; nothing was asked on it yet.
    Up,
    /// It is gone. These requests, oldest first, have no answer and never will: they may have been carried out.
    Down(Vec<T>),
    Answer(T, Box<Response>),
}

impl<T> Line<T> {
    /// A line that is not connected yet; wakes its client as it needs.
    pub fn new(patience: Duration) -> Line<T> {
        Line { state: State::Down(Instant::default()), waiting: VecDeque::new(), patience }
    }

    /// Whether requests can be sent.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Whether this is its connection.
    pub fn is_on(&self, link: LinkId) -> bool {
        matches!(self.state, State::Connecting(ours, _) | State::Up(ours) if ours == link)
    }

    /// Forgets its connection without closing it, as a machine does that loses power; the requests without an answer are
    /// given back.
    pub fn forget(&mut self) -> Vec<T> {
        self.state = State::Down(Instant::default());
        self.waiting.drain(..).map(|(what, _)| what).collect()
    }

    /// What the requests without an answer are for, oldest first.
    pub fn waiting(&self) -> impl ExactSizeIterator<Item = &T> {
        self.waiting.iter().map(|(what, _)| what)
    }

    /// Sends a request that will be answered.
    ///
    /// # Panics
    /// When the line is not up.
    pub fn send(&mut self, cx: &mut Context<'_>, what: T, version: i16, request: impl Into<Request>) {
        self.send_for(cx, what, version, request, self.patience);
    }

    /// The same for one that may take longer, or must be quicker.
    pub fn send_for(
        &mut self,
        cx: &mut Context<'_>,
        what: T,
        version: i16,
        request: impl Into<Request>,
        patience: Duration,
    ) {
        let State::Up(link) = self.state else { panic!("sent on a line that is not up") };
        cx.send(link, version, request);
        self.waiting.push_back((what, cx.now + patience));
        cx.wake_in(patience);
    }

    /// Sends a Produce with acks=0.
    pub fn send_unanswered(&mut self, cx: &mut Context<'_>, version: i16, request: impl Into<Request>) {
        if let State::Up(link) = self.state {
            cx.send(link, version, request);
        }
    }

    /// Takes part in everything that happens to the client; the rest of it comes after.
    pub fn take(&mut self, happening: Happening, cx: &mut Context<'_>) -> LineNews<T> {
        match (happening, self.state) {
            (Happening::Connected { link }, State::Connecting(ours, _)) if link == ours => {
                self.state = State::Up(link);
                LineNews::Up
            }
            (Happening::Answered { link, response, .. }, State::Up(ours)) if link == ours => {
                match self.waiting.pop_front() {
                    Some((what, _)) => LineNews::Answer(what, response),
                    None => LineNews::Nothing,
                }
            }
            (Happening::Closed { link }, State::Up(ours) | State::Connecting(ours, _)) if link == ours => {
                self.down(cx)
            }
            (Happening::Started | Happening::Woken | Happening::Healed, _) => self.look(cx),
            _ => LineNews::Nothing,
        }
    }

    /// Hangs up; the requests without an answer are given back.
    pub fn hang_up(&mut self, cx: &mut Context<'_>) -> Vec<T> {
        if let State::Up(link) | State::Connecting(link, _) = self.state {
            cx.close(link);
        }
        match self.down(cx) {
            LineNews::Down(lost) => lost,
            _ => Vec::new(),
        }
    }

    fn look(&mut self, cx: &mut Context<'_>) -> LineNews<T> {
        match self.state {
            State::Down(until) if until <= cx.now => {
                self.state = State::Connecting(cx.connect(), cx.now + self.patience);
                LineNews::Nothing
            }
            State::Down(until) => {
                cx.wake_in(until.saturating_since(cx.now));
                LineNews::Nothing
            }
            State::Connecting(link, until) if until <= cx.now => {
                cx.close(link);
                self.down(cx)
            }
            State::Connecting(_, until) => {
                cx.wake_in(until.saturating_since(cx.now));
                LineNews::Nothing
            }
            State::Up(link) => match self.waiting.iter().map(|(_, deadline)| *deadline).min() {
                Some(deadline) if deadline <= cx.now => {
                    cx.close(link);
                    self.down(cx)
                }
                Some(deadline) => {
                    cx.wake_in(deadline.saturating_since(cx.now));
                    LineNews::Nothing
                }
                None => LineNews::Nothing,
            },
        }
    }

    fn down(&mut self, cx: &mut Context<'_>) -> LineNews<T> {
        self.state = State::Down(cx.now + BACKOFF);
        cx.wake_in(BACKOFF);
        LineNews::Down(self.waiting.drain(..).map(|(what, _)| what).collect())
    }
}
