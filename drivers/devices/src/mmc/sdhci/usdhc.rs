//! NXP's uSDHC (i.MX 8M Plus Applications Processor Reference Manual, chapter uSDHC): a controller by the standard whose designers moved
//! registers. Transfer modes have a word of their own, bus width and DMA selection other bits, the clock another divider; power, card
//! detector and high speed are not its business; and it takes accesses of 32 bits only.
//!
//! The levels of the card's lines (VSELECT) stay as the stage before set them: a card that was told to use 1.8 V does so until its power is
//! taken away, which is up to a regulator that this loader does not drive.

use core::time::Duration;

use hal::flash::Meanwhile;

use super::super::command::Command;
use super::super::host::Fault;
use super::registers::{self, Layout, capability, clock, present, status};
use super::{STABLE_LIMIT, Sdhci};
use crate::wait::{Poll, wait_until, wait_working};

/// Auto CMD12 error status; on this controller also what tuning came to.
const AUTO_STOP_ERROR: usize = 0x3c;
/// Watermark levels and burst lengths of the buffer.
pub(in crate::mmc) const WATERMARK: usize = 0x44; // WTMK_LVL
/// What the standard has in the lower half of the command word, and tuning.
pub(in crate::mmc) const MIX: usize = 0x48; // MIX_CTRL
const DELAY_LINE: usize = 0x60; // DLL_CTRL
const TUNING: usize = 0x68; // CLK_TUNE_CTRL_STATUS
const STROBE: usize = 0x70; // STROBE_DLL_CTRL
pub(in crate::mmc) const VENDOR: usize = 0xc0; // VEND_SPEC

/// What a reset of all leaves as HS200, HS400 and tuning by the stage before had it.
const LEFT_BY_RESET: [usize; 5] = [MIX, AUTO_STOP_ERROR, DELAY_LINE, TUNING, STROBE];

/// VEND_SPEC: the card clock runs whether a command needs it or not (FRC_SDCLK_ON). Otherwise it stops with the answer to a command, and a card
/// that is busy needs it to say that it no longer is (SD 4.4: "the host shall provide a clock edge for the card to turn off its busy
/// signal"; NXP's own correction of U-Boot, "use VENDORSPEC_FRC_SDCLK_ON to control card clock output").
const FORCE_CLOCK: u32 = 1 << 8;

/// PRES_STATE: the card clock is stable (SDSTB), is off (SDOFF); the level of the line over which cards say that they are busy (DLSL0).
const CLOCK_STABLE: u32 = 1 << 3;
const CLOCK_OFF: u32 = 1 << 7;
const DATA_0: u32 = 1 << 24;

/// SYS_CTRL: "always write as 1".
const RESERVED_ONES: u32 = 0xf;
/// SYS_CTRL: the divisor (DVS), one less than it is, and the prescaler (SDCLKFS), half of what it is.
const DIVISOR_SHIFT: u32 = 4;
const PRESCALER_SHIFT: u32 = 8;
const DIVIDER_MASK: u32 = 0xfff0;
/// SYS_CTRL: sends the card 80 clocks, and is cleared when they are sent (INITA).
const WAKE: u32 = 1 << 27;

/// Words and burst lengths as a reset has them, for DMA: 16 and 8.
const BURSTS: u32 = 8 << 8 | 8 << 24;
const DMA_WORDS: u32 = 16;

/// HOST_CTRL_CAP: ADMA2. The standard's place for it is another.
const ADMA2: u32 = 1 << 20;

/// How long the clock may take to stop: some of its cycles, and those of 100 kHz are the longest.
const STOP_LIMIT: Duration = Duration::from_millis(1);
/// How long 80 clocks may take: as few as 24 kHz if the clock's root is the slowest there is.
const WAKE_LIMIT: Duration = Duration::from_millis(20);

/// Bits that have another place than the standard's.
pub(super) const LAYOUT: Layout = Layout {
    four_lines: 1 << 1,
    eight_lines: 2 << 1,
    high_speed: 0,
    dma_mask: 3 << 8,
    adma2_32: 2 << 8,
    adma2_64: 2 << 8,
    sdma_boundary: 0,
    errors: 0x117f_0000,
    dma_error: 1 << 28,
};

/// What HOST_CTRL_CAP says, in the standard's words: it has eight lines on every chip, and addresses of 32 bits.
pub(super) const fn capabilities(word: u32) -> u32 {
    let kept = capability::HIGH_SPEED | capability::VOLTS_3_3 | capability::VOLTS_3_0 | capability::VOLTS_1_8;
    let adma2 = if word & ADMA2 != 0 { capability::ADMA2 } else { 0 };
    word & kept | capability::EIGHT_LINES | adma2
}

/// The bits of SYS_CTRL that make `base` at most `hertz`: the smallest prescaler, a power of two, with which a divisor up to 16 does.
fn divider(base: u32, hertz: u32) -> u32 {
    let total = base.div_ceil(hertz.max(1)).max(1);
    let prescaler = total.div_ceil(16).checked_next_power_of_two().unwrap_or(256).min(256);
    let divisor = total.div_ceil(prescaler).min(16);
    divisor.saturating_sub(1) << DIVISOR_SHIFT | (prescaler / 2) << PRESCALER_SHIFT
}

impl Sdhci {
    /// Ends what a reset of all does not.
    pub(super) fn clear_what_a_reset_leaves(&self) {
        for register in LEFT_BY_RESET {
            self.window.write(register, 0);
        }
    }

    /// Lets the card clock stop when it is not needed, as the manual wants it before the divider changes and before a reset of all.
    pub(super) fn stop_clock(&self) {
        self.window.change(VENDOR, FORCE_CLOCK, 0);
    }

    /// Sets the card clock to at most `hertz`. It runs from then on.
    pub(super) fn set_usdhc_clock(&self, hertz: u32) -> Result<(), Fault> {
        self.stop_clock();
        let clock = self.clock.as_ref();
        // A controller that does not say so has it off all the same: there is no command.
        wait_until(clock, STOP_LIMIT, || self.has(CLOCK_OFF));
        let mask = DIVIDER_MASK | RESERVED_ONES | clock::TIMEOUT_MASK;
        let value = divider(self.capabilities.base_hertz, hertz) | RESERVED_ONES | clock::LONGEST_TIMEOUT;
        self.window.change(registers::CLOCK, mask, value);
        if !wait_until(clock, STABLE_LIMIT, || self.has(CLOCK_STABLE)) {
            return Err(Fault::Unusable("the slot's clock does not become stable"));
        }
        self.window.change(VENDOR, FORCE_CLOCK, FORCE_CLOCK);
        Ok(())
    }

    /// Sends the clocks that a card wants before its first command (SD 6.4.1), however short the pause before it is.
    pub(super) fn wake_card(&self, meanwhile: Meanwhile<'_>) -> Result<(), Fault> {
        self.window.change(registers::CLOCK, WAKE, WAKE);
        let sent = || self.window.read(registers::CLOCK) & WAKE == 0;
        match wait_working((self.clock.as_ref(), Poll::Register), WAKE_LIMIT, meanwhile, sent) {
            true => Ok(()),
            false => Err(Fault::Unusable("the slot's controller sends the card no clock")),
        }
    }

    /// Sets the buffer up for blocks of `size` bytes.
    pub(super) fn prepare_usdhc(&self, size: u32, dma: bool) {
        let words = match dma {
            true => DMA_WORDS,
            // A whole block, so that one wait is good for it; a shorter one would never be enough.
            false => size.div_ceil(4),
        };
        if !dma {
            self.window.change(registers::CONTROL, LAYOUT.dma_mask, 0);
        }
        self.window.write(WATERMARK, words | words << 16 | BURSTS);
    }

    /// Begins a command.
    pub(super) fn begin_usdhc(&self, mode: u32, word: u32) {
        self.window.write(MIX, mode);
        self.window.write(registers::COMMAND, word);
    }

    /// Waits until the card lets go of the line over which it says that it is busy: the controller says nothing when it does.
    pub(super) fn watch_busy_line(
        &self,
        command: Command,
        limit: Duration,
        meanwhile: Meanwhile<'_>,
    ) -> Result<(), Fault> {
        let free = || {
            let state = self.window.read(registers::PRESENT);
            state & present::DATA_BUSY == 0 && state & DATA_0 != 0
        };
        match wait_working((self.clock.as_ref(), Poll::Register), limit, meanwhile, free) {
            true => Ok(()),
            false => Err(Fault::DataTimeout(command.number())),
        }
    }

    /// Waits until the buffer is as `ready` says. Not by that bit, which may come back for words that are just being read.
    pub(super) fn watch_buffer(
        &self,
        command: Command,
        (ready, limit): (u32, Duration),
        meanwhile: Meanwhile<'_>,
    ) -> Result<(), Fault> {
        let level = match ready {
            status::READ_READY => present::BUFFER_HAS,
            _ => present::BUFFER_TAKES,
        };
        let wanted = |_| self.has(level);
        self.wait_until(command, (wanted, limit), meanwhile).map(drop)
    }

    fn has(&self, state: u32) -> bool {
        self.window.read(registers::PRESENT) & state != 0
    }
}
