//! Names of files and folders, ours and SeaweedMQ's.
//!
//! ```text
//! /kelpgate/<namespace>/wal/<gateway>.<shard>-of-<shards>/<sequence>      write-ahead files of one shard
//! /kelpgate/<namespace>/logs/<topic id>-<partition>/state                 what is known of a log
//!                                                  /snapshot-<offset>     the machine's state of it
//!                                                  /part-<number>         batches that compaction kept
//! /topics/<namespace>/<topic>/v<time of generation>/<start>-<stop>/<time> log files of SeaweedMQ
//! ```

use alloc::format;
use alloc::string::String;

use kelpgate_core::ids::LogId;
use kelpgate_core::uuid::Uuid;

use crate::config::SmqConfig;
use crate::rpc::SmqPartition;

/// Name of the file with what is known of a log.
pub const STATE: &str = "state";
/// Slots of SeaweedMQ's ring.
const RING: i32 = 2520;
const SNAPSHOT: &str = "snapshot-";

/// The folder with the write-ahead folders of all shards of all gateways.
pub fn wal_root(config: &SmqConfig) -> String {
    format!("/kelpgate/{}/wal", config.namespace)
}

/// Name of this shard's folder in there.
pub fn wal_owner(config: &SmqConfig) -> String {
    format!("{}.{}-of-{}", config.gateway, config.shard, config.shards)
}

/// Whether a folder in [`wal_root`] is that of another one of as many shards: it has nothing of our logs.
pub fn is_of_another_shard(config: &SmqConfig, name: &str) -> bool {
    let place = name.rsplit_once('.').and_then(|(_, place)| place.split_once("-of-"));
    place.is_some_and(|(shard, shards)| {
        shards.parse() == Ok(config.shards) && shard.parse().is_ok_and(|shard: u16| shard != config.shard.0)
    })
}

/// Name of a write-ahead file: names are in the order of numbers.
pub fn wal_name(sequence: u64) -> String {
    format!("{sequence:020}")
}

/// The folder with the folders of all logs.
pub fn logs_root(config: &SmqConfig) -> String {
    format!("/kelpgate/{}/logs", config.namespace)
}

/// Our folder of a log.
pub fn log_folder(config: &SmqConfig, log: LogId) -> String {
    format!("{}/{log}", logs_root(config))
}

/// Which log a folder in [`logs_root`] is of.
pub fn parse_log(name: &str) -> Option<LogId> {
    let (topic, partition) = name.rsplit_once('-')?;
    let partition: i32 = partition.parse().ok()?;
    Some(LogId { topic: Uuid::parse(topic)?, partition }).filter(|_| partition >= 0)
}

/// Name of a snapshot's file.
pub fn snapshot_name(offset: i64) -> String {
    format!("{SNAPSHOT}{offset:020}")
}

/// Which offset a snapshot is of.
pub fn parse_snapshot(name: &str) -> Option<i64> {
    name.strip_prefix(SNAPSHOT)?.parse().ok()
}

/// Name of a file with batches that compaction kept.
pub fn part_name(number: u64) -> String {
    format!("part-{number:020}")
}

/// SeaweedMQ's folder of a topic.
pub fn topic_folder(config: &SmqConfig, topic: &str) -> String {
    format!("/topics/{}/{topic}", config.namespace)
}

/// SeaweedMQ's folder of a partition of one generation.
pub fn partition_folder(config: &SmqConfig, topic: &str, partition: &SmqPartition) -> String {
    let generation = generation_name(partition.unix_time_ns);
    let (start, stop) = (partition.range_start, partition.range_stop);
    format!("{}/{generation}/{start:04}-{stop:04}", topic_folder(config, topic))
}

/// `v2006-01-02-15-04-05` in UTC (`topic.PartitionGenerationFormat`).
pub fn generation_name(unix_time_ns: i64) -> String {
    format!("v{}", time_name(unix_time_ns))
}

/// `2006-01-02-15-04-05` in UTC, as log files are named (`topic.TIME_FORMAT`).
pub fn time_name(unix_time_ns: i64) -> String {
    let seconds = unix_time_ns.div_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}-{hour:02}-{minute:02}-{:02}", second % 60)
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar: years are taken to begin in March, so
/// that the leap day is the last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Whether a name in a topic's folder is that of a generation.
pub fn is_generation(name: &str) -> bool {
    name.starts_with('v') && name.len() == 20
}

/// Whether a name in a generation's folder, `<start>-<stop>`, may be that of the partition with this index. Each has the
/// same part of the ring, but the last one has what is left as well, so that its name fits several indexes now and then;
/// folders of partitions that were never written to are not there.
pub fn may_be_range_of(name: &str, partition: i32) -> bool {
    let number = |text: &str| text.parse::<i32>().ok().filter(|number| (0..=RING).contains(number));
    let Some((Some(start), Some(stop))) = name.split_once('-').map(|(a, b)| (number(a), number(b))) else {
        return false;
    };
    if stop == RING {
        return partition
            .checked_add(1)
            .is_some_and(|count| partition.checked_mul(RING / count) == Some(start));
    }
    stop > start && partition.checked_mul(stop - start) == Some(start)
}

/// Whether a name in a partition's folder is that of a log file: it is named by a time.
pub fn is_log_file(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_digit()) && !name.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn generations_are_named_by_their_second() {
        let names = [
            (0, "v1970-01-01-00-00-00"),
            (951_782_399_999_999_999, "v2000-02-28-23-59-59"),
            (951_868_800_000_000_000, "v2000-03-01-00-00-00"),
            (1_709_210_096_123_456_789, "v2024-02-29-12-34-56"),
            (1_767_225_599_000_000_000, "v2025-12-31-23-59-59"),
        ];
        for (time, name) in names {
            assert_eq!(generation_name(time), name);
            assert!(is_generation(name));
        }
    }

    #[test]
    fn ranges_are_told_apart() {
        for count in 1..=RING {
            let part = RING / count;
            for partition in [0, 1, count / 2, count - 2, count - 1] {
                if !(0..count).contains(&partition) {
                    continue;
                }
                let stop = if partition == count - 1 { RING } else { (partition + 1) * part };
                let name = format!("{:04}-{stop:04}", partition * part);
                assert!(may_be_range_of(&name, partition), "{name} of {count} is {partition}");
                if stop < RING {
                    assert!(!may_be_range_of(&name, partition + 1), "{name}");
                    assert!(!may_be_range_of(&name, partition - 1), "{name}");
                }
            }
        }
    }

    #[test]
    fn names_are_read_as_they_were_written() {
        let log = LogId { topic: Uuid([0xff; 16]), partition: 12 };
        assert_eq!(parse_log(&log.to_string()), Some(log));
        assert_eq!(parse_log("AAAAAAAAAAAAAAAAAAAAAQ--1"), None);
        assert_eq!(parse_snapshot(&snapshot_name(77)), Some(77));
        assert!(
            !may_be_range_of("topic.conf", 0) && !may_be_range_of("-1", 0) && !may_be_range_of("0-2521", 0)
        );
        assert!(is_log_file("2026-11-25-02-38-49") && !is_log_file("checkpoint.offset"));
    }
}
