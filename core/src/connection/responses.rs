//! Answers leave in the order of the requests, whenever they become ready.

use alloc::collections::VecDeque;

/// The requests of one connection that have not been answered yet, oldest first.
#[derive(Debug)]
pub struct Responses<P, A> {
    first: u64,
    slots: VecDeque<Slot<P, A>>,
}

#[derive(Debug)]
enum Slot<P, A> {
    Waiting(P),
    Ready(A),
}

impl<P, A> Default for Responses<P, A> {
    fn default() -> Self {
        Responses { first: 0, slots: VecDeque::new() }
    }
}

impl<P, A> Responses<P, A> {
    /// Takes the next place; its number is given back.
    pub fn reserve(&mut self, pending: P) -> u64 {
        self.slots.push_back(Slot::Waiting(pending));
        self.first + self.slots.len() as u64 - 1
    }

    /// The number that the next place will have.
    pub fn next(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    /// The state of a request that still waits; none if it was answered.
    pub fn pending(&mut self, request: u64) -> Option<&mut P> {
        match self.slots.get_mut(self.index(request)?)? {
            Slot::Waiting(pending) => Some(pending),
            Slot::Ready(_) => None,
        }
    }

    /// Fills a place and gives back what waited there. Filling one twice is our own mistake.
    pub fn fill(&mut self, request: u64, answer: A) -> P {
        let slot = self.index(request).and_then(|index| self.slots.get_mut(index));
        match slot.map(|slot| core::mem::replace(slot, Slot::Ready(answer))) {
            Some(Slot::Waiting(pending)) => pending,
            Some(Slot::Ready(_)) | None => panic!("request {request} was answered twice"),
        }
    }

    /// The oldest answer, if it is ready.
    pub fn pop_ready(&mut self) -> Option<A> {
        if !matches!(self.slots.front(), Some(Slot::Ready(_))) {
            return None;
        }
        self.first += 1;
        match self.slots.pop_front() {
            Some(Slot::Ready(answer)) => Some(answer),
            Some(Slot::Waiting(_)) | None => unreachable!("the front was looked at"),
        }
    }

    /// Whether every request was answered and its answer taken.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many have not been taken.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Those that still wait, with their numbers.
    pub fn waiting(&self) -> impl Iterator<Item = (u64, &P)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| match slot {
            Slot::Waiting(pending) => Some((self.first + index as u64, pending)),
            Slot::Ready(_) => None,
        })
    }

    /// All that have not been taken, oldest first, with their numbers: what waits, or nothing where the answer is ready.
    pub fn all(&self) -> impl Iterator<Item = (u64, Option<&P>)> {
        (self.first..).zip(&self.slots).map(|(number, slot)| match slot {
            Slot::Waiting(pending) => (number, Some(pending)),
            Slot::Ready(_) => (number, None),
        })
    }

    fn index(&self, request: u64) -> Option<usize> {
        usize::try_from(request.checked_sub(self.first)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_in_request_order() {
        let mut responses: Responses<(), &str> = Responses::default();
        let (a, b) = (responses.reserve(()), responses.reserve(()));
        responses.fill(b, "b");
        assert_eq!(responses.pop_ready(), None);
        responses.fill(a, "a");
        assert_eq!(responses.pop_ready(), Some("a"));
        let c = responses.reserve(());
        assert_eq!(responses.pop_ready(), Some("b"));
        assert_eq!(responses.pop_ready(), None);
        responses.fill(c, "c");
        assert_eq!((responses.pop_ready(), responses.is_empty()), (Some("c"), true));
    }

    #[test]
    #[should_panic(expected = "answered twice")]
    fn fills_each_place_once() {
        let mut responses: Responses<(), ()> = Responses::default();
        let request = responses.reserve(());
        responses.fill(request, ());
        responses.fill(request, ());
    }
}
