use alloc::boxed::Box;
use alloc::vec::Vec;

use hal::fakes::VecRam;
use hal::{PhysAddr, Region};

use super::{FilesRoom, Need};
use crate::devicetree::Tree;
use crate::memory::{Memory, MemoryError};
use crate::source::Room;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn region(start: u64, len: u64) -> Region {
    Region::new(PhysAddr(start), len).unwrap()
}

/// A machine whose RAM nobody touches.
fn memory(banks: &[Region], reserved: &[Region]) -> Memory {
    let mut memory = Memory::new(Box::new(VecRam::new(&[])), banks);
    for region in reserved {
        memory.reserve(*region, "the loader");
    }
    memory
}

/// A tree with such a `/memory`, and with such reserved memory.
fn tree(banks: &[Region], reserved: &[Region]) -> Tree {
    let mut tree = Tree::new();
    let root = tree.root();
    tree.set_u32(root, "#address-cells", 2).unwrap();
    tree.set_u32(root, "#size-cells", 2).unwrap();
    let memory = tree.add(root, "memory").unwrap();
    tree.set_strings(memory, "device_type", &["memory"]).unwrap();
    let pairs = |regions: &[Region]| -> Vec<u8> {
        let pair = |region: &Region| [region.start().get(), region.len()].map(u64::to_be_bytes).concat();
        regions.iter().flat_map(pair).collect()
    };
    tree.set(memory, "reg", &pairs(banks)).unwrap();
    let above = tree.add(root, "reserved-memory").unwrap();
    tree.set_u32(above, "#address-cells", 2).unwrap();
    tree.set_u32(above, "#size-cells", 2).unwrap();
    tree.set(above, "ranges", &[]).unwrap();
    for region in reserved {
        let name = alloc::format!("kept@{:x}", region.start().get());
        let node = tree.add(above, &name).unwrap();
        tree.set(node, "reg", &pairs(&[*region])).unwrap();
    }
    tree
}

fn put(room: &mut FilesRoom, need: Need, size: u64) -> Region {
    let place = room.slot(need, true).place(Some(size)).unwrap();
    room.take(need, place);
    place
}

#[test]
fn from_the_top_each_with_its_alignment() {
    let banks = [region(0x4000_0000, GIB)];
    let loader = [region(0x7ee0_0000, 0x120_0000)];
    let mut room = FilesRoom::new(&memory(&banks, &loader), &tree(&banks, &[]));
    assert_eq!(put(&mut room, Need::Xen, MIB), region(0x7e60_0000, MIB));
    // Behind Xen's bytes its BSS is kept free.
    assert_eq!(put(&mut room, Need::Other, 0xff0), region(0x7e5f_f000, 0xff0));
    assert_eq!(put(&mut room, Need::Kernel, 3 * MIB), region(0x7e20_0000, 3 * MIB));
    // Between the kernel's end and what was there before.
    assert_eq!(put(&mut room, Need::Ramdisk, 0x1_0001), region(0x7e5e_0000, 0x1_0001));
    assert_eq!(put(&mut room, Need::Other, 0), region(0x7e5f_e000, 0));
    assert_eq!(put(&mut room, Need::Other, 0), region(0x7e5f_d000, 0));
}

#[test]
fn what_the_tree_does_not_call_ram_or_keeps_is_left_alone() {
    let banks = [region(0x4000_0000, GIB)];
    let known = [region(0x4000_0000, GIB / 2), region(0x7000_0000, MIB)];
    let mut tree = tree(&known, &[region(0x5f00_0000, 16 * MIB)]);
    tree.add_reservation(0x7008_0000, MIB / 2).unwrap();
    let mut room = FilesRoom::new(&memory(&banks, &[]), &tree);
    assert_eq!(put(&mut room, Need::Other, MIB / 2), region(0x7000_0000, MIB / 2));
    assert_eq!(put(&mut room, Need::Other, MIB / 2), region(0x5ef8_0000, MIB / 2));
    // A tree without /memory is given the machine's.
    let mut room = FilesRoom::new(&memory(&banks, &[]), &Tree::new());
    assert_eq!(put(&mut room, Need::Other, 0x1000), region(0x7fff_f000, 0x1000));
}

/// A tree is often written with made-up sizes, for files that are loaded by hand.
#[test]
fn of_a_file_that_was_loaded_the_size_is_known() {
    let banks = [region(0x4000_0000, 4 * MIB)];
    let mut tree = tree(&banks, &[]);
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    let module = tree.add(chosen, "module@40200000").unwrap();
    tree.set_strings(module, "compatible", &["multiboot,ramdisk", "multiboot,module"])
        .unwrap();
    let reg = [
        [0, 0x4020_0000].map(u32::to_be_bytes),
        [0, 0x00ff_ffff].map(u32::to_be_bytes),
    ]
    .concat();
    for cells in ["#address-cells", "#size-cells"] {
        tree.set_u32(chosen, cells, 2).unwrap();
    }
    tree.set(module, "reg", &reg.concat()).unwrap();
    let mut memory = memory(&banks, &[]);
    let place = FilesRoom::new(&memory, &tree).slot(Need::Other, true).place(Some(MIB));
    assert_eq!(place, Ok(region(0x4010_0000, MIB)));
    let claim = memory.claim(PhysAddr(0x4020_0000), 0x1000, "initrd").unwrap();
    memory.record(claim, 0x1000);
    let place = FilesRoom::new(&memory, &tree).slot(Need::Other, true).place(Some(MIB));
    assert_eq!(place, Ok(region(0x4030_0000, MIB)));
}

#[test]
fn an_address_of_one_cell_stays_below_4_gib() {
    let banks = [region(0x4000_0000, 8 * GIB)];
    let mut room = FilesRoom::new(&memory(&banks, &[]), &tree(&banks, &[]));
    assert_eq!(put(&mut room, Need::Kernel, MIB), region(0x2_3fe0_0000, MIB));
    let low = room.slot(Need::Kernel, false).place(Some(MIB)).unwrap();
    assert_eq!(low, region(0xffe0_0000, MIB));
    let grows = room.slot(Need::Kernel, false).place(None).unwrap();
    assert_eq!(grows, region(0x4000_0000, 3 * GIB));
    let high = [region(0x1_0000_0000, GIB)];
    let mut room = FilesRoom::new(&memory(&high, &[]), &tree(&high, &[]));
    assert_eq!(
        room.slot(Need::Ramdisk, false).place(Some(MIB)),
        Err(MemoryError::NoPlace {
            len: MIB,
            below: Some(PhysAddr(1 << 32))
        })
    );
}

#[test]
fn an_address_of_two_cells_is_better_than_no_place() {
    let banks = [region(0x4000_0000, GIB), region(0x1_0000_0000, 2 * GIB)];
    let mut room = FilesRoom::new(&memory(&banks, &[]), &tree(&banks, &[]));
    let mut place = |size| {
        let place = room.slot(Need::Kernel, false).else_anywhere().place(size).unwrap();
        room.take(Need::Kernel, place);
        place
    };
    assert_eq!(place(Some(MIB)), region(0x7fe0_0000, MIB));
    assert_eq!(place(Some(GIB)), region(0x1_4000_0000, GIB));
    // A file of unknown size has to fit where it is begun.
    assert_eq!(place(None), region(0x1_0000_0000, GIB));
    assert_eq!(place(None), region(0x4000_0000, GIB - 2 * MIB));
    assert_eq!(
        room.slot(Need::Kernel, false).else_anywhere().place(Some(2 * MIB)),
        Err(MemoryError::NoPlace {
            len: 2 * MIB,
            below: None
        })
    );
}

#[test]
fn a_smaller_alignment_is_better_than_no_place() {
    let banks = [region(0x4010_0000, 3 * MIB)];
    let mut room = FilesRoom::new(&memory(&banks, &[]), &tree(&banks, &[]));
    assert_eq!(
        put(&mut room, Need::Kernel, 2 * MIB + 1),
        region(0x401f_0000, 2 * MIB + 1)
    );
    assert!(room.slot(Need::Xen, true).place(Some(MIB)).is_err());
}

/// Pseudo-random numbers: the same every time (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// Machines of all kinds, filled until nothing fits.
#[test]
fn nothing_overlaps_everything_is_in_ram_and_the_same_comes_out_twice() {
    for seed in 1..=300 {
        let plan = |random: &mut Random| {
            let mut at = random.next(8) * GIB;
            let banks: Vec<Region> = (0..=random.next(3))
                .map(|_| {
                    let bank = region(at, (1 + random.next(600)) * MIB + random.next(3) * 0x800);
                    at = bank.end().get() + random.next(3) * GIB;
                    bank
                })
                .collect();
            let somewhere = |random: &mut Random| {
                let bank = banks[usize::try_from(random.next(u64::try_from(banks.len()).unwrap())).unwrap()];
                region(
                    bank.start().get() + random.next(bank.len()),
                    1 + random.next(bank.len()),
                )
            };
            let reserved: Vec<Region> = (0..random.next(4)).map(|_| somewhere(random)).collect();
            let kept: Vec<Region> = (0..random.next(4)).map(|_| somewhere(random)).collect();
            let mut room = FilesRoom::new(&memory(&banks, &reserved), &tree(&banks, &kept));
            let mut placed: Vec<Region> = Vec::new();
            for _ in 0..192 {
                let need =
                    [Need::Kernel, Need::Ramdisk, Need::Other, Need::Xen][usize::try_from(random.next(4)).unwrap()];
                let (size, anywhere) = (random.next(9 * MIB), random.next(2) == 0);
                let Ok(place) = room.slot(need, anywhere).place(Some(size)) else {
                    continue;
                };
                room.take(need, place);
                let whole = region(place.start().get(), need.kept(size));
                assert_eq!(place.len(), size);
                assert!(place.start().is_aligned(*need.alignments().last().unwrap()));
                assert!(anywhere || whole.end().get() <= 1 << 32);
                let in_ram: u64 = banks
                    .iter()
                    .filter_map(|bank| bank.intersection(whole))
                    .map(Region::len)
                    .sum();
                assert_eq!(in_ram, whole.len(), "seed {seed}: {whole} is not all RAM");
                for other in placed.iter().chain(&reserved).chain(&kept) {
                    assert!(!other.overlaps(whole), "seed {seed}: {whole} on {other}");
                }
                placed.push(whole);
            }
            placed
        };
        let first = plan(&mut Random(seed));
        assert_eq!(first, plan(&mut Random(seed)));
    }
}
