//! Trimming and deleting, once the journal has it.

use kelpgate_core::ids::LogId;

use crate::file::{FileCommand, Lane};
use crate::layout::{self, LogFile};
use crate::log::{Log, Op};
use crate::outbox::LogOutbox;
use crate::partition::LogKey;

impl Log {
    /// Moves the start of a log and removes what lies below.
    pub(crate) fn make_trim(&mut self, key: LogKey, start: i64, out: &mut LogOutbox) {
        let Some(log) = self.logs.get_mut(&key) else { return };
        let id = log.id;
        let gone = log.trim(start);
        self.drop_unreachable(key);
        for segment in gone {
            self.remove_segment(key, id, segment.info.base_offset, out);
        }
    }

    fn remove_segment(&mut self, key: LogKey, id: LogId, base_offset: i64, out: &mut LogOutbox) {
        self.files.unwanted(key, base_offset);
        self.unsynced.remove(&(key, base_offset));
        self.folders.insert(id);
        self.end_rewrite(key, Some(base_offset), out);
        for file in
            [LogFile::Segment(base_offset), LogFile::Index(base_offset), LogFile::Replacement(base_offset)]
        {
            let remove = FileCommand::Remove { path: file.path(id) };
            self.file(Op::Tidy { what: "removing a segment" }, Lane::Background, remove, out);
        }
    }

    /// Removes a log and everything kept with it.
    pub(crate) fn make_delete(&mut self, id: LogId, out: &mut LogOutbox) {
        let Some(key) = self.ids.remove(&id) else { return };
        let Some(log) = self.logs.remove(&key) else { return };
        let charges = log.tail.charges();
        self.memory.freed_clean(charges.clean);
        self.memory.freed_dirty(charges.dirty);
        for segment in &log.segments {
            self.files.unwanted(key, segment.info.base_offset);
            self.unsynced.remove(&(key, segment.info.base_offset));
        }
        self.folders.remove(&id);
        self.topics_changed = true;
        self.end_reads_of(key, out);
        self.end_rewrite(key, None, out);
        let remove = FileCommand::RemoveFolder { path: layout::log_folder(id) };
        self.file(Op::Tidy { what: "removing a log" }, Lane::Background, remove, out);
    }
}
