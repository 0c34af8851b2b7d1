//! Members that share a connection to their coordinator, as those behind a proxy do. Each of them knows only a line of its
//! own; here their requests are put on one connection, and its answers handed to whom they are for.
//!
//! Only members of KIP-848 can live like that: a node answers the requests of a connection in turn, and JoinGroup of the
//! classic protocol waits for others, who may wait behind it.

use std::collections::{BTreeMap, VecDeque};

use super::member::{Member, MemberOptions};
use super::{Ask, Client, Context, Happening};
use crate::network::LinkId;

/// Some members and their connection.
pub struct Together {
    members: Vec<Member>,
    shared: Option<Shared>,
    /// By member: the line to the coordinator that it believes in.
    lines: BTreeMap<usize, LinkId>,
    /// Whose the other connections are.
    owners: BTreeMap<LinkId, usize>,
}

/// The connection.
struct Shared {
    link: LinkId,
    stands: bool,
    /// Who awaits answers, and on which line.
    waiting: VecDeque<(usize, LinkId)>,
}

impl Together {
    pub fn new(members: Vec<MemberOptions>) -> Together {
        let members = members.into_iter().map(Member::new).collect();
        Together { members, shared: None, lines: BTreeMap::new(), owners: BTreeMap::new() }
    }

    /// What something that happened to the connection is to each member that uses it.
    fn shared_happened(&mut self, happening: Happening) -> Vec<(usize, Happening)> {
        let Some(shared) = &mut self.shared else { return Vec::new() };
        let lines = self.lines.iter();
        match happening {
            Happening::Connected { .. } => {
                shared.stands = true;
                lines.map(|(member, link)| (*member, Happening::Connected { link: *link })).collect()
            }
            Happening::Answered { sent, response, .. } => {
                let whose = shared.waiting.pop_front();
                let whose = whose.filter(|(member, link)| self.lines.get(member) == Some(link));
                let answered = |(member, link)| (member, Happening::Answered { link, sent, response });
                whose.map(answered).into_iter().collect()
            }
            Happening::Closed { .. } => self.all_lose_it(),
            Happening::Bytes { .. } | Happening::Started | Happening::Woken | Happening::Healed => Vec::new(),
        }
    }

    fn all_lose_it(&mut self) -> Vec<(usize, Happening)> {
        self.shared = None;
        let lines = std::mem::take(&mut self.lines).into_iter();
        lines.map(|(member, link)| (member, Happening::Closed { link })).collect()
    }

    /// A step of a member; what it means for the others.
    fn step_of(
        &mut self,
        member: usize,
        happening: Happening,
        cx: &mut Context<'_>,
    ) -> Vec<(usize, Happening)> {
        let Some(program) = self.members.get_mut(member) else { return Vec::new() };
        let mut asks = Vec::new();
        program.step(
            happening,
            &mut Context {
                now: cx.now,
                client: cx.client,
                node: cx.node,
                random: &mut *cx.random,
                asks: &mut asks,
                seen: &mut *cx.seen,
                last_link: &mut *cx.last_link,
                last_op: &mut *cx.last_op,
                alarm: &mut *cx.alarm,
            },
        );
        asks.into_iter().flat_map(|ask| self.asked(member, ask, cx)).collect()
    }

    fn asked(&mut self, member: usize, ask: Ask, cx: &mut Context<'_>) -> Vec<(usize, Happening)> {
        match ask {
            Ask::Connect { link } if self.members[member].is_coordinator(link) => {
                self.lines.insert(member, link);
                match &self.shared {
                    Some(shared) if shared.stands => return vec![(member, Happening::Connected { link })],
                    Some(_) => {}
                    None => {
                        let link = cx.connect();
                        self.shared = Some(Shared { link, stands: false, waiting: VecDeque::new() });
                    }
                }
            }
            Ask::Connect { link } => {
                self.owners.insert(link, member);
                cx.asks.push(Ask::Connect { link });
            }
            Ask::Send { link, version, request } if self.lines.get(&member) == Some(&link) => {
                if let Some(shared) = &mut self.shared {
                    shared.waiting.push_back((member, link));
                    cx.asks.push(Ask::Send { link: shared.link, version, request });
                }
            }
            Ask::Close { link } if self.lines.get(&member) == Some(&link) => {
                self.lines.remove(&member);
                return self.line_closed(member, cx);
            }
            Ask::Close { link } => {
                self.owners.remove(&link);
                cx.asks.push(Ask::Close { link });
            }
            other @ (Ask::Send { .. } | Ask::SendRaw { .. } | Ask::StopReading { .. }) => cx.asks.push(other),
        }
        Vec::new()
    }

    /// A member that goes leaves the connection to the others; one that has waited too long closes it for all.
    fn line_closed(&mut self, member: usize, cx: &mut Context<'_>) -> Vec<(usize, Happening)> {
        let gives_up =
            |shared: &&Shared| !shared.stands || shared.waiting.iter().any(|(of, _)| *of == member);
        let Some(shared) = self.shared.as_ref().filter(gives_up) else { return Vec::new() };
        cx.asks.push(Ask::Close { link: shared.link });
        self.all_lose_it()
    }
}

impl Client for Together {
    fn name(&self) -> String {
        format!("{} members on one connection", self.members.len())
    }

    fn step(&mut self, happening: Happening, cx: &mut Context<'_>) {
        let everybody = 0..self.members.len();
        let mut due: VecDeque<(usize, Happening)> = match (happening.link(), happening) {
            (Some(link), happening) if self.shared.as_ref().is_some_and(|shared| shared.link == link) => {
                self.shared_happened(happening).into()
            }
            (Some(link), happening) => {
                self.owners.get(&link).map(|member| (*member, happening)).into_iter().collect()
            }
            (None, Happening::Started) => everybody.map(|member| (member, Happening::Started)).collect(),
            (None, Happening::Healed) => everybody.map(|member| (member, Happening::Healed)).collect(),
            (None, _) => everybody.map(|member| (member, Happening::Woken)).collect(),
        };
        while let Some((member, happening)) = due.pop_front() {
            let more = self.step_of(member, happening, cx);
            due.extend(more);
        }
    }

    fn is_done(&self) -> bool {
        self.members.iter().all(Client::is_done)
    }
}
