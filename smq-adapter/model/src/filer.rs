//! The filer: files by their paths, of which what was not synced may be lost.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use kelpgate_core::time::Instant;
use kelpgate_smq::rpc::{Entry, RpcError, RpcReply};

/// After this time the operating system has written down what nobody synced (`vm.dirty_expire_centisecs` and a bit).
const WRITTEN_DOWN: Duration = Duration::from_secs(35);

#[derive(Clone, Debug, Default)]
struct File {
    content: Vec<u8>,
    /// What is on the disk, with the time of the oldest change since; nothing for a file that is not there.
    safe: Option<Vec<u8>>,
    unsafe_since: Option<Instant>,
    modified: Instant,
}

/// All files.
#[derive(Debug, Default)]
pub struct Filer {
    files: BTreeMap<String, File>,
    /// Writing fails for want of room.
    pub full: bool,
}

impl Filer {
    /// Writes a whole file.
    pub fn put(
        &mut self,
        now: Instant,
        path: &str,
        content: Vec<u8>,
        sync: bool,
    ) -> Result<RpcReply, RpcError> {
        if self.full {
            return Err(RpcError::Full("no volume is writable".into()));
        }
        let file = self.files.entry(path.to_string()).or_default();
        file.content = content;
        file.changed(now, sync);
        Ok(RpcReply::Done)
    }

    /// Adds to the end of a file, as a broker does; never synced.
    pub fn append(&mut self, now: Instant, path: &str, content: &[u8]) {
        let file = self.files.entry(path.to_string()).or_default();
        file.content.extend_from_slice(content);
        file.changed(now, false);
    }

    /// Reads a part of a file.
    pub fn get(&self, path: &str, from: u64, len: u64) -> Result<RpcReply, RpcError> {
        let file = self.files.get(path).ok_or(RpcError::NotFound)?;
        let size = file.content.len();
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(size);
        let end = from.saturating_add(usize::try_from(len).unwrap_or(usize::MAX)).min(size);
        let bytes = Bytes::copy_from_slice(file.content.get(from..end).unwrap_or_default());
        Ok(RpcReply::Content { bytes, size: size as u64 })
    }

    /// Lists a folder.
    pub fn list(&self, folder: &str, after: &str, limit: u32) -> RpcReply {
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        let prefix = alloc::format!("{folder}/");
        for (path, file) in self.files.range(prefix.clone()..) {
            let Some(rest) = path.strip_prefix(&prefix) else { break };
            let (name, folder) = match rest.split_once('/') {
                Some((name, _)) => (name, true),
                None => (rest, false),
            };
            if name > after {
                let size = if folder { 0 } else { file.content.len() as u64 };
                let modified = (file.modified.0 / 1_000_000) as i64;
                let entry = Entry { name: name.to_string(), folder, size, modified };
                entries.insert(name.to_string(), entry);
            }
        }
        RpcReply::Listed(entries.into_values().take(limit as usize).collect())
    }

    /// Removes a file, or a folder with all in it.
    pub fn delete(&mut self, path: &str) {
        let prefix = alloc::format!("{path}/");
        self.files.retain(|known, _| known != path && !known.starts_with(&prefix));
    }

    /// Gives a file another path.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<RpcReply, RpcError> {
        let file = self.files.remove(from).ok_or(RpcError::NotFound)?;
        self.files.insert(to.to_string(), file);
        Ok(RpcReply::Done)
    }

    /// The machine ends: what was not synced and is not old is lost.
    pub fn crash(&mut self, now: Instant) {
        self.files.retain(|_, file| {
            let lost = file.unsafe_since.is_some_and(|since| now.saturating_since(since) < WRITTEN_DOWN);
            if lost {
                file.content = file.safe.clone().unwrap_or_default();
                file.unsafe_since = None;
            }
            !lost || file.safe.is_some()
        });
    }

    /// The paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Content of a file, to be looked at or damaged.
    pub fn content(&mut self, path: &str) -> Option<&mut Vec<u8>> {
        self.files.get_mut(path).map(|file| &mut file.content)
    }
}

impl File {
    fn changed(&mut self, now: Instant, sync: bool) {
        self.modified = now;
        if sync {
            self.safe = Some(self.content.clone());
            self.unsafe_since = None;
            return;
        }
        // What has been there for long is on the disk by now.
        if self.unsafe_since.is_none_or(|since| now.saturating_since(since) >= WRITTEN_DOWN) {
            if self.unsafe_since.is_some() {
                self.safe = Some(self.content.clone());
            }
            self.unsafe_since = Some(now);
        }
    }
}
