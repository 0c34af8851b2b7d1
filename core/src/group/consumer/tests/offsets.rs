//! Who may commit and fetch, row by row; and what a group is described as.

use super::talk::{GROUP, Talk, beat, join};
use crate::group::consumer::Committer;
use crate::group::question::Claim;
use crate::protocol::ErrorCode;
use crate::uuid::Uuid;

fn claim(member_id: &str, epoch: i32) -> Claim {
    Claim { member_id: member_id.into(), instance_id: None, generation_or_epoch: epoch }
}

/// a: epoch 3; 0 of 4 partitions given at 2, 1 yet to give up since 2, 2 given at 3.
fn talk() -> (Talk, Uuid) {
    let mut talk = Talk::prompt();
    let topic = talk.world.topic("t", 4);
    talk.send(&join("a", &["t"]));
    let mut standing = talk.group.member("a").expect("joined").standing.clone();
    standing.epoch = 3;
    standing.previous_epoch = 2;
    standing.state = crate::group::consumer::member::MemberState::UnrevokedPartitions;
    standing.assigned = [(topic, 0, 2), (topic, 2, 3)].into_iter().collect();
    standing.pending_revocation = [(topic, 1, 2)].into_iter().collect();
    talk.group.replay(&crate::group::consumer::writing::standing(&GROUP, &"a".into(), Some(&standing)));
    (talk, topic)
}

#[test]
fn commits_row_by_row() {
    let (talk, topic) = talk();
    let plain = Committer::Plain { version: 9 };
    let old = Committer::Plain { version: 8 };
    let cases: &[(&str, i32, Committer, &[i32], i16)] = &[
        ("a", 3, plain, &[0, 1, 2, 3], 0),
        ("a", 4, plain, &[0], 113),
        ("a", 2, plain, &[0], 0),
        ("a", 2, plain, &[0, 1], 0),
        ("a", 2, plain, &[0, 2], 113),
        ("a", 2, plain, &[3], 113),
        ("a", 1, plain, &[0], 113),
        ("a", -1, plain, &[0], 113),
        ("x", 3, plain, &[0], 25),
        ("", -1, plain, &[0], 25),
        ("a", 3, old, &[0], 35),
        ("x", 3, old, &[0], 25),
        ("", -1, Committer::Transactional, &[0], 0),
        ("a", 3, Committer::Transactional, &[0], 0),
        ("a", 4, Committer::Transactional, &[0], 22),
        ("a", 1, Committer::Transactional, &[0], 22),
        ("x", 3, Committer::Transactional, &[0], 25),
    ];
    for (member, epoch, committer, partitions, error) in cases {
        let partitions = partitions.iter().map(|partition| (topic, *partition));
        let outcome = talk.group.check_commit(&claim(member, *epoch), *committer, partitions);
        let found = outcome.err().unwrap_or(ErrorCode::NONE).0;
        assert_eq!(found, *error, "{member} at {epoch} by {committer:?}");
    }
}

#[test]
fn anybody_commits_to_an_empty_group() {
    let (mut talk, topic) = talk();
    talk.send(&beat("a", -1));
    for member in ["", "a"] {
        let plain = Committer::Plain { version: 9 };
        assert_eq!(talk.group.check_commit(&claim(member, -1), plain, [(topic, 0)]), Ok(()));
        let outcome = talk.group.check_commit(&claim(member, 3), plain, [(topic, 0)]);
        assert_eq!(outcome, Err(ErrorCode::UNKNOWN_MEMBER_ID));
    }
}

#[test]
fn fetches_row_by_row() {
    let (talk, _) = talk();
    let cases = [
        (None, 0),
        (Some(("a", 3)), 0),
        (Some(("a", 2)), 113),
        (Some(("a", 4)), 113),
        (Some(("x", 3)), 25),
        (Some(("", -1)), 25),
    ];
    for (asker, error) in cases {
        let claim = asker.map(|(member, epoch)| claim(member, epoch));
        let found = talk.group.check_fetch(claim.as_ref()).err().unwrap_or(ErrorCode::NONE).0;
        assert_eq!(found, error, "{asker:?}");
    }
}

#[test]
fn a_description_shows_what_a_member_still_has() {
    let (talk, topic) = talk();
    let described = talk.group.describe(&GROUP, &talk.world.image, &talk.world.config);
    assert_eq!(
        (described.group_state.as_str(), described.assignor_name.as_str()),
        ("Reconciling", "uniform")
    );
    assert_eq!((described.group_epoch, described.assignment_epoch), (2, 2));
    let member = described.members.first().expect("a member");
    assert_eq!((member.member_id.as_str(), member.member_epoch, member.member_type), ("a", 3, 1));
    assert_eq!(member.subscribed_topic_regex.as_deref(), Some(""));
    let shown = member.assignment.topic_partitions.first().expect("a topic");
    assert_eq!(
        (shown.topic_id, shown.topic_name.as_str(), shown.partitions.as_slice()),
        (topic, "t", &[0, 1, 2][..])
    );
    let target = member.target_assignment.topic_partitions.first().expect("a topic");
    assert_eq!(target.partitions, [0, 1, 2, 3]);
}

#[test]
fn the_assignor_most_ask_for_is_used_and_a_tie_goes_to_the_first() {
    let mut talk = Talk::prompt();
    let mut vote = |member: &str, assignor: Option<&str>| {
        let mut request = join(member, &[]);
        request.server_assignor = assignor.map(Into::into);
        talk.send(&request);
        talk.group.preferred_assignor(&talk.world.config).name()
    };
    assert_eq!(vote("a", None), "uniform");
    assert_eq!(vote("b", Some("range")), "range");
    assert_eq!(vote("c", Some("uniform")), "uniform");
    assert_eq!(vote("d", Some("range")), "range");
    assert_eq!(vote("d", Some("uniform")), "uniform");
}
