//! Batches out of what an engine read.

use super::*;
use crate::pieces::Pieces;

/// Bytes cut at these places.
fn cut(whole: &Bytes, places: &[usize]) -> Pieces {
    let mut ends: Vec<usize> = places.iter().map(|place| place % (whole.len() + 1)).collect();
    ends.push(whole.len());
    ends.sort_unstable();
    let mut from = 0;
    ends.into_iter().map(|end| whole.slice(core::mem::replace(&mut from, end)..end)).collect()
}

proptest! {
    #[test]
    fn wherever_the_pieces_were_cut(
        all in proptest::collection::vec(records(0), 1..5),
        places in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let batches: Vec<Bytes> = all.iter().map(|records| build(BatchFields::default(), records, Codec::None)).collect();
        let whole: Bytes = batches.concat().into();
        let found: Vec<Bytes> = StoredBatches::new(cut(&whole, &places)).map(Result::unwrap).collect();
        prop_assert_eq!(&found, &batches);
        // A torn tail is said once.
        let torn = whole.slice(..whole.len() - 1);
        let found: Vec<_> = StoredBatches::new(cut(&torn, &places)).collect();
        prop_assert_eq!(found.len(), batches.len());
        let is_torn = matches!(found.last(), Some(Err(BatchError::Truncated { .. })));
        prop_assert!(is_torn, "{found:?}");
    }
}

#[test]
fn ends_after_an_error() {
    let garbage = Pieces::from_iter([Bytes::from_static(&[0; 100]), Bytes::from_static(&[0; 100])]);
    let found: Vec<_> = StoredBatches::new(garbage).take(10).collect();
    assert_eq!(found, [Err(BatchError::Magic(0))]);
    assert_eq!(StoredBatches::new(Pieces::new()).count(), 0);
}
