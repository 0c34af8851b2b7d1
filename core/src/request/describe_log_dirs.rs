//! DescribeLogDirs (35), versions 1-5: sizes on disk (KIP-113, KIP-827). The node has one log directory.

use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use super::home::Home;
use crate::ids::{LogId, ShardId};
use crate::machine::Level;
use crate::owner::{Owner, Waiting};
use crate::protocol::ErrorCode;
use crate::protocol::Response;
use crate::protocol::Str;
use crate::protocol::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeLogDirsResult,
    DescribeLogDirsTopic,
};
use crate::shard_message::{Answer, Asker, LogDirs, Question, ShardMessage};
use crate::storage::{LogInfo, StorageCommand, StorageError, StorageReply};

/// A DescribeLogDirs that waits for every shard of the node.
#[derive(Debug)]
pub struct Gathering {
    wanted: Wanted,
    missing: u16,
    sizes: BTreeMap<LogId, u64>,
    volume: (i64, i64),
    error: ErrorCode,
}

#[derive(Debug)]
enum Wanted {
    All,
    Only(BTreeSet<(Str, i32)>),
}

/// Asks every shard.
pub fn start(home: &mut Home<'_>, request: &DescribeLogDirsRequest) -> Gathering {
    for shard in 0..home.settings.shards {
        let ask = home.ask_ref(usize::from(shard));
        home.mail.send(home.out, ShardId(shard), ShardMessage::Ask(ask, Question::LogDirs));
    }
    let wanted = match &request.topics {
        None => Wanted::All,
        Some(topics) => Wanted::Only(
            topics
                .iter()
                .flat_map(|topic| topic.partitions.iter().map(|index| (topic.topic.clone(), *index)))
                .collect(),
        ),
    };
    Gathering {
        wanted,
        missing: home.settings.shards,
        sizes: BTreeMap::new(),
        volume: (-1, -1),
        error: ErrorCode::NONE,
    }
}

impl Gathering {
    /// Takes one shard's answer.
    pub fn told(&mut self, home: &mut Home<'_>, answer: Result<LogDirs, ErrorCode>) -> Option<Response> {
        self.missing -= 1;
        match answer {
            Ok(dirs) => {
                self.sizes.extend(dirs.logs.iter().map(|info| (info.log, info.bytes)));
                self.volume = (dirs.total_bytes, dirs.usable_bytes);
            }
            Err(error) => self.error = error,
        }
        (self.missing == 0).then(|| Response::DescribeLogDirs(self.response(home)))
    }

    fn response(&self, home: &Home<'_>) -> DescribeLogDirsResponse {
        let mut topics: Vec<DescribeLogDirsTopic> = Vec::new();
        for topic in home.image.topics() {
            let partitions: Vec<_> = (0..topic.partitions)
                .filter(|index| match &self.wanted {
                    Wanted::All => true,
                    Wanted::Only(wanted) => wanted.contains(&(topic.name.clone(), *index)),
                })
                .map(|partition_index| DescribeLogDirsPartition {
                    partition_index,
                    partition_size: self.size(LogId { topic: topic.id, partition: partition_index }),
                    offset_lag: 0,
                    is_future_key: false,
                    ..Default::default()
                })
                .collect();
            if !partitions.is_empty() {
                topics.push(DescribeLogDirsTopic {
                    name: topic.name.clone(),
                    partitions,
                    ..Default::default()
                });
            }
        }
        let result = DescribeLogDirsResult {
            error_code: self.error,
            log_dir: Str::from(home.settings.log_dir.as_str()),
            topics: if self.error == ErrorCode::NONE { topics } else { vec![] },
            total_bytes: self.volume.0,
            usable_bytes: self.volume.1,
            ..Default::default()
        };
        DescribeLogDirsResponse { results: vec![result], ..Default::default() }
    }

    fn size(&self, log: LogId) -> i64 {
        self.sizes.get(&log).map_or(0, |bytes| i64::try_from(*bytes).unwrap_or(i64::MAX))
    }
}

/// At the owner: the engine has listed its logs; the room on the volume comes next.
pub fn listed(owner: &mut Owner<'_>, asker: Asker, outcome: Result<StorageReply, StorageError>) {
    match outcome {
        Ok(StorageReply::Listed(logs)) => {
            owner.stores.submit(owner.out, Waiting::LogVolume(asker, logs), StorageCommand::Volume);
        }
        Ok(other) => panic!("a list was answered with {other:?}"),
        Err(error) => failed(owner, asker, &error),
    }
}

/// At the owner: everything is known.
pub fn measured(
    owner: &mut Owner<'_>,
    asker: Asker,
    logs: Vec<LogInfo>,
    outcome: Result<StorageReply, StorageError>,
) {
    match outcome {
        Ok(StorageReply::Volume { total_bytes, usable_bytes }) => {
            owner.tell(asker, Answer::LogDirs(Ok(LogDirs { logs, total_bytes, usable_bytes })));
        }
        Ok(other) => panic!("a volume was answered with {other:?}"),
        Err(error) => failed(owner, asker, &error),
    }
}

fn failed(owner: &mut Owner<'_>, asker: Asker, error: &StorageError) {
    owner.note(Level::Error, alloc::format!("log directory: {error}"));
    owner.tell(asker, Answer::LogDirs(Err(ErrorCode::KAFKA_STORAGE_ERROR)));
}
