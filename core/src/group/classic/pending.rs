//! Ids that were handed out to clients that have yet to join with them (KIP-394).

use alloc::collections::BTreeMap;

use super::member::MemberNo;
use crate::protocol::Str;

/// The ids, found by text and by the number their timer goes by.
#[derive(Debug, Default)]
pub struct PendingIds {
    by_id: BTreeMap<Str, MemberNo>,
    by_no: BTreeMap<MemberNo, Str>,
}

impl PendingIds {
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    pub fn insert(&mut self, no: MemberNo, id: Str) {
        self.by_id.insert(id.clone(), no);
        self.by_no.insert(no, id);
    }

    /// Forgets an id; gives its number.
    pub fn remove(&mut self, id: &str) -> Option<MemberNo> {
        let no = self.by_id.remove(id)?;
        self.by_no.remove(&no);
        Some(no)
    }

    /// Forgets the id of a number.
    pub fn expire(&mut self, no: MemberNo) -> Option<Str> {
        let id = self.by_no.remove(&no)?;
        self.by_id.remove(&id);
        Some(id)
    }
}
