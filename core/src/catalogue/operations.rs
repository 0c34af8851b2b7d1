//! Authorized operations as answers show them: a bit for each operation's code (`AclOperation`, KIP-430). There is no
//! authorizer: every operation that a resource has is allowed (`AclEntry.supportedOperations`).

/// Read, write, create, delete, alter, describe, describe configs, alter configs.
pub(crate) const TOPIC: i32 = 0x0df8;
/// Create, alter, describe, cluster action, describe configs, alter configs, idempotent write, and the two of tokens.
pub(crate) const CLUSTER: i32 = 0x1fa0;
/// Read, delete, describe, describe configs, alter configs.
pub(crate) const GROUP: i32 = 0x0d48;
/// What an answer says when it was not asked.
pub(crate) const NOT_ASKED: i32 = i32::MIN;
