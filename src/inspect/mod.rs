//! `kelpgate log`: what is in a data folder, offline and without changing it.

mod overlay;
mod reader;

use std::collections::BTreeMap;
use std::io::{self, Write};

use kelpgate_core::catalogue::image::Image;
use kelpgate_core::ids::LogId;
use kelpgate_core::record::batch::{Batch, Batches};
use kelpgate_core::storage::StorageError;
use kelpgate_log::LogDescription;

use crate::cli::LogArgs;
use crate::error::Failure;
use crate::settings::Settings;
use reader::Reader;

/// Prints what was asked for.
///
/// # Errors
/// When the folder is in use or cannot be read, there is no such topic, or a verification found damage.
pub(crate) fn inspect(settings: &Settings, what: &LogArgs) -> Result<(), Failure> {
    let folder = settings.data();
    let _lock = kelpgate_files::look(&folder)?;
    let refuse = |text: String| Failure::Inspect { folder: folder.clone(), text };
    let mut reader = Reader::open(&folder).map_err(refuse)?;
    let names = reader.catalogue().map(|image| names(&image)).map_err(refuse)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let found = match &what.topic {
        Some(topic) => {
            let log = names.iter().find(|(log, name)| *name == topic && log.partition == what.partition);
            let (log, _) = log.ok_or_else(|| Failure::NoTopic(format!("{topic}-{}", what.partition)))?;
            list_batches(&mut reader, *log, what, &mut out).map(|()| 0)
        }
        None => list_logs(&mut reader, &names, what.verify, &mut out),
    };
    for (level, text) in &reader.notes {
        eprintln!("{level:?}: {text}");
    }
    out.flush().map_err(Failure::Output)?;
    match found.map_err(Failure::Output)? {
        0 => Ok(()),
        damaged => Err(Failure::Damaged(damaged)),
    }
}

fn names(image: &Image) -> BTreeMap<LogId, String> {
    let logs = image.topics().flat_map(|topic| topic.logs().map(|log| (log, topic.name.to_string())));
    logs.chain([(LogId::CATALOGUE, "(catalogue)".to_owned())]).collect()
}

/// A line for each log. Gives how many are damaged.
fn list_logs(
    reader: &mut Reader,
    names: &BTreeMap<LogId, String>,
    verify: bool,
    out: &mut impl Write,
) -> io::Result<usize> {
    let mut logs: Vec<(&str, LogDescription)> = reader
        .logs
        .iter()
        .map(|log| (names.get(&log.log).map_or("(no topic)", String::as_str), log.clone()))
        .collect();
    logs.sort_by_key(|(name, log)| (*name, log.log));
    let name_width = logs.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max("topic".len());
    writeln!(out, "{:name_width$} part    start      end segments        bytes  state", "topic")?;
    let (mut damaged, mut batches, mut records) = (0, 0, 0);
    for (name, log) in logs {
        let bytes: u64 = log.segments.iter().map(|segment| segment.bytes).sum();
        let state = match (verify, log.damage.as_slice()) {
            (true, _) => match verify_log(reader, &log) {
                Ok(found) => {
                    batches += found.batches;
                    records += found.records;
                    format!("good: {} batches, {} records", found.batches, found.records)
                }
                Err(text) => {
                    damaged += 1;
                    text
                }
            },
            (false, []) => "not verified".to_owned(),
            (false, ranges) => {
                let text = ranges.iter().map(|range| format!("{} to {}", range.from, range.until));
                format!("damaged from offset {}", text.collect::<Vec<_>>().join(", from "))
            }
        };
        writeln!(
            out,
            "{name:name_width$} {:4} {:8} {:8} {:8} {bytes:12}  {state}",
            log.log.partition,
            log.start,
            log.end,
            log.segments.len()
        )?;
    }
    if verify {
        writeln!(out, "{batches} batches and {records} records are good, {damaged} logs are damaged")?;
    }
    Ok(damaged)
}

/// What was found good.
struct Good {
    batches: u64,
    records: u64,
}

/// Reads a log from its start to its end.
fn verify_log(reader: &mut Reader, log: &LogDescription) -> Result<Good, String> {
    let mut good = Good { batches: 0, records: 0 };
    let mut next = log.start;
    while next < log.end {
        let pieces = reader.read(log.log, next, log.end).map_err(|error| damage(next, &error))?;
        let before = next;
        for bytes in pieces.into_iter().flat_map(Batches::new) {
            let bytes = bytes.map_err(|error| format!("damaged at offset {next}: {error}"))?;
            let batch =
                Batch::checked(&bytes).map_err(|error| format!("damaged at offset {next}: {error}"))?;
            if batch.base_offset() < next && next != log.start {
                return Err(format!("damaged at offset {next}: a batch begins at {}", batch.base_offset()));
            }
            good.batches += 1;
            good.records += u64::try_from(batch.record_count()).unwrap_or(0);
            next = batch.next_offset();
        }
        if next == before {
            return Err(format!(
                "damaged at offset {next}: nothing can be read, the log ends at {}",
                log.end
            ));
        }
    }
    Ok(good)
}

fn damage(at: i64, error: &StorageError) -> String {
    match error {
        StorageError::Damaged { at, detail, .. } => format!("damaged at offset {at}: {detail}"),
        StorageError::Full
        | StorageError::TooManyFiles
        | StorageError::Fenced(_)
        | StorageError::Overloaded
        | StorageError::Gone
        | StorageError::Other(_) => format!("cannot be read at offset {at}: {error}"),
    }
}

/// A line for each batch of a partition.
fn list_batches(reader: &mut Reader, log: LogId, what: &LogArgs, out: &mut impl Write) -> io::Result<()> {
    let opened = match reader.opened(log) {
        Ok(opened) => opened,
        Err(error) => return writeln!(out, "{}", damage(0, &error)),
    };
    writeln!(out, "offsets {} to {}", opened.start, opened.end)?;
    writeln!(out, "    base     last records    bytes epoch         timestamp codec        producer")?;
    let mut next = what.from.unwrap_or(opened.start).max(opened.start);
    let mut left = what.batches;
    while next < opened.end && left > 0 {
        let before = next;
        let pieces = match reader.read(log, next, opened.end) {
            Ok(pieces) => pieces,
            Err(error) => return writeln!(out, "{}", damage(next, &error)),
        };
        for bytes in pieces.into_iter().flat_map(Batches::new).take(left) {
            match bytes
                .as_deref()
                .map_err(ToString::to_string)
                .and_then(|bytes| Batch::checked(bytes).map_err(|error| error.to_string()))
            {
                Ok(batch) => {
                    list_batch(&batch, out)?;
                    next = batch.next_offset();
                    left -= 1;
                }
                Err(error) => return writeln!(out, "damaged at offset {next}: {error}"),
            }
        }
        if next == before {
            return writeln!(out, "nothing can be read at offset {next}");
        }
    }
    Ok(())
}

fn list_batch(batch: &Batch<'_>, out: &mut impl Write) -> io::Result<()> {
    let codec =
        batch.codec().map_or_else(|| "unknown".to_owned(), |codec| format!("{codec:?}").to_lowercase());
    let producer = match batch.producer_id() {
        id if id < 0 => String::new(),
        id => format!("{id} epoch {} sequence {}", batch.producer_epoch(), batch.base_sequence()),
    };
    let marks = [(batch.is_transactional(), " transactional"), (batch.is_control_batch(), " control")];
    let marks: String = marks.iter().filter(|(set, _)| *set).map(|(_, text)| *text).collect();
    writeln!(
        out,
        "{:8} {:8} {:7} {:8} {:5} {:17} {codec:12} {producer}{marks}",
        batch.base_offset(),
        batch.last_offset(),
        batch.record_count(),
        batch.size_in_bytes(),
        batch.partition_leader_epoch(),
        batch.max_timestamp()
    )
}
