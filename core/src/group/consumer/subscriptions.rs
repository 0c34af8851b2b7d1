//! What the members of a group subscribe to, taken together.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::member::{Description, sorted_names};
use crate::catalogue::image::Image;
use crate::protocol::Str;
use crate::uuid::Uuid;

/// The topics that a regular expression matched: record type 16.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// In order.
    pub topics: Arc<[Str]>,
    /// The catalogue's change it was matched at.
    pub version: i64,
    /// When, in milliseconds since 1970.
    pub timestamp: i64,
}

/// A regular expression of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regex {
    /// How many members subscribe by it.
    pub members: usize,
    /// None before its first resolution.
    pub resolved: Option<Resolved>,
}

/// Sets of names and regular expressions, each with how many members use it: a thousand members mostly share one.
#[derive(Debug, Default)]
pub struct Subscriptions {
    names: BTreeMap<Arc<[Str]>, usize>,
    regexes: BTreeMap<Str, Regex>,
}

impl Subscriptions {
    /// The set of these names, shared with members that have the same.
    pub fn shared(&self, names: &[Str]) -> Arc<[Str]> {
        if let Some((known, _)) = self.names.get_key_value(names) {
            return known.clone();
        }
        let sorted = sorted_names(names);
        match self.names.get_key_value(sorted.as_slice()) {
            Some((known, _)) => known.clone(),
            None => sorted.into(),
        }
    }

    /// A member subscribes to this.
    pub fn add(&mut self, description: &Description) {
        *self.names.entry(description.names.clone()).or_default() += 1;
        if let Some(regex) = &description.regex {
            self.regexes.entry(regex.clone()).or_default().members += 1;
        }
    }

    /// A member no longer subscribes to this.
    pub fn remove(&mut self, description: &Description) {
        if let Some(users) = self.names.get_mut(&description.names) {
            *users = users.saturating_sub(1);
            if *users == 0 {
                self.names.remove(&description.names);
            }
        }
        if let Some(regex) = &description.regex {
            self.change_regex(regex, |regex| regex.members = regex.members.saturating_sub(1));
        }
    }

    /// Sets or forgets what a regular expression stands for.
    pub fn resolve(&mut self, regex: &Str, resolved: Option<Resolved>) {
        self.change_regex(regex, |regex| regex.resolved = resolved);
    }

    fn change_regex(&mut self, regex: &Str, change: impl FnOnce(&mut Regex)) {
        let mut state = self.regexes.remove(regex.as_str()).unwrap_or_default();
        change(&mut state);
        if state != Regex::default() {
            self.regexes.insert(regex.detach(), state);
        }
    }

    /// A regular expression that members subscribe by or that is still resolved.
    pub fn regex(&self, regex: &str) -> Option<&Regex> {
        self.regexes.get(regex)
    }

    /// All of them, in order.
    pub fn regexes(&self) -> impl ExactSizeIterator<Item = (&Str, &Regex)> {
        self.regexes.iter()
    }

    /// How many members subscribe by a regular expression.
    pub fn users_of(&self, regex: &str) -> usize {
        self.regexes.get(regex).map_or(0, |regex| regex.members)
    }

    /// The topics that a regular expression stands for; none as long as it is not resolved.
    pub fn matched(&self, regex: Option<&Str>) -> &[Str] {
        let resolved = regex.and_then(|regex| self.regexes.get(regex)?.resolved.as_ref());
        resolved.map_or(&[], |resolved| &resolved.topics)
    }

    /// Whether a member with this description wants a topic.
    pub fn wants(&self, description: &Description, topic: &str) -> bool {
        has(&description.names, topic) || has(self.matched(description.regex.as_ref()), topic)
    }

    /// Whether any member may want a topic.
    pub fn contains(&self, topic: &str) -> bool {
        let matches = |regex: &Regex| regex.resolved.as_ref().is_some_and(|it| has(&it.topics, topic));
        self.names.keys().any(|names| has(names, topic)) || self.regexes.values().any(matches)
    }

    /// The names of all topics that any member may want, sorted, each once.
    pub fn topics(&self) -> Vec<&Str> {
        let matched = self.regexes.values().filter_map(|regex| regex.resolved.as_ref());
        let matched = matched.flat_map(|resolved| resolved.topics.iter());
        let mut topics: Vec<&Str> = self.names.keys().flat_map(|names| names.iter()).chain(matched).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// The ids of the topics that a member with this description wants and that exist.
    pub fn ids(&self, description: &Description, image: &Image) -> Vec<Uuid> {
        let names = description.names.iter().chain(self.matched(description.regex.as_ref()));
        let mut ids: Vec<Uuid> = names.filter_map(|name| image.topic(name)).map(|topic| topic.id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// Whether a sorted set has a name.
fn has(names: &[Str], topic: &str) -> bool {
    names.binary_search_by(|name| name.as_str().cmp(topic)).is_ok()
}
