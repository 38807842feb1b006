//! The same controller behind the registers of NXP's uSDHC, by the i.MX 8M Plus Reference Manual.

use super::super::sdhci::usdhc::{MIX, VENDOR, WATERMARK};
use super::*;

/// Its capabilities: 3.3 V, 1.8 V, DMA, ADMA2 where the standard has ADMA1, high speed, buffers of 4 KiB; no clock.
pub(crate) const CAPABILITIES: u32 = 0x0573_0007;

/// PROT_CTRL out of reset: little endian, bursts.
const PROTOCOL: u32 = 0x0880_0020;
/// SYS_CTRL out of reset: divided by 256, eMMC's reset line high.
const SYSTEM: u32 = 0x0080_800f;
/// VEND_SPEC out of reset, and at 1.8 V, with the clock forced on.
const VENDOR_WORD: u32 = 0x2400_7809 | 1 << 1 | 1 << 8;
/// INT_STATUS: the bits that there are.
const STATUS_BITS: u32 = 0x1577_f1ff | 0x0008_0000;

/// What the wrapper has beside the controller.
struct Words {
    protocol: u32,
    system: u32,
    vendor: u32,
    watermark: u32,
    mix: u32,
    /// DLL_CTRL, CLK_TUNE_CTRL_STATUS, STROBE_DLL_CTRL, the tuning bits of AUTOCMD12_ERR_STATUS.
    tuning: [u32; 4],
    /// The card had its 80 clocks since the last reset.
    awake: bool,
    /// Readings of the state until the buffer has the next block, or room for it. The status says so before: its bit came back when it was
    /// cleared while the words before were in the buffer.
    refill: u32,
    hertz: u64,
}

/// The model in the uSDHC's clothes. Its clock has `base` MHz.
#[derive(Clone)]
pub(crate) struct Usdhc {
    pub(crate) inner: Model,
    words: Rc<RefCell<Words>>,
    /// The clock never becomes stable; 80 clocks are never sent.
    pub(crate) unstable: Rc<core::cell::Cell<bool>>,
    pub(crate) asleep: Rc<core::cell::Cell<bool>>,
}

const TUNING: [usize; 4] = [0x60, 0x68, 0x70, 0x3c];

impl Usdhc {
    pub(crate) fn new(inner: Model, megahertz: u64) -> Self {
        {
            let mut state = inner.0.borrow_mut();
            state.words[reg::VERSION / 4] = 0;
            state.words[reg::CONTROL / 4] = control::POWER_ON;
            state.words[reg::CLOCK / 4] = clock::CARD_ON | clock::INTERNAL_ON;
            (state.quiet_busy, state.card_hertz) = (Some(3), Some(megahertz * 1_000_000 / 256));
        }
        let words = Words {
            protocol: PROTOCOL,
            system: SYSTEM,
            vendor: VENDOR_WORD,
            watermark: 0x0810_0810,
            // DDR and HS400, tuned, by the stage before.
            mix: 0x8783_0008,
            tuning: [1; 4],
            awake: false,
            refill: 0,
            hertz: megahertz * 1_000_000,
        };
        Self {
            inner,
            words: Rc::new(RefCell::new(words)),
            unstable: Rc::default(),
            asleep: Rc::default(),
        }
    }

    pub(crate) fn protocol(&self) -> u32 {
        self.words.borrow().protocol
    }

    pub(crate) fn vendor(&self) -> u32 {
        self.words.borrow().vendor
    }

    /// The divider in use.
    pub(crate) fn divider(&self) -> u64 {
        let system = u64::from(self.words.borrow().system);
        let (divisor, prescaler) = ((system >> 4 & 0xf) + 1, (system >> 8 & 0xff) * 2);
        divisor * prescaler.max(1)
    }

    /// A word of the data was moved: after the last one of a block the buffer is as it was for a while.
    fn moved(&self) {
        let state = self.inner.0.borrow();
        let edge = |transfer: &Transfer| transfer.words.len() == transfer.size || transfer.words.is_empty();
        if state.transfer.as_ref().is_none_or(edge) {
            self.words.borrow_mut().refill = 3;
        }
    }

    fn check_buffer(&self) {
        assert_eq!(self.words.borrow().refill, 0, "the buffer is not ready");
    }

    fn present(&self) -> u32 {
        let refill = self.words.borrow().refill;
        self.words.borrow_mut().refill = refill.saturating_sub(1);
        let mut state = self.inner.0.borrow_mut();
        let buffer =
            |transfer: &Transfer| transfer.mode & command::DMA == 0 && transfer.left + transfer.words.len() > 0;
        let level = match state.transfer.as_ref().filter(|transfer| buffer(transfer)) {
            Some(transfer) if !matches!(transfer.phase, Phase::Write(_)) => {
                // A block that is half read is no longer one.
                u32::from(transfer.words.len() == transfer.size) << 11
            }
            Some(_) => 1 << 10,
            None => 0,
        };
        let level = if refill > 0 { 0 } else { level };
        if state.busy_left > 0 {
            state.busy_left -= 1;
            if state.busy_left == 0 {
                *state.word(reg::PRESENT) &= !present::DATA_BUSY;
            }
        }
        let busy = *state.word(reg::PRESENT) & 3;
        let words = self.words.borrow();
        let line = u32::from(busy & present::DATA_BUSY == 0) << 24;
        let stable = u32::from(!self.unstable.get()) << 3;
        let off = u32::from(words.vendor & 1 << 8 == 0) << 7;
        busy | level | line | stable | off
    }

    fn set_system(&self, value: u32) {
        let mut words = self.words.borrow_mut();
        assert_eq!(value & 0xf, 0xf, "reserved, to be written as ones");
        assert_eq!(value >> 23 & 1, 1, "the eMMC is reset");
        if (value ^ words.system) & 0xfff0 != 0 {
            assert_eq!(words.vendor & 1 << 8, 0, "the divider changes while the clock is on");
            let prescaler = value >> 8 & 0xff;
            assert!(prescaler == 0 || prescaler.is_power_of_two(), "{prescaler:#x}");
        }
        words.system = value & 0x00ff_ffff;
        let hertz = words.hertz / self.divider_of(value);
        let mut state = self.inner.0.borrow_mut();
        state.card_hertz = Some(hertz);
        if value & clock::RESET_ALL != 0 {
            assert_eq!(words.vendor & 1 << 8, 0, "a reset while the clock is on");
            (words.protocol, words.system, words.watermark) = (PROTOCOL, SYSTEM, 0x0810_0810);
            words.awake = false;
        }
        words.awake |= value & 1 << 27 != 0 && !self.asleep.get();
        state.set_clock(value & 0x0700_0000 | clock::CARD_ON | clock::INTERNAL_ON);
        // Neither clock nor power is switched by it.
        *state.word(reg::CLOCK) |= clock::CARD_ON | clock::INTERNAL_ON;
        *state.word(reg::CONTROL) |= control::POWER_ON;
    }

    fn divider_of(&self, system: u32) -> u64 {
        let system = u64::from(system);
        ((system >> 4 & 0xf) + 1) * ((system >> 8 & 0xff) * 2).max(1)
    }

    fn set_protocol(&self, value: u32) {
        let mut words = self.words.borrow_mut();
        assert_eq!(
            (value ^ PROTOCOL) & !0x306,
            0,
            "bits that are not the driver's: {value:#x}"
        );
        words.protocol = value;
        let width = match value >> 1 & 3 {
            0 => 0,
            1 => control::FOUR_LINES,
            2 => control::EIGHT_LINES,
            _ => panic!("a width that is none"),
        };
        let dma = match value >> 8 & 3 {
            0 => 0,
            2 => control::ADMA2_32,
            _ => panic!("ADMA1, or a kind of DMA that is none"),
        };
        let mut state = self.inner.0.borrow_mut();
        state.set_control(width | dma | control::POWER_ON);
    }

    fn begin(&self, value: u32) {
        self.words.borrow_mut().refill = 0;
        assert_eq!(value & 0xffff, 0, "transfer modes go elsewhere");
        let words = self.words.borrow();
        assert!(words.awake, "the card had no clocks before its first command");
        assert_ne!(
            words.vendor & 1 << 8,
            0,
            "the clock stops with the answer, busy as the card may be"
        );
        assert_eq!(words.mix & !0x37, 0, "a mode of the stage before: {:#x}", words.mix);
        assert_eq!(words.tuning, [0; 4], "tuning of the stage before");
        let mut state = self.inner.0.borrow_mut();
        if value & command::HAS_DATA != 0 {
            let size = *state.word(reg::BLOCK) & 0x1fff;
            let (read, write) = (words.watermark & 0xff, words.watermark >> 16 & 0xff);
            assert_eq!(words.watermark & 0xff00_ff00, 0x0800_0800, "bursts");
            match words.mix & command::DMA {
                0 => assert_eq!((read * 4, write * 4), (size, size), "the buffer never becomes ready"),
                _ => assert_eq!((read, write), (16, 16)),
            }
            let dma = words.protocol >> 8 & 3;
            assert_eq!(
                dma != 0,
                words.mix & command::DMA != 0,
                "descriptors that are none of this command's"
            );
        }
        let word = value | words.mix;
        *state.word(reg::COMMAND) = word;
        state.begin(word);
    }
}

/// The error of ADMA from the standard's place to its own.
fn status_out(word: u32) -> u32 {
    let moved = if word & status::ADMA != 0 { 1 << 28 } else { 0 };
    word & !(status::ADMA | status::ERROR) | moved
}

fn status_in(word: u32) -> u32 {
    let moved = if word & 1 << 28 != 0 { status::ADMA } else { 0 };
    word & 0x00ff_ffff | word & status::AUTO_STOP | moved
}

impl Registers for Usdhc {
    words_only!();

    fn read32(&self, offset: usize) -> u32 {
        let words = |field: fn(&Words) -> u32| field(&self.words.borrow());
        match offset {
            reg::PRESENT => self.present(),
            reg::CONTROL => words(|words| words.protocol),
            reg::CLOCK => {
                let asleep = u32::from(self.asleep.get()) << 27;
                let resets = self.inner.read32(reg::CLOCK) & 0x0700_0000;
                words(|words| words.system) | resets | asleep
            }
            reg::STATUS => status_out(self.inner.read32(reg::STATUS)),
            reg::CAPABILITIES => CAPABILITIES,
            VENDOR => words(|words| words.vendor),
            reg::DATA => {
                self.check_buffer();
                let word = self.inner.read32(reg::DATA);
                self.moved();
                word
            }
            reg::SDMA_ADDRESS..=0x1c | reg::ADMA_ERROR | reg::VERSION => self.inner.read32(offset),
            _ => panic!("register {offset:#x} is read"),
        }
    }

    fn write32(&self, offset: usize, value: u32) {
        if let Some(at) = TUNING.iter().position(|register| *register == offset) {
            self.words.borrow_mut().tuning[at] = value;
            return;
        }
        match offset {
            reg::CONTROL => self.set_protocol(value),
            reg::CLOCK => self.set_system(value),
            reg::COMMAND => self.begin(value),
            reg::STATUS | reg::STATUS_ENABLE => {
                assert!(
                    value == u32::MAX || value & !STATUS_BITS == 0,
                    "bits that are none: {value:#x}"
                );
                self.inner.write32(offset, status_in(value));
            }
            reg::BLOCK => {
                assert_eq!(value & 0xe000, 0, "reserved");
                assert!(value & 0x1fff <= 512, "blocks of {}", value & 0x1fff);
                self.inner.write32(offset, value);
            }
            MIX => self.words.borrow_mut().mix = value,
            WATERMARK => self.words.borrow_mut().watermark = value,
            VENDOR => {
                let mut words = self.words.borrow_mut();
                assert_eq!((value ^ VENDOR_WORD) & !(1 << 8), 0, "levels that are not the driver's");
                words.vendor = value;
            }
            reg::DATA => {
                self.check_buffer();
                self.inner.write32(reg::DATA, value);
                self.moved();
            }
            reg::ARGUMENT | reg::SIGNAL_ENABLE | reg::ADMA_ADDRESS => self.inner.write32(offset, value),
            _ => panic!("register {offset:#x} is written"),
        }
    }
}
