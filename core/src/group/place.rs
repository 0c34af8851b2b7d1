//! Which partition of `__consumer_offsets` a group belongs to.

/// The topic that groups and offsets are kept in.
pub const TOPIC: &str = "__consumer_offsets";

/// The partition of a group among `partitions`: that of the absolute value of Java's hash of its id
/// (`Utils.abs(groupId.hashCode()) % numPartitions`); the value that has no absolute value counts as 0.
pub fn partition_of(group: &str, partitions: i32) -> i32 {
    let hash =
        group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_java_places_them() {
        assert_eq!(partition_of("", 50), 0);
        assert_eq!(partition_of("g", 50), 103 % 50);
        // "polygenelubricants" is the word known for hashing to the smallest int.
        assert_eq!(partition_of("polygenelubricants", 50), 0);
        // -1_906_497_762 in Java: the absolute value counts, not the value without its sign bit, which would give 36.
        assert_eq!(partition_of("my-group", 50), 12);
        assert_eq!(partition_of("console-consumer-1", 50), 24);
        // Outside the basic plane each character is two units.
        assert_eq!(partition_of("\u{1f600}", 1000), (0xd83d * 31 + 0xde00) % 1000);
    }
}
