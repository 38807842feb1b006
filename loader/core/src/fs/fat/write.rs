//! Writing, so that a cut of the power leaves the old state or the new one.
//!
//! What is new goes to free clusters; then the allocation table has their chain; then one block of a directory is written, with which the
//! new state begins; then the table lets the old clusters go. A cut in between leaves clusters that belong to nobody, a wrong number of
//! free clusters, or copies of the table that differ in either: `fsck.fat` gives them back, and nothing depends on them.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::{ControlFlow, Range};

use embedded_sdmmc::Attributes;
use hal::block::BLOCK_SIZE;

use super::super::field::put;
use super::super::volume::BLOCK;
use super::directory::{Found, Slot, short_names};
use super::edit::{set_content, short_entry};
use super::name;
use super::table::Run;
use super::{Fat, FatError, File, FsError, Place, Target};

/// How much of an old file goes over the heap at a time.
const BOUNCE: u64 = 64 * 1024;

/// What a file is to have: `bytes` at `offset`, and around them what the old one has.
struct Content<'a> {
    old: Option<File>,
    offset: u64,
    bytes: &'a [u8],
    size: u64,
}

impl Fat<'_> {
    /// Writes a file: [`super::FileSystem::write`].
    pub(super) fn save(&mut self, path: &str, offset: Option<u64>, bytes: &[u8]) -> Result<(), FsError> {
        let (parent, old, new) = match self.walk(path)? {
            Target::Directory(..) => return Err(FsError::IsDirectory(path.into())),
            Target::File(parent, found) => (parent, Some(found), None),
            Target::Missing(parent, name) => (parent, None, Some(self.new_entry(parent, &name)?)),
        };
        let content = self.content(path, (old.as_ref(), offset), bytes)?;
        let size = u32::try_from(content.size).map_err(|_| FatError::Size(content.size))?;
        let freed = match &old {
            Some(old) => self.disk.sound_chain(old.cluster)?,
            None => Vec::new(),
        };
        let room = match &new {
            Some(entries) => Some(self.room(parent, entries.len(), path)?),
            None => None,
        };
        let taken = self
            .disk
            .find_free(content.size.div_ceil(self.disk.geometry.cluster_size()))?;
        self.write_content(&taken, &content)?;
        let first = taken.first().map_or(0, |run| run.first);
        self.committed(|fat| {
            fat.disk.take(&taken)?;
            match (old, new, room) {
                (Some(old), _, _) => fat.change_entry(parent, &old, (first, size))?,
                (_, Some(mut entries), Some(room)) => {
                    if let Some(entry) = entries.last_mut() {
                        set_content(entry, first, size);
                    }
                    fat.add_entry(parent, &entries, &room)?;
                }
                _ => {}
            }
            fat.disk.give_back(&freed)?;
            fat.disk.note(&taken, &freed)
        })
    }

    /// Makes a directory: [`super::FileSystem::make_dir`].
    pub(super) fn create_directory(&mut self, path: &str) -> Result<(), FsError> {
        let (parent, name) = match self.walk(path)? {
            Target::Missing(parent, name) => (parent, name),
            Target::Directory(..) | Target::File(..) => return Err(FsError::Exists(path.into())),
        };
        let mut entries = self.new_entry(parent, &name)?;
        let room = self.room(parent, entries.len(), path)?;
        let taken = self.disk.find_free(1)?;
        let cluster = taken.first().map_or(0, |run| run.first);
        self.write_dots(cluster, parent)?;
        self.committed(|fat| {
            fat.disk.take(&taken)?;
            if let Some(entry) = entries.last_mut() {
                put(entry, 11, &[Attributes::DIRECTORY]);
                set_content(entry, cluster, 0);
            }
            fat.add_entry(parent, &entries, &room)?;
            fat.disk.note(&taken, &[])
        })
    }

    /// Removes a file or an empty directory: [`super::FileSystem::remove`].
    pub(super) fn delete(&mut self, path: &str) -> Result<(), FsError> {
        let (parent, found) = match self.walk(path)? {
            Target::Missing(..) => return Err(FsError::NotFound(path.into())),
            Target::Directory(_, None) => return Err(FsError::IsDirectory(path.into())),
            Target::Directory(place, Some(entered)) => {
                if !self.is_empty(place, path)? {
                    return Err(FsError::NotEmpty(path.into()));
                }
                entered
            }
            Target::File(parent, found) => (parent, found),
        };
        let freed = self.disk.sound_chain(found.cluster)?;
        self.committed(|fat| {
            fat.remove_entry(parent, &found)?;
            fat.disk.give_back(&freed)?;
            fat.disk.note(&[], &freed)
        })
    }

    /// Does what must not stop half-way for Ctrl-C.
    pub(super) fn committed(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), super::VolumeError>,
    ) -> Result<(), FsError> {
        self.disk.volume.let_stop(false);
        let result = work(self);
        self.disk.volume.let_stop(true);
        Ok(result?)
    }

    fn content<'b>(
        &mut self,
        path: &str,
        (old, offset): (Option<&Found>, Option<u64>),
        bytes: &'b [u8],
    ) -> Result<Content<'b>, FsError> {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let Some(offset) = offset else {
            return Ok(Content {
                old: None,
                offset: 0,
                bytes,
                size: len,
            });
        };
        let old = match old {
            Some(found) => Some(self.open_found(path, found)?),
            None => None,
        };
        let had = old.as_ref().map_or(0, File::size);
        if offset > had {
            let name = path.into();
            return Err(FatError::Gap {
                name,
                size: had,
                offset,
            }
            .into());
        }
        let size = had.max(offset.saturating_add(len));
        Ok(Content {
            old,
            offset,
            bytes,
            size,
        })
    }

    /// Writes a file's bytes to free clusters.
    fn write_content(&mut self, runs: &[Run], content: &Content<'_>) -> Result<(), FsError> {
        let mut at = 0_u64;
        for run in runs {
            let Some(mut block) = self.disk.geometry.block_of(run.first) else {
                continue;
            };
            let here = u64::from(run.count).saturating_mul(self.disk.geometry.cluster_size());
            let end = at.saturating_add(here).min(content.size);
            while at < end {
                let written = self.write_some(block, content, at..end)?;
                at = at.saturating_add(written);
                block = block.saturating_add(written.div_ceil(BLOCK));
            }
        }
        Ok(())
    }

    /// Writes some bytes of `range` to the blocks from `block` on: those that are at hand as they are, others over a buffer. Gives how
    /// many.
    fn write_some(&mut self, block: u64, content: &Content<'_>, range: Range<u64>) -> Result<u64, FsError> {
        let len = range.end.saturating_sub(range.start);
        if content.old.is_none() {
            let whole = len.saturating_sub(len % BLOCK);
            let bytes = slice(content.bytes, range.start, whole);
            if whole > 0 {
                self.disk.volume.write_blocks(block, bytes)?;
                return Ok(whole);
            }
        }
        let now = len.min(BOUNCE);
        let mut buffer = vec![0; usize::try_from(now.next_multiple_of(BLOCK)).unwrap_or(0)];
        let part = buffer.get_mut(..usize::try_from(now).unwrap_or(0)).unwrap_or_default();
        if let Some(old) = content.old.as_ref().filter(|old| old.size() > range.start) {
            let had = old.size().saturating_sub(range.start).min(now);
            let kept = part.get_mut(..usize::try_from(had).unwrap_or(0)).unwrap_or_default();
            old.read(&mut self.disk.volume, range.start, kept)?;
        }
        overlay(part, range.start, content);
        self.disk.volume.write_blocks(block, &buffer)?;
        Ok(now)
    }

    /// The entries of a new name, without size and cluster.
    fn new_entry(&mut self, parent: Place, name: &str) -> Result<Vec<[u8; 32]>, FsError> {
        let disk = &mut self.disk;
        let new = name::new(name, || {
            let blocks = disk.directory(parent, name)?;
            short_names(disk, &blocks)
        })?;
        let mut entries = new.long;
        entries.push(short_entry(&new.short, Attributes::ARCHIVE, new.flags));
        Ok(entries)
    }

    /// Writes the first block of a new directory, and zeros behind it.
    fn write_dots(&mut self, cluster: u32, parent: Place) -> Result<(), FsError> {
        let Some(block) = self.disk.geometry.block_of(cluster) else {
            return Ok(());
        };
        let mut first = [0; BLOCK_SIZE];
        let dots = [(b".          ", cluster), (b"..         ", parent.unwrap_or(0))];
        for (at, (short, cluster)) in dots.into_iter().enumerate() {
            let mut entry = short_entry(short, Attributes::DIRECTORY, 0);
            set_content(&mut entry, cluster, 0);
            put(&mut first, at.saturating_mul(32), &entry);
        }
        self.disk.volume.write_blocks(block, &first)?;
        let behind = self.disk.geometry.sectors_per_cluster.saturating_sub(1);
        Ok(self.disk.volume.zero_blocks(block.saturating_add(1), behind)?)
    }

    fn is_empty(&mut self, place: Place, path: &str) -> Result<bool, FsError> {
        let blocks = self.disk.directory(place, path)?;
        let mut empty = true;
        self.disk.read_directory(&blocks, &mut |slot| match slot {
            Slot::Found(found) if !found.is_dots() => {
                empty = false;
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        })?;
        Ok(empty)
    }
}

/// `len` bytes from `at` on.
fn slice(bytes: &[u8], at: u64, len: u64) -> &[u8] {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    let end = at.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
    bytes.get(at..end.min(bytes.len())).unwrap_or_default()
}

/// Puts what is new of a content into `part`, which begins at byte `at` of the file.
fn overlay(part: &mut [u8], at: u64, content: &Content<'_>) {
    let end = at.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
    let new_end = content
        .offset
        .saturating_add(u64::try_from(content.bytes.len()).unwrap_or(u64::MAX));
    let (from, to) = (content.offset.max(at), new_end.min(end));
    if from < to {
        let bytes = slice(
            content.bytes,
            from.saturating_sub(content.offset),
            to.saturating_sub(from),
        );
        put(
            part,
            usize::try_from(from.saturating_sub(at)).unwrap_or(usize::MAX),
            bytes,
        );
    }
}
