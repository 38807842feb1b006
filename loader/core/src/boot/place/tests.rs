use alloc::format;
use alloc::vec::Vec;

use hal::PhysAddr;

use super::super::plan::Packing;
use super::super::testing::{VIRT, cpio, kernel, load, loaded, machine, printed, region, xen};
use super::{Loaded, PlaceError, image, tree};
use crate::image::arm64::tests::image as old_image;
use crate::image::gzip::tests::gzip;

#[test]
fn an_image_that_lies_right_stays() {
    let memory = machine(VIRT, &[(0x4040_0000, "xen", xen())]);
    let mut findings = Vec::new();
    let placed = image(&memory, &loaded(&memory, 0x4040_0000), &[], &mut findings).unwrap();
    assert_eq!(placed.target, region(0x4040_0000, 0x13_0000));
    assert_eq!(placed.entry, PhysAddr(0x4040_0000));
    assert!(placed.is_xen);
    assert_eq!(findings, []);
}

/// A newer one is tried from the one that is there. It is started as U-Boot starts it: as a kernel.
#[test]
fn this_loader_is_not_xen() {
    let mut bytes = xen();
    bytes.extend_from_slice(crate::console::VERSION.as_bytes());
    let memory = machine(VIRT, &[(0x4040_0000, "slipway.bin", bytes)]);
    let placed = image(&memory, &loaded(&memory, 0x4040_0000), &[], &mut Vec::new()).unwrap();
    assert!(!placed.is_xen);
}

#[test]
fn an_image_off_the_grid_moves_up_to_the_next_2_mib() {
    let memory = machine(VIRT, &[(0x4030_0000, "Image", kernel(4096))]);
    let mut findings = Vec::new();
    let placed = image(&memory, &loaded(&memory, 0x4030_0000), &[], &mut findings).unwrap();
    assert_eq!(placed.target, region(0x4040_0000, 0x100_0000));
    assert!(!placed.is_xen);
    assert_eq!(
        printed(&findings),
        ["Note: Moving Image from 0x40300000 to 0x40400000, end=0x41400000"]
    );
}

#[test]
fn an_image_whose_bss_would_run_over_a_file_is_moved() {
    let files = [(0x4040_0000, "Image", kernel(4096)), (0x4130_0000, "initrd", cpio(64))];
    let memory = machine(VIRT, &files);
    let mut findings = Vec::new();
    let placed = image(&memory, &loaded(&memory, 0x4040_0000), &[], &mut findings).unwrap();
    assert_eq!(placed.target, region(0x7e00_0000, 0x100_0000));
    assert_eq!(
        printed(&findings),
        [
            "Warning: Image would take 0x40400000..0x41400000 with its BSS, initrd at 0x41300000..0x41300040 is in the \
          way: moved to 0x7e000000"
        ]
    );
}

#[test]
fn what_is_occupied_without_being_a_loaded_file_is_respected() {
    let memory = machine(VIRT, &[(0x4040_0000, "Image", kernel(4096))]);
    let occupied = [
        region(0x4100_0000, 0x1000),
        region(0x7e00_0000, 0x1000),
        region(0x7d80_0000, 1),
    ];
    let placed = image(&memory, &loaded(&memory, 0x4040_0000), &occupied, &mut Vec::new()).unwrap();
    assert_eq!(placed.target, region(0x7c80_0000, 0x100_0000));
}

#[test]
fn an_old_image_goes_as_low_as_there_is_ram() {
    let memory = machine(VIRT, &[(0x4400_0000, "Image", old_image(0, 0, 0, 4096))]);
    let placed = image(&memory, &loaded(&memory, 0x4400_0000), &[], &mut Vec::new()).unwrap();
    assert_eq!(placed.entry, PhysAddr(0x4008_0000));
}

#[test]
fn a_packed_image_goes_where_its_header_says_and_not_over_itself() {
    let file = gzip(&kernel(300_000));
    let mut memory = machine(VIRT, &[(0x4300_0000, "Image.gz", file.clone())]);
    let len = u64::try_from(file.len()).unwrap();
    let source = region(0x4300_0000, len);
    let packed = |wanted| Loaded {
        name: "Image.gz".into(),
        source,
        packing: Packing::Gzip,
        wanted,
        raw_entry: None,
    };
    let free = image(&memory, &packed(None), &[], &mut Vec::new()).unwrap();
    assert_eq!(free.target, region(0x7e00_0000, 0x100_0000));
    let over = image(&memory, &packed(Some(PhysAddr(0x4280_0000))), &[], &mut Vec::new()).unwrap();
    assert_eq!(over.target, region(0x7e00_0000, 0x100_0000));
    load(
        &mut memory,
        0x4300_0000,
        "Image.gz",
        &gzip(b"no image at all, but long enough to have a header if it were one"),
    );
    let source = memory.file_at(PhysAddr(0x4300_0000)).unwrap().region;
    let no_image = Loaded {
        name: "Image.gz".into(),
        source,
        packing: Packing::Gzip,
        wanted: None,
        raw_entry: None,
    };
    assert!(matches!(
        image(&memory, &no_image, &[], &mut Vec::new()),
        Err(PlaceError::Header { .. })
    ));
}

#[test]
fn without_room_it_says_how_much_was_needed() {
    let big = old_image(0, 0x4000_0000, 0xa, 4096);
    let memory = machine(VIRT, &[(0x4040_0000, "Image", big)]);
    let error = image(&memory, &loaded(&memory, 0x4040_0000), &[], &mut Vec::new()).unwrap_err();
    assert_eq!(
        format!("{error}"),
        "Image needs 0x40000000 bytes of free RAM in one piece, and there is no such place left"
    );
}

#[test]
fn a_tree_grows_in_place_if_nothing_follows_and_moves_if_something_does() {
    let mut memory = machine(VIRT, &[(0x4300_0000, "xen.dtb", cpio(0x800))]);
    let wanted = region(0x4300_0000, 0x800);
    assert_eq!(
        tree(&memory, Some(wanted), 0x2000, &[]).unwrap(),
        region(0x4300_0000, 0x2000)
    );
    assert_eq!(
        tree(&memory, Some(wanted), 0x2000, &[region(0x4300_1000, 1)]).unwrap(),
        region(0x7eff_e000, 0x2000)
    );
    load(&mut memory, 0x4300_1800, "initrd", &cpio(64));
    assert_eq!(
        tree(&memory, Some(wanted), 0x2000, &[]).unwrap(),
        region(0x7eff_e000, 0x2000)
    );
    assert_eq!(
        tree(&memory, Some(wanted), 0x1800, &[]).unwrap(),
        region(0x4300_0000, 0x1800)
    );
}

#[test]
fn an_unaligned_or_reserved_tree_moves() {
    let memory = machine(VIRT, &[(0x4300_0004, "xen.dtb", cpio(0x800))]);
    assert_eq!(
        tree(&memory, Some(region(0x4300_0004, 0x800)), 0x1000, &[]).unwrap(),
        region(0x7eff_f000, 0x1000)
    );
    assert_eq!(
        tree(&memory, Some(region(0x7f10_0000, 0x800)), 0x1000, &[]).unwrap(),
        region(0x7eff_f000, 0x1000)
    );
}

#[test]
fn what_is_no_image_lies_where_it_was_wrapped_for_or_nowhere() {
    let memory = machine(
        VIRT,
        &[(0x4300_0000, "monitor", cpio(4096)), (0x4400_0000, "initrd", cpio(64))],
    );
    let at = |wanted| Loaded {
        wanted: Some(PhysAddr(wanted)),
        raw_entry: Some(PhysAddr(wanted + 0x100)),
        ..loaded(&memory, 0x4300_0000)
    };
    let placed = image(&memory, &at(0x4500_1000), &[], &mut Vec::new()).unwrap();
    assert_eq!(
        (placed.target, placed.entry),
        (region(0x4500_1000, 4096), PhysAddr(0x4500_1100))
    );
    let error = image(&memory, &at(0x43ff_f800), &[], &mut Vec::new()).unwrap_err();
    assert_eq!(
        format!("{error}"),
        "monitor must lie at 0x43fff800..0x44000800, but initrd at 0x44000000..0x44000040 is in the way"
    );
}

#[test]
fn a_mark_is_found_wherever_it_lies() {
    const MARK: &[u8] = b"xen,xen-bootargs";
    for len in 0..50 {
        // Letters of the mark, so that each of them is looked at.
        let other: Vec<u8> = MARK.iter().rev().copied().cycle().take(len).collect();
        assert!(!super::has(&other, MARK), "{len}");
        for at in 0..=len {
            let (before, behind) = other.split_at(at);
            assert!(super::has(&[before, MARK, behind].concat(), MARK), "{at} of {len}");
            let cut = [before, &MARK[..15], behind].concat();
            let there = cut.windows(16).any(|window| window == MARK);
            assert_eq!(super::has(&cut, MARK), there, "{at} of {len}");
        }
    }
}
