//! Reads the series of one shard.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use kelpgate_shard::{Now, ShardId};

use crate::chunk::{self, Chunk};
use crate::ending::Ending;
use crate::folder::part_name;
use crate::origin::{self, NotReadable, Origin};
use crate::step::{self, Step};
use crate::wire::{Fields, Nonsense};

/// Why a series cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    #[error("cannot read {}: {error}", file.display())]
    Unreadable { file: PathBuf, error: io::Error },
    #[error("{} is no part of a recording", file.display())]
    Foreign { file: PathBuf },
    #[error("{} cannot be replayed: {error}", file.display())]
    Origin { file: PathBuf, error: NotReadable },
    #[error(
        "{} is damaged at byte {at}, after step {steps} of shard {shard}: {what}",
        file.display()
    )]
    Damaged { file: PathBuf, at: u64, shard: ShardId, steps: u64, what: String },
}

/// The series of one shard, read from its beginning to its end.
#[derive(Debug)]
pub struct Tape {
    folder: PathBuf,
    shard: ShardId,
    part: Part,
    number: u32,
    /// The steps of the chunk at hand, and the hash after them.
    steps: Fields,
    mark: Option<Mark>,
    last: Now,
    next_step: u64,
    ended: Option<Ending>,
}

/// What all outputs up to a step come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub hash: u64,
    /// The shard came back from the last step before this.
    pub finished: bool,
}

/// What comes next in a series.
#[derive(Debug)]
pub enum Next {
    Step(Step),
    Mark(Mark),
    End(Ending),
}

#[derive(Debug)]
struct Part {
    path: PathBuf,
    file: io::BufReader<File>,
    at: u64,
    len: u64,
}

impl Tape {
    /// Opens the series of a shard; gives what the shard was made of.
    ///
    /// # Errors
    /// When there is none, or its beginning is not what a recorder writes.
    pub fn open(folder: &Path, shard: ShardId) -> Result<(Tape, Origin), TapeError> {
        let part = Part::open(folder, shard, 1)?;
        let mut tape = Tape {
            folder: folder.into(),
            shard,
            part,
            number: 1,
            steps: Fields(Bytes::new()),
            mark: None,
            last: Now::default(),
            next_step: 0,
            ended: None,
        };
        let file = tape.part.path.clone();
        match tape.chunk()? {
            Some(Chunk::Origin(contents)) => {
                let origin = origin::read(contents).map_err(|error| TapeError::Origin { file, error })?;
                Ok((tape, origin))
            }
            Some(Chunk::Steps { .. } | Chunk::End { .. }) => {
                Err(tape.damaged("it does not begin with what the shard was made of"))
            }
            None => Err(tape.damaged("it ends before it says what the shard was made of")),
        }
    }

    /// What comes next; the end again and again.
    ///
    /// # Errors
    /// When a file cannot be read, or is damaged.
    pub fn next(&mut self) -> Result<Next, TapeError> {
        loop {
            if !self.steps.is_empty() {
                let step = step::decode(&mut self.steps, self.next_step, self.last);
                let step = step.map_err(|error| self.damaged(error))?;
                self.next_step += 1;
                self.last = step.now;
                return Ok(Next::Step(step));
            }
            if let Some(mark) = self.mark.take() {
                return Ok(Next::Mark(mark));
            }
            if let Some(ending) = &self.ended {
                return Ok(Next::End(ending.clone()));
            }
            match self.chunk()? {
                Some(Chunk::Steps { first, hash, finished, steps }) if first == self.next_step => {
                    self.steps = steps;
                    self.mark = Some(Mark { hash, finished });
                    self.last = Now::default();
                }
                Some(Chunk::Steps { first, .. }) => {
                    return Err(self.damaged(format_args!("step {first} comes next")));
                }
                Some(Chunk::End { steps, ending }) if steps == self.next_step => self.ended = Some(ending),
                Some(Chunk::End { steps, .. }) => {
                    return Err(self.damaged(format_args!("it says that it has {steps} steps")));
                }
                Some(Chunk::Origin(_)) => return Err(self.damaged("another shard begins")),
                None => self.ended = Some(Ending::Cut),
            }
        }
    }

    /// Whether the step that was read last is one that the shard did not come back from.
    pub fn is_at_last_of_unfinished(&self) -> bool {
        self.steps.is_empty() && self.mark.is_some_and(|mark| !mark.finished)
    }

    /// The next chunk; none at the end of the last part, also where a chunk is not whole there.
    fn chunk(&mut self) -> Result<Option<Chunk>, TapeError> {
        let left = self.part.len - self.part.at;
        if left == 0 {
            return match self.next_part()? {
                true => self.chunk(),
                false => Ok(None),
            };
        }
        let mut head = [0; chunk::HEAD];
        if left < chunk::HEAD as u64 {
            return self.cut();
        }
        self.part.read(&mut head)?;
        let (length, crc) = head.split_at(4);
        let number = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_le_bytes);
        let (length, crc) = (number(length), number(crc));
        if u64::from(length) > left - chunk::HEAD as u64 {
            return self.cut();
        }
        let mut contents = vec![0; length as usize];
        self.part.read(&mut contents)?;
        if crc_fast::crc32_iscsi(&contents) != crc {
            return Err(self.damaged("its checksum is another"));
        }
        Chunk::decode(contents.into()).map(Some).map_err(|error: Nonsense| self.damaged(error))
    }

    /// A chunk that is not whole: what a killed process leaves at the end of its last part, and damage anywhere else.
    fn cut(&mut self) -> Result<Option<Chunk>, TapeError> {
        match self.folder.join(part_name(self.shard, self.number + 1)).exists() {
            true => Err(self.damaged("a part ends in the middle and others follow")),
            false => Ok(None),
        }
    }

    fn next_part(&mut self) -> Result<bool, TapeError> {
        let number = self.number + 1;
        if !self.folder.join(part_name(self.shard, number)).exists() {
            return Ok(false);
        }
        self.part = Part::open(&self.folder, self.shard, number)?;
        self.number = number;
        Ok(true)
    }

    fn damaged(&self, what: impl ToString) -> TapeError {
        TapeError::Damaged {
            file: self.part.path.clone(),
            at: self.part.at,
            shard: self.shard,
            steps: self.next_step,
            what: what.to_string(),
        }
    }
}

impl Part {
    fn open(folder: &Path, shard: ShardId, number: u32) -> Result<Part, TapeError> {
        let path = folder.join(part_name(shard, number));
        let unreadable = |error| TapeError::Unreadable { file: path.clone(), error };
        let file = File::open(&path).map_err(unreadable)?;
        let len = file.metadata().map_err(unreadable)?.len();
        let mut part = Part { path: path.clone(), file: io::BufReader::new(file), at: 0, len };
        let mut title = vec![0; chunk::TITLE.len()];
        if len < title.len() as u64 {
            return Err(TapeError::Foreign { file: path });
        }
        part.read(&mut title)?;
        if title != chunk::TITLE {
            return Err(TapeError::Foreign { file: path });
        }
        Ok(part)
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), TapeError> {
        let read = self.file.read_exact(into);
        self.at += into.len() as u64;
        read.map_err(|error| TapeError::Unreadable { file: self.path.clone(), error })
    }
}
