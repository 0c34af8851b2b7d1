//! The group of the table in each of its phases: a leader L, a follower F, a static follower S.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::fixture::{Join, Lab, Sync};
use crate::group::classic::Phase;
use crate::group::question::GroupAnswer;
use crate::protocol::join_group::JoinGroupResponse;
use crate::protocol::sync_group::SyncGroupResponse;
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;

/// The columns of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column {
    /// Nobody has heard of the group.
    None,
    /// All have left after the first generation.
    Empty,
    /// L has joined again; F and S have not.
    Preparing,
    /// S asks for its assignment already; L and F do not.
    Completing,
    Stable,
}

impl Column {
    pub const ALL: [Column; 5] =
        [Column::None, Column::Empty, Column::Preparing, Column::Completing, Column::Stable];
}

/// Who is in the group, or was.
pub struct Cast {
    pub lab: Lab,
    pub column: Column,
    pub l: Str,
    pub f: Str,
    pub s: Str,
    /// Who waits, with what to call it.
    waiting: Vec<(&'static str, Asker)>,
}

/// How a request was answered.
pub enum Answer {
    /// By a response, now or later.
    To(Asker),
    /// The group is asked by a call.
    Said(Result<(), ErrorCode>),
    /// What is seen of the group.
    Shown(String),
    /// Groups in this phase are not asked.
    Untold,
}

impl Cast {
    pub fn in_column(column: Column) -> Cast {
        let lab = Lab::new();
        let mut cast =
            Cast { lab, column, l: "l-0".into(), f: "f-0".into(), s: "s1-0".into(), waiting: Vec::new() };
        if column == Column::None {
            return cast;
        }
        cast.form(column != Column::Completing);
        match column {
            Column::None | Column::Stable => {}
            Column::Empty => {
                let ids = [cast.l.clone(), cast.f.clone(), cast.s.clone()];
                let all: Vec<(&str, Option<&str>)> = ids.iter().map(|id| (id.as_str(), None)).collect();
                cast.lab.leave(&all, 3);
            }
            Column::Preparing => {
                let id = cast.l.clone();
                let asker = cast.lab.join(Join::new("l").id(&id));
                cast.waiting.push(("L's Join", asker));
            }
            Column::Completing => {
                let asker = cast.lab.sync(Sync::new(1, &cast.s.clone()));
                cast.waiting.push(("S's Sync", asker));
            }
        }
        cast.lab.take();
        cast
    }

    fn form(&mut self, settle: bool) {
        let l = self.lab.join_twice(Join::new("l"));
        let f = self.lab.join_twice(Join::new("f"));
        let s = self.lab.join(Join::new("s").instance("s1"));
        self.lab.pass(400);
        self.s = self.lab.joined(s).member_id.clone();
        (self.l, self.f) = (l.0, f.0);
        if settle {
            self.lab.settle(&[self.l.clone(), self.f.clone(), self.s.clone()]);
        }
    }

    /// The generation members know.
    pub fn generation(&self) -> i32 {
        self.lab.group.generation()
    }

    /// An id that was handed out; of somebody else where no group is.
    pub fn pending(&mut self) -> Str {
        if self.column == Column::None {
            return "p-0".into();
        }
        let asker = self.lab.join(Join::new("p"));
        let id = self.lab.joined(asker).member_id.clone();
        self.lab.take();
        id
    }

    /// Joins of new members that wait.
    pub fn crowd(&mut self, names: &[&'static str]) {
        for name in names {
            let asker = self.lab.join(Join::new(name).version(3));
            self.waiting.push((name, asker));
        }
        self.lab.take();
    }

    /// Puts one request to the group and says what came of it, in the words of the table.
    pub fn tell(mut self, request: fn(&mut Cast) -> Answer) -> String {
        let before = self.phase();
        let answer = request(&mut self);
        let (mut text, asker) = match answer {
            Answer::Untold => return "-".to_string(),
            Answer::Shown(text) => (text, None),
            Answer::Said(result) => (code(result.err().unwrap_or_default()), None),
            Answer::To(asker) => (self.answer(asker), Some(asker)),
        };
        if !self.lab.effects.records.is_empty() {
            text.push_str(", stored");
        }
        text.push_str(&self.answers_to_others(asker));
        let after = self.phase();
        if before != after {
            text.push_str(&format!(" -> {after}"));
        }
        text
    }

    /// The same for what may be a sign of life of a member.
    pub fn tell_sign(column: Column, who: fn(&Cast) -> Str, request: fn(&mut Cast) -> Answer) -> String {
        let text = Cast::in_column(column).tell(request);
        let mut cast = Cast::in_column(column);
        let id = who(&cast);
        cast.lab.pass(6_000);
        request(&mut cast);
        cast.lab.pass(5_000);
        match cast.lab.group.members.by_id(&id) {
            Some(_) => format!("{text}, session renewed"),
            None => text,
        }
    }

    fn phase(&self) -> &'static str {
        if self.lab.group.is_nothing() {
            return "none";
        }
        match self.lab.phase() {
            Phase::Empty => "Empty",
            Phase::PreparingRebalance(_) => "Preparing",
            Phase::CompletingRebalance => "Completing",
            Phase::Stable => "Stable",
        }
    }

    fn answer(&self, asker: Asker) -> String {
        if self.lab.effects.is_parked(asker) {
            return "parks".to_string();
        }
        match self.lab.effects.answer_to(asker) {
            GroupAnswer::Join(response) => self.join(response),
            GroupAnswer::Sync(response) => sync(response),
            GroupAnswer::Heartbeat(response) => code(response.error_code),
            GroupAnswer::Leave(response) if response.members.is_empty() => code(response.error_code),
            GroupAnswer::Leave(response) => {
                let each: Vec<String> = response.members.iter().map(|one| code(one.error_code)).collect();
                format!("{} [{}]", code(response.error_code), each.join(", "))
            }
            other => panic!("{other:?}"),
        }
    }

    fn join(&self, response: &JoinGroupResponse) -> String {
        let roll = if response.members.is_empty() { "" } else { ", all members" };
        match response.error_code {
            ErrorCode::NONE => format!("0, generation {}{roll}", response.generation_id),
            ErrorCode::MEMBER_ID_REQUIRED => {
                assert!(self.lab.group.pending.contains(&response.member_id));
                "79".to_string()
            }
            error => {
                assert_eq!((response.generation_id, response.leader.as_str(), roll), (-1, "", ""));
                code(error)
            }
        }
    }

    fn answers_to_others(&self, asker: Option<Asker>) -> String {
        let effects = &self.lab.effects;
        let heard: Vec<_> = self.waiting.iter().filter(|(_, other)| !effects.is_parked(*other)).collect();
        assert_eq!(
            effects.answers.len(),
            heard.len() + usize::from(asker.is_some_and(|asker| !effects.is_parked(asker))),
            "somebody who does not wait was answered"
        );
        heard.iter().map(|(name, other)| format!("; {name} {}", self.answer(*other))).collect()
    }
}

fn sync(response: &SyncGroupResponse) -> String {
    match (response.error_code, response.assignment.is_empty()) {
        (ErrorCode::NONE, false) => "0, assignment".to_string(),
        (ErrorCode::NONE, true) => "0, no bytes".to_string(),
        (error, empty) => {
            assert!(empty && response.protocol_name.is_none(), "{response:?}");
            code(error)
        }
    }
}

fn code(error: ErrorCode) -> String {
    error.0.to_string()
}
