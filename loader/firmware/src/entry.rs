//! The assembly of start-up, map switch and jump.

use core::arch::global_asm;

use crate::board::{EARLY_UART, RAM_START, ROM_END, ROM_START};
use crate::layout::{EXCEPTION_STACK_SIZE, STACKS_END};
use crate::power::FROM_EL3;

global_asm!(
    include_str!("entry.s"),
    ROM_START = const ROM_START,
    ROM_END = const ROM_END,
    RAM_START = const RAM_START,
    EARLY_UART = const EARLY_UART,
    FROM_EL3 = const FROM_EL3,
    STACKS_OFFSET = const STACKS_END,
    EXCEPTION_STACK_SIZE = const EXCEPTION_STACK_SIZE,
);

// `options(raw)`: the macros' backslashes and braces are the assembler's.
global_asm!(include_str!("exceptions.s"), options(raw));
global_asm!(include_str!("memory.s"), options(raw));

unsafe extern "C" {
    /// Loads the translation table at `root`, and sets the bit of SCTLR that `protection` has, which is WXN or none: see `entry.s`.
    ///
    /// # Safety
    /// The table maps the code, the stacks and all data that the program uses as they are mapped now, or with other rights
    /// that still suffice, and lives for ever.
    pub(crate) fn switch_map(root: u64, protection: u64);

    /// Leaves for `entry` with the MMU and the caches off, and nothing in the caches from `start` to `end`.
    ///
    /// # Safety
    /// `entry` is code that follows the arm64 boot protocol, cleaned to the point of coherency, as is the tree. From `start` to `end` there is
    /// RAM, or nothing if they are the same. Nothing of the loader runs afterwards.
    pub(crate) fn jump(entry: u64, device_tree: u64, start: u64, end: u64) -> !;
}
