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
/// One block of the early console's gibibyte there.
const SMALL_BLOCK: u64 = 2 << 20;
/// A block of normal write-back memory, inner shareable, as `entry.s` makes them.
const NORMAL_BLOCK: u64 = 0x705;

unsafe extern "C" {
    static early_table: u8;
    static early_uart_table: u8;
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
    let blob = find_blob(x0);
    let own = Region::from_bounds(PhysAddr(base), PhysAddr(end as u64));
    let tree = Region::new(PhysAddr(blob.as_ptr().addr() as u64), blob.len() as u64);
    // The early map has it as device memory: the loader must not come to lie there.
    let uart = Region::new(
        PhysAddr(board::EARLY_UART as u64 / SMALL_BLOCK * SMALL_BLOCK),
        SMALL_BLOCK,
    );
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
        device_tree: in_final_place(blob, base, place),
        base: place.start().get(),
    }
}

/// The blob that `x0` names, else that at the start of RAM, else the one that is built in.
fn find_blob(x0: usize) -> &'static [u8] {
    let handed_over = blob_at(x0).or_else(|| blob_at(board::RAM_START as usize));
    handed_over.or(board::TREE).unwrap_or_else(|| {
        panic!(
            "no device tree: x0 is {x0:#x} and neither that nor the start of RAM, {:#x}, holds one; none is built in",
            board::RAM_START
        )
    })
}

/// Where the blob is once the image has moved: one that is built in goes with it.
fn in_final_place(blob: &[u8], base: u64, place: Region) -> usize {
    let address = blob.as_ptr().addr();
    let is_built_in = board::TREE.is_some_and(|built_in| core::ptr::eq(built_in, blob));
    if is_built_in {
        address - base as usize + place.start().get() as usize
    } else {
        address
    }
}

/// The blob at `address`, if one is there. None is at address 0: stages that hand no tree over leave 0 in `x0`.
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

/// Adds `place` to the early map as normal memory. Its blocks were either shown so already or not at all, so no break-before-make is
/// needed.
fn show(place: Region) {
    let uart = board::EARLY_UART as u64 / GIB;
    let blocks = place.start().get() / SMALL_BLOCK..=(place.end().get() - 1) / SMALL_BLOCK;
    for address in blocks.map(|block| block * SMALL_BLOCK) {
        let gibibyte = address / GIB;
        let (table, index, start) = if gibibyte == uart {
            (&raw const early_uart_table, address % GIB / SMALL_BLOCK, address)
        } else {
            (&raw const early_table, gibibyte, gibibyte * GIB)
        };
        let slot = table.cast::<u64>().cast_mut().wrapping_add(index as usize);
        // SAFETY: `RamMap::place` gives RAM below 512 GiB only, which is what the tables cover; only this code writes them.
        unsafe { slot.write_volatile(NORMAL_BLOCK | start) };
    }
    // SAFETY: a barrier; the table walk must see the new entries before the move.
    unsafe { core::arch::asm!("dsb sy", "isb", options(nostack, preserves_flags)) };
}
