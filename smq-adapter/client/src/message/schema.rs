//! `schema_pb`.

/// A topic's whole name.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Topic {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub name: String,
}

/// A part of the ring of 2520 slots, in one generation. Every call about data repeats all four numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Partition {
    #[prost(int32, tag = "1")]
    pub ring_size: i32,
    #[prost(int32, tag = "2")]
    pub range_start: i32,
    /// The first slot behind it.
    #[prost(int32, tag = "3")]
    pub range_stop: i32,
    /// When this generation of the topic's partitions was made.
    #[prost(int64, tag = "4")]
    pub unix_time_ns: i64,
}
