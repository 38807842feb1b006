//! Puts right what fatfs 0.3 writes otherwise than Microsoft's FAT specification has it.
//!
//! Its `.` and `..` have long names in front, so that they are not a folder's first entries (section 6). `..` in a folder of the root
//! names the cluster of the root, and not 0. And a name such as `.cfg` gets a short name that begins with a space (section 6).

use std::collections::BTreeSet;
use std::iter::successors;

/// Where the boot sector says how large sectors, clusters, reserved area and FAT are, and how many FATs there are (section 3).
const CLUSTER_SECTORS: usize = 13;
const RESERVED_SECTORS: usize = 14;
const FATS: usize = 16;
const FAT_SECTORS: usize = 36;
const ROOT: usize = 44;
const SECTOR: usize = 512;

/// Where an entry has its attributes, the checksum of the short name that a long one is for, and the halves of its cluster.
const ATTRIBUTES: usize = 11;
const CHECKSUM: usize = 13;
const CLUSTER_HIGH: usize = 20;
const CLUSTER_LOW: usize = 26;
const ENTRY: usize = 32;

const LONG_NAME: u8 = 0x0f;
const DIRECTORY: u8 = 0x10;
/// First byte of an entry that is free, as there may be one among others.
const FREE: u8 = 0xe5;

/// The most clusters of a folder: 2 MiB, if they are of one sector.
const LONGEST: usize = 4096;

/// A short name as it is stored.
type Short = [u8; 11];

/// Puts right all folders of the FAT32 in `partition`. `None` if it is none.
pub(super) fn mend(partition: &mut [u8]) -> Option<()> {
    let number = |at| Some(usize::from(u16::from_le_bytes(array(partition, at)?)));
    let reserved = number(RESERVED_SECTORS)?.checked_mul(SECTOR)?;
    let fats = usize::from(*partition.get(FATS)?);
    let fat_len = usize::try_from(u32::from_le_bytes(array(partition, FAT_SECTORS)?)).ok()?;
    let fats_len = fat_len.checked_mul(SECTOR)?.checked_mul(fats)?;
    let root = u32::from_le_bytes(array(partition, ROOT)?);
    let mut volume = Volume {
        fat: reserved,
        data: reserved.checked_add(fats_len)?,
        cluster: usize::from(*partition.get(CLUSTER_SECTORS)?).checked_mul(SECTOR)?,
        bytes: partition,
    };
    // Each folder with its depth.
    let mut folders = vec![(root, 0_usize)];
    while let Some((folder, depth)) = folders.pop() {
        let slots = volume.slots(folder)?;
        if depth > 0 {
            volume.mend_dots(&slots, depth == 1)?;
        }
        volume.mend_names(&slots)?;
        let inside = volume.folders(&slots)?;
        folders.extend(inside.into_iter().map(|folder| (folder, depth.saturating_add(1))));
    }
    Some(())
}

/// The bytes from `at` on.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

struct Volume<'a> {
    bytes: &'a mut [u8],
    /// Where the first FAT and the first cluster, number 2, begin.
    fat: usize,
    data: usize,
    /// Bytes of a cluster.
    cluster: usize,
}

impl Volume<'_> {
    /// Where the entries of a folder are, up to its end.
    fn slots(&self, folder: u32) -> Option<Vec<usize>> {
        let mut slots = Vec::new();
        for cluster in successors(Some(folder), |cluster| self.next(*cluster)).take(LONGEST) {
            let index = usize::try_from(cluster).ok()?.checked_sub(2)?;
            let start = index.checked_mul(self.cluster)?.checked_add(self.data)?;
            let end = start.checked_add(self.cluster)?;
            slots.extend((start..end).step_by(ENTRY));
        }
        let is_used = |at: &usize| self.bytes.get(*at).is_some_and(|first| *first != 0);
        Some(slots.into_iter().take_while(is_used).collect())
    }

    /// The cluster that follows; `None` at the end.
    fn next(&self, cluster: u32) -> Option<u32> {
        let at = usize::try_from(cluster).ok()?.checked_mul(4)?.checked_add(self.fat)?;
        let next = u32::from_le_bytes(array(self.bytes, at)?) & 0x0fff_ffff;
        (2..0x0fff_fff7).contains(&next).then_some(next)
    }

    fn attributes(&self, slot: usize) -> Option<u8> {
        self.bytes.get(slot.checked_add(ATTRIBUTES)?).copied()
    }

    /// The short names in a folder with their places among its slots.
    fn names(&self, slots: &[usize]) -> Option<Vec<(usize, Short)>> {
        let mut names = Vec::new();
        for (place, slot) in slots.iter().enumerate() {
            let short: Short = array(self.bytes, *slot)?;
            if short[0] != FREE && self.attributes(*slot)? != LONG_NAME {
                names.push((place, short));
            }
        }
        Some(names)
    }

    /// The clusters of the folders in a folder.
    fn folders(&self, slots: &[usize]) -> Option<Vec<u32>> {
        let mut folders = Vec::new();
        for (place, short) in self.names(slots)? {
            let slot = *slots.get(place)?;
            if short[0] != b'.' && self.attributes(slot)? & DIRECTORY != 0 {
                let [high, low] = [CLUSTER_HIGH, CLUSTER_LOW].map(|at| array(self.bytes, slot.checked_add(at)?));
                let ([a, b], [c, d]) = (low?, high?);
                folders.push(u32::from_le_bytes([a, b, c, d]));
            }
        }
        Some(folders)
    }

    /// Moves `.` and `..` to the first two slots: they are in the second and the fourth one.
    fn mend_dots(&mut self, slots: &[usize], in_root: bool) -> Option<()> {
        let [first, second, third, fourth] = *slots.first_chunk()?;
        let mut entries: [[u8; ENTRY]; 2] = [array(self.bytes, second)?, array(self.bytes, fourth)?];
        if in_root {
            entries[1][CLUSTER_HIGH..][..2].fill(0);
            entries[1][CLUSTER_LOW..][..2].fill(0);
        }
        for (slot, entry) in [first, second].into_iter().zip(entries) {
            self.put(slot, &entry)?;
        }
        self.put(third, &[FREE])?;
        self.put(fourth, &[FREE])
    }

    /// Gives names of which nothing was left before the dot another short name.
    fn mend_names(&mut self, slots: &[usize]) -> Option<()> {
        let names = self.names(slots)?;
        let mut taken: BTreeSet<Short> = names.iter().map(|(_, short)| *short).collect();
        for (place, short) in names.into_iter().filter(|(_, short)| short[0] == b' ') {
            let mut numbered = (1..100_000).map(|number| numbered(short, number));
            let short = numbered.find(|short| taken.insert(*short))?;
            self.put(*slots.get(place)?, &short)?;
            // Such names are so short that they are in one piece.
            let long = slots.get(place.checked_sub(1)?)?;
            self.put(long.checked_add(CHECKSUM)?, &[checksum(&short)])?;
        }
        Some(())
    }

    fn put(&mut self, at: usize, bytes: &[u8]) -> Option<()> {
        let place = self.bytes.get_mut(at..)?.get_mut(..bytes.len())?;
        place.copy_from_slice(bytes);
        Some(())
    }
}

/// The short name with a number before the dot.
fn numbered(mut short: Short, number: u32) -> Short {
    for (place, byte) in short.iter_mut().zip(format!("~{number}").bytes()) {
        *place = byte;
    }
    short
}

/// What a long name has to tell which short one it is for (section 7).
fn checksum(short: &Short) -> u8 {
    let add = |sum: u8, byte: &u8| sum.rotate_right(1).wrapping_add(*byte);
    short.iter().fold(0, add)
}
