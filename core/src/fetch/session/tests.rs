use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const T0: Instant = Instant(1_000_000_000);

fn after(seconds: u64) -> Instant {
    T0 + Duration::from_secs(seconds)
}

fn name(topic: &str, partition: i32) -> PartitionName {
    PartitionName { topic_id: Uuid::ZERO, topic: topic.into(), partition }
}

fn target(topic: &str, partition: i32, fetch_offset: i64) -> Target {
    Target {
        name: name(topic, partition),
        fetch_offset,
        max_bytes: 1000,
        current_leader_epoch: -1,
        last_fetched_epoch: -1,
    }
}

fn request(session_id: i32, session_epoch: i32, targets: Vec<Target>) -> SessionRequest {
    SessionRequest { session_id, session_epoch, by_id: false, targets, forgotten: vec![] }
}

fn cache(slots: usize) -> SessionCache {
    SessionCache::new(slots, 10_000, 1..=1_000_000)
}

/// An answer without records whose watermarks are 10 and 0.
fn quiet(target: &Target) -> Answered<'_> {
    Answered {
        target,
        has_records: false,
        high_watermark: 10,
        log_start: 0,
        has_error: false,
        is_diverging: false,
    }
}

fn answer_quietly(cache: &mut SessionCache, now: Instant, resolved: &Resolved) -> SessionAnswer {
    let answered: Vec<_> = resolved.targets.iter().map(quiet).collect();
    let drawn = 40 + (now.0 / T0.0) as u32;
    cache.answer(now, || drawn, resolved, &answered)
}

/// Starts a session of `count` partitions of one topic.
fn begin(cache: &mut SessionCache, now: Instant, topic: &str, count: i32) -> i32 {
    let targets = (0..count).map(|partition| target(topic, partition, 0)).collect();
    let resolved = cache.resolve(now, request(0, 0, targets)).unwrap();
    answer_quietly(cache, now, &resolved).session_id
}

fn partitions(resolved: &Resolved) -> Vec<i32> {
    resolved.targets.iter().map(|target| target.name.partition).collect()
}

#[test]
fn without_a_session() {
    let mut cache = cache(10);
    let resolved = cache.resolve(T0, request(0, -1, vec![target("a", 0, 5)])).unwrap();
    assert_eq!(resolved.kind, Kind::Sessionless);
    let answer = answer_quietly(&mut cache, T0, &resolved);
    assert_eq!(answer, SessionAnswer { session_id: 0, included: Ok(vec![true]) });
    assert!(cache.is_empty());
}

#[test]
fn a_session_answers_with_what_changed() {
    let mut cache = cache(10);
    let id = begin(&mut cache, T0, "a", 3);
    assert_eq!((id, cache.len(), cache.partitions()), (42, 1, 3));

    // Nothing is new.
    let resolved = cache.resolve(T0, request(id, 1, vec![])).unwrap();
    assert_eq!(resolved.kind, Kind::Incremental { session_id: id, next_epoch: 2 });
    assert_eq!(partitions(&resolved), [0, 1, 2]);
    let answer = answer_quietly(&mut cache, T0, &resolved);
    assert_eq!(answer, SessionAnswer { session_id: id, included: Ok(vec![false; 3]) });

    // Each thing that must be told.
    type Change = fn(&mut Answered<'_>);
    let told: [(&str, Change); 5] = [
        ("records", |answer| answer.has_records = true),
        ("high watermark", |answer| answer.high_watermark = 11),
        ("log start", |answer| answer.log_start = 1),
        ("error", |answer| answer.has_error = true),
        ("divergence", |answer| answer.is_diverging = true),
    ];
    for (epoch, (what, change)) in (2..).zip(told) {
        let resolved = cache.resolve(T0, request(id, epoch, vec![])).unwrap();
        let mut answered: Vec<_> = resolved.targets.iter().map(quiet).collect();
        let place = resolved.targets.iter().position(|target| target.name.partition == 1).unwrap();
        change(&mut answered[place]);
        let expected: Vec<bool> = (0..3).map(|at| at == place).collect();
        assert_eq!(cache.answer(T0, || 0, &resolved, &answered).included, Ok(expected), "{what}");
        // The next quiet answer undoes it, so that the following case starts afresh.
        let again = answer_quietly(&mut cache, T0, &resolved).included.unwrap();
        assert_eq!(again[place], matches!(what, "high watermark" | "log start" | "error"), "{what} is over");
    }
}

#[test]
fn wants_are_updated_added_and_forgotten() {
    let mut cache = cache(10);
    let id = begin(&mut cache, T0, "a", 3);
    let mut step = request(id, 1, vec![target("a", 7, 70), target("a", 1, 11)]);
    step.forgotten = vec![name("a", 0), name("a", 99)];
    let resolved = cache.resolve(T0, step).unwrap();
    let seen: Vec<_> =
        resolved.targets.iter().map(|target| (target.name.partition, target.fetch_offset)).collect();
    assert_eq!(seen, [(1, 11), (2, 0), (7, 70)]);
    assert_eq!(cache.partitions(), 3);
    let answer = answer_quietly(&mut cache, T0, &resolved);
    assert_eq!(answer.included, Ok(vec![false, false, true]), "the new one has never been told");
}

#[test]
fn partitions_with_records_go_to_the_end() {
    let mut cache = cache(10);
    let id = begin(&mut cache, T0, "a", 4);
    let resolved = cache.resolve(T0, request(id, 1, vec![])).unwrap();
    let mut answered: Vec<_> = resolved.targets.iter().map(quiet).collect();
    answered[0].has_records = true;
    answered[2].has_records = true;
    cache.answer(T0, || 0, &resolved, &answered);
    let resolved = cache.resolve(T0, request(id, 2, vec![])).unwrap();
    assert_eq!(partitions(&resolved), [1, 3, 0, 2]);
}

#[test]
fn refusals() {
    let mut cache = cache(10);
    assert_eq!(cache.resolve(T0, request(0, 1, vec![])).unwrap_err(), SessionError::NotFound(0));
    assert_eq!(cache.resolve(T0, request(5, -2, vec![])).unwrap_err(), SessionError::NotFound(5));
    let id = begin(&mut cache, T0, "a", 1);
    let wrong = |sent| SessionError::WrongEpoch { id, expected: 1, sent };
    assert_eq!(cache.resolve(T0, request(id, 2, vec![])).unwrap_err(), wrong(2));
    assert_eq!(cache.resolve(T0, request(id, -2, vec![])).unwrap_err(), wrong(-2));
    let by_id = SessionRequest { by_id: true, ..request(id, 1, vec![]) };
    assert_eq!(cache.resolve(T0, by_id).unwrap_err(), SessionError::MixedTopicIds(id));
    assert!(cache.resolve(T0, request(id, 1, vec![])).is_ok(), "a refusal changes nothing");
}

#[test]
fn sessions_by_id_and_by_name_are_told_apart() {
    let mut cache = cache(10);
    let by_id = |partition| Target {
        name: PartitionName { topic_id: Uuid([7; 16]), topic: "".into(), partition },
        ..target("", 0, 0)
    };
    let full = SessionRequest { by_id: true, ..request(0, 0, vec![by_id(0), by_id(1)]) };
    let resolved = cache.resolve(T0, full).unwrap();
    assert!(resolved.by_id);
    let id = answer_quietly(&mut cache, T0, &resolved).session_id;
    assert_eq!(cache.resolve(T0, request(id, 1, vec![])).unwrap_err(), SessionError::MixedTopicIds(id));
    let step = SessionRequest { by_id: true, ..request(id, 1, vec![by_id(0)]) };
    assert_eq!(partitions(&cache.resolve(T0, step).unwrap()), [0, 1]);
}

#[test]
fn full_requests_close_the_session_they_name() {
    for (epoch, kind, left) in [(0, Kind::Full, 1), (-1, Kind::Sessionless, 0)] {
        let mut cache = cache(10);
        let id = begin(&mut cache, T0, "a", 2);
        let resolved = cache.resolve(T0, request(id, epoch, vec![target("b", 0, 0)])).unwrap();
        assert_eq!((resolved.kind, cache.len(), cache.partitions()), (kind, 0, 0));
        answer_quietly(&mut cache, T0, &resolved);
        assert_eq!(cache.len(), left);
    }
}

#[test]
fn forgetting_everything_closes_the_session() {
    let mut cache = cache(10);
    let id = begin(&mut cache, T0, "a", 1);
    let step = SessionRequest { forgotten: vec![name("a", 0)], ..request(id, 1, vec![]) };
    let resolved = cache.resolve(T0, step).unwrap();
    assert_eq!((resolved.kind, resolved.targets.len(), cache.len()), (Kind::Sessionless, 0, 0));
}

#[test]
fn overtaken_and_vanished_sessions() {
    let mut cache = cache(10);
    let id = begin(&mut cache, T0, "a", 1);
    let first = cache.resolve(T0, request(id, 1, vec![])).unwrap();
    let second = cache.resolve(T0, request(id, 2, vec![])).unwrap();
    let overtaken = SessionError::WrongEpoch { id, expected: 3, sent: 2 };
    assert_eq!(
        answer_quietly(&mut cache, T0, &first),
        SessionAnswer { session_id: id, included: Err(overtaken) }
    );
    cache.resolve(T0, request(id, -1, vec![])).unwrap();
    let vanished = SessionAnswer { session_id: id, included: Ok(vec![true]) };
    assert_eq!(answer_quietly(&mut cache, T0, &second), vanished);
}

#[test]
fn epochs_wrap_to_one() {
    assert_eq!(next_epoch(0), 1);
    assert_eq!(next_epoch(i32::MAX), 1);
    let mut cache = cache(10);
    let id = begin(&mut cache, T0, "a", 1);
    cache.sessions.get_mut(&id).unwrap().epoch = i32::MAX;
    let resolved = cache.resolve(T0, request(id, i32::MAX, vec![])).unwrap();
    assert_eq!(resolved.kind, Kind::Incremental { session_id: id, next_epoch: 1 });
    assert!(cache.resolve(T0, request(id, 1, vec![])).is_ok());
}

#[test]
fn a_full_cache_gives_no_session_to_equals() {
    let mut cache = cache(2);
    assert_ne!(begin(&mut cache, T0, "a", 3), 0);
    assert_ne!(begin(&mut cache, T0, "b", 3), 0);
    assert_eq!(begin(&mut cache, T0, "c", 3), 0);
    assert_eq!(begin(&mut cache, T0, "c", 9), 0, "young sessions stay even for a larger one");
    assert_eq!((cache.len(), cache.evictions()), (2, 0));
}

#[test]
fn larger_sessions_push_out_smaller_ones_that_are_old() {
    let mut cache = cache(2);
    let small = begin(&mut cache, T0, "a", 2);
    let large = begin(&mut cache, T0, "b", 5);
    // Both are used again once they are old enough to be weighed, so neither is stale.
    for id in [small, large] {
        cache.resolve(after(100), request(id, 1, vec![])).unwrap();
        cache.resolve(after(121), request(id, 2, vec![])).unwrap();
    }
    assert_eq!(begin(&mut cache, after(122), "c", 2), 0, "not larger than the smallest");
    let new = begin(&mut cache, after(122), "c", 3);
    assert_ne!(new, 0);
    assert_eq!(
        cache.resolve(after(122), request(small, 3, vec![])).unwrap_err(),
        SessionError::NotFound(small)
    );
    assert!(cache.resolve(after(122), request(large, 3, vec![])).is_ok());
    assert_eq!((cache.len(), cache.partitions(), cache.evictions()), (2, 8, 1));
}

#[test]
fn stale_sessions_are_pushed_out_by_any() {
    let mut cache = cache(2);
    let stale = begin(&mut cache, T0, "a", 50);
    let used = begin(&mut cache, T0, "b", 50);
    cache.resolve(after(60), request(used, 1, vec![])).unwrap();
    assert_eq!(begin(&mut cache, after(120), "c", 1), 0, "unused for exactly two minutes is not longer");
    assert_ne!(begin(&mut cache, after(121), "c", 1), 0);
    assert!(cache.resolve(after(121), request(used, 2, vec![])).is_ok());
    assert!(cache.resolve(after(121), request(stale, 1, vec![])).is_err());
}

#[test]
fn ids_are_never_shared() {
    let mut cache = SessionCache::new(3, 100, 7..=10);
    // The generator always says the same.
    let ids: Vec<i32> = (0..3).map(|_| begin(&mut cache, T0, "a", 1)).collect();
    assert_eq!(ids, [8, 9, 10], "41 modulo 4 is 1");
}

#[test]
fn partitions_are_bounded() {
    let mut cache = SessionCache::new(10, 5, 1..=100);
    assert_eq!(begin(&mut cache, T0, "a", 6), 0);
    let id = begin(&mut cache, T0, "a", 4);
    assert_eq!(begin(&mut cache, T0, "b", 2), 0);
    let grown = request(id, 1, vec![target("a", 8, 0), target("a", 9, 0)]);
    assert_eq!(cache.resolve(T0, grown).unwrap_err(), SessionError::NotFound(id));
    assert_eq!((cache.len(), cache.partitions()), (0, 0));
}

#[test]
fn a_partition_named_twice_is_read_once() {
    let mut cache = cache(10);
    let targets = vec![target("a", 0, 1), target("a", 1, 2), target("a", 0, 3)];
    let resolved = cache.resolve(T0, request(0, -1, targets)).unwrap();
    let seen: Vec<_> =
        resolved.targets.iter().map(|target| (target.name.partition, target.fetch_offset)).collect();
    assert_eq!(seen, [(0, 3), (1, 2)]);
}

#[test]
#[should_panic(expected = "is no range")]
fn a_range_with_zero_is_refused() {
    SessionCache::new(1, 1, 0..=100);
}

proptest! {
    /// Whatever comes, the indexes agree and the bounds hold.
    #[test]
    fn indexes_agree(
        requests in prop::collection::vec(
            (0i32..8, -1i32..4, prop::collection::vec(0i32..6, 0..5), prop::collection::vec(0i32..6, 0..5), 0u64..90),
            1..80,
        ),
    ) {
        let mut cache = SessionCache::new(3, 12, 1..=6);
        let mut now = T0;
        let mut drawn = 0;
        for (id, epoch, wanted, forgotten, seconds) in requests {
            now = now + Duration::from_secs(seconds);
            let targets = wanted.into_iter().map(|partition| target("a", partition, 0)).collect();
            let forgotten = forgotten.into_iter().map(|partition| name("a", partition)).collect();
            let Ok(resolved) = cache.resolve(now, SessionRequest { forgotten, ..request(id, epoch, targets) }) else {
                continue;
            };
            let answered: Vec<_> = resolved.targets.iter().map(quiet).collect();
            drawn += 1;
            let answer = cache.answer(now, || drawn, &resolved, &answered);
            prop_assert!((0..=6).contains(&answer.session_id));
            cache.check_invariants();
        }
    }
}
