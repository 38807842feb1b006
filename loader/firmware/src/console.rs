//! The console that the device tree names.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::ptr::NonNull;

use devices::uart::pl011::{self, PL011Registers, Pl011, UniqueMmioPointer};
use hal::{Clock, Console};
use loader_core::devicetree::{NodeId, Tree};

use crate::board;

/// The UART of `/chosen/stdout-path`, else the first that there is a driver for, else the board's early console.
pub(crate) fn open(tree: &Tree, clock: Rc<dyn Clock>) -> Box<dyn Console> {
    let named = tree
        .stdout_path()
        .map(|(node, _)| node)
        .filter(|node| is_pl011(tree, *node));
    let node = named.or_else(|| tree.nodes().find(|node| is_pl011(tree, *node)));
    let registers = node.and_then(|node| tree.device(node).reg.first().copied());
    let address = registers.map_or(board::EARLY_UART, |region| region.start().get() as usize);
    let address = NonNull::new(core::ptr::without_provenance_mut::<PL011Registers>(address))
        .unwrap_or_else(|| panic!("the console's UART is at address 0"));
    // SAFETY: the tree (or the board's folder) says that a PL011 is here; the final map shows it as device memory. Besides this
    // driver only the early console writes to it, when a panic has ended everything else.
    let registers = unsafe { UniqueMmioPointer::new(address) };
    let hertz = node.and_then(|node| clock_frequency(tree, node));
    Box::new(Pl011::new(registers, hertz, clock))
}

fn is_pl011(tree: &Tree, node: NodeId) -> bool {
    tree.is_enabled(node) && pl011::COMPATIBLE.iter().any(|name| tree.compatible(node, name))
}

/// The frequency of the node's first clock, if that is a fixed one (`fixed-clock` binding).
fn clock_frequency(tree: &Tree, node: NodeId) -> Option<u32> {
    let clock = tree.find_phandle(*tree.cells(node, "clocks")?.first()?)?;
    tree.u32(clock, "clock-frequency")
}
