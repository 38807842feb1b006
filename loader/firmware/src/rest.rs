//! The processor at rest: it sleeps until its timer's interrupt is pending, which is never taken.
//!
//! A loader that waits for a key or a disk has nothing to compute. Asleep it leaves an emulator's host to the device's own work, and a
//! board cool. The interrupt is that of the virtual timer, which EL1 and EL2 both have (Arm ARM D12.2).

use core::arch::asm;

use aarch64_cpu::asm::barrier;
use aarch64_cpu::asm::wfi;
use aarch64_cpu::registers::{
    CNTFRQ_EL0, CNTV_CTL_EL0, CNTV_TVAL_EL0, CNTVCT_EL0, CurrentEL, ICC_SRE_EL2, MPIDR_EL1, Readable, Writeable,
};
use devices::gic::{self, Gic, Version};
use hal::Clock;
use loader_core::devicetree::Tree;

use crate::platform::Hardware;

/// The part of a second that one rest takes at most: 100 microseconds, in which a UART at 921600 baud takes in nine characters.
const PARTS_OF_A_SECOND: u64 = 10_000;
/// The virtual timer's place among the interrupts of `arm,armv8-timer` (Linux `arm,arch_timer.yaml`).
const VIRTUAL_TIMER: usize = 2;
/// Type and number of an interrupt of one processor, in the first cells of an entry (Linux `arm,gic.yaml`).
const PRIVATE_TYPE: u32 = 1;
const FIRST_PRIVATE: u32 = 16;

/// A way to sleep.
pub(crate) struct Rest {
    gic: Gic,
    interrupt: u32,
    interface: Option<Interface>,
    ticks: u64,
}

impl Rest {
    /// What the tree says that the timer's interrupt goes through, ready to [begin](Rest::begin); `None` if there is no driver for that.
    pub(crate) fn new(tree: &Tree, hardware: &Hardware) -> Option<Self> {
        let is_gic = |node: &_| {
            tree.strings(*node, "compatible")
                .any(|name| gic::version(name).is_some())
        };
        let controller = tree.nodes().filter(|node| tree.is_enabled(*node)).find(is_gic)?;
        let timer = tree.find_compatible("arm,armv8-timer").next()?;
        let cells = usize::try_from(tree.u32(controller, "#interrupt-cells")?).ok()?;
        let named = tree.strings(timer, "interrupt-names").position(|name| name == "virt");
        let interrupts = tree.cells(timer, "interrupts")?;
        let entry = interrupts
            .chunks_exact(cells.max(2))
            .nth(named.unwrap_or(VIRTUAL_TIMER))?;
        let [PRIVATE_TYPE, number, ..] = *entry else {
            return None;
        };
        Some(Self {
            gic: Gic::open(&tree.device(controller), affinity(), hardware)?,
            interrupt: number.checked_add(FIRST_PRIVATE)?,
            interface: None,
            ticks: CNTFRQ_EL0.get() / PARTS_OF_A_SECOND,
        })
    }

    /// Sets up what wakes the processor and tries it. `false`, with everything as it was, if the interrupt does not come through: then to
    /// sleep would be for ever.
    pub(crate) fn begin(&mut self, clock: &dyn Clock) -> bool {
        let heard = match self.gic.version() {
            Version::Two => true,
            Version::Three => {
                self.interface = Interface::open();
                self.interface.is_some()
            }
        };
        let works = self.ticks > 0 && heard && self.gic.let_through(self.interrupt, clock) && self.wakes();
        if !works {
            self.end();
        }
        works
    }

    /// Leaves the timer off, and the interrupt controller as it was found.
    pub(crate) fn end(&mut self) {
        stop_timer();
        self.gic.put_back();
        if let Some(interface) = self.interface.take() {
            interface.close();
        }
    }

    /// Sleeps.
    pub(crate) fn sleep(&self) {
        start_timer(self.ticks);
        barrier::dsb(barrier::SY);
        wfi();
        stop_timer();
    }

    /// Whether the timer's interrupt, and nothing else, is seen by the processor: what it sees so ends a `wfi` (Arm ARM D1.6).
    fn wakes(&self) -> bool {
        let before = is_pending();
        start_timer(0);
        let seen = comes_true(self.ticks, is_pending);
        stop_timer();
        !before && seen && comes_true(self.ticks, || !is_pending())
    }
}

/// Polls for as many ticks.
fn comes_true(ticks: u64, condition: impl Fn() -> bool) -> bool {
    let start = CNTVCT_EL0.get();
    while CNTVCT_EL0.get().wrapping_sub(start) < ticks {
        if condition() {
            return true;
        }
    }
    condition()
}

fn start_timer(ticks: u64) {
    CNTV_TVAL_EL0.set(ticks);
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::SET + CNTV_CTL_EL0::IMASK::CLEAR);
    barrier::isb(barrier::SY);
}

fn stop_timer() {
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::CLEAR);
    barrier::isb(barrier::SY);
}

/// Whether an IRQ or FIQ waits (ISR_EL1.I, .F), masked as it is.
fn is_pending() -> bool {
    const IRQ_OR_FIQ: u64 = 3 << 6;
    let pending: u64;
    // SAFETY: reads a register that has no side effects.
    unsafe { asm!("mrs {}, ISR_EL1", out(reg) pending, options(nomem, nostack, preserves_flags)) };
    pending & IRQ_OR_FIQ != 0
}

/// MPIDR_EL1's affinity fields as GICR_TYPER packs them.
fn affinity() -> u32 {
    const UPPER: u64 = 0xff00_0000;
    const LOWER: u64 = 0x00ff_ffff;
    let mpidr = MPIDR_EL1.get();
    (mpidr >> 8 & UPPER | mpidr & LOWER) as u32
}

/// The processor's interface to a GIC of version 3 (IHI 0069, 12.2), as it was found.
struct Interface {
    priority_mask: u64,
    group_1: u64,
}

impl Interface {
    /// Lets all of group 1 through; `None` if firmware keeps the registers for itself.
    fn open() -> Option<Self> {
        const ALL_PRIORITIES: u64 = 0xff;
        // No way back from this one is defined: who comes next needs it as well.
        if !system_registers_on() {
            return None;
        }
        let (priority_mask, group_1): (u64, u64);
        // SAFETY: ICC_PMR_EL1 and ICC_IGRPEN1_EL1 are there (ICC_SRE.SRE is set), and reading them has no side effects.
        unsafe {
            asm!(
                "mrs {mask}, S3_0_C4_C6_0", "mrs {group}, S3_0_C12_C12_7",
                mask = out(reg) priority_mask, group = out(reg) group_1, options(nomem, nostack, preserves_flags),
            );
        }
        Self::set(ALL_PRIORITIES, 1);
        Some(Self { priority_mask, group_1 })
    }

    fn close(self) {
        Self::set(self.priority_mask, self.group_1);
    }

    fn set(priority_mask: u64, group_1: u64) {
        // SAFETY: the registers of `open`, which exist by then. No interrupt is taken: PSTATE masks them all, always.
        unsafe {
            asm!(
                "msr S3_0_C4_C6_0, {mask}", "msr S3_0_C12_C12_7, {group}", "isb",
                mask = in(reg) priority_mask, group = in(reg) group_1, options(nomem, nostack, preserves_flags),
            );
        }
    }
}

/// Has the GIC's registers be system registers at this exception level (ICC_SRE_ELx.SRE), and says whether they are.
fn system_registers_on() -> bool {
    if CurrentEL.read(CurrentEL::EL) == 2 {
        ICC_SRE_EL2.set(ICC_SRE_EL2.get() | 1);
        barrier::isb(barrier::SY);
        return ICC_SRE_EL2.get() & 1 != 0;
    }
    let sre: u64;
    // SAFETY: ICC_SRE_EL1; a GIC of version 3 is there, and who runs EL2 or EL3 gives it to EL1 (Linux, booting.rst).
    unsafe {
        asm!(
            "mrs {sre}, S3_0_C12_C12_5", "orr {sre}, {sre}, #1", "msr S3_0_C12_C12_5, {sre}", "isb", "mrs {sre}, S3_0_C12_C12_5",
            sre = out(reg) sre, options(nomem, nostack, preserves_flags),
        );
    }
    sre & 1 != 0
}
