//! An SD host controller for tests, with a card behind it. It does what "SD Host Controller Simplified Specification" says, fails the test
//! when the driver does not, and lets a test have things go wrong.

pub(crate) mod card;
mod data;
pub(crate) mod usdhc;

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use hal::fakes::{BusMemory, ManualClock};
use hal::{Clock, PhysAddr, Registers};

use super::sdhci::registers::{self as reg, clock, command, control, present, status};
use card::{Card, CardFault, Phase};

/// QEMU's default: 3.3 V, SDMA, ADMA2, high speed, 52 MHz.
pub(crate) const CAPABILITIES: u32 = 0x0568_34b4;
/// As QEMU's for the Raspberry Pi 4: no DMA.
pub(crate) const WORDS_ONLY: u32 = 0x0521_34b4;

/// The data of a command in flight.
struct Transfer {
    phase: Phase,
    /// Bytes per block, and blocks left.
    size: usize,
    left: usize,
    /// Blocks that were moved.
    done: usize,
    words: VecDeque<u8>,
    mode: u32,
}

pub(crate) struct State {
    pub(crate) memory: BusMemory,
    pub(crate) clock: Rc<ManualClock>,
    pub(crate) card: Option<Card>,
    pub(crate) words: [u32; 64],
    /// The clock before the divider, in MHz, for the model's own arithmetic.
    pub(crate) base: u64,
    /// Readings of the status until what a command comes to is told, and of the reset bits until they are clear.
    pub(crate) latency: u32,
    /// Bits of resets that do not end.
    pub(crate) stuck_resets: u32,
    /// The clock never becomes stable.
    pub(crate) unstable: bool,
    /// The fastest card clock in Hz at which data from the card arrive whole, if there is one.
    pub(crate) bearable_hertz: Option<u64>,
    /// Asserts a pause between writes while the clock is slow.
    pub(crate) slow_writes: bool,
    pub(crate) write_protected: bool,
    /// Bounces: the detector is not stable, and sees no card, for so many readings; and for how many after each reset.
    pub(crate) bouncing: u32,
    pub(crate) debounce: u32,
    /// Commands and their number of blocks.
    pub(crate) commands: Vec<(u8, usize)>,
    /// Readings and writings of registers.
    pub(crate) accesses: u64,
    /// DMA selections that were used.
    pub(crate) dma_selects: Vec<u32>,
    /// The card clock in Hz, if it has another divider than the standard's.
    card_hertz: Option<u64>,
    /// A busy card is told by the line alone, for so many readings of the state.
    pub(crate) quiet_busy: Option<u32>,
    busy_left: u32,
    due: u32,
    wait: u32,
    transfer: Option<Transfer>,
    last_write: Option<hal::Instant>,
    sdma_next: u64,
}

#[derive(Clone)]
pub(crate) struct Model(pub(crate) Rc<RefCell<State>>);

impl Model {
    pub(crate) fn new(memory: BusMemory, clock: Rc<ManualClock>, card: Option<Card>) -> Self {
        let mut words = [0; 64];
        words[reg::CAPABILITIES / 4] = CAPABILITIES;
        words[reg::VERSION / 4] = 2 << 16;
        Self(Rc::new(RefCell::new(State {
            memory,
            clock,
            card,
            words,
            base: 52,
            latency: 2,
            stuck_resets: 0,
            unstable: false,
            bearable_hertz: None,
            slow_writes: false,
            write_protected: false,
            bouncing: 0,
            debounce: 0,
            commands: Vec::new(),
            accesses: 0,
            dma_selects: Vec::new(),
            card_hertz: None,
            quiet_busy: None,
            busy_left: 0,
            due: 0,
            wait: 0,
            transfer: None,
            last_write: None,
            sdma_next: 0,
        })))
    }

    /// Takes the card out.
    pub(crate) fn remove(&self) -> Option<Card> {
        self.0.borrow_mut().remove()
    }

    pub(crate) fn insert(&self, card: Card) {
        self.0.borrow_mut().card = Some(card);
    }

    pub(crate) fn fail(&self, command: u8, faults: &[CardFault]) {
        self.0.borrow_mut().card.as_mut().unwrap().fail(command, faults);
    }

    pub(crate) fn take_commands(&self) -> Vec<(u8, usize)> {
        core::mem::take(&mut self.0.borrow_mut().commands)
    }

    pub(crate) fn is_clock_on(&self) -> bool {
        self.0.borrow().words[reg::CLOCK / 4] & clock::CARD_ON != 0
    }
}

impl State {
    fn word(&mut self, register: usize) -> &mut u32 {
        &mut self.words[register / 4]
    }

    fn remove(&mut self) -> Option<Card> {
        if *self.word(reg::STATUS_ENABLE) & status::REMOVED != 0 {
            *self.word(reg::STATUS) |= status::REMOVED;
        }
        self.card.take()
    }

    fn tell(&mut self, bits: u32) {
        self.due |= bits;
        self.wait = self.latency;
    }

    fn present(&mut self) -> u32 {
        let mut word = *self.word(reg::PRESENT) & 0xffff;
        if self.bouncing > 0 {
            self.bouncing -= 1;
            let told = *self.word(reg::STATUS_ENABLE) & status::REMOVED;
            *self.word(reg::STATUS) |= told;
        } else {
            word |= present::STABLE;
            word |= if self.card.is_some() { present::INSERTED } else { 0 };
        }
        word | if self.write_protected {
            0
        } else {
            present::WRITE_ENABLED
        }
    }

    fn status(&mut self) -> u32 {
        if self.wait > 0 {
            self.wait -= 1;
        } else {
            let enabled = *self.word(reg::STATUS_ENABLE);
            let due = core::mem::take(&mut self.due) & enabled;
            *self.word(reg::STATUS) |= due;
        }
        let word = *self.word(reg::STATUS);
        word | if word & status::ERRORS != 0 { status::ERROR } else { 0 }
    }

    fn clock_word(&mut self) -> u32 {
        let stable = !self.unstable;
        let word = self.word(reg::CLOCK);
        let value = *word;
        let ended = value & 0xff00_0000 & !self.stuck_resets;
        // The reset of all ends those of the parts.
        let ended = if ended & clock::RESET_ALL != 0 {
            0xff00_0000
        } else {
            ended
        };
        *self.word(reg::CLOCK) &= !ended;
        let on = value & clock::INTERNAL_ON != 0 && stable;
        value | if on { clock::STABLE } else { 0 }
    }

    /// The card clock, in Hz.
    fn hertz(&mut self) -> u64 {
        if let Some(hertz) = self.card_hertz {
            return hertz;
        }
        let word = *self.word(reg::CLOCK);
        let low = u64::from(word >> 8 & 0xff);
        let high = u64::from(word >> 6 & 3);
        let version = self.words[reg::VERSION / 4] >> 16;
        let half = if version >= 2 { high << 8 | low } else { low };
        assert!(version >= 2 || high == 0 && (low == 0 || low.is_power_of_two()));
        let base = self.base * 1_000_000;
        if half == 0 { base } else { base / (2 * half) }
    }

    fn set_clock(&mut self, value: u32) {
        let before = *self.word(reg::CLOCK);
        let divided = clock::DIVIDER_MASK & (before ^ value) != 0;
        assert!(
            !divided || value & clock::CARD_ON == 0,
            "the divider changes while the card clock is on"
        );
        let resets = value >> 24;
        *self.word(reg::CLOCK) = value;
        if resets & 1 != 0 {
            self.reset_all();
        }
        if resets & 2 != 0 {
            *self.word(reg::PRESENT) &= !present::COMMAND_BUSY;
            self.due &= !(status::COMMAND_DONE | 0x000f_0000);
        }
        if resets & 4 != 0 {
            *self.word(reg::PRESENT) &= !present::DATA_BUSY;
            self.due &= !0x00f0_fffe;
            self.transfer = None;
        }
    }

    fn reset_all(&mut self) {
        let kept = [
            reg::CAPABILITIES / 4,
            reg::CAPABILITIES / 4 + 1,
            reg::VERSION / 4,
            reg::CLOCK / 4,
        ];
        for (at, word) in self.words.iter_mut().enumerate() {
            if !kept.contains(&at) {
                *word = 0;
            }
        }
        *self.word(reg::CLOCK) &= clock::RESET_ALL;
        (self.due, self.wait, self.transfer) = (0, 0, None);
        self.bouncing = self.debounce;
        if let Some(card) = &mut self.card {
            card.power_cycle();
        }
    }

    fn set_control(&mut self, value: u32) {
        let before = core::mem::replace(self.word(reg::CONTROL), value);
        if (before & !value) & control::POWER_ON != 0
            && let Some(card) = &mut self.card
        {
            card.power_cycle();
        }
    }

    fn begin(&mut self, value: u32) {
        let busy = *self.word(reg::PRESENT);
        let index = (value >> command::INDEX_SHIFT & 0x3f) as u8;
        let needs_data = value & command::HAS_DATA != 0;
        assert_eq!(
            busy & present::COMMAND_BUSY,
            0,
            "CMD{index} while another is on its way"
        );
        assert!(
            !needs_data || busy & present::DATA_BUSY == 0,
            "CMD{index} while data is on its way"
        );
        assert_eq!(index == 12, value & command::ABORT == command::ABORT);
        assert!(
            *self.word(reg::CLOCK) & clock::CARD_ON != 0,
            "CMD{index} without a clock"
        );
        assert!(
            *self.word(reg::CONTROL) & control::POWER_ON != 0,
            "CMD{index} without power"
        );
        assert_eq!(*self.word(reg::SIGNAL_ENABLE), 0, "interrupts are to stay off");
        let count = (*self.word(reg::BLOCK) >> 16) as usize;
        self.commands.push((index, if needs_data { count } else { 0 }));
        let hertz = self.hertz();
        let argument = *self.word(reg::ARGUMENT);
        let answer = self.card.as_mut().and_then(|card| {
            let fastest = u64::from(card.fastest());
            assert!(
                hertz <= fastest,
                "CMD{index} at {hertz} Hz, and the card takes {fastest}"
            );
            card.command(index, argument)
        });
        self.answer(value, answer);
    }

    fn answer(&mut self, value: u32, answer: card::Answer) {
        let fault = self.card.as_ref().map_or(CardFault::None, |card| card.fault);
        if fault == CardFault::Removed {
            self.remove();
        }
        let wants_answer = value >> 16 & 3 != 0;
        let Some((words, phase)) = answer else {
            if wants_answer {
                *self.word(reg::PRESENT) |= present::COMMAND_BUSY;
                return self.tell(status::COMMAND_TIMEOUT);
            }
            return self.tell(status::COMMAND_DONE);
        };
        if fault == CardFault::DamagedAnswer {
            *self.word(reg::PRESENT) |= present::COMMAND_BUSY;
            return self.tell(1 << 17);
        }
        if fault == CardFault::Stuck {
            *self.word(reg::PRESENT) |= present::COMMAND_BUSY;
            return;
        }
        for (at, word) in words.into_iter().enumerate() {
            self.words[reg::RESPONSE / 4 + at] = word;
        }
        self.tell(status::COMMAND_DONE);
        let busy = value & command::ANSWER_48_BUSY == command::ANSWER_48_BUSY;
        match phase {
            Some(phase) => self.move_data(value, phase),
            None if value & command::HAS_DATA != 0 => {
                *self.word(reg::PRESENT) |= present::DATA_BUSY;
                self.tell(status::DATA_TIMEOUT);
            }
            None if busy && fault == CardFault::Busy => *self.word(reg::PRESENT) |= present::DATA_BUSY,
            None if busy => self.be_busy(),
            None => {}
        }
    }

    /// The card is busy for a while.
    fn be_busy(&mut self) {
        match self.quiet_busy {
            None => self.tell(status::TRANSFER_DONE),
            Some(readings) => {
                *self.word(reg::PRESENT) |= present::DATA_BUSY;
                self.busy_left = readings;
            }
        }
    }

    fn check_pause(&mut self) {
        if !self.slow_writes || self.hertz() > 400_000 {
            self.last_write = None;
            return;
        }
        let now = self.clock.now();
        if let Some(last) = self.last_write {
            assert!(
                now.since(last).as_micros() > 1000,
                "two writes in a row at a slow clock"
            );
        }
        self.last_write = Some(self.clock.now());
    }
}

impl Registers for Model {
    words_only!();

    fn read32(&self, offset: usize) -> u32 {
        let mut state = self.0.borrow_mut();
        state.accesses += 1;
        match offset {
            reg::PRESENT => state.present(),
            reg::STATUS => state.status(),
            reg::CLOCK => state.clock_word(),
            reg::DATA => state.read_data(),
            _ => *state.word(offset),
        }
    }

    fn write32(&self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        state.accesses += 1;
        state.check_pause();
        match offset {
            reg::CAPABILITIES | reg::VERSION | reg::RESPONSE | reg::PRESENT => panic!("{offset:#x} is read only"),
            reg::STATUS => *state.word(reg::STATUS) &= !value,
            reg::CLOCK => state.set_clock(value),
            reg::CONTROL => state.set_control(value),
            reg::DATA => state.write_data(value),
            reg::COMMAND => {
                *state.word(reg::COMMAND) = value;
                state.begin(value);
            }
            reg::SDMA_ADDRESS if state.transfer.is_some() => {
                assert_eq!(u64::from(value), state.sdma_next, "SDMA goes on where it stopped");
                state.sdma();
            }
            _ => *state.word(offset) = value,
        }
    }
}
