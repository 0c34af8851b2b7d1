//! The measured cells of Apache Kafka 4.3.1 one by one, then what ours adds, then properties.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const T0: Instant = Instant(5_000_000_000);

/// What a client sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Appended, or had been: error 0 with this base offset.
    Ok(i64),
    /// 45.
    OutOfOrder,
    /// 47.
    Fenced,
    /// 87.
    Invalid,
}

/// A partition reduced to what idempotence needs.
struct Log {
    producers: Producers,
    end: i64,
}

impl Log {
    fn new() -> Log {
        Log { producers: Producers::new(1000), end: 0 }
    }

    fn kept(&self, batch: &ProducerBatch, count: i32) -> KeptBatch {
        KeptBatch {
            first_sequence: batch.first_sequence,
            last_sequence: batch.last_sequence,
            base_offset: self.end,
            last_offset: self.end + i64::from(count) - 1,
            max_timestamp: 77,
            log_append_time: -1,
        }
    }

    fn send_as(&mut self, id: i64, epoch: i16, sequence: i32, count: i32) -> Seen {
        let batch = match ProducerBatch::new(id, epoch, sequence, count - 1) {
            Ok(Some(batch)) => batch,
            Ok(None) => {
                self.end += i64::from(count);
                return Seen::Ok(self.end - i64::from(count));
            }
            Err(_) => return Seen::Invalid,
        };
        match self.producers.check(&batch) {
            Verdict::Append => {
                let kept = self.kept(&batch, count);
                self.producers.append(T0, &batch, kept);
                self.end = kept.last_offset + 1;
                Seen::Ok(kept.base_offset)
            }
            Verdict::Duplicate(kept) => Seen::Ok(kept.base_offset),
            Verdict::Refuse(Refusal::InvalidProducerEpoch { .. }) => Seen::Fenced,
            Verdict::Refuse(Refusal::NewEpochNotAtZero { .. } | Refusal::OutOfOrderSequence { .. }) => {
                Seen::OutOfOrder
            }
            Verdict::Refuse(Refusal::NegativeEpochOrSequence { .. }) => Seen::Invalid,
        }
    }

    fn send(&mut self, epoch: i16, sequence: i32, count: i32) -> Seen {
        self.send_as(1, epoch, sequence, count)
    }

    /// Epoch 0, batches 0 to 6 of one record, then 7..9 of three: offsets 0 to 9.
    fn prepared() -> Log {
        let mut log = Log::new();
        (0..7).for_each(|sequence| assert_eq!(log.send(0, sequence, 1), Seen::Ok(i64::from(sequence))));
        log
    }
}

#[test]
fn measured_cells_in_order() {
    let mut log = Log::prepared();
    let cells: Vec<(i16, i32, i32, Seen)> = vec![
        // The last five again: success with their offsets.
        (0, 6, 1, Seen::Ok(6)),
        (0, 5, 1, Seen::Ok(5)),
        (0, 4, 1, Seen::Ok(4)),
        (0, 3, 1, Seen::Ok(3)),
        (0, 2, 1, Seen::Ok(2)),
        // Older than five: 45, never 46.
        (0, 1, 1, Seen::OutOfOrder),
        (0, 0, 1, Seen::OutOfOrder),
        // A gap.
        (0, 8, 1, Seen::OutOfOrder),
        (0, 7, 3, Seen::Ok(7)),
        // Parts and overlaps of 7..9.
        (0, 7, 1, Seen::OutOfOrder),
        (0, 8, 2, Seen::OutOfOrder),
        (0, 9, 3, Seen::OutOfOrder),
        // The whole of it, whatever it holds.
        (0, 7, 3, Seen::Ok(7)),
        // A new epoch starts at 0.
        (1, 10, 1, Seen::OutOfOrder),
        (1, 0, 1, Seen::Ok(10)),
        // The old epoch is fenced, duplicate or not.
        (0, 7, 3, Seen::Fenced),
        (0, 10, 1, Seen::Fenced),
        // Epochs may be skipped.
        (3, 0, 1, Seen::Ok(11)),
        (2, 0, 1, Seen::Fenced),
        (3, 0, 1, Seen::Ok(11)),
        (3, 1, 1, Seen::Ok(12)),
    ];
    for (number, (epoch, sequence, count, seen)) in cells.into_iter().enumerate() {
        assert_eq!(
            log.send(epoch, sequence, count),
            seen,
            "cell {number}: epoch {epoch}, sequence {sequence}"
        );
    }
}

#[test]
fn sequences_wrap_after_the_greatest() {
    let mut log = Log::new();
    assert_eq!(log.send(0, i32::MAX - 1, 3), Seen::Ok(0), "an unknown producer may start anywhere");
    assert_eq!(log.send(0, 2, 1), Seen::OutOfOrder);
    assert_eq!(log.send(0, 1, 1), Seen::Ok(3), "the batch before ended at sequence 0");
    assert_eq!(log.send(0, i32::MAX - 1, 3), Seen::Ok(0), "a replay of the straddling batch");
    let mut log = Log::new();
    assert_eq!(log.send(0, i32::MAX, 1), Seen::Ok(0));
    assert_eq!(log.send(0, 0, 1), Seen::Ok(1));
    assert_eq!(log.send(0, i32::MAX, 1), Seen::Ok(0));
}

#[test]
fn wrapping_is_that_of_kafka() {
    assert_eq!(next_sequence(0, 0), 0);
    assert_eq!(next_sequence(5, 7), 12);
    assert_eq!(next_sequence(i32::MAX, 1), 0);
    assert_eq!(next_sequence(i32::MAX - 1, 2), 0);
    assert_eq!(next_sequence(i32::MAX, i32::MAX), i32::MAX - 1);
}

#[test]
fn unknown_producers_may_start_with_any_sequence_and_epoch() {
    let mut log = Log::new();
    assert_eq!(log.send_as(999_999, 7, 4711, 2), Seen::Ok(0));
    assert_eq!(log.send_as(999_999, 7, 4713, 1), Seen::Ok(2));
}

#[test]
fn producers_do_not_disturb_each_other() {
    let mut log = Log::new();
    assert_eq!(log.send_as(1, 0, 0, 1), Seen::Ok(0));
    assert_eq!(log.send_as(2, 0, 0, 1), Seen::Ok(1));
    assert_eq!(log.send_as(1, 0, 1, 1), Seen::Ok(2));
    assert_eq!(log.send_as(2, 0, 0, 1), Seen::Ok(1));
}

#[test]
fn shapes_that_are_refused_or_taken_as_plain() {
    let mut log = Log::new();
    assert_eq!(log.send_as(5, 0, -1, 1), Seen::Invalid);
    assert_eq!(log.send_as(5, -1, 5, 1), Seen::Invalid, "Kafka takes and tracks it; ours refuses");
    assert_eq!(
        log.send_as(-1, 0, 3, 1),
        Seen::Ok(0),
        "no producer: the odd epoch and sequence are not looked at"
    );
    assert!(log.producers.is_empty());
}

#[test]
fn a_duplicate_carries_what_its_answer_needs() {
    let mut producers = Producers::new(10);
    let batch = ProducerBatch::new(1, 0, 0, 2).unwrap().unwrap();
    let kept = KeptBatch {
        first_sequence: 0,
        last_sequence: 2,
        base_offset: 40,
        last_offset: 42,
        max_timestamp: 9,
        log_append_time: 8,
    };
    producers.append(T0, &batch, kept);
    assert_eq!(producers.check(&batch), Verdict::Duplicate(kept), "known before it is stored");
    producers.settle(43);
    assert_eq!(producers.check(&batch), Verdict::Duplicate(kept));
}

#[test]
fn a_failed_append_is_as_if_it_had_never_come() {
    let mut log = Log::prepared();
    log.producers.settle(7);
    let before: Vec<_> = log.producers.iter().map(|(id, known)| (id, known.clone())).collect();
    assert_eq!(log.send(1, 0, 1), Seen::Ok(7), "a new epoch forgets the five batches");
    assert_eq!(log.send(1, 1, 1), Seen::Ok(8));
    assert_eq!(log.send_as(2, 0, 0, 1), Seen::Ok(9));
    log.producers.truncate_to(7).unwrap();
    log.end = 7;
    let after: Vec<_> = log.producers.iter().map(|(id, known)| (id, known.clone())).collect();
    assert_eq!(before, after);
    assert_eq!(log.send(0, 6, 1), Seen::Ok(6));
    assert_eq!(log.send(0, 7, 1), Seen::Ok(7));
}

#[test]
fn a_part_of_what_is_under_way_can_be_undone() {
    let mut log = Log::new();
    (0..4).for_each(|sequence| assert_eq!(log.send(0, sequence, 1), Seen::Ok(i64::from(sequence))));
    log.producers.settle(2);
    log.producers.truncate_to(3).unwrap();
    log.end = 3;
    assert_eq!(log.send(0, 2, 1), Seen::Ok(2), "stays a duplicate");
    assert_eq!(log.send(0, 3, 1), Seen::Ok(3), "can come again");
    assert_eq!(log.producers.truncate_to(1), Err(SettledAlready { settled: 2, offset: 1 }));
}

#[test]
fn idleness_counts_from_our_append_and_spares_what_is_under_way() {
    let mut producers = Producers::new(10);
    let day = Duration::from_secs(86_400);
    for id in 0..3 {
        let batch = ProducerBatch::new(id, 0, 0, 0).unwrap().unwrap();
        // A client with an ancient clock does not expire at once.
        let kept = KeptBatch { base_offset: id, last_offset: id, max_timestamp: 1, ..KeptBatch::default() };
        producers.append(T0 + Duration::from_secs(id as u64), &batch, kept);
    }
    producers.settle(2);
    assert_eq!(producers.expire(T0, day), 0);
    assert_eq!(producers.expire(T0 + day - Duration::from_millis(1), day), 0);
    assert_eq!(producers.expire(T0 + day, day), 1);
    assert_eq!(producers.expire(T0 + day + day, day), 1, "the third is still under way");
    producers.settle(3);
    assert_eq!(producers.expire(T0 + day + day, day), 1);
}

#[test]
fn too_many_producers_push_out_the_longest_idle() {
    let mut producers = Producers::new(128);
    let mut offset = 0;
    let mut send = |producers: &mut Producers, id: i64, sequence: i32| {
        let batch = ProducerBatch::new(id, 0, sequence, 0).unwrap().unwrap();
        let kept = KeptBatch {
            first_sequence: sequence,
            last_sequence: sequence,
            base_offset: offset,
            last_offset: offset,
            ..KeptBatch::default()
        };
        let evicted = producers.append(T0 + Duration::from_secs(offset as u64), &batch, kept);
        offset += 1;
        producers.settle(offset);
        evicted
    };
    (0..128).for_each(|id| assert_eq!(send(&mut producers, id, 0), None));
    assert_eq!(send(&mut producers, 0, 1), None, "producer 0 is the freshest now");
    let evicted = send(&mut producers, 1000, 0).expect("one too many");
    assert_eq!(evicted.producers, 2, "a sixty-fourth of the limit");
    assert_eq!(evicted.idle, Duration::from_secs(129 - 2), "the younger of producers 1 and 2");
    let ids: Vec<i64> = producers.iter().map(|(id, _)| id).collect();
    assert_eq!((ids.len(), ids[0], ids[1]), (127, 0, 3));
}

#[test]
fn nothing_under_way_is_pushed_out() {
    let mut log = Log { producers: Producers::new(1), end: 0 };
    (0..10).for_each(|id| assert_eq!(log.send_as(id, 0, 0, 1), Seen::Ok(id)));
    assert_eq!(log.producers.len(), 10);
    log.producers.settle(10);
    log.send_as(0, 0, 1, 1);
    assert_eq!(log.producers.len(), 1);
}

#[test]
fn replay_rebuilds_what_the_appends_left() {
    let mut log = Log::prepared();
    log.send(1, 0, 2);
    log.send_as(9, 3, 50, 1);
    let mut rebuilt = Producers::new(1000);
    for (id, known) in log.producers.iter() {
        for kept in known.batches() {
            let delta = (kept.last_offset - kept.base_offset) as i32;
            let batch = ProducerBatch::new(id, known.epoch(), kept.first_sequence, delta).unwrap().unwrap();
            assert_eq!(batch.last_sequence, kept.last_sequence);
            rebuilt.replay(T0, &batch, *kept);
        }
    }
    assert!(log.producers.iter().eq(rebuilt.iter()));
}

/// The rules said another way: every batch ever accepted, with unbounded memory.
#[derive(Default)]
struct Model {
    accepted: Vec<(i16, i32, i32, i64)>,
}

impl Model {
    fn expect(&self, epoch: i16, sequence: i32, count: i32) -> Result<Option<i64>, Seen> {
        let Some((current, _, last, _)) = self.accepted.last() else { return Ok(None) };
        let end = (i64::from(sequence) + i64::from(count) - 1) % (1 << 31);
        let remembered =
            self.accepted.iter().rev().take_while(|(other, ..)| other == current).take(KEPT_BATCHES);
        for (_, first, last, offset) in remembered {
            if epoch == *current && (*first, i64::from(*last)) == (sequence, end) {
                return Ok(Some(*offset));
            }
        }
        if epoch < *current {
            return Err(Seen::Fenced);
        }
        let due = if epoch > *current { 0 } else { (i64::from(*last) + 1) % (1 << 31) };
        if i64::from(sequence) == due { Ok(None) } else { Err(Seen::OutOfOrder) }
    }
}

proptest! {
    #[test]
    fn follows_the_model(sends in prop::collection::vec((0i16..3, 0usize..4, -3i64..3, 1i32..4), 1..200)) {
        let mut log = Log::new();
        let mut model = Model::default();
        for (epoch, base, around, count) in sends {
            // Near the start, near the wrap, near what comes next.
            let next = model.accepted.last().map_or(0, |(_, _, last, _)| i64::from(*last) + 1);
            let around_what = [0, i64::from(i32::MAX), next, next][base];
            let sequence = (around_what + around).rem_euclid(1 << 31) as i32;
            let expected = match model.expect(epoch, sequence, count) {
                Ok(Some(offset)) => Seen::Ok(offset),
                Err(seen) => seen,
                Ok(None) => {
                    let last = (i64::from(sequence) + i64::from(count) - 1) % (1 << 31);
                    model.accepted.push((epoch, sequence, last as i32, log.end));
                    Seen::Ok(log.end)
                }
            };
            prop_assert_eq!(log.send(epoch, sequence, count), expected);
            log.producers.check_invariants();
        }
    }

    #[test]
    fn undoing_is_exact(
        sends in prop::collection::vec((0i64..3, 0i16..3, 0i32..6, 1i32..3), 1..60),
        keep in 0usize..60,
    ) {
        let mut log = Log::new();
        let mut states = vec![(0, log.producers.clone())];
        for (id, epoch, sequence, count) in sends {
            let end = log.end;
            log.send_as(id, epoch, sequence, count);
            if log.end > end {
                states.push((log.end, log.producers.clone()));
            }
        }
        let (end, state) = &states[keep % states.len()];
        log.producers.truncate_to(*end).unwrap();
        log.producers.check_invariants();
        prop_assert!(log.producers.iter().eq(state.iter()));
    }
}

/// What Apache Kafka 4.3.1 answered to two thousand sends (see tests/oracle/idempotence/run): id, epoch, first
/// sequence, records, then error code and base offset.
#[test]
fn answers_recorded_from_kafka() {
    let mut log = Log::new();
    // The recording's first send found the topic ready and was of no producer.
    assert_eq!(log.send_as(-1, -1, -1, 1), Seen::Ok(0));
    let recorded = include_str!("kafka-4.3.1.txt");
    for (number, line) in (1..).zip(recorded.lines()) {
        let (sent, answer) = line.split_once(" -> ").unwrap();
        let sent: Vec<i64> = sent.split(' ').map(|field| field.parse().unwrap()).collect();
        let expected = match answer.split_once(' ').unwrap() {
            ("0", offset) => Seen::Ok(offset.parse().unwrap()),
            ("45", "-1") => Seen::OutOfOrder,
            ("47", "-1") => Seen::Fenced,
            other => panic!("{other:?}"),
        };
        let seen = log.send_as(sent[0], sent[1] as i16, sent[2] as i32, sent[3] as i32);
        assert_eq!(seen, expected, "line {number}: {line}");
    }
    assert!(recorded.lines().count() >= 2000);
}
