//! Cache maintenance by address (Arm ARM D7.5.9).

use core::arch::asm;

use devices::cache_lines::CacheLines;
use hal::Region;

/// Writes the data of `region` back to memory and drops it from the caches: to the point of coherency.
pub(crate) fn clean_invalidate(region: Region) {
    for address in lines().touched(region) {
        // SAFETY: cleaning and invalidating changes no data; the address is RAM and mapped.
        unsafe { asm!("dc civac, {}", in(reg) address, options(nostack, preserves_flags)) };
    }
    barrier();
}

/// Writes the data of `region` back to memory: to the point of coherency.
pub(crate) fn clean(region: Region) {
    for address in lines().touched(region) {
        // SAFETY: cleaning changes no data; the address is RAM and mapped.
        unsafe { asm!("dc cvac, {}", in(reg) address, options(nostack, preserves_flags)) };
    }
    barrier();
}

/// Drops `region` from the caches, whatever is in memory: what was written and not cleaned may be lost.
///
/// # Safety
/// No other data shares a line with `region` ([`CacheLines::is_alone`]), and nothing in it is wanted that the processor wrote since it was
/// cleaned.
pub(crate) unsafe fn invalidate(region: Region) {
    for address in lines().touched(region) {
        // SAFETY: the caller's; the address is RAM and mapped.
        unsafe { asm!("dc ivac, {}", in(reg) address, options(nostack, preserves_flags)) };
    }
    barrier();
}

/// Makes code that was written to `region` visible to instruction fetch.
pub(crate) fn sync_instructions(region: Region) {
    clean_invalidate(region);
    // SAFETY: dropping instruction cache lines changes no data.
    unsafe { asm!("ic iallu", "dsb sy", "isb", options(nostack, preserves_flags)) };
}

/// The sizes of this processor's cache lines.
pub(crate) fn lines() -> CacheLines {
    let ctr: u64;
    // SAFETY: reads an ID register.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    CacheLines::from_ctr(ctr)
}

fn barrier() {
    // SAFETY: a barrier.
    unsafe { asm!("dsb sy", options(nostack, preserves_flags)) };
}
