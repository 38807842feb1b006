//! Disks with files on them, made without any tool.

use alloc::vec;
use alloc::vec::Vec;

use hal::fakes::FakeDisk;

use crate::fs::{Unwatched, Volume, mount};

/// Blocks of a file system: just enough for FAT16.
const BLOCKS: u16 = 4300;
/// Blocks of its one allocation table.
const TABLE: u16 = 17;
/// The first partition's first block.
const FIRST: usize = 8;

/// A FAT16 with these files. A name that ends with a slash is a folder, and comes before what is in it.
pub(crate) fn fat(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; usize::from(BLOCKS) * 512];
    bytes[..3].copy_from_slice(&[0xeb, 0x3c, 0x90]);
    bytes[11..13].copy_from_slice(&512_u16.to_le_bytes());
    // One block a cluster, one block before the table, one table, 512 entries in the root directory.
    bytes[13] = 1;
    bytes[14] = 1;
    bytes[16] = 1;
    bytes[17..19].copy_from_slice(&512_u16.to_le_bytes());
    bytes[19..21].copy_from_slice(&BLOCKS.to_le_bytes());
    bytes[21] = 0xf8;
    bytes[22..24].copy_from_slice(&TABLE.to_le_bytes());
    bytes[54..62].copy_from_slice(b"FAT16   ");
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    bytes[512..516].copy_from_slice(&[0xf8, 0xff, 0xff, 0xff]);
    let mut disk = FakeDisk::new(bytes);
    let mut watch = Unwatched;
    let mut mounted = mount(Volume::whole(&mut disk, &mut watch).unwrap()).unwrap();
    for (name, content) in files {
        match name.strip_suffix('/') {
            Some(folder) => mounted.make_dir(folder).unwrap(),
            None => mounted.write(name, None, content).unwrap(),
        }
    }
    drop(mounted);
    disk.bytes()
}

/// A disk with an MBR and these partitions, each with whether it is marked as bootable.
pub(crate) fn partitioned(partitions: &[(bool, &[u8])]) -> FakeDisk {
    let mut bytes = vec![0; FIRST * 512];
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    for (index, (bootable, content)) in partitions.iter().enumerate() {
        let start = u32::try_from(bytes.len() / 512).unwrap();
        let blocks = u32::try_from(content.len() / 512).unwrap();
        let entry = &mut bytes[446 + 16 * index..][..16];
        entry[0] = if *bootable { 0x80 } else { 0 };
        entry[4] = 0x0e;
        entry[8..12].copy_from_slice(&start.to_le_bytes());
        entry[12..16].copy_from_slice(&blocks.to_le_bytes());
        bytes.extend_from_slice(content);
    }
    FakeDisk::new(bytes)
}
