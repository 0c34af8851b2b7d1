//! Replays what Apache Kafka 4.3.1 answered to fifteen hundred acts (see tests/oracle/fetch-session/run). The log itself is
//! a handful of numbers here: every act appends one record in a batch of its own.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::*;

const NOW: Instant = Instant(1);

struct World {
    cache: SessionCache,
    /// Ids by the names that the recording gives them.
    ids: BTreeMap<String, i32>,
    starts: [i64; 5],
    ends: [i64; 5],
    drawn: u32,
}

impl World {
    fn new() -> World {
        let ids = [("-", NO_SESSION), ("x", 1)].map(|(name, id)| (name.into(), id));
        World {
            cache: SessionCache::new(1000, 100_000, 2..=100_000),
            ids: ids.into(),
            starts: [0; 5],
            ends: [1; 5],
            drawn: 0,
        }
    }

    fn name_of(&mut self, id: i32) -> String {
        let next = format!("s{}", self.ids.len() - 1);
        let known = self.ids.iter().find(|(_, other)| **other == id).map(|(name, _)| name.clone());
        known.unwrap_or_else(|| {
            self.ids.insert(next.clone(), id);
            next
        })
    }

    /// One line without its answer; gives the answer.
    fn act(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<i64>().unwrap();
        match words[0] {
            "append" => self.ends[number(1) as usize] += 1,
            "delete" => self.starts[number(1) as usize] = number(2),
            _ => return self.fetch(words[1], number(2) as i32, words[3], words[4], words[5] == "one"),
        }
        "0".into()
    }

    fn fetch(&mut self, session: &str, epoch: i32, wanted: &str, forgotten: &str, one: bool) -> String {
        let list =
            |text: &str| text.split(',').filter(|part| *part != ".").map(String::from).collect::<Vec<_>>();
        let name = |partition: &str| PartitionName {
            topic_id: Uuid::ZERO,
            topic: "t".into(),
            partition: partition.parse().unwrap(),
        };
        let targets = list(wanted)
            .iter()
            .map(|one| one.split_once('@').unwrap())
            .map(|(partition, offset)| Target {
                name: name(partition),
                fetch_offset: offset.parse().unwrap(),
                max_bytes: 1 << 20,
                current_leader_epoch: -1,
                last_fetched_epoch: -1,
            })
            .collect();
        let forgotten = list(forgotten).iter().map(|partition| name(partition)).collect();
        let request = SessionRequest {
            session_id: self.ids[session],
            session_epoch: epoch,
            by_id: false,
            targets,
            forgotten,
        };
        let resolved = match self.cache.resolve(NOW, request) {
            Ok(resolved) => resolved,
            Err(SessionError::NotFound(_)) => return "70 -".into(),
            Err(SessionError::WrongEpoch { .. }) => return "71 -".into(),
            Err(SessionError::MixedTopicIds(_)) => return "106 -".into(),
        };
        self.answer(&resolved, one)
    }

    fn answer(&mut self, resolved: &Resolved, one: bool) -> String {
        let mut has_room = true;
        let answered: Vec<Answered<'_>> = resolved
            .targets
            .iter()
            .map(|target| {
                let partition = target.name.partition as usize;
                let (start, end) = (self.starts[partition], self.ends[partition]);
                let has_error = !(start..=end).contains(&target.fetch_offset);
                let has_records = !has_error && target.fetch_offset < end && has_room;
                has_room &= !(has_records && one);
                Answered {
                    target,
                    has_records,
                    high_watermark: if has_error { -1 } else { end },
                    log_start: if has_error { -1 } else { start },
                    has_error,
                    is_diverging: false,
                }
            })
            .collect();
        self.drawn += 1;
        let drawn = self.drawn;
        let answer = self.cache.answer(NOW, || drawn, resolved, &answered);
        let included = answer.included.unwrap();
        let mut shown = format!("0 {}", self.name_of(answer.session_id));
        for (answer, _) in answered.iter().zip(included).filter(|(_, included)| *included) {
            let Answered { target, has_records, high_watermark, log_start, has_error, .. } = answer;
            let (error, records) = (u8::from(*has_error), u8::from(*has_records));
            shown += &format!(" {}:{error}:{high_watermark}:{log_start}:{records}", target.name.partition);
        }
        shown
    }
}

#[test]
fn answers_recorded_from_kafka() {
    let mut world = World::new();
    let recorded = include_str!("kafka-4.3.1.txt");
    for (number, line) in (1..).zip(recorded.lines()) {
        let (act, answer) = line.split_once(" -> ").unwrap();
        assert_eq!(world.act(act), answer, "line {number}: {line}");
    }
    assert!(recorded.lines().count() >= 1500);
}
