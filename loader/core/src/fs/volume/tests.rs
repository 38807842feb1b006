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
