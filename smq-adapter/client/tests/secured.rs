//! TLS by SeaweedFS's own settings:
//!
//! ```text
//! tests/harness/seaweedfs.py --work tests/.work --secured -- \
//!     cargo test -p kelpgate-smq-client --test secured -- --ignored
//! ```

#[allow(dead_code, reason = "other tests need more of it")]
mod stack;

use std::path::Path;

use kelpgate_smq::rpc::{RpcCommand, RpcError, RpcReply};
use kelpgate_smq_client::Security;
use stack::{Subject, config, fresh, told, topic};

fn subject(masters: &str, security: &str) -> Subject {
    let mut config = config(masters);
    config.security = Security::from_file(Path::new(&told(security))).unwrap();
    Subject::new(config)
}

#[test]
#[ignore = "needs a SeaweedFS with TLS"]
fn everything_works_with_certificates() {
    let subject = subject(&told("SEAWEEDFS_MASTER"), "SEAWEEDFS_SECURITY");
    let path = format!("/kelpgate/{}", fresh("secured"));
    subject.put(&path, vec![7; 1000], true);
    assert_eq!(subject.get(&path, 999, 5).unwrap().1, 1000);
    let topic = topic("secured");
    let to = subject.ensure(&topic, 1);
    let stream = subject.open(&topic, &to[0]).unwrap();
    subject.publish(stream, "k", vec![1; 100]);
    assert_eq!(subject.outcome().outcome, Ok(RpcReply::Done));
    assert_eq!(subject.ask(RpcCommand::CloseStream { stream }), Ok(RpcReply::Done));
    assert_eq!(subject.stored(&topic).len(), 1);
}

#[test]
#[ignore = "needs a SeaweedFS with TLS"]
fn sides_that_do_not_agree_are_told() {
    let master = told("SEAWEEDFS_MASTER");
    let stranger = subject(&master, "SEAWEEDFS_STRANGER").ask(RpcCommand::Statistics);
    assert!(matches!(&stranger, Err(RpcError::Refused(text)) if text.contains("TLS")), "{stranger:?}");

    let plain = Subject::real().ask(RpcCommand::Statistics);
    assert!(matches!(&plain, Err(RpcError::NoMaster(text)) if text.contains("security.toml")), "{plain:?}");

    // The master's port of HTTP has no TLS.
    let (address, _) = master.rsplit_once('.').unwrap();
    let port = address.rsplit_once(':').unwrap().1;
    let other = subject(&format!("{address}.{port}"), "SEAWEEDFS_SECURITY").ask(RpcCommand::Statistics);
    assert!(
        matches!(&other, Err(RpcError::Refused(text)) if text.contains("does not speak TLS")),
        "{other:?}"
    );
}
