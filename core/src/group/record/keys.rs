//! The keys of records in `__consumer_offsets`. What stands before them as a version is the type of the record.

use crate::protocol::Str;
use crate::protocol::wire::message::structure;

structure! {
    both
    /// Of a committed offset.
    OffsetCommitKey {
        group: Str,
        topic: Str,
        partition: i32,
    }
}

structure! {
    both
    /// Of what there is once for each group.
    GroupKey {
        group: Str,
    }
}

structure! {
    both
    /// Of what there is for each member of a group.
    MemberKey {
        group: Str,
        member: Str,
    }
}

structure! {
    both
    /// Of a regular expression that members of a group subscribe by.
    RegexKey {
        group: Str,
        regex: Str,
    }
}
