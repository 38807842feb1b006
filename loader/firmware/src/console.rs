//! The console that the device tree names.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::ptr::NonNull;

use devices::uart::cadence::{self, CadenceUart};
use devices::uart::imx::{self, ImxUart};
use devices::uart::ns16550::{self, Ns16550};
use devices::uart::pl011::{PL011Registers, Pl011, UniqueMmioPointer};
use devices::uart::{self, Kind};
use hal::{Clock, Console, PhysAddr, Platform, Region, Registers};
use loader_core::devicetree::{NodeId, Tree};

use crate::board;
use crate::mmio::Mmio;
use crate::platform::Hardware;

/// What the board's early console has of registers at most.
const EARLY_LEN: u64 = 0x1000;

/// The UART of `/chosen/stdout-path`, else the first that there is a driver for, else the board's early console.
pub(crate) fn open(tree: &Tree, hardware: &Hardware) -> Box<dyn Console> {
    let named = tree.stdout_path().map(|(node, _)| node);
    let mut nodes = named.into_iter().chain(tree.nodes());
    nodes
        .find_map(|node| open_node(tree, node, hardware))
        .unwrap_or_else(|| early(hardware.clock()))
}

/// The node's UART, if it is enabled, there is a driver, and it answers.
fn open_node(tree: &Tree, node: NodeId, hardware: &Hardware) -> Option<Box<dyn Console>> {
    let kind = uart::kind(|name| tree.compatible(node, name)).filter(|_| tree.is_enabled(node))?;
    let region = tree.device(node).reg.first().copied()?;
    // The first register of most has the next character: reading it would lose that.
    let registers = |(offset, len)| hardware.registers(region, region.slice(offset, len)?);
    let clock = hardware.clock();
    Some(match kind {
        Kind::Cadence => Box::new(CadenceUart::new(registers(cadence::QUIET)?, clock)),
        Kind::Imx => Box::new(ImxUart::new(registers(imx::QUIET)?, clock)),
        Kind::Ns16550 => {
            let layout = ns16550_layout(tree, node)?;
            Box::new(Ns16550::new(registers(layout.quiet())?, layout, clock))
        }
        Kind::Pl011 => {
            registers(uart::pl011::QUIET)?;
            pl011(region, clock_frequency(tree, node), clock)
        }
    })
}

/// The board's early console, whose line is as the previous stage left it.
fn early(clock: Rc<dyn Clock>) -> Box<dyn Console> {
    let region = Region::new(PhysAddr(board::EARLY_UART as u64), EARLY_LEN)
        .unwrap_or_else(|| panic!("the early console's registers at {:#x} wrap around", board::EARLY_UART));
    match board::early_uart::KIND {
        Kind::Cadence => Box::new(CadenceUart::new(registers(region), clock)),
        Kind::Imx => Box::new(ImxUart::new(registers(region), clock)),
        Kind::Ns16550 => Box::new(Ns16550::new(registers(region), ns16550::Layout::MINI_UART, clock)),
        Kind::Pl011 => pl011(region, None, clock),
    }
}

fn ns16550_layout(tree: &Tree, node: NodeId) -> Option<ns16550::Layout> {
    let is_named = |name: &str| tree.compatible(node, name);
    ns16550::Layout::new(is_named, tree.u32(node, "reg-shift"), tree.u32(node, "reg-io-width"))
}

fn pl011(region: Region, hertz: Option<u32>, clock: Rc<dyn Clock>) -> Box<dyn Console> {
    let address = core::ptr::without_provenance_mut::<PL011Registers>(region.start().get() as usize);
    let address = NonNull::new(address).unwrap_or_else(|| panic!("the console's UART is at address 0"));
    // SAFETY: as in `registers`, or `Hardware::registers` found device memory here.
    let registers = unsafe { UniqueMmioPointer::new(address) };
    Box::new(Pl011::new(registers, hertz, clock))
}

/// The registers of the board's early console.
fn registers(region: Region) -> Box<dyn Registers> {
    // SAFETY: the board's folder says that a UART is here; the final map shows it as device memory. Besides the console's driver only
    // the early console writes to it, when a panic has ended everything else.
    Box::new(unsafe { Mmio::new(region) })
}

/// The frequency of the node's first clock, if that is a fixed one (`fixed-clock` binding).
fn clock_frequency(tree: &Tree, node: NodeId) -> Option<u32> {
    let clock = tree.find_phandle(*tree.cells(node, "clocks")?.first()?)?;
    tree.u32(clock, "clock-frequency")
}
