use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kelpgate_shard::Others;

/// The connections of all shards of a node, by where they come from. Shards ask it when a connection comes and when it
/// goes, at no other time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

impl Census {
    /// One more from this address. Gives how many there were before it.
    pub(crate) fn enter(&self, address: IpAddr) -> Others {
        let mut counts = self.counts();
        let of_address = counts.by_address.entry(address.to_canonical()).or_default();
        let same_address = *of_address;
        *of_address += 1;
        counts.all += 1;
        Others { all: counts.all - 1, same_address }
    }

    /// One less.
    pub(crate) fn leave(&self, address: IpAddr) {
        let mut counts = self.counts();
        let address = address.to_canonical();
        let Some(of_address) = counts.by_address.get_mut(&address) else { return };
        *of_address -= 1;
        if *of_address == 0 {
            counts.by_address.remove(&address);
        }
        counts.all -= 1;
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_all_and_those_of_an_address() {
        let (census, other_shard) = (Census::default(), Census::default());
        let shared = census.clone();
        let [one, mapped, two] = ["10.0.0.1", "::ffff:10.0.0.1", "::2"].map(|text| text.parse().unwrap());
        assert_eq!(census.enter(one), Others { all: 0, same_address: 0 });
        assert_eq!(shared.enter(mapped), Others { all: 1, same_address: 1 });
        assert_eq!(census.enter(two), Others { all: 2, same_address: 0 });
        shared.leave(one);
        assert_eq!(census.enter(one), Others { all: 2, same_address: 1 });
        [one, mapped, two].into_iter().for_each(|address| census.leave(address));
        census.leave(two);
        assert_eq!(census.enter(two), Others::default());
        assert_eq!(other_shard.enter(two), Others::default(), "another node's");
        census.leave(two);
        assert!(census.counts().by_address.is_empty());
    }
}
