//! Slipway's firmware: the loader core on a 64-bit Arm machine, from reset to the jump.
//!
//! All assembly and all `unsafe` of the project are in this crate. `entry.s` brings the image to the top of RAM; `main`
//! makes the machine's parts into the loader core's traits and runs its console for ever.
#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod bring_up;
mod bus;
mod cache;
mod call;
mod clock;
mod console;
mod dma;
mod early;
mod early_console;
mod entry;
mod exceptions;
mod layout;
mod mmio;
mod mmu;
mod panic;
mod platform;
mod power;
mod provoke;
mod ram;
mod ram_map;
mod rest;
mod system;

use linked_list_allocator::LockedHeap;

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

/// The loader in its final place: caches on, .bss clear, on its own stack. Called once, by `entry.s`.
///
/// `device_tree` is the address of a blob that `early_main` checked, `base` the loader's own region.
#[unsafe(no_mangle)]
extern "C" fn main(device_tree: usize, base: usize) -> ! {
    let layout = layout::Layout::at(base);
    let (heap, len) = layout.heap();
    // SAFETY: the heap part of the loader's region is RAM that early_main found free, used by nothing else, and mapped
    // read-write in the early map as in the final one.
    unsafe { HEAP.lock().init(core::ptr::with_exposed_provenance_mut(heap), len) };
    bring_up::run(device_tree, &layout)
}
