//! Looking at a coordinator without touching it.

use super::{Coordinator, Due, GroupNo, Phase};
use crate::catalogue::image::Image;
use crate::group::any::Group;
use crate::inspect::{CoordinatorPhase, CoordinatorView, Counts, GroupView};

impl Coordinator {
    /// What it and all its groups look like.
    pub fn look(&self, image: &Image) -> CoordinatorView {
        let (phase, groups) = match &self.phase {
            Phase::Loading(_) => (CoordinatorPhase::Loading, None),
            Phase::Failed => (CoordinatorPhase::Failed, None),
            Phase::Active(active) if active.asleep.is_some() => (CoordinatorPhase::Loading, Some(active)),
            Phase::Active(active) => (CoordinatorPhase::Active, Some(active)),
        };
        let groups = groups.into_iter().flat_map(|active| active.groups.values());
        CoordinatorView {
            log: self.log,
            phase,
            groups: groups.map(|group| self.look_at(image, group)).collect(),
        }
    }

    /// One group, if it is here and loaded.
    pub fn look_group(&self, image: &Image, id: &str) -> Option<GroupView> {
        let Phase::Active(active) = &self.phase else { return None };
        let number = active.by_id.get(id)?;
        active.groups.get(number).map(|group| self.look_at(image, group))
    }

    fn look_at(&self, image: &Image, group: &Group) -> GroupView {
        let waits = match &self.phase {
            Phase::Active(active) => {
                group.last_write.is_some_and(|number| active.writes.contains_key(&number))
            }
            Phase::Loading(_) | Phase::Failed => false,
        };
        group.look(image, !waits)
    }

    /// Adds what waits here.
    pub fn count(&self, counts: &mut Counts) {
        counts.timers += self.timers.keys().count();
        let Phase::Active(active) = &self.phase else { return };
        counts.group_writes += active.writes.len();
        counts.held_answers += active.writes.values().map(|write| write.answers.len()).sum::<usize>();
        for group in active.groups.values() {
            let (joins, syncs) = group.parked();
            counts.parked_joins += joins;
            counts.parked_syncs += syncs;
        }
    }

    /// Walks all groups.
    ///
    /// # Panics
    /// Something does not hold: our own mistake.
    pub fn check_invariants(&self) {
        let Phase::Active(active) = &self.phase else { return };
        assert!(active.by_id.len() == active.groups.len(), "{}: groups and their ids differ", self.log);
        for (number, group) in &active.groups {
            assert!(
                active.by_id.get(group.id()) == Some(number),
                "group {} goes by another number",
                group.id()
            );
            assert!(!group.is_nothing(), "group {} is kept for nothing", group.id());
            let due = self.timers.has(Due::Group(*number));
            let is_asleep = active.asleep.is_some_and(|from| from <= *number);
            assert!(
                is_asleep || due == group.next_deadline().is_some(),
                "the deadline of group {}",
                group.id()
            );
            group.check_invariants();
        }
        for timer in self.timers.keys() {
            match timer {
                Due::Group(number) => {
                    assert!(active.groups.contains_key(&number), "a deadline of {:?}", GroupNo(number.0));
                }
                Due::Waking | Due::Expiry(_) | Due::Writes | Due::Load => {}
            }
        }
        let mut undurable = active.writes.values().skip_while(|write| !write.durable);
        assert!(
            undurable.next().is_none() || active.writes.values().next().is_some_and(|first| !first.durable),
            "{}: answers of durable appends are held back",
            self.log
        );
    }
}
