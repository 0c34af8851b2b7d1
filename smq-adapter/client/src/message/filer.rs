//! `filer_pb`.

/// Asks for one file or folder.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LookupDirectoryEntryRequest {
    #[prost(string, tag = "1")]
    pub directory: String,
    #[prost(string, tag = "2")]
    pub name: String,
}

/// The file or folder.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LookupDirectoryEntryResponse {
    #[prost(message, optional, tag = "1")]
    pub entry: Option<Entry>,
}

/// Lists a folder, in the order of the names' bytes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListEntriesRequest {
    #[prost(string, tag = "1")]
    pub directory: String,
    #[prost(string, tag = "3")]
    pub start_from_file_name: String,
    /// 0 stands for the filer's own limit.
    #[prost(uint32, tag = "5")]
    pub limit: u32,
    /// Leave the chunks out and put their size into the attributes. Older filers do not know this and send them.
    #[prost(bool, tag = "7")]
    pub omit_chunks: bool,
}

/// One entry of a listing.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListEntriesResponse {
    #[prost(message, optional, tag = "1")]
    pub entry: Option<Entry>,
}

/// A file or a folder.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Entry {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(bool, tag = "2")]
    pub is_directory: bool,
    #[prost(message, repeated, tag = "3")]
    pub chunks: Vec<FileChunk>,
    #[prost(message, optional, tag = "4")]
    pub attributes: Option<Attributes>,
    /// What a small file holds, where it has no chunks.
    #[prost(bytes = "bytes", tag = "9")]
    pub content: bytes::Bytes,
}

impl Entry {
    /// Bytes in the file. Like SeaweedFS's `FileSize`, the greatest of what attributes, chunks and content say: a log file
    /// that grows gets chunks before its attributes follow.
    pub fn size(&self) -> u64 {
        let attributes = self.attributes.as_ref().map_or(0, |attributes| attributes.file_size);
        let chunk_end =
            |chunk: &FileChunk| u64::try_from(chunk.offset).unwrap_or(0).saturating_add(chunk.size);
        let chunks = self.chunks.iter().map(chunk_end).max().unwrap_or(0);
        attributes.max(chunks).max(self.content.len() as u64)
    }
}

/// A part of a file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileChunk {
    #[prost(int64, tag = "2")]
    pub offset: i64,
    #[prost(uint64, tag = "3")]
    pub size: u64,
}

/// `FuseAttributes`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Attributes {
    #[prost(uint64, tag = "1")]
    pub file_size: u64,
    /// Seconds since 1970.
    #[prost(int64, tag = "2")]
    pub mtime: i64,
    /// Nanoseconds within that second; 0 from older filers.
    #[prost(int32, tag = "19")]
    pub mtime_ns: i32,
}

/// Removes a file or a folder.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeleteEntryRequest {
    #[prost(string, tag = "1")]
    pub directory: String,
    #[prost(string, tag = "2")]
    pub name: String,
    /// The chunks as well, not only the name.
    #[prost(bool, tag = "4")]
    pub is_delete_data: bool,
    #[prost(bool, tag = "5")]
    pub is_recursive: bool,
}

/// The outcome of a removal.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeleteEntryResponse {
    #[prost(string, tag = "1")]
    pub error: String,
}

/// Renames a file or a folder, replacing what was there.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AtomicRenameEntryRequest {
    #[prost(string, tag = "1")]
    pub old_directory: String,
    #[prost(string, tag = "2")]
    pub old_name: String,
    #[prost(string, tag = "3")]
    pub new_directory: String,
    #[prost(string, tag = "4")]
    pub new_name: String,
}

/// A rename was done.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AtomicRenameEntryResponse {}

/// Asks how much room there is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StatisticsRequest {}

/// Room in bytes, all copies counted.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StatisticsResponse {
    #[prost(uint64, tag = "4")]
    pub total_size: u64,
    #[prost(uint64, tag = "5")]
    pub used_size: u64,
}

/// Takes or renews a lock of the filers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LockRequest {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int64, tag = "2")]
    pub seconds_to_lock: i64,
    /// Empty to take it; what the last answer said to renew it.
    #[prost(string, tag = "3")]
    pub renew_token: String,
    #[prost(string, tag = "5")]
    pub owner: String,
}

/// The outcome of taking a lock.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LockResponse {
    #[prost(string, tag = "1")]
    pub renew_token: String,
    /// Who holds it, if somebody else does.
    #[prost(string, tag = "2")]
    pub lock_owner: String,
    /// The filer that keeps this lock.
    #[prost(string, tag = "3")]
    pub lock_host_moved_to: String,
    #[prost(string, tag = "4")]
    pub error: String,
}

/// Lets a lock go.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UnlockRequest {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub renew_token: String,
}

/// The outcome of letting a lock go.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UnlockResponse {
    #[prost(string, tag = "1")]
    pub error: String,
    #[prost(string, tag = "2")]
    pub moved_to: String,
}
