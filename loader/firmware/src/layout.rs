//! The loader's region: where its image, stacks and heap lie. `entry.s` uses the same offsets.

use hal::{PhysAddr, Region};

/// Length and alignment of the loader's region: 18 MiB in 2 MiB steps.
pub(crate) const LOADER_SIZE: u64 = 18 << 20;
/// What the region's first address is aligned to.
pub(crate) const LOADER_ALIGNMENT: u64 = 2 << 20;

const PAGE: usize = 4096;
/// The image may grow to here (`link.ld` asserts it); an unmapped page follows.
const IMAGE_LIMIT: usize = 0x1e_0000;
/// End of the exception stack, which grows down to another unmapped page; the main stack lies below that.
pub(crate) const STACKS_END: usize = 0x26_0000;
/// Length of the exception stack.
pub(crate) const EXCEPTION_STACK_SIZE: usize = 0x4000;

unsafe extern "C" {
    static _start: u8;
    static __text_end: u8;
    static __rodata_end: u8;
    static __image_end: u8;
}

/// The loader's region at a base address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    base: usize,
    uncached: (usize, usize),
}

impl Layout {
    /// The layout at `base`.
    pub(crate) const fn at(base: usize) -> Self {
        Self { base, uncached: (0, 0) }
    }

    /// The same with a part of the heap that must not be cached: whole pages, from the first address to the end.
    pub(crate) const fn with_uncached(self, uncached: (usize, usize)) -> Self {
        Self { uncached, ..self }
    }

    /// The part of the heap that must not be cached, if there is one.
    pub(crate) fn uncached(self) -> Option<(usize, usize)> {
        (self.uncached.0 < self.uncached.1).then_some(self.uncached)
    }

    /// All of it.
    pub(crate) fn region(self) -> Region {
        Region::from_bounds(PhysAddr(self.base as u64), PhysAddr(self.base as u64 + LOADER_SIZE))
            .unwrap_or_else(|| unreachable!("early_main chose a region inside RAM"))
    }

    /// First address and length of the heap.
    pub(crate) const fn heap(self) -> (usize, usize) {
        (self.base + STACKS_END, LOADER_SIZE as usize - STACKS_END)
    }

    /// Code: read and execute.
    pub(crate) fn text(self) -> (usize, usize) {
        (self.base, self.base + offset(&raw const __text_end))
    }

    /// Constants and what relocation made of them: read only.
    pub(crate) fn rodata(self) -> (usize, usize) {
        (self.text().1, self.base + offset(&raw const __rodata_end))
    }

    /// .data and .bss.
    pub(crate) fn data(self) -> (usize, usize) {
        (self.rodata().1, self.base + offset(&raw const __image_end))
    }

    /// The main stack, between two unmapped pages.
    pub(crate) const fn stack(self) -> (usize, usize) {
        (self.base + IMAGE_LIMIT + PAGE, self.exception_stack().0 - PAGE)
    }

    /// The stack of exception handlers, above an unmapped page.
    pub(crate) const fn exception_stack(self) -> (usize, usize) {
        (self.base + STACKS_END - EXCEPTION_STACK_SIZE, self.base + STACKS_END)
    }
}

/// The distance of a linker symbol from the image's first byte.
pub(crate) fn offset(symbol: *const u8) -> usize {
    symbol.addr() - (&raw const _start).addr()
}

/// The length of the image with .bss, as it lies in memory.
pub(crate) fn image_size() -> u64 {
    offset(&raw const __image_end) as u64
}

/// Where the image that runs begins.
pub(crate) fn image_base() -> usize {
    (&raw const _start).addr()
}
