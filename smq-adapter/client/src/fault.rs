//! What goes wrong on the way, in the engine's words and in words for a person.

use std::error::Error;
use std::fmt;
use std::io;

use kelpgate_smq::rpc::RpcError;
use tokio_rustls::rustls;
use tonic::{Code, Status};

use crate::connector::ConnectError;

/// Who was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Master,
    Filer,
    Broker,
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Role::Master => "master",
            Role::Filer => "filer",
            Role::Broker => "broker",
        })
    }
}

/// Why a call has no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// No connection, so nothing was sent.
    Unreachable(String),
    /// The connection broke; what was sent may have been done.
    Lost(String),
    /// A person must look at it: TLS, credentials, versions.
    Refused(String),
    /// The other side answered with an error.
    Answered(RpcError),
}

impl Fault {
    /// As the engine is told; `server` is the address that was asked.
    pub(crate) fn told(self, role: Role, server: &str) -> RpcError {
        match self {
            Fault::Answered(error) => error,
            Fault::Refused(text) => RpcError::Refused(format!("{role} {server}: {text}")),
            Fault::Unreachable(text) | Fault::Lost(text) => {
                let text = format!("{server}: {text}");
                match role {
                    Role::Master => RpcError::NoMaster(text),
                    Role::Filer => RpcError::NoFiler(text),
                    Role::Broker => RpcError::NoBroker(text),
                }
            }
        }
    }

    /// What a status of gRPC means.
    pub(crate) fn of_status(status: &Status) -> Fault {
        if let Some(source) = status.source() {
            return Fault::of_transport(source);
        }
        let text = status.message().to_owned();
        match status.code() {
            Code::Unimplemented => Fault::Refused(format!(
                "it does not know the call ({text}): it is another kind of server, or a version of SeaweedFS before 4.48"
            )),
            Code::Unauthenticated | Code::PermissionDenied => Fault::Refused(text),
            Code::ResourceExhausted | Code::OutOfRange => Fault::Answered(RpcError::TooLarge(text)),
            Code::NotFound => Fault::Answered(RpcError::NotFound),
            // Only "no broker available" of ConfigureTopic, and what a server says that is going down.
            Code::Unavailable => Fault::Lost(text),
            Code::Cancelled | Code::Aborted => Fault::Lost(text),
            Code::DeadlineExceeded => Fault::Answered(RpcError::Timeout),
            Code::Ok
            | Code::Unknown
            | Code::InvalidArgument
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Internal
            | Code::DataLoss => Fault::Answered(of_words(text)),
        }
    }

    /// What an error of a connection means, told by the errors that it has inside.
    pub(crate) fn of_transport(error: &(dyn Error + 'static)) -> Fault {
        let mut next = Some(error);
        let mut deepest = error;
        while let Some(error) = next {
            if let Some(connect) = error.downcast_ref::<ConnectError>() {
                return of_connect(connect);
            }
            if let Some(text) = error.downcast_ref::<io::Error>().and_then(tls_words) {
                return Fault::Refused(text);
            }
            deepest = error;
            next = error.source();
        }
        Fault::Lost(deepest.to_string())
    }
}

fn of_connect(error: &ConnectError) -> Fault {
    match error {
        ConnectError::Connect(_) | ConnectError::TooSlow | ConnectError::Address => {
            Fault::Unreachable(error.to_string())
        }
        ConnectError::Tls(inner) => match tls_words(inner) {
            Some(text) => Fault::Refused(text),
            // The connection broke before TLS was agreed on; a server without TLS ends it so.
            None => Fault::Refused(format!(
                "the connection ended while TLS was set up ({inner}); does it use TLS?"
            )),
        },
    }
}

/// What rustls has to say, if it is rustls that speaks.
fn tls_words(error: &io::Error) -> Option<String> {
    let tls = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match tls {
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS, as security.toml says that it should".to_owned()
        }
        rustls::Error::AlertReceived(alert) => format!("it does not accept our certificate ({alert:?})"),
        other => format!("TLS: {other}"),
    })
}

/// SeaweedFS tells most errors by words alone.
pub(crate) fn of_words(text: String) -> RpcError {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if is_missing(&text) {
        RpcError::NotFound
    } else if has(&["no writable volumes", "no free volumes", "No more free space", "no space left"]) {
        RpcError::Full(text)
    } else if has(&["too large", "larger than max"]) {
        RpcError::TooLarge(text)
    } else {
        RpcError::Other(text)
    }
}

/// Whether a text tells that something does not exist. "Not found" alone stands also before the reason why a topic could not
/// be read.
pub(crate) fn is_missing(text: &str) -> bool {
    ["no entry is found", "not found (cached)"].iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_seaweedfs_are_understood() {
        let found = of_words("rpc error: filer: no entry is found in filer store".into());
        assert_eq!(found, RpcError::NotFound);
        let passing = "topic a.b not found: all filer connections failed, last error: connection refused";
        assert_eq!(of_words(passing.into()), RpcError::Other(passing.into()));
        let full = "assign volume: no writable volumes and no free volumes left";
        assert_eq!(of_words(full.into()), RpcError::Full(full.into()));
        assert_eq!(of_words("strange".into()), RpcError::Other("strange".into()));
    }

    #[test]
    fn a_call_that_is_not_known_is_a_matter_of_versions() {
        let fault = Fault::of_status(&Status::unimplemented("unknown method Foo"));
        let told = fault.told(Role::Broker, "b:1").to_string();
        assert!(told.contains("version") && told.contains("unknown method Foo"), "{told}");
    }

    #[test]
    fn what_is_gone_is_named_by_its_role_and_address() {
        let refused = || Fault::of_transport(&ConnectError::Connect(io::ErrorKind::ConnectionRefused.into()));
        assert_eq!(refused(), Fault::Unreachable("connection refused".into()));
        for (role, word) in [(Role::Master, "master"), (Role::Filer, "filer"), (Role::Broker, "broker")] {
            let told = refused().told(role, "there:1").to_string();
            assert!(told.contains(word) && told.contains("there:1"), "{told}");
        }
    }
}
