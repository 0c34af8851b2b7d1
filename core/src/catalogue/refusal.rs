//! Why a part of a request was refused.

use alloc::string::String;

use crate::config::ConfigError;
use crate::protocol::{ErrorCode, Str};

/// An error code, and the text that tools print with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: ErrorCode,
    pub message: Option<Str>,
}

impl Refusal {
    /// With a text.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal { code, message: Some(Str::from(message.into())) }
    }

    /// Where Kafka says nothing beyond the code.
    pub fn silent(code: ErrorCode) -> Refusal {
        Refusal { code, message: None }
    }

    /// The request makes no sense.
    pub fn invalid_request(message: impl Into<String>) -> Refusal {
        Refusal::new(ErrorCode::INVALID_REQUEST, message)
    }
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Refusal {
        Refusal::new(error.code, error.message)
    }
}

/// What a result says of its outcome.
pub(super) fn outcome(result: Result<(), Refusal>) -> (ErrorCode, Option<Str>) {
    match result {
        Ok(()) => (ErrorCode::NONE, None),
        Err(refusal) => (refusal.code, refusal.message),
    }
}
