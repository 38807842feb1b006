//! Cache maintenance by address (Arm ARM D7.5.9).

use core::arch::asm;
use hal::Region;

/// Writes the data of `region` back to memory and drops it from the caches: to the point of coherency.
pub(crate) fn clean_invalidate(region: Region) {
    for address in lines(region, data_line()) {
        // SAFETY: cleaning and invalidating changes no data; the address is RAM and mapped.
        unsafe { asm!("dc civac, {}", in(reg) address, options(nostack, preserves_flags)) };
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb sy", options(nostack, preserves_flags)) };
}

/// Makes code that was written to `region` visible to instruction fetch.
pub(crate) fn sync_instructions(region: Region) {
    clean_invalidate(region);
    // SAFETY: dropping instruction cache lines changes no data.
    unsafe { asm!("ic iallu", "dsb sy", "isb", options(nostack, preserves_flags)) };
}

/// The smallest data cache line of all levels, in bytes (CTR_EL0.DminLine, in words).
fn data_line() -> u64 {
    let ctr: u64;
    // SAFETY: reads an ID register.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    4 << (ctr >> 16 & 0xf)
}

fn lines(region: Region, line: u64) -> impl Iterator<Item = u64> {
    let start = region.start().get() & !(line - 1);
    (start..region.end().get()).step_by(line as usize)
}
