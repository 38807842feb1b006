//! The first steps in Rust: find a device tree, size RAM from it, choose where the loader will live.
//!
//! Runs where the image was put, on a map that shows little more than the image, the tree and the start of RAM, with a heap
//! of its own: the heap's static is in .bss, which is cleared again in the final place.

use hal::{PhysAddr, Region};
use loader_core::devicetree::Tree;

use crate::board;
use crate::layout::{LOADER_ALIGNMENT, LOADER_SIZE};
use crate::ram_map::RamMap;

/// First bytes of a flattened device tree (DT spec 5.2).
const FDT_MAGIC: u32 = 0xd00d_feed;
/// A larger blob than this is not believed (Linux' own limit); QEMU's is 1 MiB.
const FDT_LIMIT: usize = 2 << 20;
/// One block of the early map.
const GIB: u64 = 1 << 30;
/// A block of normal write-back memory, inner shareable, as `entry.s` makes them.
const NORMAL_BLOCK: u64 = 0x705;

unsafe extern "C" {
    static early_table: u8;
}

/// What `entry.s` needs to move the image, in two registers.
#[repr(C)]
struct Destination {
    device_tree: usize,
    base: u64,
}

/// Finds the device tree and the loader's place. `x0` is what the previous stage left there, `base` where the image lies;
/// `heap` to `end` is free.
#[unsafe(no_mangle)]
extern "C" fn early_main(x0: usize, base: u64, heap: usize, end: usize) -> Destination {
    // SAFETY: `entry.s` keeps this memory for the early steps: it lies behind the image and its stack, mapped, in nobody's use.
    unsafe {
        crate::HEAP
            .lock()
            .init(core::ptr::with_exposed_provenance_mut(heap), end - heap)
    };
    let Some(blob) = blob_at(x0).or_else(|| blob_at(board::RAM_START as usize)) else {
        panic!(
            "no device tree: x0 is {x0:#x} and neither that nor the start of RAM, {:#x}, holds one",
            board::RAM_START
        );
    };
    let own = Region::from_bounds(PhysAddr(base), PhysAddr(end as u64));
    let tree = Region::new(PhysAddr(blob.as_ptr().addr() as u64), blob.len() as u64);
    // The early map has the early console's gibibyte as device memory: the loader must not come to lie there.
    let uart = Region::new(PhysAddr(board::EARLY_UART as u64 / GIB * GIB), GIB);
    let obstacles =
        [own, tree, uart].map(|region| region.unwrap_or_else(|| panic!("the image or the tree wraps around")));
    let map = match Tree::parse(blob) {
        Ok(tree) => RamMap::read(&tree).unwrap_or_else(|error| panic!("the device tree's memory: {error}")),
        Err(error) => panic!("the device tree at {:p}: {error}", blob.as_ptr()),
    };
    let Some(place) = map.place(LOADER_SIZE, LOADER_ALIGNMENT, &obstacles) else {
        panic!("no RAM bank has {LOADER_SIZE:#x} bytes free for the loader: {map:?}");
    };
    show(place);
    Destination {
        device_tree: blob.as_ptr().addr(),
        base: place.start().get(),
    }
}

/// The blob at `address`, if one is there.
pub(crate) fn blob_at(address: usize) -> Option<&'static [u8]> {
    // The early map is of 39 bits; an odd pointer is not a tree (DT spec 5: 8-byte aligned).
    if address == 0 || !address.is_multiple_of(8) || address >> 39 != 0 {
        return None;
    }
    let header = core::ptr::with_exposed_provenance::<u32>(address);
    // SAFETY: aligned; the early map shows the gibibyte of x0 and that of the start of RAM, and reading RAM is harmless.
    let magic = u32::from_be(unsafe { header.read_volatile() });
    // SAFETY: as above, four bytes on.
    let len = u32::from_be(unsafe { header.wrapping_add(1).read_volatile() }) as usize;
    if magic != FDT_MAGIC || len > FDT_LIMIT {
        return None;
    }
    // SAFETY: the magic says that `len` bytes of tree begin here; nothing writes them while the early code runs.
    Some(unsafe { core::slice::from_raw_parts(header.cast(), len) })
}

/// Adds the gibibytes of `place` to the early map as normal memory. They were either shown so already or not at all, so no
/// break-before-make is needed.
fn show(place: Region) {
    let last = place.end().get() - 1;
    for index in place.start().get() / GIB..=last / GIB {
        let slot = (&raw const early_table)
            .cast::<u64>()
            .cast_mut()
            .wrapping_add(index as usize);
        // SAFETY: `RamMap::place` gives RAM below 512 GiB only, which is what the table covers; only this code writes it.
        unsafe { slot.write_volatile(NORMAL_BLOCK | (index * GIB)) };
    }
    // SAFETY: a barrier; the table walk must see the new entries before the move.
    unsafe { core::arch::asm!("dsb sy", "isb", options(nostack, preserves_flags)) };
}
