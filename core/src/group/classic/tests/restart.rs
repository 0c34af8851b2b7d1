//! What a group is after its node was started anew.

use alloc::vec;
use alloc::vec::Vec;

use super::fixture::{Join, Lab, Sync, subscription};
use crate::group::classic::{ClassicGroup, Phase};
use crate::group::record::{GroupMetadataValue, GroupRecord, MemberMetadata};
use crate::protocol::Str;

impl Lab {
    /// The node stops and comes back; the group is what its last record says.
    pub fn restart(&mut self) {
        let records = self.take().stored();
        let Some(GroupRecord::GroupMetadata(_, Some(value))) = records.last() else {
            panic!("nothing was stored");
        };
        self.group = ClassicGroup::restore(value);
        self.act(|group, step, id| group.loaded(step, id));
    }
}

#[test]
fn a_stable_group_goes_on() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a"), Join::new("s").instance("s1")]);
    let before = lab.group.describe(&"g".into());
    let record = lab.group.record(&"g".into());
    let pending = lab.join(Join::new("p"));
    let pending = lab.joined(pending).member_id.clone();
    lab.restart();
    assert_eq!(lab.group.describe(&"g".into()), before);
    assert_eq!(lab.group.record(&"g".into()), record);
    assert!(lab.group.is_subscribed("t") && !lab.group.is_subscribed("u"));
    let beat = lab.heartbeat(1, &ids[1], Some("s1"));
    assert_eq!(lab.heard(beat), 0);
    let synced = lab.sync(Sync::new(1, &ids[0]));
    assert_eq!(lab.synced(synced).assignment, ids[0].as_bytes());
    let asker = lab.join(Join::new("p").id(&pending));
    assert_eq!(lab.joined(asker).error_code.0, 25);
    // Only the protocol in use is known of them, so the first to join again seems to have changed.
    lab.join(Join::new("s").id(&ids[1]).instance("s1"));
    assert_eq!(lab.group.state_name(), "PreparingRebalance");
}

#[test]
fn a_rebalance_that_was_not_completed_is_forgotten() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a"), Join::new("b")]);
    lab.join(Join::new("a").id(&ids[0]));
    lab.join(Join::new("b").id(&ids[1]));
    assert_eq!((lab.phase(), lab.group.generation()), (Phase::CompletingRebalance, 2));
    lab.restart();
    assert_eq!((lab.phase(), lab.group.generation()), (Phase::Stable, 1));
    // Sessions start with the load.
    lab.pass(1_000);
    let beat = lab.heartbeat(1, &ids[0], None);
    assert_eq!(lab.heard(beat), 0);
    lab.pass(8_999);
    assert_eq!(lab.group.members().count(), 2);
    lab.pass(1);
    assert_eq!(lab.group.members().count(), 1);
}

#[test]
fn an_empty_group_stays_what_it_was() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a")]);
    lab.leave(&[(&ids[0], None)], 3);
    let record = lab.group.record(&"g".into());
    lab.restart();
    assert_eq!(lab.group.record(&"g".into()), record);
    assert!(!lab.group.is_nothing() && !lab.group.is_simple());
    let (_, parked) = lab.join_twice(Join::new("a"));
    assert_eq!(lab.effects.records, vec![]);
    lab.pass(50);
    assert_eq!(lab.joined(parked).generation_id, 3);
}

#[test]
fn a_group_above_the_limit_gathers_again() {
    let mut lab = Lab::new();
    let ids = lab.form(vec![Join::new("a"), Join::new("b"), Join::new("c")]);
    lab.world.config.max_size = 2;
    lab.restart();
    assert_eq!(lab.group.state_name(), "PreparingRebalance");
    let parked: Vec<_> = [2, 0, 1].map(|at| lab.join(Join::new("x").id(&ids[at]))).to_vec();
    assert_eq!(lab.joined(parked[2]).error_code.0, 81);
    assert_eq!(lab.joined(parked[0]).generation_id, 2);
    assert_eq!(lab.joined(parked[1]).members.len(), 2);
}

fn member(id: &str, instance: Option<&str>) -> MemberMetadata {
    MemberMetadata {
        member_id: id.into(),
        group_instance_id: instance.map(Str::from),
        session_timeout: 10_000,
        subscription: subscription("t"),
        ..Default::default()
    }
}

#[test]
fn records_that_make_no_sense_do_no_harm() {
    let sound = GroupMetadataValue {
        protocol_type: "consumer".into(),
        generation: 4,
        protocol: Some("range".into()),
        leader: Some("b".into()),
        members: vec![member("a", Some("s1")), member("b", None)],
        ..Default::default()
    };
    let restored = |change: fn(&mut GroupMetadataValue)| {
        let mut value = sound.clone();
        change(&mut value);
        let group = ClassicGroup::restore(&value);
        let leader =
            group.leader.and_then(|leader| group.members.get(leader)).map(|leader| leader.id.clone());
        (group.state_name(), group.generation(), group.members().count(), leader)
    };
    assert_eq!(restored(|_| ()), ("Stable", 4, 2, Some("b".into())));
    assert_eq!(restored(|value| value.leader = None).3, Some("a".into()));
    assert_eq!(restored(|value| value.leader = Some("x".into())).3, Some("a".into()));
    assert_eq!(restored(|value| value.protocol = None), ("Empty", 4, 0, None));
    assert_eq!(restored(|value| value.generation = -7).1, 0);
    assert_eq!(restored(|value| value.members.push(member("a", None))).2, 2);
    assert_eq!(restored(|value| value.members.push(member("c", Some("s1")))).2, 2);
    let (_, timeouts) = {
        let group = ClassicGroup::restore(&sound);
        let timeouts = group.members().next().map(|(_, member)| member.timeouts);
        (group, timeouts)
    };
    assert_eq!(timeouts.map(|timeouts| timeouts.rebalance_ms), Some(10_000), "none means the session's");
}
