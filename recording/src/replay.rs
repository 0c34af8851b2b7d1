//! Lets a recording happen again: the shards of a node together, step after step.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;

use kelpgate_core::shard_message::ShardMessage;
use kelpgate_shard::{Action, Drive, Event, FileReply, FileTicket, Now, Shard, ShardId};

use crate::ending::Ending;
use crate::hash::OutputHash;
use crate::origin::Origin;
use crate::sim_files::SimFiles;
use crate::step::{Recorded, Step};
use crate::tape::{Next, Tape, TapeError};

/// Why a replay cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Tape(#[from] TapeError),
    #[error("{0}")]
    Divergence(Divergence),
    #[error("shard {shard} has recordings of {shards} shards, {found} are there")]
    Shards { shard: ShardId, shards: u16, found: usize },
}

/// Where a replay did not do what the recording did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    pub shard: ShardId,
    /// The step of that shard that had another outcome.
    pub step: u64,
    pub kind: DivergenceKind,
}

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DivergenceKind {
    /// The shard asked for something else.
    Outputs,
    /// A file gave other bytes than had been written to it.
    FileRead { ticket: FileTicket },
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Divergence { shard, step, kind } = self;
        match kind {
            DivergenceKind::Outputs => {
                write!(f, "step {step} of shard {shard} asked for something else than when it was recorded")
            }
            DivergenceKind::FileRead { ticket: FileTicket(ticket) } => write!(
                f,
                "in step {step} of shard {shard} the read {ticket} gave other bytes than had been written there"
            ),
        }
    }
}

/// A node of a recording.
#[derive(Debug)]
pub struct Replay {
    players: Vec<Player>,
    /// By receiver and sender.
    mail: Vec<Vec<VecDeque<ShardMessage>>>,
    steps: u64,
    actions: Vec<Action<ShardMessage>>,
}

/// One shard of it.
pub struct Player {
    pub shard: Shard,
    pub origin: Origin,
    id: ShardId,
    tape: Tape,
    next: Upcoming,
    files: SimFiles,
    hash: OutputHash,
    steps: u64,
}

#[derive(Debug)]
enum Upcoming {
    Step(Step),
    End(Ending),
}

/// A step that was taken again.
#[derive(Debug)]
pub struct Stepped<'a> {
    /// Of the replay, from 1.
    pub number: u64,
    pub shard: ShardId,
    /// Of the shard, from 0.
    pub step: u64,
    pub now: Now,
    pub what: What,
    /// What the shard asked for.
    pub actions: &'a [Action<ShardMessage>],
}

/// What happened in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Opened { conn: kelpgate_shard::ConnId, peer: String },
    Received { conn: kelpgate_shard::ConnId, bytes: usize },
    Flushed { conn: kelpgate_shard::ConnId, bytes: usize },
    Closed { conn: kelpgate_shard::ConnId },
    File { ticket: FileTicket, error: Option<String> },
    FromShard(ShardId),
    Asked,
    Tick,
    Stop,
    EndTurn,
}

impl Replay {
    /// Opens the recording in a folder.
    ///
    /// # Errors
    /// When the series of a shard is missing or its beginning cannot be read.
    pub fn open(folder: &Path) -> Result<Replay, ReplayError> {
        let first = Player::open(folder, ShardId(0))?;
        let shards = first.origin.settings.shards;
        let mut players = vec![first];
        for shard in (1..shards).map(ShardId) {
            players.push(Player::open(folder, shard)?);
        }
        for player in &players {
            let said = player.origin.settings.shards;
            if said != shards {
                return Err(ReplayError::Shards { shard: player.id, shards: said, found: players.len() });
            }
        }
        let boxes = || (0..shards).map(|_| VecDeque::new()).collect();
        let mail = (0..shards).map(|_| boxes()).collect();
        Ok(Replay { players, mail, steps: 0, actions: Vec::new() })
    }

    /// The shards, in their order.
    pub fn players(&self) -> &[Player] {
        &self.players
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Takes the next step: of the shards that can go on, the one whose clock is behind. `None` at the end.
    ///
    /// # Errors
    /// When a series is damaged, and when something comes out that did not when it was recorded.
    pub fn step(&mut self) -> Result<Option<Stepped<'_>>, ReplayError> {
        let Some(index) = self.next_player() else { return Ok(None) };
        let (Some(player), Some(mail)) = (self.players.get_mut(index), self.mail.get_mut(index)) else {
            return Ok(None);
        };
        self.actions.clear();
        let (shard, step) = (player.id, player.steps);
        let (now, what) = player.take(mail, &mut self.actions)?;
        self.steps += 1;
        self.post(shard);
        Ok(Some(Stepped { number: self.steps, shard, step, now, what, actions: &self.actions }))
    }

    /// Delivers the messages among the actions. What is left of them says only that there was one.
    fn post(&mut self, from: ShardId) {
        for action in &mut self.actions {
            if let Action::ToShard { to, message } = action {
                let message = std::mem::replace(message, ShardMessage::Quiet);
                let place = self.mail.get_mut(usize::from(to.0));
                if let Some(letters) = place.and_then(|mail| mail.get_mut(usize::from(from.0))) {
                    letters.push_back(message);
                }
            }
        }
    }

    fn next_player(&self) -> Option<usize> {
        let can_go = |(index, player): (usize, &Player)| match &player.next {
            Upcoming::Step(Step { now, what: Recorded::FromShard(from), .. }) => {
                let waits = self.mail.get(index).and_then(|mail| mail.get(usize::from(from.0)));
                waits.is_some_and(|mail| !mail.is_empty()).then_some((now.mono, index))
            }
            Upcoming::Step(step) => Some((step.now.mono, index)),
            Upcoming::End(_) => None,
        };
        self.players.iter().enumerate().filter_map(can_go).min().map(|(_, index)| index)
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player").field("shard", &self.id).field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl Player {
    fn open(folder: &Path, id: ShardId) -> Result<Player, ReplayError> {
        let (tape, origin) = Tape::open(folder, id)?;
        let mut player = Player {
            shard: origin.shard(),
            origin,
            id,
            tape,
            next: Upcoming::End(Ending::Cut),
            files: SimFiles::default(),
            hash: OutputHash::default(),
            steps: 0,
        };
        player.load()?;
        Ok(player)
    }

    /// Which shard it is.
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// How its series ended; none before that, also when it waits for a message of a shard whose series ended.
    pub fn ending(&self) -> Option<&Ending> {
        match &self.next {
            Upcoming::End(ending) => Some(ending),
            Upcoming::Step(_) => None,
        }
    }

    /// Whether the shard did not come back from its next step when it was recorded.
    pub fn dies_next(&self) -> bool {
        matches!(self.next, Upcoming::Step(_)) && self.tape.is_at_last_of_unfinished()
    }

    /// Reads on to the next step, comparing hashes on the way.
    fn load(&mut self) -> Result<(), ReplayError> {
        loop {
            match self.tape.next()? {
                Next::Step(step) => {
                    if step.check != self.hash.value() as u16 {
                        return Err(self.diverged(self.steps.saturating_sub(1), DivergenceKind::Outputs));
                    }
                    self.next = Upcoming::Step(step);
                    return Ok(());
                }
                Next::Mark(mark) => {
                    if mark.finished && mark.hash != self.hash.value() {
                        return Err(self.diverged(self.steps.saturating_sub(1), DivergenceKind::Outputs));
                    }
                }
                Next::End(ending) => {
                    self.next = Upcoming::End(ending);
                    return Ok(());
                }
            }
        }
    }

    fn diverged(&self, step: u64, kind: DivergenceKind) -> ReplayError {
        ReplayError::Divergence(Divergence { shard: self.id, step, kind })
    }

    fn take(
        &mut self,
        mail: &mut [VecDeque<ShardMessage>],
        actions: &mut Vec<Action<ShardMessage>>,
    ) -> Result<(Now, What), ReplayError> {
        let next = std::mem::replace(&mut self.next, Upcoming::End(Ending::Cut));
        let Upcoming::Step(Step { number, now, what, .. }) = next else {
            unreachable!("a shard whose series ended is not chosen");
        };
        let event = match what {
            Recorded::Event(event) => Some(with_message(event)),
            Recorded::FromShard(from) => {
                let message = mail.get_mut(usize::from(from.0)).and_then(VecDeque::pop_front);
                message.map(|message| Event::FromShard { from, message })
            }
            Recorded::FileRead { ticket, len, crc } => {
                let bytes = self.files.read(ticket, len);
                match bytes.filter(|bytes| crc_fast::crc32_iscsi(bytes) == crc) {
                    Some(bytes) => Some(Event::File { ticket, outcome: Ok(FileReply::Bytes(bytes)) }),
                    None => return Err(self.diverged(number, DivergenceKind::FileRead { ticket })),
                }
            }
            Recorded::EndTurn => None,
        };
        let what = event.as_ref().map_or(What::EndTurn, describe);
        match event {
            Some(event) => {
                if let Event::File { ticket, .. } = &event {
                    self.files.answered(*ticket);
                }
                self.shard.handle(now, event, actions);
            }
            None => self.shard.end_turn(now, actions),
        }
        self.hash.add(actions);
        for action in actions.iter() {
            if let Action::File { ticket, command, .. } = action {
                self.files.carry_out(*ticket, command);
            }
        }
        self.steps += 1;
        self.load()?;
        Ok((now, what))
    }
}

/// The event for a shard: one without a message.
fn with_message(event: Event<()>) -> Event<ShardMessage> {
    match event {
        Event::Opened { conn, peer, local, listener, others } => {
            Event::Opened { conn, peer, local, listener, others }
        }
        Event::Received { conn, bytes } => Event::Received { conn, bytes },
        Event::Flushed { conn, bytes } => Event::Flushed { conn, bytes },
        Event::Closed { conn } => Event::Closed { conn },
        Event::File { ticket, outcome } => Event::File { ticket, outcome },
        Event::Rpc { .. } => unreachable!("nodes that store in SeaweedMQ are not recorded"),
        Event::FromShard { .. } => unreachable!("messages are not among recorded events"),
        Event::Asked { ticket, question } => Event::Asked { ticket, question },
        Event::Tick => Event::Tick,
        Event::Stop => Event::Stop,
    }
}

fn describe(event: &Event<ShardMessage>) -> What {
    match event {
        Event::Opened { conn, peer, .. } => What::Opened { conn: *conn, peer: peer.clone() },
        Event::Received { conn, bytes } => What::Received { conn: *conn, bytes: bytes.len() },
        Event::Flushed { conn, bytes } => What::Flushed { conn: *conn, bytes: *bytes },
        Event::Closed { conn } => What::Closed { conn: *conn },
        Event::File { ticket, outcome } => {
            What::File { ticket: *ticket, error: outcome.as_ref().err().map(ToString::to_string) }
        }
        Event::Rpc { .. } => unreachable!("nodes that store in SeaweedMQ are not recorded"),
        Event::FromShard { from, .. } => What::FromShard(*from),
        Event::Asked { .. } => What::Asked,
        Event::Tick => What::Tick,
        Event::Stop => What::Stop,
    }
}
