//! A group with its members, topics and partitions numbered.
//!
//! Members are numbered in range order, topics by name, and the partitions of all subscribed topics in a row: such a number
//! is a *slot*. All numbers are made here, from 0 without gaps, so tables of the right length can be indexed by them.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::racks::Racks;

/// Who gets each slot; `None` only while an assignor is at work.
pub(super) type Owners = Vec<Option<u32>>;

/// A member, its topics named by keys of type `K`.
pub(super) struct Person<'a, K> {
    pub(super) member_id: &'a str,
    pub(super) instance_id: Option<&'a str>,
    pub(super) topics: &'a [K],
}

/// The numbers of a group.
pub(super) struct Numbered<K> {
    /// Where each member stood in the caller's list.
    places: Vec<usize>,
    topics: Vec<Topic<K>>,
    /// Topic numbers by key, rising.
    index: Vec<(K, usize)>,
    slots: usize,
    subscribers: Subscribers,
    /// What each member owned before.
    claims: Vec<Vec<usize>>,
    racks: Option<Racks>,
}

/// A slot, and what it is the slot of.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) topic: usize,
    pub(super) partition: usize,
    pub(super) slot: usize,
}

struct Topic<K> {
    key: K,
    slots: Range<usize>,
}

enum Subscribers {
    /// All members have the same topics.
    Everyone(Vec<u32>),
    /// Member numbers by topic, rising.
    PerTopic(Vec<Vec<u32>>),
}

impl<K: Copy + Ord> Numbered<K> {
    /// Numbers a group. `topics` are in the order wanted, with their partition counts; of two with the same key the first
    /// counts. Topics nobody subscribes to get no slots.
    pub(super) fn new(topics: &[(K, u32)], people: &[Person<'_, K>]) -> Numbered<K> {
        let mut index: Vec<(K, usize)> =
            topics.iter().enumerate().map(|(number, (key, _))| (*key, number)).collect();
        index.sort();
        index.dedup_by_key(|(key, _)| *key);
        let places = range_order(people);
        let (kinds, kind_of) =
            subscriptions(&index, topics, places.iter().map(|place| people[*place].topics));
        let mut per_topic: Vec<Vec<u32>> = vec![Vec::new(); topics.len()];
        let subscribers = if kinds.len() <= 1 {
            Subscribers::Everyone((0..places.len() as u32).collect())
        } else {
            for (member, kind) in kind_of.into_iter().enumerate() {
                kinds[kind].iter().for_each(|topic| per_topic[*topic].push(member as u32));
            }
            Subscribers::PerTopic(per_topic)
        };
        let mut wanted = vec![false; topics.len()];
        kinds.iter().flatten().for_each(|topic| wanted[*topic] = true);
        let mut slots = 0;
        let mut numbered = Vec::with_capacity(topics.len());
        for ((key, partitions), wanted) in topics.iter().zip(wanted) {
            let first = slots;
            slots += if wanted { *partitions as usize } else { 0 };
            numbered.push(Topic { key: *key, slots: first..slots });
        }
        let claims = vec![Vec::new(); places.len()];
        Numbered { places, topics: numbered, index, slots, subscribers, claims, racks: None }
    }

    /// Notes what each member owned before: `owned` gives the topics and partitions of the member at that place of the
    /// caller's list. Claims on what does not exist, is not subscribed or has been claimed already are dropped.
    pub(super) fn claim<'a, I>(&mut self, owned: impl Fn(usize) -> I)
    where
        I: Iterator<Item = (K, &'a [i32])>,
    {
        let mut taken = vec![false; self.slots];
        for member in 0..self.members() {
            let mut claims = self.slots_of(owned(self.places[member]));
            claims.retain(|claim| !core::mem::replace(&mut taken[claim.slot], true));
            self.set_claims(member, claims);
        }
    }

    /// Notes what a member owned before, the first to be kept first. What it is not subscribed to is dropped.
    pub(super) fn set_claims(&mut self, member: usize, mut claims: Vec<Claim>) {
        claims.retain(|claim| self.is_subscribed(member as u32, claim.topic));
        self.claims[member] = claims.into_iter().map(|claim| claim.slot).collect();
    }

    /// The slots of partitions, in order of topic and partition, without those that have none.
    pub(super) fn slots_of<'a>(&self, partitions: impl Iterator<Item = (K, &'a [i32])>) -> Vec<Claim> {
        let mut keys = Keys::new(&self.index);
        let mut claims = Vec::new();
        for (key, partitions) in partitions {
            let Some(topic) = keys.number(key) else { continue };
            let slots = self.topics[topic].slots.clone();
            for partition in partitions.iter().filter_map(|partition| usize::try_from(*partition).ok()) {
                if partition < slots.len() {
                    claims.push(Claim { topic, partition, slot: slots.start + partition });
                }
            }
        }
        claims.sort_unstable_by_key(|claim| claim.slot);
        claims.dedup_by_key(|claim| claim.slot);
        claims
    }

    /// Notes where members and replicas are: the rack of the member at a place of the caller's list, and the racks of
    /// each partition of the topic at a place of the list of topics; partitions beyond its end are nowhere.
    pub(super) fn locate<'a>(
        &mut self,
        of_member: impl Fn(usize) -> Option<&'a str>,
        of_topic: impl Fn(usize) -> &'a [Vec<&'a str>],
    ) {
        let members = self.places.iter().map(|place| of_member(*place));
        let slots = self.topics.iter().enumerate().flat_map(|(number, topic)| {
            let racks = of_topic(number);
            (0..topic.slots.len()).map(|partition| racks.get(partition).into_iter().flatten().copied())
        });
        self.racks = Racks::new(members, slots);
    }

    /// Where members and replicas are, if members say so.
    pub(super) fn racks(&self) -> Option<&Racks> {
        self.racks.as_ref()
    }

    /// Where a member stood in the caller's list.
    pub(super) fn place(&self, member: usize) -> usize {
        self.places[member]
    }

    /// How many members there are.
    pub(super) fn members(&self) -> usize {
        self.places.len()
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// Whether all members have the same topics.
    pub(super) fn is_homogeneous(&self) -> bool {
        matches!(self.subscribers, Subscribers::Everyone(_))
    }

    /// The slots a member claims, those to be kept first first.
    pub(super) fn claims(&self, member: usize) -> &[usize] {
        &self.claims[member]
    }

    /// Who claims each slot.
    pub(super) fn owned(&self) -> Owners {
        let mut owned = vec![None; self.slots];
        for (member, claims) in self.claims.iter().enumerate() {
            claims.iter().for_each(|slot| owned[*slot] = Some(member as u32));
        }
        owned
    }

    /// The topics that have slots: their slots and subscribers.
    pub(super) fn topics(&self) -> impl Iterator<Item = (Range<usize>, &[u32])> {
        let wanted = self.topics.iter().enumerate().filter(|(_, topic)| !topic.slots.is_empty());
        wanted.map(|(number, topic)| (topic.slots.clone(), self.subscribers_of(number)))
    }

    /// What each member was given, by topic key, in the order of the caller's list.
    pub(super) fn handed_out(&self, owners: &Owners) -> Vec<BTreeMap<K, Vec<i32>>> {
        let mut given: Vec<BTreeMap<K, Vec<i32>>> = vec![BTreeMap::new(); self.members()];
        for topic in &self.topics {
            for (partition, owner) in owners[topic.slots.clone()].iter().enumerate() {
                if let Some(owner) = owner {
                    let place = self.places[*owner as usize];
                    given[place].entry(topic.key).or_default().push(partition as i32);
                }
            }
        }
        given
    }

    fn subscribers_of(&self, topic: usize) -> &[u32] {
        match &self.subscribers {
            Subscribers::Everyone(everyone) => everyone,
            Subscribers::PerTopic(lists) => &lists[topic],
        }
    }

    fn is_subscribed(&self, member: u32, topic: usize) -> bool {
        match &self.subscribers {
            // Topics nobody wants have no slots to claim.
            Subscribers::Everyone(_) => true,
            Subscribers::PerTopic(lists) => lists[topic].binary_search(&member).is_ok(),
        }
    }
}

/// The places of the members in range order: static ones by instance id, then dynamic ones by member id.
fn range_order<K>(people: &[Person<'_, K>]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..people.len()).collect();
    places.sort_by_key(|place| {
        let person = &people[*place];
        (person.instance_id.is_none(), person.instance_id.unwrap_or(person.member_id), person.member_id)
    });
    places
}

/// The different subscriptions, as rising topic numbers without empty topics, and which of them each member has. Equal
/// ones that stand apart may appear twice, but a homogeneous group always has a single one.
fn subscriptions<'a, K: Copy + Ord + 'a>(
    index: &[(K, usize)],
    topics: &[(K, u32)],
    wishes: impl Iterator<Item = &'a [K]>,
) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut kinds: Vec<Vec<usize>> = Vec::new();
    let mut kind_of = Vec::new();
    let mut before: Option<&[K]> = None;
    for wish in wishes {
        // Members that share a list are the rule, and need not be translated again.
        if !before.is_some_and(|before| core::ptr::eq(before, wish) || before == wish) {
            let mut keys = Keys::new(index);
            let mut numbers: Vec<usize> = wish.iter().filter_map(|key| keys.number(*key)).collect();
            numbers.retain(|number| topics[*number].1 > 0);
            numbers.sort_unstable();
            numbers.dedup();
            if kinds.last() != Some(&numbers) {
                kinds.push(numbers);
            }
            before = Some(wish);
        }
        kind_of.push(kinds.len() - 1);
    }
    (kinds, kind_of)
}

/// Looks up topic keys; fast if they come in rising order.
struct Keys<'a, K> {
    index: &'a [(K, usize)],
    at: usize,
}

impl<'a, K: Copy + Ord> Keys<'a, K> {
    fn new(index: &'a [(K, usize)]) -> Keys<'a, K> {
        Keys { index, at: 0 }
    }

    /// The number of the topic with this key.
    fn number(&mut self, key: K) -> Option<usize> {
        if self.index.get(self.at).is_some_and(|(known, _)| *known > key) {
            self.at = 0;
        }
        // Steps that double find the next key close by in a few comparisons, and any other one in logarithmic time.
        let mut step = 1;
        while self.index.get(self.at + step).is_some_and(|(known, _)| *known <= key) {
            self.at += step;
            step *= 2;
        }
        let rest = &self.index[self.at..self.index.len().min(self.at + step)];
        let found = rest.binary_search_by_key(&key, |(known, _)| *known).ok()?;
        self.at += found;
        Some(rest[found].1)
    }
}
