//! What goes between clients and nodes: connections, bytes, answers, and what clients do about them.

use kelpgate_core::protocol::api_versions::ApiVersionsRequest;
use kelpgate_core::protocol::{ErrorCode, Response};

use super::{Due, Joined, World};
use crate::check::Violation;
use crate::client::{Ask, Context, Happening, Heard, Sent};
use crate::history::{ClientId, Observation, Polled};
use crate::network::{Arrival, Due as Delivery, LinkId, Way};

impl World {
    pub(super) fn deliver(&mut self, due: Delivery) -> Result<(), Violation> {
        let Some(arrival) = self.network.arrive(&mut self.agenda, self.now, due) else { return Ok(()) };
        let Some(Joined { client, node }) = self.links.get(&due.link).copied() else { return Ok(()) };
        match (due.way, arrival) {
            (Way::Up, Arrival::Bytes(bytes)) => {
                self.transcript.bytes(&bytes);
                let mut wants = Vec::new();
                self.nodes[node].arrived(self.now, due.link, bytes, &mut wants);
                self.carry_out(node, wants)
            }
            (Way::Up, Arrival::End) => {
                let mut wants = Vec::new();
                self.nodes[node].ended(self.now, due.link, &mut wants);
                self.carry_out(node, wants)
            }
            (Way::Down, Arrival::Bytes(bytes)) => {
                self.seats[client].received(due.link, &bytes);
                self.hear(client, due.link)?;
                self.write(node, due.link)
            }
            (Way::Down, Arrival::End) => self.closed(client, due.link),
        }
    }

    fn closed(&mut self, client: ClientId, link: LinkId) -> Result<(), Violation> {
        self.network.end(&mut self.agenda, self.now, Delivery { link, way: Way::Up });
        if self.seats[client].closed(link) {
            self.transcript.note(self.now, &[8, link.0], || format!("c{client} loses {}", link.0));
            self.lost(client, link);
            self.tell(client, Happening::Closed { link })?;
        }
        Ok(())
    }

    fn hear(&mut self, client: ClientId, link: LinkId) -> Result<(), Violation> {
        loop {
            match self.seats[client].hear(link) {
                Ok(None) => return Ok(()),
                Ok(Some(Heard::Raw(bytes))) => self.tell(client, Happening::Bytes { link, bytes })?,
                Ok(Some(Heard::Answer(sent, response))) => {
                    self.answered(client, link, &sent, &response)?;
                    self.tell(client, Happening::Answered { link, sent, response })?;
                }
                Ok(Some(Heard::Greeting(sent, response))) => {
                    self.answered(client, link, &sent, &response)?;
                    self.greeted(client, link, &response)?;
                }
                Err(what) => {
                    self.observed(client, &Observation::WrongAnswer { link, what: what.clone() })?;
                    return Err(Violation { check: "answers come once, in order, and can be read", what });
                }
            }
        }
    }

    fn answered(
        &mut self,
        client: ClientId,
        link: LinkId,
        sent: &Sent,
        response: &Response,
    ) -> Result<(), Violation> {
        *self.answers.entry(sent.key).or_default() += 1;
        self.transcript.note(self.now, &[9, link.0, sent.correlation_id as u64], || {
            format!("c{client} < {} {}: {}", link.0, sent.correlation_id, brief(response))
        });
        self.observed(client, &Observation::Answered { link })?;
        let seen = self.seen(client);
        self.all_check(|check| check.answered(seen, link, sent, response))
    }

    /// A client asks first of all what the node serves.
    fn greet(&mut self, client: ClientId, link: LinkId, version: i16) {
        let Some((sent, frame)) = self.seats[client].greet(link, self.now, version) else { return };
        let seen = self.seen(client);
        for check in &mut self.checks {
            check.asked(seen, link, &sent, &ApiVersionsRequest::default().into());
        }
        self.transcript
            .note(self.now, &[15, link.0], || format!("c{client} > {} ApiVersions v{version}", link.0));
        self.network.send(&mut self.agenda, self.now, Delivery { link, way: Way::Up }, frame);
    }

    /// A client that is newer than the node asks again as the oldest does; others begin.
    fn greeted(&mut self, client: ClientId, link: LinkId, response: &Response) -> Result<(), Violation> {
        let is_newer =
            matches!(response, Response::ApiVersions(answer) if answer.error_code != ErrorCode::NONE);
        if is_newer {
            self.greet(client, link, 0);
            return Ok(());
        }
        self.seats[client].greeted(link);
        self.tell(client, Happening::Connected { link })
    }

    pub(super) fn connect(&mut self, link: LinkId) -> Result<(), Violation> {
        let Some(Joined { client, node }) = self.links.get(&link).copied() else { return Ok(()) };
        self.network.open(link, self.seats[client].slow && !self.healed);
        let mut wants = Vec::new();
        let accepted = self.nodes[node].accept(self.now, link, &mut wants);
        self.transcript.note(self.now, &[10, link.0, u64::from(accepted)], || {
            format!("c{client} {} {}", if accepted { "connects" } else { "is refused" }, link.0)
        });
        self.carry_out(node, wants)?;
        if accepted {
            self.seats[client].connected(link);
            match self.seats[client].greeting {
                Some(version) => {
                    self.greet(client, link, version);
                    Ok(())
                }
                None => self.tell(client, Happening::Connected { link }),
            }
        } else {
            self.tell(client, Happening::Closed { link })
        }
    }

    pub(super) fn wake(&mut self, client: ClientId) -> Result<(), Violation> {
        let seat = &mut self.seats[client];
        if !seat.begun {
            seat.begun = true;
            self.tell(client, Happening::Started)?;
            // Who comes late is told what the others know.
            return if self.healed { self.tell(client, Happening::Healed) } else { Ok(()) };
        }
        match seat.alarm {
            Some(at) if at <= self.now => {
                seat.alarm = None;
                self.tell(client, Happening::Woken)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A step of a client, and what it wants done.
    pub(super) fn tell(&mut self, client: ClientId, happening: Happening) -> Result<(), Violation> {
        let (mut asks, mut seen) = (Vec::new(), Vec::new());
        let seat = &mut self.seats[client];
        let before = seat.alarm;
        seat.client.step(
            happening,
            &mut Context {
                now: self.now,
                client,
                node: seat.node,
                random: &mut seat.random,
                asks: &mut asks,
                seen: &mut seen,
                last_link: &mut self.last_link,
                last_op: &mut self.last_op,
                alarm: &mut seat.alarm,
            },
        );
        if let Some(alarm) = seat.alarm
            && Some(alarm) != before
        {
            self.agenda.put(alarm, Due::Client(client));
        }
        for seen in &seen {
            self.observed(client, seen)?;
        }
        asks.into_iter().for_each(|ask| self.ask(client, ask));
        Ok(())
    }

    fn observed(&mut self, client: ClientId, what: &Observation) -> Result<(), Violation> {
        match what {
            Observation::TopicDeleted { node, topic } => {
                self.fleeting.insert((*node, topic.clone()));
            }
            Observation::Sent { place, .. } | Observation::Polled(Polled { place, .. })
                if self.fleeting.iter().any(|(node, topic)| place.is_of(*node, topic)) =>
            {
                return Ok(());
            }
            _ => {}
        }
        let seen = self.seen(client);
        self.all_check(|check| check.observed(seen, what))
    }

    /// A client hears nothing more of a connection.
    pub(super) fn lost(&mut self, client: ClientId, link: LinkId) {
        let seen = self.seen(client);
        for check in &mut self.checks {
            check.lost(seen, link);
        }
    }

    pub(super) fn ask(&mut self, client: ClientId, ask: Ask) {
        match ask {
            Ask::Connect { link } => {
                self.links.insert(link, Joined { client, node: self.seats[client].node });
                let at = self.now + self.random.time(self.network.conditions.delay.clone());
                self.agenda.put(at, Due::Connect(link));
            }
            Ask::Send { link, version, request } => {
                let Some((sent, frame)) = self.seats[client].frame(link, self.now, version, &request) else {
                    return;
                };
                let seen = self.seen(client);
                for check in &mut self.checks {
                    check.asked(seen, link, &sent, &request);
                }
                self.transcript.note(self.now, &[11, link.0], || {
                    format!("c{client} > {} v{version} {}", link.0, brief(&request))
                });
                self.network.send(&mut self.agenda, self.now, Delivery { link, way: Way::Up }, frame);
            }
            Ask::SendRaw { link, bytes } => {
                if self.seats[client].raw(link) {
                    let numbers = [12, link.0, bytes.len() as u64];
                    self.transcript.note(self.now, &numbers, || {
                        format!("c{client} > {} {} raw bytes", link.0, bytes.len())
                    });
                    self.network.send(&mut self.agenda, self.now, Delivery { link, way: Way::Up }, bytes);
                }
            }
            Ask::StopReading { link } => self.network.deafen(link),
            Ask::Close { link } => {
                self.seats[client].closed(link);
                self.lost(client, link);
                self.transcript.note(self.now, &[13, link.0], || format!("c{client} closes {}", link.0));
                self.network.end(&mut self.agenda, self.now, Delivery { link, way: Way::Up });
            }
        }
    }
}

/// The beginning of what a request or an answer holds.
fn brief(message: &impl std::fmt::Debug) -> String {
    let mut text = format!("{message:?}");
    if let Some((end, _)) = text.char_indices().nth(300) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}
