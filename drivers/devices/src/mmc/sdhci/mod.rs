//! A host controller by the "SD Host Controller Simplified Specification" (HC), versions 1.00 to 4.20, as a version 3.00 at most: ADMA2,
//! SDMA, or word by word. No interrupts: its status is polled, ever more rarely.
//!
//! Not used: tuning, 1.8 V signalling and the modes above high speed, which gain nothing where boards are started from; commands of UHS-II;
//! and CMD23 (SET_BLOCK_COUNT): the controller's own STOP command ends several blocks on every card and controller there is, and QEMU's
//! knows no other.

mod adma;
mod attach;
mod capabilities;
mod command;
pub(super) mod registers;
mod transfer;
pub(super) mod usdhc;

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::time::Duration;

use hal::flash::Meanwhile;
use hal::{Clock, NodeInfo, PhysAddr, Platform, Region};

pub use attach::{COMPATIBLE, PCI_ID, open_node, open_pci, quirks};
pub use capabilities::{Kind, Quirks};

use super::command::{Command, Response};
use super::host::{Abilities, Bus, Data, Fault, Host, IDENTIFICATION, Width, pause};
use crate::pci::PciError;
use crate::pci::ecam::Function;
use crate::registers::RegistersError;
use crate::wait::{Poll, wait_until, wait_working};
use adma::Table;
use capabilities::{Capabilities, Mode, VERSION_3};
use registers::{Layout, Window, clock, control, present};

/// How long a reset may take. HC 3.2.1 sets no limit; Linux gives 100 ms.
const RESET_LIMIT: Duration = Duration::from_millis(100);
/// How long the internal clock may take to become stable (HC 3.2.1).
const STABLE_LIMIT: Duration = Duration::from_millis(150);
/// How long the card stays without power, so that it notices (SD 6.4.1.2: 1 ms), and how long the power takes to rise with room to spare,
/// and with it the 74 clocks that a card wants before its first command (SD 6.4.1).
const POWER_OFF: Duration = Duration::from_millis(5);
const POWER_RISE: Duration = Duration::from_millis(10);
/// How long a card detector may bounce, when a card is put in and after a reset. The specification sets no limit.
const DETECT_LIMIT: Duration = Duration::from_secs(1);

/// Why a controller is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdhciError {
    /// Its registers.
    #[error(transparent)]
    Registers(#[from] RegistersError),
    /// Nothing answers at the registers.
    #[error("nothing answers at {0}")]
    Silent(PhysAddr),
    /// The reset does not end.
    #[error("the controller at {0} does not come out of its reset")]
    NoReset(PhysAddr),
    /// The function's memory cannot be used.
    #[error(transparent)]
    Pci(#[from] PciError),
}

/// What is behind the registers, beside the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Detector {
    /// The controller sees whether there is a card.
    works: bool,
    /// Its level is upside down.
    inverted: bool,
}

/// A controller that was found.
struct Sdhci {
    kind: Kind,
    layout: &'static Layout,
    window: Window,
    clock: Rc<dyn Clock>,
    capabilities: Capabilities,
    table: Option<Table>,
    detector: Detector,
    write_protect: Option<bool>,
    slow_writes: bool,
    /// The function to take off its bus in the end.
    function: Option<Function>,
    /// The card has its power and clock since the last reset of all.
    powered: bool,
    running: bool,
}

impl Sdhci {
    /// The controller at `region`, reset.
    ///
    /// # Errors
    /// [`SdhciError`].
    fn open(region: Region, node: &NodeInfo, quirks: Quirks, platform: &dyn Platform) -> Result<Self, SdhciError> {
        let address = region.start();
        let window = Window::new(crate::registers::map(region, platform)?, platform.clock());
        if window.read(registers::VERSION) == u32::MAX {
            return Err(SdhciError::Silent(address));
        }
        let mut capabilities = Capabilities::read(&window, node, quirks);
        let table = match capabilities.mode {
            // A controller that knows 32 bits only finds no table beyond them.
            Mode::Adma2 { wide } => platform
                .dma(adma::TABLE_LEN)
                .map(Table::new)
                .filter(|table| wide || table.is_low()),
            _ => None,
        };
        if table.is_none() && capabilities.mode != Mode::Sdma {
            capabilities.mode = Mode::Words;
        }
        let slot = &node.mmc;
        let controller = Self {
            kind: quirks.kind,
            layout: match quirks.kind {
                Kind::Standard => &Layout::STANDARD,
                Kind::Usdhc => &usdhc::LAYOUT,
            },
            window,
            clock: platform.clock(),
            capabilities,
            table,
            detector: Detector {
                works: !slot.non_removable && !slot.broken_cd && !quirks.no_detector,
                inverted: slot.cd_inverted,
            },
            write_protect: (!slot.disable_wp && !quirks.no_write_protect && !slot.non_removable)
                .then_some(slot.wp_inverted),
            slow_writes: quirks.slow_writes,
            function: None,
            powered: false,
            running: true,
        };
        match controller.reset(clock::RESET_ALL) {
            true => Ok(controller),
            false => Err(SdhciError::NoReset(address)),
        }
    }

    /// Whether there is a card at this moment, as far as the controller can tell.
    fn detects(&self) -> bool {
        let inserted = || self.window.read(registers::PRESENT) & present::INSERTED != 0;
        !self.detector.works || inserted() != self.detector.inverted
    }

    /// Resets a part of the controller (HC 2.2.16). Whether it has come out of it.
    fn reset(&self, part: u32) -> bool {
        let all_of_usdhc = self.kind == Kind::Usdhc && part == clock::RESET_ALL;
        if all_of_usdhc {
            self.stop_clock();
        }
        self.window.change(registers::CLOCK, part, part);
        let done = || self.window.read(registers::CLOCK) & part == 0;
        let done = wait_until(self.clock.as_ref(), RESET_LIMIT, done);
        if all_of_usdhc {
            self.clear_what_a_reset_leaves();
        }
        done
    }

    /// Ends whatever command there is, and says whether the controller takes the next one (HC 3.10.1). The two parts one after the other:
    /// not every controller minds both in one write.
    fn abort(&mut self) -> bool {
        let command = self.reset(clock::RESET_COMMAND);
        let data = self.reset(clock::RESET_DATA);
        if command && data {
            return true;
        }
        // That takes power and clock from the card: it is not the one any more that was told of this bus.
        self.powered = false;
        self.reset(clock::RESET_ALL)
    }

    /// Takes the card's power away and gives it back.
    fn cycle_power(&self, meanwhile: Meanwhile<'_>) {
        self.window.change(registers::CONTROL, control::POWER_MASK, 0);
        pause(self.clock.as_ref(), POWER_OFF, meanwhile);
        let voltage = self.capabilities.voltage;
        // The voltage first, then the power: the specification has it in two steps (HC 3.3).
        self.window.change(registers::CONTROL, control::POWER_MASK, voltage);
        let on = voltage | control::POWER_ON;
        self.window.change(registers::CONTROL, control::POWER_MASK, on);
    }

    /// The divider for at most `hertz`, as its register has it (HC 2.2.14).
    fn divider(&self, hertz: u32) -> u32 {
        let base = self.capabilities.base_hertz;
        let hertz = hertz.max(1);
        if base <= hertz {
            return 0;
        }
        // Twice this number divides the clock.
        let half = base.div_ceil(hertz).div_ceil(2);
        let number = match self.capabilities.version >= VERSION_3 {
            true => half.min(0x3ff),
            false => half.checked_next_power_of_two().unwrap_or(0x80).min(0x80),
        };
        (number & 0xff) << 8 | (number >> 8 & 3) << 6
    }

    /// Sets the card clock to at most `hertz` (HC 3.2.2).
    fn set_clock(&self, hertz: u32) -> Result<(), Fault> {
        let hertz = hertz.min(self.capabilities.hertz);
        if self.kind == Kind::Usdhc {
            return self.set_usdhc_clock(hertz);
        }
        let pause = self.pause(hertz);
        if !pause.is_zero() {
            self.window.pause_after_writes(pause);
        }
        self.window.change(registers::CLOCK, clock::CARD_ON, 0);
        let mask = clock::DIVIDER_MASK | clock::INTERNAL_ON | clock::TIMEOUT_MASK;
        let value = self.divider(hertz) | clock::INTERNAL_ON | clock::LONGEST_TIMEOUT;
        self.window.change(registers::CLOCK, mask, value);
        let stable = || self.window.read(registers::CLOCK) & clock::STABLE != 0;
        if !wait_until(self.clock.as_ref(), STABLE_LIMIT, stable) {
            return Err(Fault::Unusable("the slot's clock does not become stable"));
        }
        self.window.change(registers::CLOCK, clock::CARD_ON, clock::CARD_ON);
        // Only now is the clock as fast as that.
        self.window.pause_after_writes(pause);
        Ok(())
    }

    /// The pause after each write while the card clock runs at `hertz`: four of its cycles, where they are long enough to matter.
    fn pause(&self, hertz: u32) -> Duration {
        let matters = self.slow_writes && hertz <= IDENTIFICATION.hertz;
        let cycles = 4_000_000u32.div_ceil(hertz.max(1));
        Duration::from_micros(if matters { u64::from(cycles) } else { 0 })
    }
}

impl Host for Sdhci {
    fn abilities(&self) -> Abilities {
        Abilities {
            hertz: self.capabilities.hertz,
            width: self.capabilities.width,
            high_speed: self.capabilities.high_speed,
            dma: self.capabilities.mode != Mode::Words,
            blocks: adma::TRANSFER_LEN / hal::block::BLOCK_SIZE,
        }
    }

    fn reaches(&self, address: PhysAddr, len: usize) -> bool {
        match self.capabilities.mode {
            Mode::Adma2 { wide } => adma::reaches(address, len, wide),
            Mode::Sdma => adma::reaches(address, len, false),
            Mode::Words => false,
        }
    }

    fn is_present(&self, meanwhile: Meanwhile<'_>) -> bool {
        let stable = || self.window.read(registers::PRESENT) & present::STABLE != 0;
        if self.detector.works {
            wait_working((self.clock.as_ref(), Poll::Register), DETECT_LIMIT, meanwhile, stable);
        }
        self.detects()
    }

    fn is_write_protected(&self) -> bool {
        let protected = self.window.read(registers::PRESENT) & present::WRITE_ENABLED == 0;
        self.write_protect.is_some_and(|inverted| protected != inverted)
    }

    fn power_up(&mut self, meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        if !self.running {
            return Err(Fault::Stopped);
        }
        if !self.reset(clock::RESET_ALL) {
            return Err(Fault::Unusable("the slot's controller does not come out of its reset"));
        }
        // The uSDHC switches no power: regulators do, which stay as they are.
        if self.kind == Kind::Standard {
            self.cycle_power(meanwhile);
        }
        self.powered = true;
        self.window.write(registers::SIGNAL_ENABLE, 0);
        self.window
            .write(registers::STATUS_ENABLE, self.layout.of_commands() | self.removal());
        self.set_bus(IDENTIFICATION)?;
        if self.kind == Kind::Usdhc {
            self.wake_card(meanwhile)?;
        }
        pause(self.clock.as_ref(), POWER_RISE, meanwhile);
        // The reset made the detector forget the card: for a while that looks as if it had been taken out.
        if !wait_working((self.clock.as_ref(), Poll::Register), DETECT_LIMIT, meanwhile, || {
            self.detects()
        }) {
            return Err(Fault::Absent);
        }
        self.window.write(registers::STATUS, u32::MAX);
        Ok(())
    }

    fn set_bus(&mut self, bus: Bus) -> Result<(), Fault> {
        let layout = self.layout;
        let width = match bus.width {
            Width::One => 0,
            Width::Four => layout.four_lines,
            Width::Eight => layout.eight_lines,
        };
        let speed = if bus.high_speed { layout.high_speed } else { 0 };
        let mask = layout.four_lines | layout.eight_lines | layout.high_speed;
        self.window.change(registers::CONTROL, mask, width | speed);
        self.set_clock(bus.hertz)
    }

    fn command(
        &mut self,
        command: Command,
        data: Option<Data<'_>>,
        meanwhile: Meanwhile<'_>,
    ) -> Result<Response, Fault> {
        if !self.running {
            return Err(Fault::Stopped);
        }
        if !self.powered {
            return Err(Fault::Absent);
        }
        let done = self.run(command, data, meanwhile);
        if done.is_err() && !self.abort() {
            // It may still be at it, and the data's memory goes back to its owner: it gets no other chance.
            self.shutdown();
        }
        done
    }

    fn clock(&self) -> Rc<dyn Clock> {
        Rc::clone(&self.clock)
    }

    fn shutdown(&mut self) {
        if self.running {
            self.running = false;
            // There is nobody left to tell. A reset stops clock, power and DMA; detaching stops a function that does not reset.
            let _ = self.reset(clock::RESET_ALL);
            match self.kind {
                Kind::Standard => self
                    .window
                    .change(registers::CLOCK, clock::CARD_ON | clock::INTERNAL_ON, 0),
                Kind::Usdhc => self.stop_clock(),
            }
            if let Some(function) = &self.function {
                function.disable();
            }
        }
    }
}

/// A slot over a controller, as [`attach`] makes it.
fn slot(name: (alloc::string::String, Option<u32>), controller: Sdhci, platform: &dyn Platform) -> super::slot::Slot {
    super::slot::Slot::new(name, Box::new(controller), platform)
}

#[cfg(test)]
mod tests;
