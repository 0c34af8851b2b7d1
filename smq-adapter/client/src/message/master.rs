//! `master_pb`.

/// Asks which servers of a kind are in the cluster.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListClusterNodesRequest {
    /// `filer` or `broker`.
    #[prost(string, tag = "1")]
    pub client_type: String,
    /// Empty for the group without a name.
    #[prost(string, tag = "2")]
    pub filer_group: String,
}

/// The servers of a kind, in no order. Only the leader of the masters knows any.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListClusterNodesResponse {
    #[prost(message, repeated, tag = "1")]
    pub cluster_nodes: Vec<ClusterNode>,
}

/// One server.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ClusterNode {
    #[prost(string, tag = "1")]
    pub address: String,
    /// Such as `8000GB 4.48 (commit)`; the first word is how large volumes can be.
    #[prost(string, tag = "2")]
    pub version: String,
}
