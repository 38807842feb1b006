//! A NOR flash in memory whose power fails when a test says so.

use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Range;

use crate::addr::{PhysAddr, Region};
use crate::flash::{Flash, FlashError, FlashFault, Meanwhile};

/// What is programmed at a time, in bytes.
const WORD: usize = 4;
/// In how many steps a block is erased. After each but the last its bits are anything.
const ERASE_STEPS: u64 = 5;

struct Cells {
    bytes: Vec<u8>,
    /// Steps until the power fails; `None` while it holds.
    left: Option<u64>,
    steps: u64,
    noise: u64,
}

impl Cells {
    /// Counts a step of work. Whether the power is still there after it.
    fn step(&mut self) -> bool {
        self.steps = self.steps.saturating_add(1);
        match &mut self.left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left = left.saturating_sub(1);
                true
            }
        }
    }

    /// A byte that nobody can foresee (xorshift64).
    fn noise(&mut self) -> u8 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        self.noise.to_le_bytes()[3]
    }

    /// Programs a word in two steps; half-way some of its bits have changed.
    fn program_word(&mut self, place: Range<usize>, word: &[u8]) -> Result<(), FlashFault> {
        let before = self.bytes.get(place.clone()).ok_or(FlashFault::OutOfRange)?.to_vec();
        let after: Vec<u8> = before.iter().zip(word).map(|(old, new)| old & new).collect();
        if after == before {
            return Ok(());
        }
        if !self.step() {
            return Err(FlashFault::Timeout);
        }
        let half: Vec<u8> = before
            .iter()
            .zip(&after)
            .map(|(old, new)| old & (new | self.noise()))
            .collect();
        self.store(place.start, &half);
        if !self.step() {
            return Err(FlashFault::Timeout);
        }
        self.store(place.start, &after);
        let done = after
            .iter()
            .zip(word)
            .zip(&before)
            .all(|((have, want), old)| have == &(want & old));
        if done { Ok(()) } else { Err(FlashFault::Program) }
    }

    fn store(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at.saturating_add(bytes.len())) {
            place.copy_from_slice(bytes);
        }
    }

    fn erase(&mut self, block: Range<usize>) -> Result<(), FlashFault> {
        for step in 1..=ERASE_STEPS {
            if !self.step() {
                return Err(FlashFault::Timeout);
            }
            for at in block.clone() {
                let byte = if step == ERASE_STEPS { 0xff } else { self.noise() };
                self.store(at, &[byte]);
            }
        }
        Ok(())
    }
}

/// A flash of equal blocks. Clones are the same flash.
#[derive(Clone)]
pub struct FakeFlash {
    start: PhysAddr,
    block: usize,
    cells: Rc<RefCell<Cells>>,
}

impl FakeFlash {
    /// `blocks` blocks of `block` bytes at `start`, never written: all zero, as QEMU's are without a file.
    #[must_use]
    pub fn new(start: PhysAddr, blocks: usize, block: usize) -> Self {
        let cells = Cells {
            bytes: vec![0; blocks.saturating_mul(block)],
            left: None,
            steps: 0,
            noise: 0x9e37_79b9_7f4a_7c15,
        };
        Self {
            start,
            block,
            cells: Rc::new(RefCell::new(cells)),
        }
    }

    /// Another flash with the same content.
    #[must_use]
    pub fn copy(&self) -> Self {
        let cells = self.cells.borrow();
        let copy = Cells {
            bytes: cells.bytes.clone(),
            ..Cells {
                bytes: Vec::new(),
                left: None,
                steps: 0,
                noise: cells.noise,
            }
        };
        Self {
            start: self.start,
            block: self.block,
            cells: Rc::new(RefCell::new(copy)),
        }
    }

    /// How many steps of erasing and programming were made.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.cells.borrow().steps
    }

    /// Lets the power fail after `steps` more steps.
    pub fn cut_after(&self, steps: u64) {
        self.cells.borrow_mut().left = Some(steps);
    }

    /// Switches the power on again.
    pub fn power_on(&self) {
        self.cells.borrow_mut().left = None;
    }

    /// The content.
    #[must_use]
    pub fn content(&self) -> Vec<u8> {
        self.cells.borrow().bytes.clone()
    }

    /// Writes bytes as an external programmer does.
    pub fn overwrite(&self, at: usize, bytes: &[u8]) {
        self.cells.borrow_mut().store(at, bytes);
    }

    fn error(&self, offset: u64, fault: FlashFault) -> FlashError {
        let address = self.start.checked_add(offset).unwrap_or(self.start);
        FlashError { address, fault }
    }

    fn place(&self, offset: u64, len: usize) -> Result<Range<usize>, FlashError> {
        let size = self.cells.borrow().bytes.len();
        let start = usize::try_from(offset).ok();
        let end = start
            .and_then(|start| start.checked_add(len))
            .filter(|end| *end <= size);
        let place = start.zip(end).map(|(start, end)| start..end);
        place.ok_or_else(|| self.error(offset, FlashFault::OutOfRange))
    }
}

impl Flash for FakeFlash {
    fn name(&self) -> &'static str {
        "fake-flash"
    }

    fn region(&self) -> Region {
        let len = u64::try_from(self.cells.borrow().bytes.len()).unwrap_or(u64::MAX);
        Region::new(self.start, len).unwrap_or_else(|| panic!("a flash at the end of the address space"))
    }

    fn erase_block(&self, offset: u64) -> Option<Range<u64>> {
        self.place(offset, 1).ok()?;
        let block = u64::try_from(self.block).ok()?;
        let start = offset.checked_sub(offset.checked_rem(block)?)?;
        Some(start..start.checked_add(block)?)
    }

    fn read(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), FlashError> {
        let place = self.place(offset, bytes.len())?;
        let cells = self.cells.borrow();
        bytes.copy_from_slice(cells.bytes.get(place).unwrap_or_default());
        Ok(())
    }

    fn program(&mut self, offset: u64, bytes: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), FlashError> {
        let place = self.place(offset, bytes.len())?;
        let mut at = place.start;
        let mut rest = bytes;
        while !rest.is_empty() {
            // Up to the next word's start.
            let len = rest.len().min(WORD.saturating_sub(at % WORD));
            let (word, more) = rest.split_at(len);
            let end = at.saturating_add(len);
            let done = self.cells.borrow_mut().program_word(at..end, word);
            done.map_err(|fault| self.error(u64::try_from(at).unwrap_or(u64::MAX), fault))?;
            meanwhile();
            (at, rest) = (end, more);
        }
        Ok(())
    }

    fn erase(&mut self, offset: u64, meanwhile: Meanwhile<'_>) -> Result<(), FlashError> {
        let block = self
            .erase_block(offset)
            .ok_or_else(|| self.error(offset, FlashFault::OutOfRange))?;
        let place = self.place(block.start, self.block)?;
        meanwhile();
        let done = self.cells.borrow_mut().erase(place);
        done.map_err(|fault| self.error(block.start, fault))
    }
}
