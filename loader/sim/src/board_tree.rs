//! The device tree of a machine that nobody has described: what Xen and the loader's checks look for, and no more.

use board_schema::{Board, UartKind};
use hal::Region;
use loader_core::devicetree::{EditError, NodeId, RegError, Tree};
use thiserror::Error;

/// Why there is no tree.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum TreeError {
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error(transparent)]
    Reg(#[from] RegError),
}

/// The interrupt controller's handle.
const GIC: u32 = 1;
/// The UART's clock's handle.
const UART_CLOCK: u32 = 2;
/// Registers of distributor and redistributors, where QEMU's virt machine has them.
const GIC_REG: [(u64, u64); 2] = [(0x0800_0000, 0x1_0000), (0x080a_0000, 0xf6_0000)];

/// A tree with one bank of RAM, one processor, PSCI, a GICv3, a timer and the board's UART.
///
/// # Errors
/// [`TreeError`] if an address of the board cannot be written down.
pub(crate) fn board_tree(board: &Board, bank: Region) -> Result<Tree, TreeError> {
    let mut tree = Tree::new();
    let root = tree.root();
    tree.set_u32(root, "#address-cells", 2)?;
    tree.set_u32(root, "#size-cells", 2)?;
    tree.set_u32(root, "interrupt-parent", GIC)?;
    tree.set_strings(root, "model", &[&board.description])?;
    tree.set_strings(root, "compatible", &["linux,dummy-virt"])?;
    let memory = tree.add(root, &format!("memory@{:x}", bank.start().get()))?;
    tree.set_strings(memory, "device_type", &["memory"])?;
    set_reg(&mut tree, memory, &[(bank.start().get(), bank.len())])?;
    processor(&mut tree)?;
    interrupt_controller(&mut tree)?;
    uart(&mut tree, board)?;
    Ok(tree)
}

fn processor(tree: &mut Tree) -> Result<(), TreeError> {
    let cpus = tree.add(tree.root(), "cpus")?;
    tree.set_u32(cpus, "#address-cells", 1)?;
    tree.set_u32(cpus, "#size-cells", 0)?;
    let cpu = tree.add(cpus, "cpu@0")?;
    tree.set_strings(cpu, "device_type", &["cpu"])?;
    tree.set_strings(cpu, "compatible", &["arm,cortex-a57"])?;
    tree.set_u32(cpu, "reg", 0)?;
    tree.set_strings(cpu, "enable-method", &["psci"])?;
    let psci = tree.add(tree.root(), "psci")?;
    tree.set_strings(psci, "compatible", &["arm,psci-1.0", "arm,psci-0.2"])?;
    tree.set_strings(psci, "method", &["smc"])?;
    let timer = tree.add(tree.root(), "timer")?;
    tree.set_strings(timer, "compatible", &["arm,armv8-timer"])?;
    // Secure, non-secure, virtual and hypervisor timer (Linux Documentation/devicetree/bindings/timer/arm,arch_timer.yaml).
    let interrupts = [13, 14, 11, 10].map(|number| [1, number, 4]);
    tree.set(timer, "interrupts", &cells(interrupts.as_flattened()))?;
    Ok(())
}

fn interrupt_controller(tree: &mut Tree) -> Result<(), TreeError> {
    let gic = tree.add(tree.root(), &format!("intc@{:x}", GIC_REG[0].0))?;
    tree.set_strings(gic, "compatible", &["arm,gic-v3"])?;
    tree.set_u32(gic, "#interrupt-cells", 3)?;
    tree.set(gic, "interrupt-controller", &[])?;
    tree.set_u32(gic, "phandle", GIC)?;
    tree.set(gic, "interrupts", &cells(&[1, 9, 4]))?;
    set_reg(tree, gic, &GIC_REG)
}

fn uart(tree: &mut Tree, board: &Board) -> Result<(), TreeError> {
    let compatible: &[&str] = match board.early_console.kind {
        UartKind::Pl011 => &["arm,pl011", "arm,primecell"],
        UartKind::Cadence => &["xlnx,zynqmp-uart", "cdns,uart-r1p12"],
        UartKind::Imx => &["fsl,imx8mp-uart", "fsl,imx6q-uart"],
        UartKind::MiniUart => &["brcm,bcm2835-aux-uart"],
    };
    let address = board.early_console.address;
    let clock = tree.add(tree.root(), "uart-clock")?;
    tree.set_strings(clock, "compatible", &["fixed-clock"])?;
    tree.set_u32(clock, "#clock-cells", 0)?;
    tree.set_u32(clock, "clock-frequency", 24_000_000)?;
    tree.set_u32(clock, "phandle", UART_CLOCK)?;
    let name = format!("serial@{address:x}");
    let uart = tree.add(tree.root(), &name)?;
    tree.set_strings(uart, "compatible", compatible)?;
    tree.set(uart, "interrupts", &cells(&[0, 1, 4]))?;
    tree.set(uart, "clocks", &cells(&[UART_CLOCK; 2]))?;
    tree.set_strings(uart, "clock-names", &["uartclk", "apb_pclk"])?;
    set_reg(tree, uart, &[(address, 0x1000)])?;
    let chosen = tree.add(tree.root(), "chosen")?;
    tree.set_strings(chosen, "stdout-path", &[&format!("/{name}")])?;
    Ok(())
}

fn set_reg(tree: &mut Tree, node: NodeId, regions: &[(u64, u64)]) -> Result<(), TreeError> {
    let mut value = Vec::new();
    for (address, size) in regions {
        value.extend(tree.encode_reg(tree.root(), *address, *size)?);
    }
    tree.set(node, "reg", &value)?;
    Ok(())
}

fn cells(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}
