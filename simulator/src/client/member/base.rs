//! What members of both protocols have in common: the way to the coordinator, and what is read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kelpgate_core::protocol::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use kelpgate_core::protocol::{ErrorCode, Str};
use kelpgate_core::time::Instant;

use super::MemberOptions;
use crate::client::consumption::{Consumption, Position};
use crate::client::line::{Line, LineNews};
use crate::client::{Context, Happening};
use crate::history::{Membership, Observation, Op, Outcome, Place};

/// How long a member waits after an error.
pub(super) const BACKOFF: Duration = Duration::from_millis(100);
/// How long an answer may take that need not wait for others.
const PATIENCE: Duration = Duration::from_secs(8);

/// What a request to the coordinator was for.
#[derive(Debug)]
pub(super) enum What {
    Coordinator,
    Join,
    Sync,
    /// Sent then, as a member of this generation.
    Heartbeat {
        generation: i32,
        at: Instant,
    },
    /// Said goodbye.
    Leave,
    /// A heartbeat of KIP-848 that told it owns these.
    Consumer {
        owned: Option<BTreeSet<Place>>,
    },
    Offsets,
    Commit {
        op: Op,
        offsets: BTreeMap<Place, i64>,
    },
    /// A commit as of an earlier generation or epoch.
    LateCommit,
}

/// Who a member is at the moment, as commits must say.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) id: Str,
    /// Generation or member epoch.
    pub(super) epoch: i32,
}

pub(super) struct Base {
    pub(super) options: MemberOptions,
    pub(super) consumption: Consumption,
    pub(super) coordinator: Line<What>,
    /// Whether the coordinator is known to be where the line goes.
    is_found: bool,
    /// Nothing is asked before.
    pub(super) pause_until: Instant,
    /// What the coordinator holds, as far as this member knows.
    pub(super) committed: BTreeMap<Place, i64>,
    pub(super) commit_due: Instant,
    /// The generation or epoch in which a late commit was last thought of.
    pub(super) late_in: i32,
    pub(super) healed: bool,
}

impl Base {
    pub(super) fn new(options: MemberOptions) -> Base {
        Base {
            consumption: Consumption::new(options.fetch.clone()),
            options,
            coordinator: Line::new(PATIENCE),
            is_found: false,
            pause_until: Instant::default(),
            committed: BTreeMap::new(),
            commit_due: Instant::default(),
            late_in: 0,
            healed: false,
        }
    }

    pub(super) fn who(&self, cx: &Context<'_>, id: &Str) -> Membership {
        Membership { node: cx.node, group: self.options.group.clone(), member: id.clone() }
    }

    pub(super) fn heal(&mut self, cx: &Context<'_>) {
        self.healed = true;
        self.consumption.heal(cx);
    }

    pub(super) fn die(&mut self, cx: &mut Context<'_>, closing: bool) {
        let lost = match closing {
            true => self.coordinator.hang_up(cx),
            false => self.coordinator.forget(),
        };
        self.lost(cx, &lost);
        self.consumption.die(cx, closing);
        self.committed.clear();
        self.pause_until = Instant::default();
    }

    /// Hands a happening to the line that it is for, or to both.
    pub(super) fn take(&mut self, happening: Happening, cx: &mut Context<'_>) -> LineNews<What> {
        match happening.link() {
            Some(link) if self.consumption.is_on(link) => {
                self.consumption.take(happening, cx);
                LineNews::Nothing
            }
            Some(_) => self.coordinator.take(happening, cx),
            None => {
                self.consumption.take(Happening::Woken, cx);
                self.coordinator.take(Happening::Woken, cx)
            }
        }
    }

    /// The line is gone, and with it the answers.
    pub(super) fn lost(&mut self, cx: &mut Context<'_>, lost: &[What]) {
        self.is_found = false;
        for what in lost {
            if let What::Commit { op, .. } = what {
                cx.saw(Observation::CommitEnded { op: *op, outcome: Outcome::Unknown });
            }
        }
    }

    /// Whether the coordinator can be asked something now; if not, what is missing is asked for.
    pub(super) fn is_ready(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.coordinator.is_up() {
            return false;
        }
        if self.pause_until > cx.now {
            cx.wake_in(self.pause_until.saturating_since(cx.now));
            return false;
        }
        if !self.is_found && !self.is_asking(|what| matches!(what, What::Coordinator)) {
            let version = self.options.versions.find;
            let group = self.options.group.clone();
            let request = match version {
                0..=3 => FindCoordinatorRequest { key: group, ..Default::default() },
                _ => FindCoordinatorRequest { coordinator_keys: vec![group], ..Default::default() },
            };
            self.coordinator.send(cx, What::Coordinator, version, request);
        }
        self.is_found
    }

    pub(super) fn is_asking(&self, what: impl Fn(&What) -> bool) -> bool {
        self.coordinator.waiting().any(what)
    }

    pub(super) fn found(&mut self, cx: &Context<'_>, answer: FindCoordinatorResponse) {
        let error = answer.coordinators.first().map_or(answer.error_code, |found| found.error_code);
        match error {
            ErrorCode::NONE => self.is_found = true,
            _ => self.pause(cx),
        }
    }

    pub(super) fn pause(&mut self, cx: &Context<'_>) {
        self.pause_until = cx.now + BACKOFF;
    }

    /// An error that says something of the coordinator rather than of the member; false for others.
    pub(super) fn is_coordinators(&mut self, cx: &Context<'_>, error: ErrorCode) -> bool {
        match error {
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => self.is_found = false,
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => {}
            error if error.is_retriable() => {}
            _ => return false,
        }
        self.pause(cx);
        true
    }

    /// From now on the member owns these, and nothing else.
    pub(super) fn own(&mut self, cx: &mut Context<'_>, standing: &Standing, places: BTreeSet<Place>) {
        cx.saw(Observation::Owns {
            who: self.who(cx, &standing.id),
            epoch: standing.epoch,
            partitions: places.iter().cloned().collect(),
        });
        self.committed.retain(|place, _| places.contains(place));
        self.consumption.assign(places, Position::Awaited);
    }

    /// The member knows that it has lost everything.
    pub(super) fn lose(&mut self, cx: &mut Context<'_>, id: &Str) {
        cx.saw(Observation::Lost { who: self.who(cx, id) });
        self.committed.clear();
        self.consumption.assign(BTreeSet::new(), Position::Awaited);
    }

    /// What the member owns.
    pub(super) fn owned(&self) -> BTreeSet<Place> {
        self.consumption.places().cloned().collect()
    }

    /// Whether, after healing, everything is read and committed.
    pub(super) fn is_done(&self) -> bool {
        self.healed
            && self.consumption.is_read_up()
            && self.uncommitted().is_empty()
            && !self.is_asking(|what| matches!(what, What::Commit { .. }))
    }
}
