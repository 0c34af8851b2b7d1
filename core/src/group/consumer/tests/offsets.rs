//! Who may commit and fetch, row by row; and what a group is described as.

use super::page::{answer_row, documented};
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

const PLAIN: Committer = Committer::Plain { version: 9 };
const OLD: Committer = Committer::Plain { version: 8 };
const TXN: Committer = Committer::Transactional;

/// What is said of it, member id, epoch, how, partitions, and the answer.
type Row = (&'static str, &'static str, i32, Committer, &'static [i32], i16);

/// Who commits what to the group of [`talk`].
#[rustfmt::skip]
const COMMITS: &[Row] = &[
    ("the epoch it has, any partition", "a", 3, PLAIN, &[0, 1, 2, 3], 0),
    ("a greater epoch", "a", 4, PLAIN, &[0], 113),
    ("a smaller epoch, a partition it had then", "a", 2, PLAIN, &[0], 0),
    ("a smaller epoch, one it has yet to give up", "a", 2, PLAIN, &[0, 1], 0),
    ("a smaller epoch, one of several given later", "a", 2, PLAIN, &[0, 2], 113),
    ("a smaller epoch, one that is not its own", "a", 2, PLAIN, &[3], 113),
    ("an epoch before its partitions were given", "a", 1, PLAIN, &[0], 113),
    ("-1 with a member id", "a", -1, PLAIN, &[0], 113),
    ("an unknown id", "x", 3, PLAIN, &[0], 25),
    ("-1 without an id, while there are members", "", -1, PLAIN, &[0], 25),
    ("OffsetCommit 8 or lower", "a", 3, OLD, &[0], 35),
    ("OffsetCommit 8 or lower, an unknown id", "x", 3, OLD, &[0], 25),
    ("TxnOffsetCommit without a member", "", -1, TXN, &[0], 0),
    ("TxnOffsetCommit, the epoch it has", "a", 3, TXN, &[0], 0),
    ("TxnOffsetCommit, a greater epoch", "a", 4, TXN, &[0], 22),
    ("TxnOffsetCommit, an epoch before its partitions were given", "a", 1, TXN, &[0], 22),
    ("TxnOffsetCommit, an unknown id", "x", 3, TXN, &[0], 25),
];

#[test]
fn commits_row_by_row() {
    let (talk, topic) = talk();
    for (why, member, epoch, committer, partitions, error) in COMMITS {
        let partitions = partitions.iter().map(|partition| (topic, *partition));
        let outcome = talk.group.check_commit(&claim(member, *epoch), *committer, partitions);
        let found = outcome.err().unwrap_or(ErrorCode::NONE).0;
        assert_eq!(found, *error, "{why}");
    }
    documented("Commits", COMMITS.iter().map(|(why, .., error)| answer_row(why, *error)));
}

#[test]
fn anybody_commits_to_an_empty_group() {
    let (mut talk, topic) = talk();
    talk.send(&beat("a", -1));
    for member in ["", "a"] {
        assert_eq!(talk.group.check_commit(&claim(member, -1), PLAIN, [(topic, 0)]), Ok(()));
        let outcome = talk.group.check_commit(&claim(member, 3), PLAIN, [(topic, 0)]);
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
