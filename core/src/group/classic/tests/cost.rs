//! What a thousand members cost, in counts that are the same on every machine.

use alloc::vec::Vec;

use super::fixture::{Join, Lab, Sync};
use crate::group::classic::Phase;
use crate::protocol::Str;

const MEMBERS: usize = 1_000;
/// How often each member may be looked at on the way from one generation to the next.
const VISITS: usize = 16;

/// Visits since the last call, for what the machine itself does.
fn visits(lab: &Lab) -> usize {
    lab.group.members.visits.take()
}

/// A step without the check of all invariants, which looks at everybody.
fn join(lab: &mut Lab, join: &Join) -> crate::shard_message::Asker {
    let asker = lab.world.asker();
    let (group, id) = (&mut lab.group, &lab.id);
    let from = crate::group::testing::client(join.client);
    let ((), mut effects) =
        lab.world.step(|step| group.join(step, id, asker, &join.request, join.version, from));
    lab.effects.answers.append(&mut effects.answers);
    lab.effects.records.append(&mut effects.records);
    asker
}

fn sync(lab: &mut Lab, sync: &Sync) {
    let asker = lab.world.asker();
    let (group, id) = (&mut lab.group, &lab.id);
    let ((), mut effects) = lab.world.step(|step| group.sync(step, id, asker, &sync.request, sync.version));
    lab.effects.answers.append(&mut effects.answers);
    lab.effects.records.append(&mut effects.records);
}

/// All sync, the leader first or last; how often members were looked at.
fn settle(lab: &mut Lab, ids: &[Str]) -> usize {
    let generation = lab.group.generation();
    visits(lab);
    for id in &ids[1..] {
        sync(lab, &Sync::new(generation, id));
    }
    assert_eq!(visits(lab), 0, "a SyncGroup that waits is for its member alone");
    let parts: Vec<(&str, &[u8])> = ids.iter().map(|id| (id.as_str(), id.as_bytes().as_ref())).collect();
    sync(lab, &Sync::new(generation, &ids[0]).parts(&parts));
    assert_eq!(lab.phase(), Phase::Stable);
    let count = visits(lab);
    lab.group.check_invariants();
    count
}

/// Everybody who is told so joins again; how often members were looked at on the way.
fn rejoin(lab: &mut Lab, ids: &[Str]) -> usize {
    for id in &ids[1..] {
        join(lab, &Join::new("c").id(id));
    }
    assert_eq!(visits(lab), 0, "a JoinGroup that waits is for its member alone");
    join(lab, &Join::new("c").id(&ids[0]));
    assert_eq!(lab.phase(), Phase::CompletingRebalance);
    let count = visits(lab);
    lab.group.check_invariants();
    count
}

#[test]
fn a_thousand_join_one_more_comes_and_goes() {
    let mut lab = Lab::with(&[("group.initial.rebalance.delay.ms", "3000")]);
    let mut ids = Vec::new();
    for _ in 0..MEMBERS {
        let asker = join(&mut lab, &Join::new("c"));
        ids.push(lab.take_id(asker));
        join(&mut lab, &Join::new("c").id(&ids[ids.len() - 1]));
    }
    assert_eq!(visits(&lab), 0, "to join is no matter of the others");
    assert_eq!(lab.take().records.len(), 1, "that there is a group");
    lab.world.pass(50);
    let (group, id) = (&mut lab.group, &lab.id);
    let ((), effects) = lab.world.step(|step| group.tick(step, id));
    assert_eq!((effects.answers.len(), effects.records.len()), (MEMBERS, 0));
    let formed = visits(&lab) + settle(&mut lab, &ids);
    assert_eq!((lab.effects.answers.len(), lab.effects.records.len()), (MEMBERS, 1));
    assert!(formed <= VISITS * MEMBERS, "{formed} visits to form");
    lab.take();

    let asker = join(&mut lab, &Join::new("c"));
    let late = lab.take_id(asker);
    join(&mut lab, &Join::new("c").id(&late));
    let begun = visits(&lab);
    let grown = begun + rejoin(&mut lab, &ids);
    ids.push(late.clone());
    let grown = grown + settle(&mut lab, &ids);
    assert!(grown <= VISITS * MEMBERS, "{grown} visits to add one");
    assert_eq!((lab.effects.answers.len(), lab.effects.records.len()), (2 * (MEMBERS + 1), 1));
    lab.take();

    lab.leave(&[(&late, None)], 5);
    ids.pop();
    visits(&lab);
    let shrunk = rejoin(&mut lab, &ids) + settle(&mut lab, &ids);
    assert!(shrunk <= VISITS * MEMBERS, "{shrunk} visits to take one out");
    assert_eq!(lab.group.generation(), 3);
}

#[test]
fn signs_of_life_are_for_their_member_alone() {
    let mut lab = Lab::new();
    let mut parked = Vec::new();
    for _ in 0..100 {
        parked.push(join(&mut lab, &Join::new("c").version(3)));
    }
    lab.pass(400);
    let ids: Vec<Str> = parked.iter().map(|asker| lab.joined(*asker).member_id.clone()).collect();
    settle(&mut lab, &ids);
    visits(&lab);
    for id in &ids {
        let (group, world) = (&mut lab.group, &mut lab.world);
        let ((), _) = world.step(|step| {
            assert_eq!(group.check_commit(step, 1, id, None, false), Ok(()));
        });
    }
    assert_eq!(visits(&lab), 0);
    // Ninety fall silent at once: the group starts over once.
    lab.pass(5_000);
    for id in &ids[..10] {
        lab.heartbeat(1, id, None);
    }
    visits(&lab);
    lab.world.pass(5_000);
    let (group, id) = (&mut lab.group, &lab.id);
    let ((), effects) = lab.world.step(|step| group.tick(step, id));
    let rebalances = effects.notes.iter().filter(|(_, text)| text.contains("rebalance")).count();
    assert_eq!((group.members().count(), rebalances), (10, 1));
    // Each of those who went, and why, and the one rebalance.
    assert_eq!(effects.notes.len(), 91);
    assert!(visits(&lab) <= 4 * 100);
}
