//! The boot sector of a FAT file system (Microsoft, "FAT: General Overview of On-Disk Format" 1.03), judged once, before anything relies on
//! it.

use alloc::format;
use alloc::string::String;

use thiserror::Error;

use super::super::field::{bytes, le16, le32};
use super::super::volume::BLOCK;

/// Clusters of the smallest FAT16, and of the smallest FAT32 that is told by its number of clusters.
const FAT16_CLUSTERS: u64 = 4085;
const FAT32_CLUSTERS: u64 = 65_525;

/// Numbers from here on are no clusters of a FAT32.
const MAX_CLUSTERS: u64 = 0x0fff_fff5;

/// Bytes of a directory entry.
pub(super) const ENTRY_SIZE: u64 = 32;

/// Why a boot sector cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BootSectorError {
    /// Sectors of another size.
    #[error("its sectors have {0} bytes; only 512 are supported")]
    SectorSize(u16),
    /// Not a power of two from 1 to 128.
    #[error("it has {0} sectors per cluster; that has to be a power of two up to 128")]
    ClusterSize(u8),
    /// No room for the boot sector itself.
    #[error("it has no reserved sectors, not even the boot sector")]
    Reserved,
    /// No allocation table, or more than anybody makes.
    #[error("it has {0} FATs; 1 or 2 are possible")]
    Fats(u8),
    /// The root directory of a FAT16 does not fill whole sectors.
    #[error("its root directory has {0} entries, which do not fill whole sectors")]
    RootEntries(u16),
    /// The areas do not fit.
    #[error("its {total} sectors have no room for {used} sectors of FATs and directory")]
    NoData {
        /// Sectors in all.
        total: u64,
        /// What is in front of the clusters.
        used: u64,
    },
    /// A FAT12.
    #[error("it is a FAT12 ({0} clusters), which is not supported; FAT16 and FAT32 are")]
    Fat12(u64),
    /// More clusters than can be numbered.
    #[error("it has {0} clusters, more than can be numbered")]
    Clusters(u64),
    /// The allocation table is too short.
    #[error("its FATs of {sectors} sectors are too short for {clusters} clusters")]
    FatSize {
        /// Sectors of one.
        sectors: u64,
        /// Clusters that it has to tell of.
        clusters: u64,
    },
    /// The file system is longer than the partition.
    #[error("it has {total} sectors, and the partition only {blocks}")]
    Truncated {
        /// Sectors of the file system.
        total: u64,
        /// Blocks of the partition.
        blocks: u64,
    },
    /// The root directory of a FAT32 is nowhere.
    #[error("its root directory begins at cluster {0}, which does not exist")]
    RootCluster(u32),
    /// A FAT32 of a later version.
    #[error("it is of version {0:#06x}; only version 0 is known")]
    Version(u16),
}

/// The width of the entries in the allocation table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// 16 bits.
    Fat16,
    /// 32 bits, of which 28 count.
    Fat32,
}

/// Where the root directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// Blocks in front of the clusters.
    Fixed {
        /// The first one.
        block: u64,
        /// How many.
        blocks: u64,
    },
    /// A chain of clusters.
    Chain(u32),
}

/// A file system's layout, in blocks from its start. Every cluster number from 2 to `clusters + 1` is on the volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) width: Width,
    pub(super) sectors_per_cluster: u64,
    /// First block of the first allocation table.
    pub(super) fat_start: u64,
    /// Blocks of one.
    pub(super) fat_sectors: u64,
    pub(super) fats: u64,
    /// The table to be read, and whether the others are kept equal to it.
    pub(super) active_fat: u64,
    pub(super) mirrored: bool,
    pub(super) root: Root,
    /// First block of cluster 2.
    pub(super) data_start: u64,
    pub(super) clusters: u32,
    /// The block with the number of free clusters, if there is one.
    pub(super) info: Option<u64>,
    pub(super) label: String,
    /// The serial number as U-Boot prints it.
    pub(super) uuid: String,
}

impl Geometry {
    /// Bytes of a cluster.
    pub(super) fn cluster_size(&self) -> u64 {
        self.sectors_per_cluster.saturating_mul(BLOCK)
    }

    /// Whether there is a cluster of that number.
    pub(super) fn has(&self, cluster: u32) -> bool {
        cluster.checked_sub(2).is_some_and(|index| index < self.clusters)
    }

    /// The number behind that of the last cluster.
    pub(super) fn end(&self) -> u32 {
        self.clusters.saturating_add(2)
    }

    /// First block of a cluster, if there is one of that number.
    pub(super) fn block_of(&self, cluster: u32) -> Option<u64> {
        let index = cluster.checked_sub(2).filter(|index| *index < self.clusters)?;
        let blocks = u64::from(index).saturating_mul(self.sectors_per_cluster);
        Some(self.data_start.saturating_add(blocks))
    }
}

/// Whether it looks like the boot sector of a FAT file system, of whatever width: the test that no other sector passes by accident.
pub(in crate::fs) fn is_boot_sector(sector: &[u8; 512]) -> bool {
    let [jump, _, nop] = bytes(sector, 0);
    let jumps = jump == 0xe9 || (jump == 0xeb && nop == 0x90);
    let [cluster] = bytes(sector, 13);
    let [fats] = bytes(sector, 16);
    let sector_size = le16(sector, 11);
    jumps
        && (512..=4096).contains(&sector_size)
        && sector_size.is_power_of_two()
        && (cluster.is_power_of_two() || cluster == 0)
        && (1..=2).contains(&fats)
        && le16(sector, 14) != 0
        && le16(sector, 510) == 0xaa55
}

/// The layout that `sector` tells of, on a volume of `blocks` blocks.
pub(super) fn read(sector: &[u8; 512], blocks: u64) -> Result<Geometry, BootSectorError> {
    let sector_size = le16(sector, 11);
    if sector_size != 512 {
        return Err(BootSectorError::SectorSize(sector_size));
    }
    let [cluster] = bytes(sector, 13);
    if !cluster.is_power_of_two() {
        return Err(BootSectorError::ClusterSize(cluster));
    }
    let reserved = u64::from(le16(sector, 14));
    if reserved == 0 {
        return Err(BootSectorError::Reserved);
    }
    let [fats] = bytes(sector, 16);
    if !(1..=2).contains(&fats) {
        return Err(BootSectorError::Fats(fats));
    }
    let root_entries = le16(sector, 17);
    if !root_entries.is_multiple_of(16) {
        return Err(BootSectorError::RootEntries(root_entries));
    }
    let total = or_wide(le16(sector, 19), le32(sector, 32));
    if total > blocks {
        return Err(BootSectorError::Truncated { total, blocks });
    }
    let areas = Areas {
        reserved,
        fats: fats.into(),
        fat_sectors: or_wide(le16(sector, 22), le32(sector, 36)),
        root_blocks: u64::from(root_entries).saturating_mul(ENTRY_SIZE) / BLOCK,
        total,
        sectors_per_cluster: cluster.into(),
    };
    // Linux and mkfs.fat tell a FAT32 by this, and make some with fewer clusters than its specification asks for.
    if le16(sector, 22) == 0 {
        fat32(sector, &areas)
    } else {
        fat16(sector, &areas)
    }
}

/// The wide field counts if the narrow one is zero.
fn or_wide(narrow: u16, wide: u32) -> u64 {
    if narrow == 0 { wide.into() } else { narrow.into() }
}

struct Areas {
    reserved: u64,
    fats: u64,
    fat_sectors: u64,
    root_blocks: u64,
    total: u64,
    sectors_per_cluster: u64,
}

impl Areas {
    /// First block of the root directory of a FAT16.
    fn root_start(&self) -> u64 {
        self.reserved.saturating_add(self.fats.saturating_mul(self.fat_sectors))
    }

    fn data_start(&self) -> u64 {
        self.root_start().saturating_add(self.root_blocks)
    }

    /// The number of clusters, if the tables have room to tell of them with entries of `entry` bytes.
    fn clusters(&self, entry: u64) -> Result<u64, BootSectorError> {
        let (total, used) = (self.total, self.data_start());
        let data = total.checked_sub(used).ok_or(BootSectorError::NoData { total, used })?;
        let clusters = data.checked_div(self.sectors_per_cluster).unwrap_or(0);
        if clusters == 0 {
            return Err(BootSectorError::NoData { total, used });
        }
        let sectors = self.fat_sectors;
        if entry == 2 && clusters < FAT16_CLUSTERS {
            return Err(BootSectorError::Fat12(clusters));
        }
        if clusters.saturating_add(2).saturating_mul(entry) > sectors.saturating_mul(BLOCK) {
            return Err(BootSectorError::FatSize { sectors, clusters });
        }
        Ok(clusters)
    }
}

fn fat16(sector: &[u8; 512], areas: &Areas) -> Result<Geometry, BootSectorError> {
    let clusters = areas.clusters(2)?;
    if clusters >= FAT32_CLUSTERS {
        return Err(BootSectorError::Clusters(clusters));
    }
    Ok(Geometry {
        width: Width::Fat16,
        sectors_per_cluster: areas.sectors_per_cluster,
        fat_start: areas.reserved,
        fat_sectors: areas.fat_sectors,
        fats: areas.fats,
        active_fat: 0,
        mirrored: true,
        root: Root::Fixed {
            block: areas.root_start(),
            blocks: areas.root_blocks,
        },
        data_start: areas.data_start(),
        clusters: u32::try_from(clusters).unwrap_or(0),
        info: None,
        label: label(&bytes(sector, 43)),
        uuid: uuid(le32(sector, 39)),
    })
}

fn fat32(sector: &[u8; 512], areas: &Areas) -> Result<Geometry, BootSectorError> {
    let clusters = areas.clusters(4)?;
    if clusters > MAX_CLUSTERS {
        return Err(BootSectorError::Clusters(clusters));
    }
    let version = le16(sector, 42);
    if version != 0 {
        return Err(BootSectorError::Version(version));
    }
    let (flags, root, info) = (le16(sector, 40), le32(sector, 44), u64::from(le16(sector, 48)));
    let mirrored = flags & 0x80 == 0;
    let active = u64::from(flags & 0xf);
    if !mirrored && active >= areas.fats {
        return Err(BootSectorError::Fats(u8::try_from(active).unwrap_or(u8::MAX)));
    }
    let geometry = Geometry {
        width: Width::Fat32,
        sectors_per_cluster: areas.sectors_per_cluster,
        fat_start: areas.reserved,
        fat_sectors: areas.fat_sectors,
        fats: areas.fats,
        active_fat: if mirrored { 0 } else { active },
        mirrored,
        root: Root::Chain(root),
        data_start: areas.data_start(),
        clusters: u32::try_from(clusters).unwrap_or(0),
        info: Some(info).filter(|info| (1..areas.reserved).contains(info)),
        label: label(&bytes(sector, 71)),
        uuid: uuid(le32(sector, 67)),
    };
    if geometry.has(root) {
        Ok(geometry)
    } else {
        Err(BootSectorError::RootCluster(root))
    }
}

/// A label without its padding, as ASCII.
pub(super) fn label(padded: &[u8; 11]) -> String {
    let text = padded.iter().map(|byte| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => char::REPLACEMENT_CHARACTER,
    });
    let text: String = text.collect();
    // What formatting tools write if nobody chose one.
    Some(text.trim_end())
        .filter(|text| *text != "NO NAME")
        .unwrap_or_default()
        .into()
}

fn uuid(serial: u32) -> String {
    format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff)
}
