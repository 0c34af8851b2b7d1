//! What a topic may be called (`org.apache.kafka.common.internals.Topic`).

use alloc::format;
use alloc::string::String;

/// The most bytes a topic name may have.
pub const MAX_LENGTH: usize = 249;
/// Kafka's name for the metadata log; no topic may have it.
pub const CLUSTER_METADATA: &str = "__cluster_metadata";
/// Topics that belong to the node itself: where groups, transactions and share groups keep their state.
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Checks a name.
///
/// # Errors
/// The text that goes with INVALID_TOPIC_EXCEPTION.
pub fn check(name: &str) -> Result<(), String> {
    let reason = match name {
        "" => String::from("the empty string is not allowed"),
        "." => String::from("'.' is not allowed"),
        ".." => String::from("'..' is not allowed"),
        // Kafka counts UTF-16 units; a name with anything but ASCII is refused by the next arm anyway.
        _ if name.len() > MAX_LENGTH && name.bytes().all(is_legal) => {
            format!("the length of '{name}' is longer than the max allowed length {MAX_LENGTH}")
        }
        _ if !name.bytes().all(is_legal) => {
            format!(
                "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
            )
        }
        _ => return Ok(()),
    };
    Err(format!("Topic name is invalid: {reason}"))
}

fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Whether the topic of that name belongs to the node itself.
pub fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

/// The form in which names that differ only in `.` and `_` are equal: metric names cannot tell them apart. None when
/// the name has neither and collides with no other.
pub fn collision_form(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_kafka_does() {
        let longest = "x".repeat(MAX_LENGTH);
        for name in ["a", "A-z_0.9", "...", "__internal", "-", longest.as_str()] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        let too_long = "x".repeat(MAX_LENGTH + 1);
        for (name, gist) in [
            ("", "empty string"),
            (".", "'.' is not allowed"),
            ("..", "'..' is not allowed"),
            (too_long.as_str(), "longer than the max allowed length 249"),
            ("a b", "other than ASCII"),
            ("a/b", "other than ASCII"),
            ("\u{e4}", "other than ASCII"),
            ("a:b", "other than ASCII"),
        ] {
            let message = check(name).unwrap_err();
            assert!(message.starts_with("Topic name is invalid: ") && message.contains(gist), "{message}");
        }
    }

    #[test]
    fn dots_and_underscores_collide() {
        assert_eq!(collision_form("a.b_c"), collision_form("a_b.c"));
        assert_ne!(collision_form("a.b"), collision_form("a.c"));
        assert_eq!(collision_form("a-b"), None);
    }

    #[test]
    fn internal_topics() {
        assert!(is_internal("__consumer_offsets") && is_internal("__transaction_state"));
        assert!(is_internal("__share_group_state"));
        assert!(!is_internal("__mine") && !is_internal(CLUSTER_METADATA));
    }
}
