use alloc::vec::Vec;

use hal::{ExceptionLevel, PhysAddr};

use super::super::plan::Packing;
use super::super::prepare::{Prepared, Request, prepare as look};
use super::super::testing::{VIRT, cpio, kernel, machine, region, request, xen};
use super::{HandoffError, prepare};
use crate::image::gzip::tests::gzip;
use crate::memory::Memory;

const DOM0LESS: &[u8] = include_bytes!("../../../tests/fixtures/boot/dom0less.dtb");
const TREE: u64 = 0x4080_0000;

fn virt(image_at: u64, image: Vec<u8>) -> Memory {
    let files = [
        (TREE, "xen.dtb", DOM0LESS.to_vec()),
        (image_at, "image", image),
        (0x4200_0000, "Image", kernel(5001)),
        (0x4300_0000, "initrd", cpio(3003)),
        (0x4400_0000, "Image", kernel(5001)),
    ];
    machine(VIRT, &files)
}

fn prepared(memory: &Memory, request: Request) -> Prepared {
    let prepared = look(memory, ExceptionLevel::El2, request).unwrap();
    assert_eq!(prepared.errors(), 0, "{:?}", prepared.findings);
    prepared
}

#[test]
fn an_image_in_place_is_not_touched_and_everything_is_cleaned() {
    let mut memory = virt(0x4040_0000, xen());
    let prepared = prepared(&memory, request(&memory, 0x4040_0000, TREE));
    let jump = prepare(&mut memory, &prepared.layout, &prepared.blob, &mut || false).unwrap();
    assert_eq!((jump.entry, jump.device_tree), (PhysAddr(0x4040_0000), PhysAddr(TREE)));
    let tree_len = u64::try_from(prepared.blob.len()).unwrap();
    assert_eq!(
        jump.clean,
        [
            region(0x4040_0000, 0x13_0000),
            region(TREE, tree_len),
            region(0x4200_0000, 5001),
            region(0x4300_0000, 3003),
            region(0x4400_0000, 5001)
        ]
    );
    assert_eq!(memory.bytes(region(TREE, tree_len)).unwrap(), prepared.blob);
    assert_eq!(memory.bytes(region(0x4040_0000, 4096)).unwrap(), xen());
}

#[test]
fn a_move_that_overlaps_itself_keeps_the_bytes() {
    for at in [0x4050_0000, 0x405f_0040] {
        let mut image = kernel(1_000_001);
        image[64..]
            .iter_mut()
            .enumerate()
            .for_each(|(index, byte)| *byte = u8::try_from(index % 251).unwrap());
        let files = [
            (TREE + 0x200_0000, "virt.dtb", DOM0LESS.to_vec()),
            (at, "image", image.clone()),
        ];
        let mut memory = machine(VIRT, &files);
        let request = request(&memory, at, TREE + 0x200_0000);
        let layout = look(&memory, ExceptionLevel::El2, request).unwrap();
        let jump = prepare(&mut memory, &layout.layout, &layout.blob, &mut || false).unwrap();
        assert_eq!(jump.entry, PhysAddr(0x4060_0000));
        assert_eq!(
            memory.bytes(region(0x4060_0000, 1_000_001)).unwrap(),
            image,
            "from {at:#x}"
        );
    }
}

#[test]
fn a_packed_image_is_unpacked_to_its_place() {
    let image = kernel(700_001);
    let mut memory = virt(0x4100_0000, gzip(&image));
    let mut request = request(&memory, 0x4100_0000, TREE);
    request.image.packing = Packing::Gzip;
    request.image.wanted = None;
    let prepared = prepared(&memory, request);
    let before = memory.bytes(region(0x4200_0000, 5001)).unwrap().to_vec();
    let jump = prepare(&mut memory, &prepared.layout, &prepared.blob, &mut || false).unwrap();
    assert_eq!(memory.bytes(region(jump.entry.get(), 700_001)).unwrap(), image);
    assert_eq!(memory.bytes(region(0x4200_0000, 5001)).unwrap(), before);
}

#[test]
fn ctrl_c_stops_a_move() {
    let mut memory = virt(0x4050_0000, xen());
    let prepared = prepared(&memory, request(&memory, 0x4050_0000, TREE));
    let stopped = prepare(&mut memory, &prepared.layout, &prepared.blob, &mut || true);
    assert_eq!(stopped, Err(HandoffError::Interrupted));
}

#[test]
fn damage_stops_it_before_the_tree_is_written() {
    let mut file = gzip(&kernel(700_001));
    let end = file.len();
    file[end - 6] ^= 1;
    let mut memory = virt(0x4100_0000, file);
    let mut request = request(&memory, 0x4100_0000, TREE);
    request.image.packing = Packing::Gzip;
    request.image.wanted = None;
    let prepared = prepared(&memory, request);
    let stopped = prepare(&mut memory, &prepared.layout, &prepared.blob, &mut || true);
    assert!(
        matches!(stopped, Err(HandoffError::Unpack { .. } | HandoffError::Interrupted)),
        "{stopped:?}"
    );
    let damaged = prepare(&mut memory, &prepared.layout, &prepared.blob, &mut || false);
    assert!(matches!(damaged, Err(HandoffError::Unpack { .. })), "{damaged:?}");
    let tree = region(TREE, u64::try_from(DOM0LESS.len()).unwrap());
    assert_eq!(memory.bytes(tree).unwrap(), DOM0LESS);
}
