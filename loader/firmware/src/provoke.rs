//! Faults on purpose: the way to see that the map, the guard pages and the exception handler do their work.

use core::arch::asm;
use core::hint::black_box;

use hal::Fault;

use crate::layout::image_base;

/// Makes `fault` happen.
pub(crate) fn provoke(fault: Fault) {
    match fault {
        // SAFETY: the exception that follows is caught and ends in a reset.
        Fault::Undefined => unsafe { asm!("udf #0", options(nomem, nostack)) },
        // SAFETY: as above.
        Fault::Breakpoint => unsafe { asm!("brk #0", options(nomem, nostack)) },
        Fault::StackOverflow => {
            black_box(deeper(black_box(1)));
        }
        Fault::ExecuteData => {
            /// `ret`, in a constant: if it were executed, nothing would happen.
            static RETURN: u32 = 0xd65f_03c0;
            // SAFETY: should the page be executable after all, the instruction returns here.
            unsafe { asm!("blr {}", in(reg) &raw const RETURN, clobber_abi("C")) };
        }
        Fault::WriteCode => {
            let code = core::ptr::with_exposed_provenance_mut::<u32>(image_base());
            // SAFETY: the first word of the image, which may be read.
            let word = unsafe { code.read_volatile() };
            // SAFETY: should the page be writable after all, the word is given its own value.
            unsafe { code.write_volatile(word) };
        }
    }
}

/// Takes a page of stack at each call, so that the guard page is met and not passed over.
#[inline(never)]
#[expect(unconditional_recursion, reason = "the end of the stack is what ends it")]
fn deeper(depth: u8) -> u8 {
    let page = black_box([depth; 2048]);
    deeper(page[1]) ^ page[0]
}
