//! Free clusters: found, taken, given back.

use alloc::vec::Vec;

use super::super::field::{le32, put};
use super::super::volume::VolumeError;
use super::FatError;
use super::bpb::Width;
use super::table::{Disk, Link, Run, extend};

/// The signatures of the block with the number of free clusters, and where they are (Microsoft FAT specification, section 5).
const INFO_SIGNATURES: [(usize, u32); 3] = [(0, 0x4161_5252), (484, 0x6141_7272), (508, 0xaa55_0000)];

/// Where it has the number of free clusters, and where to look for the next one.
const FREE: usize = 488;
const NEXT: usize = 492;

impl Disk<'_> {
    /// Looks for `needed` free clusters, from where somebody last took one. Nothing is changed.
    pub(super) fn find_free(&mut self, needed: u64) -> Result<Vec<Run>, FatError> {
        let mut runs = Vec::new();
        let mut free = 0_u64;
        let end = self.geometry.clusters.saturating_add(2);
        let start = self.next_free()?.filter(|next| self.geometry.has(*next)).unwrap_or(2);
        let mut pieces_left = true;
        for cluster in (start..end).chain(2..start) {
            if free >= needed {
                break;
            }
            if self.link(cluster)? == Link::Free {
                free = free.saturating_add(1);
                pieces_left = pieces_left && extend(&mut runs, cluster);
            }
        }
        let size = self.geometry.cluster_size();
        if free < needed {
            return Err(FatError::Full { needed, free, size });
        }
        if !pieces_left {
            return Err(FatError::Pieces("the new file".into()));
        }
        Ok(runs)
    }

    /// Makes one chain of free clusters.
    pub(super) fn take(&mut self, runs: &[Run]) -> Result<(), VolumeError> {
        let mut following = runs.iter().skip(1);
        for run in runs {
            let next = following.next().map_or(Link::End, |next| Link::Next(next.first));
            for cluster in run.first..run.end() {
                let behind = cluster.saturating_add(1);
                let link = if behind < run.end() { Link::Next(behind) } else { next };
                self.set_link(cluster, link)?;
            }
        }
        self.flush()
    }

    /// Frees clusters.
    pub(super) fn give_back(&mut self, runs: &[Run]) -> Result<(), VolumeError> {
        for run in runs {
            for cluster in run.first..run.end() {
                self.set_link(cluster, Link::Free)?;
            }
        }
        self.flush()
    }

    /// The information block, if there is one.
    fn info(&mut self) -> Result<Option<(u64, [u8; 512])>, VolumeError> {
        let Some(at) = self.geometry.info else { return Ok(None) };
        let mut info = [0; 512];
        self.volume.read_blocks(at, &mut info)?;
        let valid = INFO_SIGNATURES
            .iter()
            .all(|(at, signature)| le32(&info, *at) == *signature);
        Ok(valid.then_some((at, info)))
    }

    /// Where to look for a free cluster, if somebody noted it. It may be wrong.
    fn next_free(&mut self) -> Result<Option<u32>, VolumeError> {
        Ok(self.info()?.map(|(_, info)| le32(&info, NEXT)))
    }

    /// Notes that `taken` were taken and `freed` were freed. What the block says may be wrong: it is a hint, and becomes none the worse.
    pub(super) fn note(&mut self, taken: &[Run], freed: &[Run]) -> Result<(), VolumeError> {
        if self.geometry.width == Width::Fat16 {
            return Ok(());
        }
        let Some((at, mut info)) = self.info()? else {
            return Ok(());
        };
        let free = le32(&info, FREE);
        if free <= self.geometry.clusters {
            let free = free.saturating_sub(count(taken)).saturating_add(count(freed));
            put(&mut info, FREE, &free.min(self.geometry.clusters).to_le_bytes());
        }
        if let Some(run) = taken.last() {
            put(&mut info, NEXT, &run.end().saturating_sub(1).to_le_bytes());
        }
        self.volume.write_blocks(at, &info)
    }
}

fn count(runs: &[Run]) -> u32 {
    runs.iter().fold(0, |sum, run| sum.saturating_add(run.count))
}
