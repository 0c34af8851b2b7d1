//! Why a configuration was refused.

use alloc::string::String;

use crate::protocol::ErrorCode;

/// A refusal: Kafka's error code and the text that tools print.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// INVALID_CONFIG or INVALID_REQUEST.
    pub code: ErrorCode,
    /// In the words of Kafka's own validators, which people search for.
    pub message: String,
}

impl ConfigError {
    /// INVALID_CONFIG: a key or a value is wrong.
    pub fn invalid_config(message: impl Into<String>) -> ConfigError {
        ConfigError { code: ErrorCode::INVALID_CONFIG, message: message.into() }
    }

    /// INVALID_REQUEST: the change as a whole makes no sense.
    pub fn invalid_request(message: impl Into<String>) -> ConfigError {
        ConfigError { code: ErrorCode::INVALID_REQUEST, message: message.into() }
    }
}
