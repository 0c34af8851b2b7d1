//! Why a command failed, for the person who gave it.

use std::io;
use std::path::PathBuf;

use crate::settings::Origin;

/// A failure, its cause, and where there is one what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("--set {0}: expected KEY=VALUE")]
    BadSet(String),
    #[error("cannot read {}: {source}", file.display())]
    ReadConfig { file: PathBuf, source: io::Error },
    #[error("{}: {text}", file.display())]
    ParseConfig { file: PathBuf, text: String },
    #[error("{origin}: there is no property {key}{}", suggestion.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default())]
    UnknownKey { key: String, origin: Origin, suggestion: Option<String> },
    #[error("{origin}: {message}")]
    BadValue { origin: Origin, message: String },
    #[error("{key} is given twice, by {first} and by {second}")]
    GivenTwice { key: String, first: Origin, second: Origin },
    #[error("the configuration contradicts itself: {0}")]
    Contradiction(String),
    #[error("{key}: {message}")]
    Address { key: &'static str, message: String },
    #[error(transparent)]
    Folder(#[from] kelpgate_files::StartError),
    #[error("the data folder {}: {source}", folder.display())]
    FindFolder { folder: PathBuf, source: io::Error },
    #[error("cannot {what}: {source}")]
    System { what: &'static str, source: io::Error },
    #[error("{0}")]
    Runtime(#[from] kelpgate_runtime_mio::RuntimeError),
    #[error("kelpgate.smq.master: {0}")]
    Masters(#[from] kelpgate_smq_client::AddressError),
    #[error(transparent)]
    Security(#[from] kelpgate_smq_client::SecurityError),
    #[error("a node that keeps its records in SeaweedMQ is not recorded: --record needs the embedded log")]
    NotRecorded,
    #[error(transparent)]
    Record(#[from] kelpgate_recording::RecordingError),
    #[error(transparent)]
    FindRecording(#[from] kelpgate_recording::FolderError),
    #[error("cannot replay {}: {error}", folder.display())]
    Replay { folder: PathBuf, error: kelpgate_recording::ReplayError },
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    #[error("the data folder {} cannot be read: {text}", folder.display())]
    Inspect { folder: PathBuf, text: String },
    #[error("there is no topic {0} in the data folder")]
    NoTopic(String),
    #[error("{0} of the logs in the data folder are damaged")]
    Damaged(usize),
}
