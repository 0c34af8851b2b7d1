//! The phases of a classic group and the edges between them.

use crate::time::Instant;

/// Where a classic group stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// No members.
    Empty,
    /// Members are to join, for the first time or again, and wait for each other.
    PreparingRebalance(Gathering),
    /// The generation is fixed; the leader is to bring the assignments.
    CompletingRebalance,
    /// Each member has, or can get, its part.
    Stable,
}

/// How long the members of the next generation are waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gathering {
    /// The group was empty: nobody knows who will come, so only time tells when to go on, and this at the latest.
    First { until: Instant },
    /// The members of the last generation are known: when all have joined again, or the time is over.
    Again,
}

impl Phase {
    /// Kafka's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Empty => "Empty",
            Phase::PreparingRebalance(_) => "PreparingRebalance",
            Phase::CompletingRebalance => "CompletingRebalance",
            Phase::Stable => "Stable",
        }
    }

    /// Whether a group may go from this phase straight to another.
    pub fn leads_to(self, next: Phase) -> bool {
        match next {
            Phase::Empty => matches!(self, Phase::PreparingRebalance(_)),
            Phase::PreparingRebalance(Gathering::First { .. }) => self == Phase::Empty,
            Phase::PreparingRebalance(Gathering::Again) => {
                matches!(self, Phase::Stable | Phase::CompletingRebalance)
            }
            Phase::CompletingRebalance => matches!(self, Phase::PreparingRebalance(_)),
            Phase::Stable => self == Phase::CompletingRebalance,
        }
    }
}
