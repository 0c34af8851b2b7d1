//! Groups and assignments in short: topics "t4 u3", owned and given partitions "A t0 t1 u0, B t2".

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A member: `B` is a dynamic one, `A/z` the static member A of instance z. Topics are letters.
#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) topics: &'static str,
    pub(super) rack: Option<&'static str>,
    pub(super) generation: i32,
}

pub(super) fn member(name: &'static str, topics: &'static str) -> Member {
    Member { name, topics, rack: None, generation: 1 }
}

pub(super) fn abc(topics: &'static str) -> [Member; 3] {
    [member("A", topics), member("B", topics), member("C", topics)]
}

impl Member {
    pub(super) fn at(self, rack: &'static str) -> Member {
        Member { rack: Some(rack), ..self }
    }

    pub(super) fn of(self, generation: i32) -> Member {
        Member { generation, ..self }
    }

    pub(super) fn id(&self) -> &'static str {
        &self.name[..1]
    }

    pub(super) fn instance(&self) -> Option<&'static str> {
        Some(self.name.split_once('/')?.1)
    }
}

/// Names and partition counts of topics.
pub(super) fn topics(text: &str) -> Vec<(&str, u32)> {
    text.split(' ').map(|topic| (&topic[..1], topic[1..].parse().expect("a count"))).collect()
}

/// What a member has, by topic.
pub(super) fn owned<'a>(text: &'a str, member: &Member) -> BTreeMap<&'a str, Vec<i32>> {
    let mut partitions: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for line in text.split(", ").filter(|line| line.starts_with(member.id())) {
        for word in line.split(' ').skip(1) {
            partitions.entry(&word[..1]).or_default().push(word[1..].parse().expect("a partition"));
        }
    }
    partitions
}

/// What members were given.
pub(super) fn print(members: &[Member], given: &[BTreeMap<&str, Vec<i32>>]) -> String {
    let lines: Vec<String> = members
        .iter()
        .zip(given)
        .map(|(member, given)| {
            let mut line = String::from(member.id());
            for (topic, partitions) in given {
                partitions.iter().for_each(|partition| line += &format!(" {topic}{partition}"));
            }
            line
        })
        .collect();
    lines.join(", ")
}
