//! The messages of SeaweedFS's gRPC services, as far as they are used here. A field that nothing reads is not declared:
//! protobuf lets a reader pass over what it does not know.
//!
//! Field numbers are those of SeaweedFS 4.48 (`master.proto`, `filer.proto`, `mq_broker.proto`, `mq_schema.proto`).

pub mod filer;
pub mod master;
pub mod messaging;
pub mod schema;
