//! What is to be looked at.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use kelpgate_recording::{Replay, Story};
use kelpgate_shard::ConnId;

/// Something that a node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// `group:NAME`
    Group(String),
    /// `partition:TOPIC-N`
    Partition(String, i32),
    /// `connection:N`; shards count theirs apart, so there may be several.
    Connection(ConnId),
    /// `all`
    All,
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Subject, String> {
        match text.split_once(':') {
            Some(("group", name)) => Ok(Subject::Group(name.to_owned())),
            Some(("partition", name)) => {
                let (topic, partition) = name.rsplit_once('-').ok_or("expected partition:TOPIC-N")?;
                let partition = partition.parse().map_err(|_| "expected partition:TOPIC-N")?;
                Ok(Subject::Partition(topic.to_owned(), partition))
            }
            Some(("connection", number)) => {
                let number = number.parse().map_err(|_| "expected connection:N")?;
                Ok(Subject::Connection(ConnId(number)))
            }
            None if text == "all" => Ok(Subject::All),
            Some(_) | None => Err("expected group:NAME, partition:TOPIC-N, connection:N or all".to_owned()),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Group(name) => write!(f, "group:{name}"),
            Subject::Partition(topic, partition) => write!(f, "partition:{topic}-{partition}"),
            Subject::Connection(conn) => write!(f, "connection:{conn}"),
            Subject::All => f.write_str("all"),
        }
    }
}

impl Subject {
    /// The story to be told on the way.
    pub(crate) fn story(&self) -> Option<Story> {
        match self {
            Subject::Group(name) => Some(Story::new(name)),
            Subject::Partition(..) | Subject::Connection(_) | Subject::All => None,
        }
    }

    /// Prints what it looks like now, on each shard that has it.
    pub(crate) fn show(&self, replay: &Replay, out: &mut impl Write) -> io::Result<()> {
        let mut found = false;
        for player in replay.players() {
            let Some(gateway) = player.shard.gateway() else { continue };
            let text = match self {
                Subject::Group(name) => gateway.look_group(name).map(|group| group.to_string()),
                Subject::Partition(topic, partition) => {
                    gateway.look_partition(topic, *partition).map(|partition| partition.to_string())
                }
                Subject::Connection(conn) => {
                    gateway.look_connection(*conn).map(|connection| connection.to_string())
                }
                Subject::All => Some(gateway.look().to_string()),
            };
            if let Some(text) = text {
                found = true;
                writeln!(out, "shard {}: {text}", player.id())?;
            }
        }
        match found {
            true => Ok(()),
            false => writeln!(out, "there is none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_read_as_they_are_written() {
        for text in ["group:my-group:1", "partition:a-b-3", "connection:7", "all"] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        assert_eq!("partition:a-b-3".parse(), Ok(Subject::Partition("a-b".into(), 3)));
        for text in ["", "group", "partition:a", "partition:a-b", "connection:x", "topic:a"] {
            assert!(text.parse::<Subject>().unwrap_err().starts_with("expected"), "{text}");
        }
    }
}
