//! The rows of the table: each a request, as the cast of a phase puts it.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::cast::{Answer, Cast, Column};
use super::fixture::{Join, Sync};
use crate::protocol::describe_groups::DescribedGroupMember;
use crate::protocol::{ErrorCode, Str};

/// One request in all phases.
pub struct Row {
    pub name: &'static str,
    request: fn(&mut Cast) -> Answer,
    /// Whose sign of life it may be.
    bearer: Option<fn(&Cast) -> Str>,
}

impl Row {
    /// The cell of one column.
    pub fn cell(&self, column: Column) -> String {
        match self.bearer {
            Some(bearer) => Cast::tell_sign(column, bearer, self.request),
            None => Cast::in_column(column).tell(self.request),
        }
    }
}

fn row(name: &'static str, request: fn(&mut Cast) -> Answer) -> Row {
    Row { name, request, bearer: None }
}

fn sign(name: &'static str, bearer: fn(&Cast) -> Str, request: fn(&mut Cast) -> Answer) -> Row {
    Row { name, request, bearer: Some(bearer) }
}

const OTHER: &[(&str, &str)] = &[("range", "u"), ("roundrobin", "u")];
const TURNED: &[(&str, &str)] = &[("roundrobin", "t"), ("range", "t")];
const SECOND: &[(&str, &str)] = &[("roundrobin", "t")];

/// All of them, in the order of the page.
pub fn rows() -> Vec<Row> {
    [new_joins(), rejoins(), static_joins(), refused_joins(), syncs(), refused_syncs()]
        .into_iter()
        .chain([heartbeats(), leaves(), commits(), others()])
        .flatten()
        .collect()
}

fn new_joins() -> Vec<Row> {
    vec![
        row("JoinGroup 4 and later, no id", |cast| Answer::To(cast.lab.join(Join::new("n")))),
        row("JoinGroup 0 to 3, no id", |cast| Answer::To(cast.lab.join(Join::new("n").version(3)))),
        row("JoinGroup, no id, a new instance", |cast| {
            Answer::To(cast.lab.join(Join::new("n").instance("s2")))
        }),
        row("JoinGroup, an id that was handed out", |cast| {
            let id = cast.pending();
            Answer::To(cast.lab.join(Join::new("p").id(&id)))
        }),
        row("JoinGroup, an id that was handed out, with an instance", |cast| {
            let id = cast.pending();
            Answer::To(cast.lab.join(Join::new("p").id(&id).instance("s2")))
        }),
        row("JoinGroup, an id of nobody", |cast| Answer::To(cast.lab.join(Join::new("n").id("n-0")))),
    ]
}

fn rejoins() -> Vec<Row> {
    vec![
        row("JoinGroup of L, the same", |cast| Answer::To(cast.lab.join(Join::new("l").id(&cast.l.clone())))),
        row("JoinGroup of L, other metadata", |cast| {
            Answer::To(cast.lab.join(Join::new("l").id(&cast.l.clone()).protocols(OTHER)))
        }),
        row("JoinGroup of F, the same", |cast| Answer::To(cast.lab.join(Join::new("f").id(&cast.f.clone())))),
        row("JoinGroup of F, other metadata", |cast| {
            Answer::To(cast.lab.join(Join::new("f").id(&cast.f.clone()).protocols(OTHER)))
        }),
        row("JoinGroup of F, protocols in another order", |cast| {
            Answer::To(cast.lab.join(Join::new("f").id(&cast.f.clone()).protocols(TURNED)))
        }),
    ]
}

fn static_joins() -> Vec<Row> {
    vec![
        row("JoinGroup of S, no id (started anew), the same", |cast| {
            Answer::To(cast.lab.join(Join::new("s").instance("s1")))
        }),
        row("JoinGroup of S, no id, other metadata", |cast| {
            Answer::To(cast.lab.join(Join::new("s").instance("s1").protocols(OTHER)))
        }),
        row("JoinGroup of S, no id, without the protocol in use", |cast| {
            Answer::To(cast.lab.join(Join::new("s").instance("s1").protocols(SECOND)))
        }),
        row("JoinGroup of S, its id, the same", |cast| {
            Answer::To(cast.lab.join(Join::new("s").id(&cast.s.clone()).instance("s1")))
        }),
        row("JoinGroup of F with the instance of S", |cast| {
            Answer::To(cast.lab.join(Join::new("f").id(&cast.f.clone()).instance("s1")))
        }),
        row("JoinGroup of F with an instance of nobody", |cast| {
            Answer::To(cast.lab.join(Join::new("f").id(&cast.f.clone()).instance("s2")))
        }),
    ]
}

fn refused_joins() -> Vec<Row> {
    vec![
        row("JoinGroup, another protocol type", |cast| {
            Answer::To(cast.lab.join(Join::new("n").kind("connect")))
        }),
        row("JoinGroup, no protocol that all members share", |cast| {
            Answer::To(cast.lab.join(Join::new("n").protocols(&[("sticky", "t")])))
        }),
        row("JoinGroup of F, no protocol that all members share", |cast| {
            Answer::To(cast.lab.join(Join::new("f").id(&cast.f.clone()).protocols(&[("sticky", "t")])))
        }),
        row("JoinGroup, no protocols", |cast| Answer::To(cast.lab.join(Join::new("n").protocols(&[])))),
        row("JoinGroup, an empty protocol type", |cast| Answer::To(cast.lab.join(Join::new("n").kind("")))),
        row("JoinGroup, a session below the bounds", |cast| {
            Answer::To(cast.lab.join(Join::new("n").timeouts(999, 60_000)))
        }),
        row("JoinGroup, a session above the bounds", |cast| {
            Answer::To(cast.lab.join(Join::new("n").timeouts(1_800_001, 60_000)))
        }),
        row("JoinGroup, no id, a full group", |cast| {
            fill(cast);
            Answer::To(cast.lab.join(Join::new("n").version(3)))
        }),
        row("JoinGroup of F, a full group", |cast| {
            fill(cast);
            Answer::To(cast.lab.join(Join::new("f").id(&cast.f.clone())))
        }),
        row("JoinGroup of S, no id, a full group", |cast| {
            fill(cast);
            Answer::To(cast.lab.join(Join::new("s").instance("s1")))
        }),
        row("JoinGroup, an empty group id", |cast| {
            cast.lab.id = "".into();
            Answer::To(cast.lab.join(Join::new("n")))
        }),
    ]
}

/// Three are allowed and three are there; while the group gathers, those count that have joined.
fn fill(cast: &mut Cast) {
    cast.lab.world.config.max_size = 3;
    if cast.column == Column::Preparing {
        cast.crowd(&["N's Join", "M's Join"]);
    }
}

/// A SyncGroup with what L decided.
fn decided(cast: &Cast, generation: i32) -> Sync {
    let parts = [&cast.l, &cast.f, &cast.s].map(|id| (id.as_str(), id.as_bytes().as_ref()));
    Sync::new(generation, &cast.l).parts(&parts)
}

fn syncs() -> Vec<Row> {
    vec![
        row("SyncGroup of L with assignments", |cast| {
            let sync = decided(cast, cast.generation());
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup of L without assignments", |cast| {
            let sync = Sync::new(cast.generation(), &cast.l);
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup of F", |cast| {
            let sync = Sync::new(cast.generation(), &cast.f);
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup of S", |cast| {
            let sync = Sync::new(cast.generation(), &cast.s).instance("s1");
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup of S without its instance", |cast| {
            let sync = Sync::new(cast.generation(), &cast.s);
            Answer::To(cast.lab.sync(sync))
        }),
    ]
}

fn refused_syncs() -> Vec<Row> {
    vec![
        row("SyncGroup of L, an older generation", |cast| {
            let sync = decided(cast, cast.generation() - 1);
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup of F, a future generation", |cast| {
            let sync = Sync::new(cast.generation() + 1, &cast.f);
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup 5 of F, null type", |cast| {
            let sync = Sync::new(cast.generation(), &cast.f).names(None, Some("range"));
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup 5 of F, null name", |cast| {
            let sync = Sync::new(cast.generation(), &cast.f).names(Some("consumer"), None);
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup of F, another type", |cast| {
            let sync = Sync::new(cast.generation(), &cast.f).names(Some("connect"), Some("range"));
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup of F, another name", |cast| {
            let sync = Sync::new(cast.generation(), &cast.f).names(Some("consumer"), Some("sticky"));
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup, an id of nobody", |cast| {
            let sync = Sync::new(cast.generation(), "n-0");
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup, an id that was handed out", |cast| {
            let id = cast.pending();
            let sync = Sync::new(cast.generation(), &id);
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup of F with the instance of S", |cast| {
            let sync = Sync::new(cast.generation(), &cast.f).instance("s1");
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup of F with an instance of nobody", |cast| {
            let sync = Sync::new(cast.generation(), &cast.f).instance("s2");
            Answer::To(cast.lab.sync(sync))
        }),
        row("SyncGroup, an empty group id", |cast| {
            cast.lab.id = "".into();
            let sync = Sync::new(cast.generation(), &cast.f);
            Answer::To(cast.lab.sync(sync))
        }),
    ]
}

fn l(cast: &Cast) -> Str {
    cast.l.clone()
}

fn f(cast: &Cast) -> Str {
    cast.f.clone()
}

fn s(cast: &Cast) -> Str {
    cast.s.clone()
}

/// A heartbeat whose generation is so far from the present one.
fn beat(cast: &mut Cast, from: i32, id: &Str, instance: Option<&str>) -> Answer {
    let generation = cast.generation() + from;
    Answer::To(cast.lab.heartbeat(generation, id, instance))
}

fn heartbeats() -> Vec<Row> {
    vec![
        sign("Heartbeat of L", l, |cast| beat(cast, 0, &l(cast), None)),
        sign("Heartbeat of F", f, |cast| beat(cast, 0, &f(cast), None)),
        sign("Heartbeat of S", s, |cast| beat(cast, 0, &s(cast), Some("s1"))),
        sign("Heartbeat of S without its instance", s, |cast| beat(cast, 0, &s(cast), None)),
        sign("Heartbeat of F, an older generation", f, |cast| beat(cast, -1, &f(cast), None)),
        sign("Heartbeat of F, a future generation", f, |cast| beat(cast, 1, &f(cast), None)),
        sign("Heartbeat of F, generation -1", f, |cast| {
            let id = cast.f.clone();
            Answer::To(cast.lab.heartbeat(-1, &id, None))
        }),
        row("Heartbeat, an id of nobody", |cast| beat(cast, 0, &"n-0".into(), None)),
        row("Heartbeat, an id that was handed out", |cast| {
            let id = cast.pending();
            beat(cast, 0, &id, None)
        }),
        sign("Heartbeat of F with the instance of S", f, |cast| beat(cast, 0, &f(cast), Some("s1"))),
        sign("Heartbeat of F with an instance of nobody", f, |cast| beat(cast, 0, &f(cast), Some("s2"))),
        row("Heartbeat, an empty group id", |cast| {
            cast.lab.id = "".into();
            beat(cast, 0, &f(cast), None)
        }),
    ]
}

fn leaves() -> Vec<Row> {
    vec![
        row("LeaveGroup 0 to 2 of F", |cast| Answer::To(cast.lab.leave(&[(&f(cast), None)], 2))),
        row("LeaveGroup 0 to 2, an id of nobody", |cast| Answer::To(cast.lab.leave(&[("n-0", None)], 2))),
        row("LeaveGroup of L", |cast| Answer::To(cast.lab.leave(&[(&l(cast), None)], 3))),
        row("LeaveGroup of F", |cast| Answer::To(cast.lab.leave(&[(&f(cast), None)], 3))),
        row("LeaveGroup of S by its instance alone", |cast| {
            Answer::To(cast.lab.leave(&[("", Some("s1"))], 3))
        }),
        row("LeaveGroup of F and S", |cast| {
            Answer::To(cast.lab.leave(&[(&f(cast), None), (&s(cast), Some("s1"))], 5))
        }),
        row("LeaveGroup of nobody, F, F again", |cast| {
            Answer::To(cast.lab.leave(&[("n-0", None), (&f(cast), None), (&f(cast), None)], 5))
        }),
        row("LeaveGroup of all", |cast| {
            Answer::To(cast.lab.leave(&[(&l(cast), None), (&f(cast), None), (&s(cast), None)], 5))
        }),
        row("LeaveGroup of no one", |cast| Answer::To(cast.lab.leave(&[], 5))),
        row("LeaveGroup, an instance of nobody", |cast| Answer::To(cast.lab.leave(&[("", Some("s2"))], 5))),
        row("LeaveGroup, neither id nor instance", |cast| Answer::To(cast.lab.leave(&[("", None)], 5))),
        row("LeaveGroup of F with the instance of S", |cast| {
            Answer::To(cast.lab.leave(&[(&f(cast), Some("s1"))], 5))
        }),
        row("LeaveGroup, an id that was handed out", |cast| {
            let id = cast.pending();
            Answer::To(cast.lab.leave(&[(&id, None)], 5))
        }),
        row("LeaveGroup, an empty group id", |cast| {
            cast.lab.id = "".into();
            Answer::To(cast.lab.leave(&[(&f(cast), None)], 5))
        }),
    ]
}

/// A commit; where there is no group the classic machine is not asked.
fn commit(cast: &mut Cast, generation: i32, id: &Str, instance: Option<&str>, transactional: bool) -> Answer {
    if cast.column == Column::None {
        return Answer::Untold;
    }
    let mut result = Ok(());
    let instance = instance.map(Str::from);
    cast.lab.act(|group, step, _| {
        result = group.check_commit(step, generation, id, instance.as_ref(), transactional);
    });
    Answer::Said(result)
}

fn commits() -> Vec<Row> {
    vec![
        sign("OffsetCommit of F", f, |cast| commit(cast, cast.generation(), &f(cast), None, false)),
        sign("OffsetCommit of F, an older generation", f, |cast| {
            commit(cast, cast.generation() - 1, &f(cast), None, false)
        }),
        sign("OffsetCommit of F, a future generation", f, |cast| {
            commit(cast, cast.generation() + 1, &f(cast), None, false)
        }),
        sign("OffsetCommit of F, generation -1", f, |cast| commit(cast, -1, &f(cast), None, false)),
        row("OffsetCommit, generation -1, no id", |cast| commit(cast, -1, &"".into(), None, false)),
        row("OffsetCommit, no id", |cast| commit(cast, cast.generation(), &"".into(), None, false)),
        row("OffsetCommit, an id of nobody", |cast| {
            commit(cast, cast.generation(), &"n-0".into(), None, false)
        }),
        sign("OffsetCommit of F with the instance of S", f, |cast| {
            commit(cast, cast.generation(), &f(cast), Some("s1"), false)
        }),
        sign("TxnOffsetCommit of F", f, |cast| commit(cast, cast.generation(), &f(cast), None, true)),
        sign("TxnOffsetCommit of F, an older generation", f, |cast| {
            commit(cast, cast.generation() - 1, &f(cast), None, true)
        }),
        row("TxnOffsetCommit, generation -1, no id", |cast| commit(cast, -1, &"".into(), None, true)),
    ]
}

/// OffsetDelete of one topic.
fn delete_offset(cast: &Cast, topic: &str) -> Answer {
    if cast.column == Column::None {
        return Answer::Untold;
    }
    let subscribed = |()| match cast.lab.group.is_subscribed(topic) {
        true => Err(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC),
        false => Ok(()),
    };
    Answer::Said(cast.lab.group.check_delete_offsets().and_then(subscribed))
}

fn describe(cast: &mut Cast) -> Answer {
    if cast.column == Column::None {
        return Answer::Untold;
    }
    let group = cast.lab.group.describe(&"g".into());
    let count = |has: fn(&DescribedGroupMember) -> bool| group.members.iter().filter(|one| has(one)).count();
    Answer::Shown(format!(
        "type {:?}, protocol {:?}, {} members, {} metadata, {} assignments",
        group.protocol_type,
        group.protocol_data,
        group.members.len(),
        count(|one| !one.member_metadata.is_empty()),
        count(|one| !one.member_assignment.is_empty()),
    ))
}

fn others() -> Vec<Row> {
    vec![
        row("DescribeGroups", describe),
        row("OffsetDelete, a topic that members read", |cast| delete_offset(cast, "t")),
        row("OffsetDelete, another topic", |cast| delete_offset(cast, "u")),
    ]
}
