//! The allocation table: which cluster follows which.

use alloc::vec;
use alloc::vec::Vec;

use hal::block::BLOCK_SIZE;

use super::super::field::{le16, le32, put};
use super::super::file::{MAX_PIECES, Piece};
use super::super::volume::{BLOCK, Volume, VolumeError};
use super::bpb::{Geometry, Root, Width};
use super::{ChainFault, FatError};

/// How many blocks of the table are read at a time: what 64 MiB in clusters of 4 KiB need comes in two requests.
const WINDOW: u64 = 64;

/// What stands in the table for a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// It is free.
    Free,
    /// Nobody may use it.
    Bad,
    /// It is the last one.
    End,
    /// This one follows; it exists.
    Next(u32),
    /// A number that no cluster has.
    Nowhere(u32),
}

/// Clusters in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) count: u32,
}

impl Run {
    /// The cluster behind the last one.
    pub(super) fn end(self) -> u32 {
        self.first.saturating_add(self.count)
    }
}

/// How many clusters a chain has to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Exactly(u64),
    AtMost(u64),
}

/// A volume with its layout, and the part of the allocation table that was used last.
pub(super) struct Disk<'a> {
    pub(super) volume: Volume<'a>,
    pub(super) geometry: Geometry,
    window: Vec<u8>,
    /// The window's first block, counted from the table's.
    at: Option<u64>,
    /// The window's blocks that were changed, as bits.
    changed: u64,
}

impl<'a> Disk<'a> {
    pub(super) fn new(volume: Volume<'a>, geometry: Geometry) -> Self {
        Self {
            volume,
            geometry,
            window: Vec::new(),
            at: None,
            changed: 0,
        }
    }

    /// What stands in the table for `cluster`, which exists.
    pub(super) fn link(&mut self, cluster: u32) -> Result<Link, VolumeError> {
        let at = self.look_at(cluster)?;
        let (value, last) = match self.geometry.width {
            Width::Fat16 => (u32::from(le16(&self.window, at)), 0xffff),
            Width::Fat32 => (le32(&self.window, at) & 0x0fff_ffff, 0x0fff_ffff),
        };
        Ok(match value {
            0 => Link::Free,
            _ if value >= last & !7 => Link::End,
            _ if value == last & !8 => Link::Bad,
            _ if self.geometry.has(value) => Link::Next(value),
            _ => Link::Nowhere(value),
        })
    }

    /// How many clusters follow `cluster`, which exists, each behind the one before, as far as the window shows: at most `most`.
    ///
    /// A file of 64 MiB has some 16,000 of them, nearly all in a row: this is where the time goes that is not the medium's.
    fn row(&mut self, cluster: u32, most: u64) -> Result<u32, VolumeError> {
        let at = self.look_at(cluster)?;
        let entries = self.window.get(at..).unwrap_or_default();
        let behind = cluster.saturating_add(1)..self.geometry.end();
        let behind = behind.take(usize::try_from(most).unwrap_or(usize::MAX));
        let count = match self.geometry.width {
            Width::Fat16 => {
                let (entries, _) = entries.as_chunks();
                equal(entries.iter().map(|entry| u16::from_le_bytes(*entry).into()), behind)
            }
            Width::Fat32 => {
                let (entries, _) = entries.as_chunks();
                equal(
                    entries.iter().map(|entry| u32::from_le_bytes(*entry) & 0x0fff_ffff),
                    behind,
                )
            }
        };
        Ok(u32::try_from(count).unwrap_or(0))
    }

    /// Changes what stands in the table for `cluster`, in the window only until [`Disk::flush`].
    pub(super) fn set_link(&mut self, cluster: u32, link: Link) -> Result<(), VolumeError> {
        let at = self.look_at(cluster)?;
        let value = match link {
            Link::Free => 0,
            Link::Bad => 0x0fff_fff7,
            Link::End => 0x0fff_ffff,
            Link::Next(value) | Link::Nowhere(value) => value,
        };
        match self.geometry.width {
            Width::Fat16 => {
                let [low, high, _, _] = value.to_le_bytes();
                put(&mut self.window, at, &[low, high]);
            }
            Width::Fat32 => {
                // The upper four bits are somebody else's.
                let kept = le32(&self.window, at) & 0xf000_0000;
                put(&mut self.window, at, &(kept | value).to_le_bytes());
            }
        }
        let block = u32::try_from(at / BLOCK_SIZE).unwrap_or(0);
        self.changed |= 1_u64.wrapping_shl(block);
        Ok(())
    }

    /// Writes what was changed to every copy of the table.
    pub(super) fn flush(&mut self) -> Result<(), VolumeError> {
        let Some(window) = self.at else { return Ok(()) };
        let mut block = 0;
        while block < WINDOW {
            let left = self.changed >> block;
            if left == 0 {
                break;
            }
            let first = block.saturating_add(u64::from(left.trailing_zeros()));
            let count = u64::from((self.changed >> first).trailing_ones());
            self.write_back(window, first, count)?;
            block = first.saturating_add(count);
        }
        self.changed = 0;
        Ok(())
    }

    /// Writes `count` blocks of the window from its block `first` on.
    fn write_back(&mut self, window: u64, first: u64, count: u64) -> Result<(), VolumeError> {
        let start = usize::try_from(first.saturating_mul(BLOCK)).unwrap_or(usize::MAX);
        let len = usize::try_from(count.saturating_mul(BLOCK)).unwrap_or(usize::MAX);
        let bytes = self.window.get(start..start.saturating_add(len)).unwrap_or_default();
        let geometry = &self.geometry;
        for copy in 0..geometry.fats {
            if geometry.mirrored || copy == geometry.active_fat {
                let table = geometry
                    .fat_start
                    .saturating_add(copy.saturating_mul(geometry.fat_sectors));
                let block = table.saturating_add(window).saturating_add(first);
                self.volume.write_blocks(block, bytes)?;
            }
        }
        Ok(())
    }

    /// Brings the entry of `cluster` into the window; where it is there, in bytes.
    fn look_at(&mut self, cluster: u32) -> Result<usize, VolumeError> {
        let offset = match self.geometry.width {
            Width::Fat16 => u64::from(cluster).saturating_mul(2),
            Width::Fat32 => u64::from(cluster).saturating_mul(4),
        };
        let block = offset / BLOCK;
        let first = block.saturating_sub(block % WINDOW);
        if self.at != Some(first) {
            self.flush()?;
            self.at = None;
            let blocks = self.geometry.fat_sectors.saturating_sub(first).min(WINDOW);
            let len = usize::try_from(blocks.saturating_mul(BLOCK)).unwrap_or(0);
            self.window.resize(len, 0);
            let table = self.geometry.active_fat.saturating_mul(self.geometry.fat_sectors);
            let table = self.geometry.fat_start.saturating_add(table);
            self.volume.read_blocks(table.saturating_add(first), &mut self.window)?;
            self.at = Some(first);
        }
        Ok(usize::try_from(offset.saturating_sub(first.saturating_mul(BLOCK))).unwrap_or(usize::MAX))
    }

    /// The clusters of a chain that begins at `first`, of what is called `name` in messages.
    pub(super) fn chain(&mut self, first: u32, length: Length, name: &str) -> Result<Vec<Run>, FatError> {
        let (most, exact) = match length {
            Length::Exactly(count) => (count, true),
            Length::AtMost(count) => (count, false),
        };
        let damaged = |cluster, fault| FatError::Chain {
            name: name.into(),
            cluster,
            fault,
        };
        if !self.geometry.has(first) {
            return Err(damaged(first, ChainFault::Nowhere));
        }
        let mut runs: Vec<Run> = Vec::new();
        let (mut cluster, mut count) = (first, 1_u64);
        loop {
            if !extend(&mut runs, cluster) {
                return Err(FatError::Pieces(name.into()));
            }
            let row = self.row(cluster, most.saturating_sub(count))?;
            if let Some(run) = runs.last_mut() {
                run.count = run.count.saturating_add(row);
            }
            cluster = cluster.saturating_add(row);
            count = count.saturating_add(u64::from(row));
            match self.link(cluster)? {
                Link::Next(_) if count >= most => return Err(damaged(cluster, ChainFault::Long(most))),
                Link::Next(next) => cluster = next,
                Link::End if exact && count < most => return Err(damaged(cluster, ChainFault::Short(count, most))),
                Link::End => return Ok(runs),
                Link::Free => return Err(damaged(cluster, ChainFault::Free)),
                Link::Bad => return Err(damaged(cluster, ChainFault::Bad)),
                Link::Nowhere(next) => return Err(damaged(next, ChainFault::Nowhere)),
            }
            count = count.saturating_add(1);
        }
    }

    /// As much of a chain as is sound, for what is to be freed.
    pub(super) fn sound_chain(&mut self, first: u32) -> Result<Vec<Run>, VolumeError> {
        let mut runs = Vec::new();
        let mut cluster = first;
        for _ in 0..self.geometry.clusters {
            if !self.geometry.has(cluster) {
                break;
            }
            let link = self.link(cluster)?;
            if link == Link::Free || !extend(&mut runs, cluster) {
                break;
            }
            let Link::Next(next) = link else { break };
            cluster = next;
        }
        Ok(runs)
    }

    /// Where the bytes of a file are.
    pub(super) fn pieces(&mut self, first: u32, size: u64, name: &str) -> Result<Vec<Piece>, FatError> {
        let cluster = self.geometry.cluster_size();
        let clusters = size.div_ceil(cluster);
        if clusters == 0 {
            return Ok(Vec::new());
        }
        let runs = self.chain(first, Length::Exactly(clusters), name)?;
        let mut at = 0;
        let pieces = runs.iter().filter_map(|run| {
            let place = self.geometry.block_of(run.first)?.saturating_mul(BLOCK);
            let len = u64::from(run.count)
                .saturating_mul(cluster)
                .min(size.saturating_sub(at));
            let piece = Piece { at, place, len };
            at = at.saturating_add(len);
            Some(piece)
        });
        Ok(pieces.collect())
    }

    /// The blocks of a directory, as first blocks and numbers of them.
    pub(super) fn directory(&mut self, first: Option<u32>, name: &str) -> Result<Vec<(u64, u64)>, FatError> {
        let first = match (first, self.geometry.root) {
            (None, Root::Fixed { block, blocks }) => return Ok(vec![(block, blocks)]),
            (None, Root::Chain(first)) | (Some(first), _) => first,
        };
        let most = super::MAX_DIRECTORY.div_ceil(self.geometry.cluster_size());
        let runs = self.chain(first, Length::AtMost(most), name)?;
        let sectors = self.geometry.sectors_per_cluster;
        let blocks = runs.iter().filter_map(|run| {
            let block = self.geometry.block_of(run.first)?;
            Some((block, u64::from(run.count).saturating_mul(sectors)))
        });
        Ok(blocks.collect())
    }
}

/// How many numbers both begin with.
fn equal(left: impl Iterator<Item = u32>, right: impl Iterator<Item = u32>) -> usize {
    left.zip(right).take_while(|(left, right)| left == right).count()
}

/// Adds a cluster to the end; `false` if there are too many runs then.
pub(super) fn extend(runs: &mut Vec<Run>, cluster: u32) -> bool {
    let full = runs.len() >= MAX_PIECES;
    match runs.last_mut() {
        Some(run) if run.end() == cluster => run.count = run.count.saturating_add(1),
        _ if full => return false,
        _ => runs.push(Run {
            first: cluster,
            count: 1,
        }),
    }
    true
}

#[cfg(test)]
mod tests;
