use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use hal::block::BlockFault;
use hal::fakes::FakeDisk;

use super::super::field::put;
use super::super::volume::{Unwatched, Volume};
use super::{Guid, Kind, PartitionError, Scheme, Table, read_table};

/// A disk of so many blocks.
struct Disk(Vec<u8>);

impl Disk {
    fn new(blocks: usize) -> Self {
        Self(vec![0; blocks * 512])
    }

    fn put(&mut self, block: usize, at: usize, value: &[u8]) {
        put(&mut self.0, block * 512 + at, value);
    }

    /// An MBR or one of the records behind it: entries of type, start, blocks.
    fn record(&mut self, block: usize, entries: &[(u8, u32, u32)]) {
        for (index, (kind, start, blocks)) in entries.iter().enumerate() {
            let at = 446 + index * 16;
            self.put(block, at + 4, &[*kind]);
            self.put(block, at + 8, &start.to_le_bytes());
            self.put(block, at + 12, &blocks.to_le_bytes());
        }
        self.put(block, 510, &[0x55, 0xaa]);
    }

    fn read(&self) -> Result<Table, PartitionError> {
        read(&mut FakeDisk::new(self.0.clone()))
    }

    fn warnings(&self) -> Vec<String> {
        self.read().unwrap().warnings
    }

    fn numbers(&self) -> Vec<u32> {
        self.read()
            .unwrap()
            .partitions
            .iter()
            .map(|partition| partition.number)
            .collect()
    }
}

fn read(disk: &mut FakeDisk) -> Result<Table, PartitionError> {
    let mut watch = Unwatched;
    read_table(&mut Volume::whole(disk, &mut watch).unwrap())
}

#[test]
fn a_loop_of_logical_partitions_ends() {
    let mut disk = Disk::new(200);
    disk.record(0, &[(0xc, 1, 9), (0x5, 10, 100)]);
    disk.record(10, &[(0x83, 1, 5), (0x5, 20, 10)]);
    disk.record(30, &[(0x83, 1, 5), (0x5, 0, 10)]);
    assert_eq!(disk.numbers(), [1, 2, 5, 6]);
    assert_eq!(
        disk.warnings(),
        ["The chain of logical partitions comes back to block 10; it ends there."]
    );
    disk.record(10, &[(0x83, 1, 5), (0xf, 0, 10)]);
    assert_eq!(disk.numbers(), [1, 2, 5]);
}

#[test]
fn a_chain_that_leads_away_ends() {
    for (to, warning) in [
        (
            150,
            "The chain of logical partitions leads to block 160, out of the extended partition; it ends there.",
        ),
        (
            u32::MAX,
            "The chain of logical partitions leads to block 4294967305, out of the extended partition; it ends there.",
        ),
        (
            50,
            "Block 60 should describe a logical partition, and has no signature; the chain ends there.",
        ),
    ] {
        let mut disk = Disk::new(200);
        disk.record(0, &[(0x5, 10, 100)]);
        disk.record(10, &[(0x83, 1, 5), (0x5, to, 10)]);
        assert_eq!(disk.warnings(), [warning]);
        assert_eq!(disk.numbers(), [1, 5]);
    }
    let mut disk = Disk::new(20);
    disk.record(0, &[(0x5, 100, 50)]);
    assert!(
        disk.warnings()[0].contains("leads to block 100, beyond the medium"),
        "{:?}",
        disk.warnings()
    );
}

#[test]
fn a_long_chain_is_cut() {
    let mut disk = Disk::new(1000);
    disk.record(0, &[(0x5, 1, 999)]);
    for block in 1..900 {
        disk.record(block, &[(0x83, 1, 1), (0x5, u32::try_from(block).unwrap(), 1)]);
    }
    assert_eq!(disk.read().unwrap().partitions.len(), 125);
    assert_eq!(
        disk.warnings().last().unwrap(),
        "Only the first 124 logical partitions are read."
    );
}

#[test]
fn places_that_cannot_be_are_told() {
    let mut disk = Disk::new(100);
    disk.record(
        0,
        &[
            (0x83, 10, 20),
            (0x83, 29, 10),
            (0x83, 90, 20),
            (0x83, u32::MAX, u32::MAX),
        ],
    );
    let expected = [
        "Partition 3 ends at block 110, the medium at block 100.",
        "Partition 4 ends at block 8589934590, the medium at block 100.",
        "Partitions 1 and 2 overlap at block 29.",
    ];
    assert_eq!(disk.warnings(), expected);
    let (table, mut device) = (disk.read().unwrap(), FakeDisk::new(disk.0));
    let mut blocks = |number| {
        let partition = table.partition(number).unwrap();
        let mut watch = Unwatched;
        let volume = Volume::new(&mut device, &mut watch, (partition.start, partition.blocks));
        volume.map(|volume| volume.blocks())
    };
    assert_eq!(blocks(3), Ok(10));
    assert!(blocks(4).is_err());
}

#[test]
fn what_is_no_table_is_none() {
    let mut disk = Disk::new(10);
    // Code where the entries would be.
    disk.record(0, &[(0x83, 1, 5)]);
    disk.put(0, 446, &[0x47]);
    assert_eq!(disk.read().unwrap().scheme, Scheme::None);
    let mut disk = Disk::new(10);
    disk.record(0, &[(0x83, 1, 5)]);
    disk.put(0, 510, &[0, 0]);
    assert_eq!(disk.read().unwrap().scheme, Scheme::None);
    // An empty table is a table.
    let mut disk = Disk::new(10);
    disk.record(0, &[]);
    assert_eq!(disk.read().unwrap().scheme, Scheme::Mbr);
}

/// A disk with both copies of a GPT that has these entries, of 128 bytes unless `size` says otherwise: start, last, name.
fn gpt(blocks: usize, entries: &[(u64, u64, &str)], size: usize) -> Disk {
    let mut disk = Disk::new(blocks);
    disk.record(0, &[(0xee, 1, u32::MAX)]);
    for copy in [2, blocks - 33] {
        for (index, (first, last, name)) in entries.iter().enumerate() {
            let at = index * size;
            disk.put(copy, at, &[0xaf; 16]);
            disk.put(copy, at + 16, &[u8::try_from(index).unwrap(); 16]);
            disk.put(copy, at + 32, &first.to_le_bytes());
            disk.put(copy, at + 40, &last.to_le_bytes());
            let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            disk.put(copy, at + 56, &units);
        }
    }
    let last = u64::try_from(blocks).unwrap() - 1;
    for (at, other, array) in [(1, last, 2), (last, 1, last - 32)] {
        let block = usize::try_from(at).unwrap();
        disk.put(block, 0, b"EFI PART\0\0\x01\0\x5c\0\0\0");
        disk.put(block, 24, &at.to_le_bytes());
        disk.put(block, 32, &other.to_le_bytes());
        disk.put(block, 56, &[0x12; 16]);
        disk.put(block, 72, &array.to_le_bytes());
        disk.put(block, 80, &16_u32.to_le_bytes());
        disk.put(block, 84, &u32::try_from(size).unwrap().to_le_bytes());
        seal(&mut disk, block);
    }
    disk
}

/// Makes the checksums of a copy right, as far as its entries are on the disk.
fn seal(disk: &mut Disk, block: usize) {
    let field = |at| usize::try_from(super::super::field::le32(&disk.0, block * 512 + at)).unwrap();
    let (array, len) = (field(72) * 512, field(80).saturating_mul(field(84)));
    let sum = disk.0.get(array..array.saturating_add(len)).map_or(0, crc32fast::hash);
    disk.put(block, 88, &sum.to_le_bytes());
    disk.put(block, 16, &[0; 4]);
    let len = usize::try_from(super::super::field::le32(&disk.0, block * 512 + 12)).unwrap();
    let sum = disk
        .0
        .get(block * 512..(block * 512).saturating_add(len))
        .map_or(0, crc32fast::hash);
    disk.put(block, 16, &sum.to_le_bytes());
}

/// What is said of a GPT whose primary header has `value` at `at`, and right checksums.
fn fault(at: usize, value: &[u8]) -> String {
    let mut disk = gpt(200, &[(40, 49, "a")], 128);
    disk.put(1, at, value);
    seal(&mut disk, 1);
    let table = disk.read().unwrap();
    assert_eq!(table.partitions.len(), 1, "the backup is used");
    let [warning] = &table.warnings[..] else {
        panic!("{:?}", table.warnings)
    };
    let said = warning.strip_prefix("The primary GPT is damaged, the backup in block 199 is used: ");
    said.unwrap_or_else(|| panic!("{warning}")).to_string()
}

#[test]
fn absurd_headers_are_refused() {
    let absurd = |count: u32, size: u32| {
        let fields = [count.to_le_bytes(), size.to_le_bytes()].concat();
        let said = fault(80, &fields);
        assert!(
            said.starts_with(&format!("it has {count} entries of {size} bytes; up to 1024 of ")),
            "{said}"
        );
    };
    absurd(u32::MAX, 128);
    absurd(1025, 128);
    absurd(1, 0);
    absurd(1, 64);
    absurd(1, 129);
    absurd(1, 1 << 31);
    absurd(u32::MAX, u32::MAX);
    absurd(1024, 1024);
    assert_eq!(
        fault(72, &u64::MAX.to_le_bytes()),
        "its entries would begin at block 18446744073709551615, beyond the medium."
    );
    assert_eq!(
        fault(72, &198_u64.to_le_bytes()),
        "its entries would begin at block 198, beyond the medium."
    );
    assert_eq!(
        fault(24, &7_u64.to_le_bytes()),
        "the header in block 1 says that it is in block 7."
    );
    assert_eq!(
        fault(12, &91_u32.to_le_bytes()),
        "its header has 91 bytes, 92 to 512 are possible."
    );
    assert_eq!(
        fault(12, &513_u32.to_le_bytes()),
        "its header has 513 bytes, 92 to 512 are possible."
    );
    assert_eq!(fault(0, b"EFI part"), "block 1 does not begin with \"EFI PART\".");
}

#[test]
fn entries_of_other_sizes_and_counts_are_read() {
    let table = gpt(200, &[(40, 49, "a"), (60, 69, "b")], 256).read().unwrap();
    assert_eq!(table.warnings, [""; 0]);
    assert_eq!(table.partition(2).unwrap().name, "b");
    let mut disk = gpt(200, &[(40, 49, "a")], 128);
    disk.put(1, 80, &0_u32.to_le_bytes());
    seal(&mut disk, 1);
    assert_eq!(disk.numbers(), [0; 0]);
}

#[test]
fn entries_that_cannot_be_are_told_or_left_out() {
    let disk = gpt(
        200,
        &[
            (40, 49, "a"),
            (49, 60, "b"),
            (70, 69, "none"),
            (150, u64::MAX, "far"),
            (0, u64::MAX, "all"),
        ],
        128,
    );
    assert_eq!(disk.numbers(), [1, 2, 4, 5]);
    let warnings = disk.warnings();
    assert_eq!(
        warnings[0],
        "Partition 4 ends at block 18446744073709551615, the medium at block 200."
    );
    assert!(
        warnings.contains(&"Partitions 1 and 2 overlap at block 49.".into()),
        "{warnings:?}"
    );
}

#[test]
fn names_need_not_be_utf_16() {
    let mut disk = gpt(200, &[(40, 49, "abcdefghijklmnopqrstuvwxyzabcdefghij")], 128);
    assert_eq!(disk.read().unwrap().partitions[0].name.len(), 36);
    disk.put(2, 56 + 2, &[0x00, 0xd8]);
    seal(&mut disk, 1);
    assert!(disk.read().unwrap().partitions[0].name.starts_with("a\u{fffd}cd"));
}

#[test]
fn two_damaged_copies_are_an_error() {
    let mut disk = gpt(200, &[(40, 49, "a")], 128);
    disk.0[512 + 20] ^= 1;
    disk.0[199 * 512 + 3] ^= 1;
    let error = disk.read().unwrap_err().to_string();
    assert!(
        error.starts_with("neither GPT is whole. The primary: its header's CRC-32 is "),
        "{error}"
    );
    assert!(
        error.ends_with("The backup: block 199 does not begin with \"EFI PART\""),
        "{error}"
    );
    // Partitions that the MBR has of its own are better than none.
    disk.record(0, &[(0xee, 1, 39), (0xc, 40, 10)]);
    assert_eq!(disk.numbers(), [2]);
    assert!(disk.warnings()[0].starts_with("The MBR is used, since the GPT is damaged: "));
}

#[test]
fn bad_blocks_cost_one_copy() {
    let disk = gpt(200, &[(40, 49, "a")], 128);
    for bad in [1..2, 2..3] {
        let mut device = FakeDisk::new(disk.0.clone());
        device.break_blocks(bad, BlockFault::Crc);
        let table = read(&mut device).unwrap();
        assert_eq!(table.partitions.len(), 1);
        assert!(table.warnings[0].contains("cannot be read"), "{:?}", table.warnings);
    }
    let mut device = FakeDisk::new(disk.0.clone());
    device.break_blocks(0..1, BlockFault::Crc);
    assert!(read(&mut device).is_err());
}

#[test]
fn a_guid_is_printed_as_everybody_does() {
    let bytes = [
        0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
    ];
    assert_eq!(Guid(bytes).to_string(), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    assert!(!Kind::Gpt(Guid(bytes)).is_extended() && Kind::Mbr(0x85).is_extended());
}
