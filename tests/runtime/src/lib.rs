//! A node on either runtime, for tests and measurements.
#![forbid(unsafe_code)]

mod behaviour;
mod node;
mod threads;

pub use behaviour::{Behaviour, Echo, Shard};
pub use node::{Node, PATIENCE, Runtime};
pub use threads::{Meter, Usage};

/// Makes tests of functions that take a [`Runtime`] and a number of shards: both runtimes, with 1 and with 3 shards.
#[macro_export]
macro_rules! on_both_runtimes {
    ($($subject:ident),+ $(,)?) => {$(
        mod $subject {
            use $crate::Runtime;

            #[test]
            fn mio_1_shard() {
                super::$subject(Runtime::Mio, 1);
            }

            #[test]
            fn mio_3_shards() {
                super::$subject(Runtime::Mio, 3);
            }

            #[test]
            fn glommio_1_shard() {
                super::$subject(Runtime::Glommio, 1);
            }

            #[test]
            fn glommio_3_shards() {
                super::$subject(Runtime::Glommio, 3);
            }
        }
    )+};
}
