//! The call of a program in RAM, as `go` makes it.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem::transmute;

use hal::PhysAddr;

/// A program: `main` of C with wider numbers.
type Program = unsafe extern "C" fn(count: u64, words: *const *const u8) -> u64;

/// Calls the program at `entry` with the words, each ended by a zero, and gives what it returns. RAM is mapped executable.
pub(crate) fn call(entry: PhysAddr, words: &[String]) -> u64 {
    let ended: Vec<Vec<u8>> = words.iter().map(|word| [word.as_bytes(), &[0]].concat()).collect();
    let mut pointers: Vec<*const u8> = ended.iter().map(|word| word.as_ptr()).collect();
    let count = pointers.len() as u64;
    pointers.push(core::ptr::null());
    let address: *const () = core::ptr::with_exposed_provenance(entry.get() as usize);
    // SAFETY: the address is not null (page 0 is no RAM) and all code addresses are valid function pointers to the processor.
    let program = unsafe { transmute::<*const (), Program>(address) };
    // SAFETY: that there is a program which keeps to the procedure call standard and leaves the loader alone is what the person at
    // the console says by `go`; the words live until it returns.
    unsafe { program(count, pointers.as_ptr()) }
}
