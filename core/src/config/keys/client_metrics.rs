//! The keys of a client metrics subscription (KIP-714).

use super::prelude::*;

/// All keys of a client metrics subscription, by name.
pub(in crate::config) const CLIENT_METRICS: &[Definition] = &[
    Definition::new(
        "interval.ms",
        Int,
        Some("300000"),
        "How often matching clients push their metrics, in milliseconds, from 100 to 3600000.",
    )
    .reported(TELEMETRY),
    Definition::new(
        "match",
        List,
        Some(""),
        "Which clients the subscription is for, as key=regular expression; none means all.",
    )
    .check(Items(&[]))
    .reported(TELEMETRY),
    Definition::new(
        "metrics",
        List,
        Some(""),
        "Prefixes of the names of the metrics that are asked for; \"*\" asks for all, an empty list \
         for none.",
    )
    .check(Items(&[]))
    .reported(TELEMETRY),
];
