//! Message formats v0 and v1 (`LegacyRecord`, `AbstractLegacyRecordBatch`), from before Kafka 0.11: what old clients still
//! send with Produce 0 to 2 and ask for with Fetch 0 to 3. Nothing is stored in them: [`up_convert`] makes a batch v2 of
//! what comes in, [`down_convert`] the reverse of what goes out.
//!
//! A message is an offset, a size, a CRC-32, magic, attributes, from v1 on a timestamp, and key and value behind lengths. A
//! compressed set is one message, the wrapper, whose value is the compressed set. Its offset is that of the last message
//! within; the offsets within are absolute in v0 and count from 0 in v1.

mod down;
mod message;
mod up;

pub use down::{DownConvertError, DownConverted, down_convert};
pub use message::{MessageError, MessageFormat};
pub use up::up_convert;
