//! When the regular expressions of a group are resolved, and what comes of it (KIP-848;
//! `GroupMetadataManager.maybeUpdateRegularExpressions` of Kafka).
//!
//! The join by a new expression is answered first; the resolution follows on a timer that is due at once, in slices, and
//! raises the group's epoch when it ends.

use alloc::vec::Vec;
use core::time::Duration;

use super::admission::Refusal;
use super::regex::pattern::Pattern;
use super::regex::resolution::Resolution;
use super::subscriptions::Resolved;
use super::timers::ConsumerTimer;
use super::{ConsumerGroup, writing};
use crate::group::step::Step;
use crate::protocol::{ErrorCode, Str};
use crate::time::Instant;

/// How soon one resolution may follow another.
const SOONEST: Duration = Duration::from_secs(10);

/// How soon the next slice follows.
const NEXT_SLICE: Duration = Duration::from_millis(1);

/// What is known of the last resolution of this run.
#[derive(Clone, Copy, Debug)]
pub struct Refreshed {
    /// When it began.
    at: Instant,
    /// The catalogue's change it was of.
    version: u64,
}

impl ConsumerGroup {
    /// Checks an expression that no member uses yet.
    ///
    /// # Errors
    /// INVALID_REGULAR_EXPRESSION.
    pub(super) fn check_regex(&self, regex: Option<&Str>) -> Result<(), Refusal> {
        let Some(regex) = regex.filter(|regex| !regex.is_empty() && self.subscriptions.users_of(regex) == 0)
        else {
            return Ok(());
        };
        Pattern::new(regex).map(|_| ()).map_err(|why| {
            Refusal::new(
                ErrorCode::INVALID_REGULAR_EXPRESSION,
                alloc::format!("SubscribedTopicRegex `{regex}` is not a valid regular expression: {why}."),
            )
        })
    }

    /// Begins a resolution if one is due and none is under way. Every heartbeat asks.
    pub(super) fn maybe_resolve(&mut self, step: &mut Step<'_>) {
        if self.run.resolution.is_some() || !self.must_resolve(step) {
            return;
        }
        let used = self.subscriptions.regexes().filter(|(_, regex)| regex.members > 0);
        let regexes: Vec<Str> = used.map(|(text, _)| text.clone()).collect();
        if regexes.is_empty() {
            return;
        }
        self.run.resolution = Some(Resolution::new(regexes, step.image));
        self.run.refreshed = Some(Refreshed { at: step.now.mono, version: step.image.change_number() });
        self.run.timers.set(ConsumerTimer::Resolution, step.now.mono);
    }

    /// Not more often than every ten seconds (counted anew when the group has no resolved expression), and then if one
    /// is unresolved, the catalogue has changed, or the last time is long ago. Topics being deleted alone would not need
    /// it, but finding out costs as much.
    fn must_resolve(&self, step: &Step<'_>) -> bool {
        let is_unresolved = self.subscriptions.regexes().any(|(_, regex)| regex.resolved.is_none());
        let is_resolved = self.subscriptions.regexes().any(|(_, regex)| regex.resolved.is_some());
        let Some(refreshed) = self.run.refreshed else { return is_unresolved || is_resolved };
        let since = step.now.mono.saturating_since(refreshed.at);
        if is_resolved && since <= SOONEST {
            return false;
        }
        is_unresolved
            || refreshed.version < step.image.change_number()
            || since > step.config.consumer_regex_refresh_interval
    }

    /// The next slice of a resolution.
    pub(super) fn go_on_resolving(&mut self, step: &mut Step<'_>, group_id: &Str) {
        let Some(mut resolution) = self.run.resolution.take() else { return };
        match resolution.advance(step.image) {
            Some(found) => self.resolved(step, group_id, resolution.version, found),
            None => {
                self.run.resolution = Some(resolution);
                self.run.timers.set(ConsumerTimer::Resolution, step.now.mono + NEXT_SLICE);
            }
        }
    }

    /// Stores what is new, for the expressions that are still in use. The epoch rises if any stands for other topics than
    /// before. Topics that are gone do not count: their going was seen by itself.
    fn resolved(&mut self, step: &mut Step<'_>, group_id: &Str, version: u64, found: Vec<(Str, Vec<Str>)>) {
        let mut differs = false;
        for (regex, topics) in found {
            let Some(state) = self.subscriptions.regex(&regex).filter(|state| state.members > 0) else {
                continue;
            };
            let before = state.resolved.as_ref().map(|resolved| resolved.topics.as_ref());
            if before == Some(topics.as_slice()) {
                continue;
            }
            let existing = before.unwrap_or_default().iter().filter(|name| step.image.topic(name).is_some());
            differs |= !existing.eq(topics.iter());
            let resolved = Resolved {
                topics: topics.into(),
                version: i64::try_from(version).unwrap_or(i64::MAX),
                timestamp: step.now.wall.0,
            };
            self.put(step, writing::regex(group_id, &regex, Some(&resolved)));
        }
        self.look_at_topics(step, group_id, differs);
    }
}
