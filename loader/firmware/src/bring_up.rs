//! From a bare processor to the loader's prompt, step by step.

use core::fmt::Write;

use loader_core::devicetree::Tree;

use crate::early_console::EarlyConsole;
use crate::layout::Layout;
use crate::ram_map::RamMap;
use crate::{mmu, psci};

/// Never returns: the prompt is for ever.
pub(crate) fn run(device_tree: usize, layout: &Layout) -> ! {
    let blob =
        crate::early::blob_at(device_tree).unwrap_or_else(|| panic!("the device tree at {device_tree:#x} is gone"));
    let tree = Tree::parse(blob).unwrap_or_else(|error| panic!("the device tree at {device_tree:#x}: {error}"));
    psci::init(&tree);
    let ram = RamMap::read(&tree).unwrap_or_else(|error| panic!("the device tree's memory: {error}"));
    mmu::activate(&ram, layout).unwrap_or_else(|error| panic!("the memory map: {error}"));
    let _ = writeln!(EarlyConsole, "hello from {:?} {:?}", layout.region(), ram);
    crate::panic::die()
}
