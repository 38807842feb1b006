use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use hal::BlockIdx;
use hal::block::BlockFault;
use hal::fakes::{DiskAccess, FakeDisk};

use super::{Unwatched, Volume, VolumeError, Watch};

/// What a device does at once unless it says something else.
const REQUEST: usize = 2048;

fn disk(blocks: usize) -> FakeDisk {
    let bytes = (0..blocks * 512).map(|at| (at * 7 + at / 512) as u8).collect();
    FakeDisk::new(bytes)
}

#[test]
fn any_range_of_bytes_is_read() {
    let mut disk = disk(16);
    let (image, mut watch) = (disk.bytes(), Unwatched);
    let mut volume = Volume::new(&mut disk, &mut watch, (BlockIdx(3), 10)).unwrap();
    for offset in [0, 1, 511, 512, 513, 1500, 4 * 512, 5119] {
        for len in [0, 1, 2, 511, 512, 513, 1024, 1537, 3000] {
            let mut bytes = vec![0xaa; len];
            let result = volume.read(offset as u64, &mut bytes);
            if offset + len > 5120 {
                assert!(matches!(result, Err(VolumeError::Outside { .. })), "{offset} {len}");
                assert!(bytes.iter().all(|byte| *byte == 0xaa));
            } else {
                assert_eq!(result, Ok(()), "{offset} {len}");
                assert_eq!(bytes, image[1536 + offset..][..len], "{offset} {len}");
            }
        }
    }
}

#[test]
fn whole_blocks_are_one_request_up_to_a_mebibyte() {
    let mut disk = disk(5000);
    let mut watch = Unwatched;
    let mut volume = Volume::new(&mut disk, &mut watch, (BlockIdx(100), 4900)).unwrap();
    volume.read(100, &mut vec![0; 412 + 3000 * 512 + 5]).unwrap();
    let accesses = [
        DiskAccess::Read(BlockIdx(100), 1),
        DiskAccess::Read(BlockIdx(101), REQUEST as u64),
        DiskAccess::Read(BlockIdx(101 + 2048), 952),
        DiskAccess::Read(BlockIdx(101 + 3000), 1),
    ];
    assert_eq!(disk.take_accesses(), accesses);
}

#[test]
fn nothing_outside_is_touched() {
    let mut disk = disk(16);
    let mut watch = Unwatched;
    let mut volume = Volume::new(&mut disk, &mut watch, (BlockIdx(4), 100)).unwrap();
    assert_eq!(volume.blocks(), 12, "cut at the end of the medium");
    for (first, blocks) in [(12, 1), (11, 2), (u64::MAX, 1), (u64::MAX / 512 + 1, 1)] {
        let mut bytes = vec![0; blocks * 512];
        assert!(volume.read_blocks(first, &mut bytes).is_err());
        assert!(volume.write_blocks(first, &bytes).is_err());
        assert!(volume.zero_blocks(first, blocks as u64).is_err());
    }
    assert!(volume.read(u64::MAX, &mut [0; 2]).is_err());
    assert_eq!(disk.take_accesses(), []);
    let error = Volume::new(&mut disk, &mut watch, (BlockIdx(16), 1)).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the partition begins at block 16, the medium has 16 blocks"
    );
}

#[test]
fn blocks_are_written_and_zeroed() {
    let mut disk = disk(200);
    let (before, mut watch) = (disk.bytes(), Unwatched);
    let mut volume = Volume::new(&mut disk, &mut watch, (BlockIdx(10), 150)).unwrap();
    volume.write_blocks(1, &[0x55; 1024]).unwrap();
    volume.zero_blocks(5, 130).unwrap();
    let after = disk.bytes();
    assert_eq!(after[..11 * 512], before[..11 * 512]);
    assert_eq!(after[11 * 512..13 * 512], [0x55; 1024]);
    assert_eq!(after[13 * 512..15 * 512], before[13 * 512..15 * 512]);
    assert!(after[15 * 512..145 * 512].iter().all(|byte| *byte == 0));
    assert_eq!(after[145 * 512..], before[145 * 512..]);
}

/// Wants to stop after so many looks.
struct Impatient(u32);

impl Watch for Impatient {
    fn meanwhile(&mut self) {}

    fn stop(&mut self) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 == 0
    }
}

#[test]
fn the_user_stops_between_requests() {
    let mut disk = disk(5 * REQUEST);
    let mut watch = Impatient(3);
    let mut volume = Volume::whole(&mut disk, &mut watch).unwrap();
    let mut bytes = vec![0; 5 * REQUEST * 512];
    assert_eq!(volume.read(0, &mut bytes), Err(VolumeError::Aborted));
    assert_eq!(disk.take_accesses().len(), 2);
}

#[test]
fn errors_of_the_device_come_through() {
    let mut disk = disk(16);
    disk.break_blocks(5..6, BlockFault::Crc);
    let mut watch = Unwatched;
    let mut volume = Volume::whole(&mut disk, &mut watch).unwrap();
    let mut bytes: Vec<u8> = vec![0; 16 * 512];
    let error = volume.read(0, &mut bytes).unwrap_err();
    assert!(error.to_string().starts_with("fake-disk, block 5: the data"), "{error}");
    assert_eq!(volume.read(6 * 512, &mut bytes[..512]), Ok(()));
}

/// A range of bytes.
type Range = (usize, usize);

/// Reads ranges of bytes together.
fn gather(volume: &mut Volume<'_>, ranges: &[Range]) -> Result<Vec<Vec<u8>>, VolumeError> {
    let mut parts: Vec<_> = ranges.iter().map(|(_, len)| vec![0xaa; *len]).collect();
    let mut gather = volume.gather();
    for ((offset, _), part) in ranges.iter().zip(&mut parts) {
        gather.read(*offset as u64, part)?;
    }
    gather.finish()?;
    Ok(parts)
}

/// So many blocks, none of them behind the one before.
fn every_second_block(count: usize) -> Vec<Range> {
    (0..count).map(|at| (at * 1024, 512)).collect()
}

#[test]
fn any_ranges_of_bytes_are_gathered() {
    let mut disk = disk(400);
    let (image, mut watch) = (disk.bytes(), Unwatched);
    let mut volume = Volume::new(&mut disk, &mut watch, (BlockIdx(3), 390)).unwrap();
    let lens = [0, 1, 511, 512, 513, 1024, 1537, 3000];
    let ranges: Vec<_> = (0..200).map(|at| (at * 7919 % (387 * 512), lens[at % 8])).collect();
    let ranges: Vec<_> = ranges
        .into_iter()
        .filter(|(offset, len)| offset + len <= 390 * 512)
        .collect();
    let parts = gather(&mut volume, &ranges).unwrap();
    for ((offset, len), part) in ranges.iter().zip(parts) {
        assert_eq!(part, image[1536 + offset..][..*len], "{offset} {len}");
    }
    assert_eq!(gather(&mut volume, &[]), Ok(Vec::new()));
    assert_eq!(gather(&mut volume, &[(390 * 512, 0)]), Ok(vec![Vec::new()]));
}

#[test]
fn what_is_gathered_is_one_request_for_each_piece() {
    let mut disk = disk(5000);
    let mut watch = Unwatched;
    let mut volume = Volume::new(&mut disk, &mut watch, (BlockIdx(100), 4900)).unwrap();
    gather(&mut volume, &[(512, 1024), (5120, 3000 * 512), (0, 512)]).unwrap();
    let accesses = [
        DiskAccess::Read(BlockIdx(101), 2),
        DiskAccess::Read(BlockIdx(110), REQUEST as u64),
        DiskAccess::Read(BlockIdx(110 + 2048), 952),
        DiskAccess::Read(BlockIdx(100), 1),
    ];
    assert_eq!(disk.take_accesses(), accesses);
}

#[test]
fn nothing_outside_is_gathered() {
    let mut disk = disk(16);
    let mut watch = Unwatched;
    let mut volume = Volume::new(&mut disk, &mut watch, (BlockIdx(4), 10)).unwrap();
    for outside in [(10 * 512, 1), (9 * 512, 1024), (usize::MAX, 1), (usize::MAX - 511, 512)] {
        let result = gather(&mut volume, &[(0, 512), outside, (1024, 512)]);
        let (offset, len) = (outside.0 as u64, outside.1);
        assert_eq!(
            result,
            Err(VolumeError::Outside {
                offset,
                len,
                size: 5120
            })
        );
    }
    assert_eq!(disk.take_accesses(), []);
}

#[test]
fn the_user_stops_between_batches() {
    // Many pieces, and pieces that are a whole request each.
    let short = every_second_block(1000);
    let long: Vec<_> = (0..4).map(|at| (at * REQUEST * 512, REQUEST * 512)).collect();
    for (ranges, read) in [(short, 2 * 64), (long, 2)] {
        let mut disk = disk(5 * REQUEST);
        let mut watch = Impatient(3);
        let mut volume = Volume::whole(&mut disk, &mut watch).unwrap();
        assert_eq!(gather(&mut volume, &ranges), Err(VolumeError::Aborted));
        assert_eq!(disk.take_accesses().len(), read);
    }
}

#[test]
fn a_user_who_stops_is_seen_among_short_batches_too() {
    let mut disk = disk(64);
    let mut watch = Impatient(2);
    let mut volume = Volume::whole(&mut disk, &mut watch).unwrap();
    let mut reads = 0;
    while gather(&mut volume, &every_second_block(4)).is_ok() {
        reads += 1;
    }
    assert_eq!(reads, 4, "sixteen requests");
}

#[test]
fn errors_name_the_block_of_the_piece() {
    let mut disk = disk(300);
    disk.break_blocks(145..146, BlockFault::Crc);
    let mut watch = Unwatched;
    let mut volume = Volume::new(&mut disk, &mut watch, (BlockIdx(5), 295)).unwrap();
    let error = gather(&mut volume, &every_second_block(100)).unwrap_err();
    assert!(
        error.to_string().starts_with("fake-disk, block 145: the data"),
        "{error}"
    );
    assert!(gather(&mut volume, &every_second_block(70)).is_ok());
}
